//! Hashing passwords, on dedicated threads.
//!
//! Argon2id takes 19 MiB and some 15 ms of a core. A few threads do nothing else. They have a lower priority than
//! threads that answer requests, and keep their memory from one hash to the next; without work they wipe it, and after
//! a while they release it and end. `queue.rs` decides the order and the maximum wait: a new request that would wait
//! too long gets a fault with a time to retry after. A request whose client has disconnected is not hashed. No password
//! is hashed on an async thread.

mod argon2id;
mod queue;

use std::{
    fmt,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::Result;
use countersign_engine::{Fault, Stopwatch, core::Secret};
use tokio::sync::oneshot;

use self::{
    argon2id::Memory,
    queue::{Full, Queue},
};
pub(crate) use self::{
    argon2id::{Match, NOBODY},
    queue::Lane,
};
use crate::password;

/// How much lower than the rest of the process the threads are scheduled, as a nice value.
#[cfg(target_os = "linux")]
const GIVES_WAY_BY: i32 = 10;
/// When to retry, for a request that would wait too long.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// How long a thread waits for work before it wipes its memory.
const PAUSE: Duration = Duration::from_millis(100);
/// How long it waits after that before it releases its memory and ends.
const IDLE: Duration = Duration::from_secs(2);

/// Hashes and compares passwords, in one lane of the queue. Clones share their threads and their queue.
#[derive(Clone)]
pub(crate) struct Hashing {
    shared: Arc<Shared>,
    lane: Lane,
}

/// The load of the threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// The number of waiting passwords.
    pub(crate) waiting: usize,
    /// The number of running threads.
    pub(crate) threads: usize,
}

/// Work for a thread. It returns whether the work was done; it is not if the caller has disconnected.
type Job = Box<dyn FnOnce(&mut Memory) -> bool + Send>;

struct Shared {
    most_threads: usize,
    state: Mutex<State>,
    work: Condvar,
}

struct State {
    queue: Queue<Job>,
    threads: usize,
    waiting: usize,
}

impl Hashing {
    /// At most this many threads, each started when there is work for it, in the lane of unrecognized clients.
    pub(crate) fn new(threads: NonZeroUsize) -> Self {
        let state = State { queue: Queue::new(threads.get()), threads: 0, waiting: 0 };
        let shared = Shared { most_threads: threads.get(), state: Mutex::new(state), work: Condvar::new() };
        Self { shared: Arc::new(shared), lane: Lane::Strangers }
    }

    /// The same threads, with another lane.
    pub(crate) fn within(&self, lane: Lane) -> Self {
        Self { shared: Arc::clone(&self.shared), lane }
    }

    /// The load of the threads.
    pub(crate) fn load(&self) -> Load {
        let state = self.shared.state();
        Load { waiting: state.queue.len(), threads: state.threads }
    }

    /// The hash of `password` under this salt, as a PHC string.
    pub(crate) async fn hash(&self, password: &Secret, salt: [u8; 16]) -> Result<String, Fault> {
        let password = password::normal(password);
        self.run("hash a password", move |memory| memory.hash(&password, &salt)).await
    }

    /// Compares `password` with a PHC string. A wrong password takes as long as the right one.
    pub(crate) async fn compare(&self, password: &Secret, hash: &str) -> Result<Match, Fault> {
        let (password, hash) = (password::normal(password), hash.to_owned());
        self.run("compare a password", move |memory| memory.compare(&password, &hash)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Memory) -> Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let (reply, outcome) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            let is_wanted = !reply.is_closed();
            if is_wanted {
                let _ = reply.send(work(memory));
            }
            is_wanted
        });
        self.shared.submit(&self.lane, job).map_err(|Full| Fault::busy(doing, RETRY_AFTER))?;
        outcome.await.map_err(|_| Fault::new(doing))?.map_err(|cause| Fault::because(doing, cause))
    }
}

impl Shared {
    fn submit(self: &Arc<Self>, lane: &Lane, job: Job) -> Result<(), Full> {
        let mut state = self.state();
        state.queue.push(lane, job)?;
        if state.queue.len() <= state.waiting || state.threads == self.most_threads {
            self.work.notify_one();
            return Ok(());
        }
        let shared = Arc::clone(self);
        match thread::Builder::new().name("hashing".into()).spawn(move || shared.work()) {
            Ok(_) => state.threads = state.threads.saturating_add(1),
            // With fewer threads the work is slower; without any thread it would wait for ever.
            Err(_) if state.threads > 0 => {}
            Err(_) => {
                state.queue.take_back(lane);
                return Err(Full);
            }
        }
        Ok(())
    }

    /// The loop of one thread, until there has been no work for a while.
    fn work(&self) {
        #[cfg(target_os = "linux")]
        let _ = rustix::process::nice(GIVES_WAY_BY);
        let mut memory = Memory::default();
        while let Some((lane, job)) = self.next(&mut memory) {
            let watch = Stopwatch::start();
            // A panic drops the job with its reply channel, and its caller gets a fault.
            let has_worked = catch_unwind(AssertUnwindSafe(|| job(&mut memory))).unwrap_or(false);
            self.state().queue.done(&lane, has_worked.then(|| watch.elapsed()));
            // A waiting job of this account may be next now, perhaps on another thread.
            self.work.notify_one();
        }
    }

    /// The next job, or `None` if this thread ends. The memory is wiped after a pause.
    fn next(&self, memory: &mut Memory) -> Option<(Lane, Job)> {
        if let Some(job) = self.wait(PAUSE) {
            return Some(job);
        }
        memory.wipe();
        let job = self.wait(IDLE);
        if job.is_none() {
            let mut state = self.state();
            // A job that was submitted at the last moment relies on this thread.
            let last = state.queue.next();
            if last.is_none() {
                state.threads = state.threads.saturating_sub(1);
            }
            return last;
        }
        job
    }

    /// The next job, if one is submitted within `span`.
    fn wait(&self, span: Duration) -> Option<(Lane, Job)> {
        let mut state = self.state();
        state.waiting = state.waiting.saturating_add(1);
        let mut job = None;
        let nothing = |state: &mut State| {
            job = state.queue.next();
            job.is_none()
        };
        (state, _) = self.work.wait_timeout_while(state, span, nothing).unwrap_or_else(PoisonError::into_inner);
        state.waiting = state.waiting.saturating_sub(1);
        job
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hashing").field("most_threads", &self.shared.most_threads).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn hashing() -> Hashing {
        Hashing::new(NonZeroUsize::MIN)
    }

    #[tokio::test]
    async fn a_password_has_its_own_hash_and_no_other_has_it() {
        let hashing = hashing();
        let hash = hashing.hash(&"zwölf Boxkämpfer".into(), [7; 16]).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        for (password, verdict) in [
            ("zwölf Boxkämpfer", Match::Same),
            ("zwo\u{308}lf Boxka\u{308}mpfer", Match::Same),
            ("zwölf boxkämpfer", Match::Different),
            ("zwölf Boxkämpfer ", Match::Different),
            ("", Match::Different),
        ] {
            assert_eq!(hashing.compare(&password.into(), &hash).await.unwrap(), verdict, "{password:?}");
        }
    }

    #[tokio::test]
    async fn all_of_a_long_password_counts() {
        let long = "vqxnztkbwhrfjmpd".repeat(64);
        let hash = hashing().hash(&long.as_str().into(), [7; 16]).await.unwrap();
        let other = format!("{}x", &long[..long.len() - 1]);
        assert_eq!(hashing().compare(&other.into(), &hash).await.unwrap(), Match::Different);
    }

    /// Made with the reference implementation: Debian argon2 0~20171227, password "correct donkey battery paperclip".
    #[tokio::test]
    async fn a_hash_of_another_cost_is_known_and_outdated() {
        let hash = "$argon2id$v=19$m=8192,t=1,p=1$c29tZSBvbGQgc2FsdA$UtnpROmIeYutGd/1AQ7a1n4GedhjuGiX8KFrMzivppA";
        let verdict = hashing().compare(&"correct donkey battery paperclip".into(), hash).await;
        assert_eq!(verdict.unwrap(), Match::Outdated);
    }

    #[tokio::test]
    async fn what_is_no_hash_is_a_fault() {
        for hash in ["", "plain", "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$Z2FyYmFnZQ", "$2b$12$abcdefghijklmnopqrstuv"] {
            assert!(hashing().compare(&"anything".into(), hash).await.is_err(), "{hash}");
        }
    }

    /// Keeps the only thread busy until the returned value is dropped.
    async fn held(hashing: &Hashing) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel::<()>();
        let (began, beginning) = oneshot::channel();
        let holder = hashing.clone();
        tokio::spawn(async move {
            let work = move |_: &mut Memory| {
                let _ = began.send(());
                let _ = held.recv();
                Ok(())
            };
            holder.run("hold", work).await
        });
        beginning.await.unwrap();
        release
    }

    #[tokio::test]
    async fn t109_a_full_lane_of_strangers_asks_to_come_back_and_the_other_lane_goes_on() {
        let hashing = hashing();
        let release = held(&hashing).await;
        while hashing.shared.submit(&Lane::Strangers, Box::new(|_| true)).is_ok() {}
        let fault = hashing.run("hash", |_| Ok(())).await.unwrap_err();
        assert_eq!(fault.retry_after(), Some(RETRY_AFTER));
        let (done, order) = mpsc::channel();
        let strangers = done.clone();
        let ada = hashing.within(Lane::Recognized("ada".into()));
        let first = tokio::spawn(async move { ada.run("hash", move |_| Ok(done.send("ada")?)).await });
        while hashing.load().waiting < 52 {
            tokio::task::yield_now().await;
        }
        drop(release);
        first.await.unwrap().unwrap();
        hashing.run("hash", move |_| Ok(strangers.send("stranger")?)).await.unwrap();
        assert_eq!(order.iter().take(2).collect::<Vec<_>>(), ["ada", "stranger"]);
    }

    #[tokio::test]
    async fn t109_callers_that_have_gone_away_do_not_make_hashes_look_cheap() {
        let hashing = hashing();
        let release = held(&hashing).await;
        let mut callers: Vec<_> = (0..40)
            .map(|_| {
                let hashing = hashing.clone();
                tokio::spawn(async move { hashing.run("hash", |_| Ok(())).await })
            })
            .collect();
        while hashing.load().waiting < 40 {
            tokio::task::yield_now().await;
        }
        for caller in &mut callers {
            caller.abort();
            assert!(caller.await.unwrap_err().is_cancelled());
        }
        drop(release);
        while hashing.load().waiting > 0 {
            tokio::task::yield_now().await;
        }
        let _release = held(&hashing).await;
        let waiting = (0..1000).take_while(|_| hashing.shared.submit(&Lane::Strangers, Box::new(|_| true)).is_ok());
        assert!(waiting.count() < 100, "a second of hashes is some fifty");
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_and_the_next_job_is_done() {
        let hashing = hashing();
        assert!(hashing.run::<()>("panic", |_| panic!("on purpose")).await.is_err());
        assert_eq!(hashing.run("go on", |_| Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn idle_threads_end_and_new_ones_come() {
        let hashing = hashing();
        hashing.run("begin", |_| Ok(())).await.unwrap();
        tokio::time::sleep(IDLE.saturating_mul(2)).await;
        assert_eq!(hashing.shared.state().threads, 0);
        assert_eq!(hashing.run("begin again", |_| Ok(1)).await.unwrap(), 1);
    }
}
