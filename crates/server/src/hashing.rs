//! Hashing passwords, on threads of its own.
//!
//! Argon2id takes 19 MiB and some 15 ms of a core. A few threads do nothing else, give way to those that answer requests,
//! and keep their memory from one hash to the next; when there has been no work for a while they wipe it and end. Their
//! queue is bounded: where more comes in than can be hashed the answer is a fault that says when to come back, and never
//! a wait that grows. Whoever has gone away is not hashed for. No password is hashed on an async thread.

use std::{
    collections::VecDeque,
    fmt,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Result, bail};
use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use countersign_engine::{Fault, core::Secret};
use tokio::sync::oneshot;
use zeroize::Zeroize as _;

use crate::password;

/// What a new hash costs: 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet, Argon2id).
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// A hash of this cost that no password is known to have, for names that nobody has.
pub(crate) const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Y291bnRlcnNpZ246bm9ib2R5$pW0k0YbtpZcKXyVQxZ7m2y8Nq1JrT5cHfLsE4uGdvAo";

/// How much lower than the rest of the process the threads are scheduled.
#[cfg(target_os = "linux")]
const GIVES_WAY_BY: i32 = 10;
/// How many passwords may wait for each thread: about a second's work.
const QUEUE_PER_THREAD: usize = 64;
/// When to come back if the queue is full.
const COME_BACK: Duration = Duration::from_secs(2);
/// Room for so many blocks of 1 KiB is more than the 32 MiB up to which glibc may serve a request from an arena of the
/// thread's, where it would stay: a larger one goes back to the system as soon as it is freed. What is not used of it is
/// address space and no memory.
const GIVEN_BACK_WHOLE: usize = 33 * 1024;
/// How long a thread waits for work before it gives its memory back.
const IDLE: Duration = Duration::from_secs(2);

/// Hashes and compares passwords. Clones share their threads and their queue.
#[derive(Clone)]
pub(crate) struct Hashing {
    shared: Arc<Shared>,
}

/// How busy the threads are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Passwords that wait.
    pub(crate) waiting: usize,
    /// Threads there are at present.
    pub(crate) threads: usize,
}

/// What comparing a password with a hash told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Match {
    /// It is another password.
    Different,
    /// It is the password.
    Same,
    /// It is the password, and the hash wants to be made anew at today's cost.
    Outdated,
}

type Job = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

struct Shared {
    most_threads: usize,
    queue: Mutex<Queue>,
    work: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    waiting: usize,
}

impl Hashing {
    /// At most this many threads, each started when there is work for it.
    pub(crate) fn new(threads: NonZeroUsize) -> Self {
        let shared = Shared { most_threads: threads.get(), queue: Mutex::default(), work: Condvar::new() };
        Self { shared: Arc::new(shared) }
    }

    /// How busy the threads are.
    pub(crate) fn load(&self) -> Load {
        let queue = self.shared.queue();
        Load { waiting: queue.jobs.len(), threads: queue.threads }
    }

    /// The hash of `password` under this salt, as a PHC string.
    pub(crate) async fn hash(&self, password: &Secret, salt: [u8; 16]) -> Result<String, Fault> {
        let password = password::normal(password);
        self.run("hash a password", move |memory| hash(&password, &salt, memory)).await
    }

    /// Compares `password` with a PHC string. It takes as long for a wrong password as for the right one.
    pub(crate) async fn compare(&self, password: &Secret, hash: &str) -> Result<Match, Fault> {
        let (password, hash) = (password::normal(password), hash.to_owned());
        self.run("compare a password", move |memory| compare(&password, &hash, memory)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Vec<Block>) -> Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let (reply, outcome) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            if !reply.is_closed() {
                let _ = reply.send(work(memory));
            }
        });
        self.shared.submit(job).map_err(|Full| Fault::busy(doing, COME_BACK))?;
        outcome.await.map_err(|_| Fault::new(doing))?.map_err(|cause| Fault::because(doing, cause))
    }
}

struct Full;

impl Shared {
    fn submit(self: &Arc<Self>, job: Job) -> Result<(), Full> {
        let mut queue = self.queue();
        if queue.jobs.len() >= self.most_threads.saturating_mul(QUEUE_PER_THREAD) {
            return Err(Full);
        }
        queue.jobs.push_back(job);
        if queue.jobs.len() <= queue.waiting || queue.threads == self.most_threads {
            self.work.notify_one();
            return Ok(());
        }
        let shared = Arc::clone(self);
        match thread::Builder::new().name("hashing".into()).spawn(move || shared.work()) {
            Ok(_) => queue.threads = queue.threads.saturating_add(1),
            // With a thread less the work is slower; with none at all it would wait for ever.
            Err(_) if queue.threads > 0 => {}
            Err(_) => {
                queue.jobs.pop_back();
                return Err(Full);
            }
        }
        Ok(())
    }

    /// What one thread does until there has been nothing to do for a while.
    fn work(&self) {
        #[cfg(target_os = "linux")]
        let _ = rustix::process::nice(GIVES_WAY_BY);
        let mut memory = Vec::with_capacity(GIVEN_BACK_WHOLE);
        while let Some(job) = self.next() {
            // A panic is dropped with the job's reply, and whoever waits for that is told of a fault.
            let _ = catch_unwind(AssertUnwindSafe(|| job(&mut memory)));
        }
        memory.iter_mut().zeroize();
    }

    /// The next job, or nothing if this thread has counted itself out.
    fn next(&self) -> Option<Job> {
        let mut queue = self.queue();
        queue.waiting = queue.waiting.saturating_add(1);
        let idle = |queue: &mut Queue| queue.jobs.is_empty();
        (queue, _) = self.work.wait_timeout_while(queue, IDLE, idle).unwrap_or_else(PoisonError::into_inner);
        queue.waiting = queue.waiting.saturating_sub(1);
        let job = queue.jobs.pop_front();
        if job.is_none() {
            queue.threads = queue.threads.saturating_sub(1);
        }
        job
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hashing").field("most_threads", &self.shared.most_threads).finish_non_exhaustive()
    }
}

fn today() -> Result<Params> {
    let (memory, passes, lanes) = COST;
    Ok(Params::new(memory, passes, lanes, Some(Params::DEFAULT_OUTPUT_LEN))?)
}

fn hash(password: &Secret, salt: &[u8], memory: &mut Vec<Block>) -> Result<String> {
    let params = today()?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params)?,
        salt: Some(Salt::new(salt)?),
        hash: Some(fill(password, salt, params, memory)?),
    };
    Ok(hash.to_string())
}

fn compare(password: &Secret, hash: &str, memory: &mut Vec<Block>) -> Result<Match> {
    let known = PasswordHash::new(hash)?;
    let (Some(salt), Some(output)) = (&known.salt, known.hash) else { bail!("not a whole password hash") };
    if known.algorithm != Algorithm::Argon2id.ident() || known.version != Some(Version::V0x13.into()) {
        bail!("not a password hash that this version knows");
    }
    let params = Params::try_from(&known)?;
    let outdated = params != today()?;
    // Comparing two outputs takes the same time wherever they differ.
    Ok(match fill(password, salt, params, memory)? == output {
        false => Match::Different,
        true if outdated => Match::Outdated,
        true => Match::Same,
    })
}

fn fill(password: &Secret, salt: &[u8], params: Params, memory: &mut Vec<Block>) -> Result<Output> {
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    if memory.len() < params.block_count() {
        memory.resize(params.block_count(), Block::new());
    }
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, &mut output, memory)?;
    Ok(Output::new(&output)?)
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

    #[tokio::test]
    async fn nobody_costs_what_somebody_costs() {
        let (memory, passes, lanes) = COST;
        assert!(NOBODY.starts_with(&format!("$argon2id$v=19$m={memory},t={passes},p={lanes}$")));
        assert_eq!(hashing().compare(&"anything".into(), NOBODY).await.unwrap(), Match::Different);
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

    #[tokio::test]
    async fn a_full_queue_asks_to_come_back() {
        let hashing = hashing();
        let (release, held) = mpsc::channel::<()>();
        let (began, beginning) = oneshot::channel();
        let holder = hashing.clone();
        let first = tokio::spawn(async move {
            let work = move |_: &mut Vec<Block>| {
                let _ = began.send(());
                let _ = held.recv();
                Ok(())
            };
            holder.run("hold", work).await
        });
        beginning.await.unwrap();
        let (done, all_done) = oneshot::channel();
        for _ in 1..QUEUE_PER_THREAD {
            assert!(hashing.shared.submit(Box::new(|_| {})).is_ok());
        }
        assert!(hashing.shared.submit(Box::new(|_| done.send(()).unwrap())).is_ok());
        let fault = hashing.run("hash", |_| Ok(())).await.unwrap_err();
        assert_eq!(fault.retry_after(), Some(COME_BACK));
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        all_done.await.unwrap();
        assert!(hashing.run("hash", |_| Ok(())).await.is_ok(), "there is room again");
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
        assert_eq!(hashing.shared.queue().threads, 0);
        assert_eq!(hashing.run("begin again", |_| Ok(1)).await.unwrap(), 1);
    }
}
