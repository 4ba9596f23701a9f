//! Hashing passwords, on threads of its own.
//!
//! Argon2id takes 19 MiB and some 8 ms of a core that has AVX-512. A few threads do nothing else, give way to those that
//! answer requests, and keep their memory, wiped, from one hash to the next; when there has been no work for a while they
//! give it back and end. Their queue is bounded: where more comes in than can be hashed the answer is a fault that says
//! when to come back, and never a wait that grows. Whoever has gone away is not hashed for. No password is hashed on an
//! async thread.

use std::{
    collections::VecDeque,
    fmt,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::Result;
use argon2_rust::{Algorithm, Argon2, Error, Hasher, Params, Version, decode_string, params::Memory};
use countersign_engine::{Fault, core::Secret};
use tokio::sync::oneshot;

use crate::password;

/// How a new hash is made: 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet, Argon2id; RFC 9106).
const TODAY: Argon2 = Argon2::new(
    Algorithm::Argon2id,
    Version::V0x13,
    Params::builder().memory(Memory::kib(19_456)).passes(2).lanes(1).build_or_panic(),
);

/// A hash made so that no password is known to have, for names that nobody has.
pub(crate) const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Y291bnRlcnNpZ246bm9ib2R5$pW0k0YbtpZcKXyVQxZ7m2y8Nq1JrT5cHfLsE4uGdvAo";

/// How much lower than the rest of the process the threads are scheduled.
#[cfg(target_os = "linux")]
const GIVES_WAY_BY: i32 = 10;
/// How many passwords may wait for each thread: between half a second's work and a whole one's.
const QUEUE_PER_THREAD: usize = 64;
/// When to come back if the queue is full.
const COME_BACK: Duration = Duration::from_secs(2);
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

type Job = Box<dyn FnOnce(&mut Hasher) + Send>;

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
        self.run("hash a password", move |hasher| hash(&password, &salt, hasher)).await
    }

    /// Compares `password` with a PHC string. It takes as long for a wrong password as for the right one.
    pub(crate) async fn compare(&self, password: &Secret, hash: &str) -> Result<Match, Fault> {
        let (password, hash) = (password::normal(password), hash.to_owned());
        self.run("compare a password", move |hasher| compare(&password, &hash, hasher)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Hasher) -> Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let (reply, outcome) = oneshot::channel();
        let job: Job = Box::new(move |hasher| {
            if !reply.is_closed() {
                let _ = reply.send(work(hasher));
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
        let mut hasher = TODAY.hasher();
        while let Some(job) = self.next() {
            // A panic is dropped with the job's reply, and whoever waits for that is told of a fault.
            let _ = catch_unwind(AssertUnwindSafe(|| job(&mut hasher)));
        }
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

fn hash(password: &Secret, salt: &[u8], hasher: &mut Hasher) -> Result<String> {
    hasher.set_argon2(TODAY);
    Ok(hasher.hash_encoded(password.expose().as_bytes(), salt)?)
}

fn compare(password: &Secret, hash: &str, hasher: &mut Hasher) -> Result<Match> {
    let known = decode_string(hash, Algorithm::Argon2id)?;
    let made_by = Argon2::new(known.algorithm, known.version, known.params);
    hasher.set_argon2(made_by);
    // Comparing two outputs takes the same time wherever they differ.
    match hasher.verify(password.expose().as_bytes(), &known.salt, &known.hash) {
        Ok(()) if made_by == TODAY => Ok(Match::Same),
        Ok(()) => Ok(Match::Outdated),
        Err(Error::VerifyMismatch) => Ok(Match::Different),
        Err(unusable) => Err(unusable.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use argon2::PasswordHasher as _;
    use proptest::{collection::vec, prelude::*};

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
        let known = decode_string(NOBODY, Algorithm::Argon2id).unwrap();
        assert_eq!(Argon2::new(known.algorithm, known.version, known.params), TODAY);
        assert_eq!(hashing().compare(&"anything".into(), NOBODY).await.unwrap(), Match::Different);
    }

    proptest! {
        /// The RustCrypto implementation; what both share is RFC 9106.
        #[test]
        fn every_hash_is_known_that_another_implementation_made(
            (memory, passes, lanes) in (1_u32..=4).prop_flat_map(|lanes| (8 * lanes..=600, 1_u32..=3, Just(lanes))),
            length in 16_usize..=64,
            password in "\\PC{0,100}",
            salt in vec(any::<u8>(), 8..=32),
        ) {
            let params = argon2::Params::new(memory, passes, lanes, Some(length)).unwrap();
            let theirs = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
            let theirs = theirs.hash_password_with_salt(password.as_bytes(), &salt).unwrap().to_string();
            let hasher = &mut TODAY.hasher();
            prop_assert_eq!(compare(&password.as_str().into(), &theirs, hasher).unwrap(), Match::Outdated);
            let other = Secret::new(format!("{password}x"));
            prop_assert_eq!(compare(&other, &theirs, hasher).unwrap(), Match::Different);
        }
    }

    #[test]
    fn a_new_hash_is_the_one_that_another_implementation_makes() {
        let ours = hash(&"correct donkey battery paperclip".into(), &[7; 16], &mut TODAY.hasher()).unwrap();
        let theirs = argon2::Argon2::default();
        let theirs = theirs.hash_password_with_salt(b"correct donkey battery paperclip", &[7; 16]).unwrap();
        assert_eq!(ours, theirs.to_string());
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
            let work = move |_: &mut Hasher| {
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
