//! The writer: one thread that owns the one writing connection.
//!
//! It takes everything that waits, opens one transaction, gives each member of the group a savepoint of its own, commits
//! once, and only then answers each caller. There is no timer: what came in during the last fsync is the next group. A
//! member that meets a conflict or an error is taken back without disturbing its neighbours. When the group itself cannot
//! be written, or nobody knows whether it was, that is a fault for every member, and nothing is ever tried again.
//!
//! ```text
//! callers ──▶ queue ──▶ BEGIN ─┬─ SAVEPOINT ─ work ─ RELEASE | ROLLBACK TO ─┬─▶ COMMIT ──▶ answers
//!                              └───────────── next member ◀────────────────┘   (one fsync)
//! ```

use std::{
    io,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use countersign_engine::{FailureStreak, Fault};
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

use super::{SqliteError, place::Place};
use crate::statements::sqlite::{BEGIN, COMMIT, RELEASE, ROLLBACK, ROLLBACK_TO, SAVEPOINT};

/// How many members one transaction takes at most: enough to make the fsync cheap, few enough to answer soon.
const LARGEST_GROUP: usize = 256;
/// How many members may wait. A later one gets a fault with a time to retry after.
const MAX_QUEUE_LENGTH: usize = 10_000;
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What a member's work came to, and whether to keep what it wrote.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    /// Keep it. The caller learns of it once it is durable.
    Keep(T),
    /// Take it back.
    Undo(T),
}

/// What the writer has done since it was started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct WriterStats {
    /// Transactions committed, each with one fsync.
    pub groups: u64,
    /// Pieces of work done in all transactions, conflicts included.
    pub members: u64,
    /// Pieces of work that wait at present.
    pub waiting: usize,
}

#[derive(Debug, Default)]
struct Counters {
    groups: AtomicU64,
    members: AtomicU64,
}

/// The way to the writing thread. Dropping it ends the thread once everything that waits has been written.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Member>>>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(place: Place, connection: Connection) -> io::Result<Self> {
        let (queue, waiting) = mpsc::channel(MAX_QUEUE_LENGTH);
        let counters = Arc::<Counters>::default();
        let thread = Thread { place, connection, waiting, counters: Arc::clone(&counters) };
        let thread = thread::Builder::new().name("countersign-writer".into()).spawn(move || thread.run())?;
        Ok(Self { queue: Some(queue), thread: Some(thread), counters })
    }

    /// Has `work` done in a transaction, and returns what it came to when that is durable.
    ///
    /// The work is done even if the caller is gone.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<Outcome<T>> + Send + 'static,
    ) -> Result<T, Fault> {
        let (answer, answered) = oneshot::channel();
        let member = Waiting { doing, work: Some(work), result: None, answer };
        let queue = self.queue.as_ref().ok_or_else(|| Fault::new(doing))?;
        queue.try_send(Box::new(member)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Fault::busy(doing, RETRY_AFTER),
            mpsc::error::TrySendError::Closed(_) => Fault::because(doing, "the writer has ended"),
        })?;
        answered.await.unwrap_or_else(|_| Err(Fault::because(doing, "the writer ended before it answered")))
    }

    pub(crate) fn stats(&self) -> WriterStats {
        WriterStats {
            groups: self.counters.groups.load(Ordering::Relaxed),
            members: self.counters.members.load(Ordering::Relaxed),
            waiting: self.queue.as_ref().map_or(0, |queue| queue.max_capacity().saturating_sub(queue.capacity())),
        }
    }
}

impl Drop for Writer {
    /// Waits for the thread, so that the file is closed when the last handle is gone.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the writer ended in a panic");
        }
    }
}

/// Work that waits for its turn, and the caller who waits for it.
struct Waiting<W, T> {
    doing: &'static str,
    work: Option<W>,
    result: Option<Result<T, Fault>>,
    answer: oneshot::Sender<Result<T, Fault>>,
}

/// One of a group, whatever its work and its answer.
trait Member: Send {
    /// Does the work and remembers the answer; says whether to keep what was written.
    fn work(&mut self, connection: &Connection) -> Fate;

    /// Gives the answer, which is a fault if the group was not written.
    fn answer(self: Box<Self>, group: &Result<(), GroupError>);
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Keep,
    Undo,
}

impl<W, T> Member for Waiting<W, T>
where
    W: FnOnce(&Connection) -> rusqlite::Result<Outcome<T>> + Send,
    T: Send,
{
    fn work(&mut self, connection: &Connection) -> Fate {
        let Some(work) = self.work.take() else { return Fate::Undo };
        let (result, fate) = match panic::catch_unwind(AssertUnwindSafe(|| work(connection))) {
            Ok(Ok(Outcome::Keep(value))) => (Ok(value), Fate::Keep),
            Ok(Ok(Outcome::Undo(value))) => (Ok(value), Fate::Undo),
            Ok(Err(error)) => (Err(Fault::because(self.doing, SqliteError::on(connection, &error))), Fate::Undo),
            Err(_) => (Err(Fault::because(self.doing, "its work panicked")), Fate::Undo),
        };
        self.result = Some(result);
        fate
    }

    fn answer(self: Box<Self>, group: &Result<(), GroupError>) {
        let answer = match (group, self.result) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(Fault::new(self.doing)),
            // What failed by itself has the better story to tell, and may be why the group failed.
            (Err(_), Some(Err(own))) => Err(own),
            (Err(GroupError::Busy), _) => Err(Fault::busy(self.doing, RETRY_AFTER)),
            (Err(error), _) => Err(Fault::because(self.doing, error.clone())),
        };
        // The caller may have gone.
        let _ = self.answer.send(answer);
    }
}

/// Why a whole group has no answer but a fault.
#[derive(Clone, Debug, thiserror::Error)]
enum GroupError {
    /// Another process kept the database to itself for too long. Nothing was begun.
    #[error("the database is busy")]
    Busy,
    /// SQLite gave the transaction up, and with it what the members before had written.
    #[error("the transaction was lost")]
    Lost,
    /// A statement that belongs to no member failed.
    #[error("{doing} failed")]
    Sqlite { doing: &'static str, source: SqliteError },
    /// The file is not at its path any more. Nothing was begun.
    #[error(transparent)]
    Moved(SqliteError),
}

/// The thread's own things.
struct Thread {
    place: Place,
    connection: Connection,
    waiting: mpsc::Receiver<Box<dyn Member>>,
    counters: Arc<Counters>,
}

impl Thread {
    fn run(mut self) {
        let mut group = Vec::with_capacity(LARGEST_GROUP);
        let streak = FailureStreak::default();
        while self.waiting.blocking_recv_many(&mut group, LARGEST_GROUP) > 0 {
            let written = self.write(&mut group);
            if let Err(error) = &written {
                if let Some(failures) = streak.failed() {
                    let error = error as &(dyn std::error::Error + 'static);
                    tracing::error!(error, failures, members = group.len(), "writing a group of commits failed");
                }
                // A failed COMMIT leaves its transaction open; if this fails too, the next BEGIN will say so.
                let _ = self.run_statement(ROLLBACK);
            } else {
                streak.succeeded();
            }
            group.drain(..).for_each(|member| member.answer(&written));
        }
    }

    fn write(&self, group: &mut [Box<dyn Member>]) -> Result<(), GroupError> {
        self.place.check().map_err(GroupError::Moved)?;
        self.run_statement(BEGIN)?;
        let mut fate = Fate::Undo;
        let alone = group.len() == 1;
        for member in group.iter_mut() {
            let kept = if alone { self.whole(member.as_mut())? } else { self.part(member.as_mut())? };
            if kept == Fate::Keep {
                fate = Fate::Keep;
            }
        }
        self.counters.members.fetch_add(u64::try_from(group.len()).unwrap_or(0), Ordering::Relaxed);
        match fate {
            Fate::Keep => {
                self.run_statement(COMMIT)?;
                self.counters.groups.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            // Nobody wrote anything, so there is nothing to make durable.
            Fate::Undo => self.run_statement(ROLLBACK),
        }
    }

    /// The work of a member that has the transaction to itself.
    fn whole(&self, member: &mut dyn Member) -> Result<Fate, GroupError> {
        let fate = member.work(&self.connection);
        self.still_open()?;
        Ok(fate)
    }

    /// The work of a member among others.
    fn part(&self, member: &mut dyn Member) -> Result<Fate, GroupError> {
        self.run_statement(SAVEPOINT)?;
        let fate = member.work(&self.connection);
        self.still_open()?;
        if fate == Fate::Undo {
            self.run_statement(ROLLBACK_TO)?;
        }
        self.run_statement(RELEASE)?;
        Ok(fate)
    }

    /// Some errors, such as a full disk, make SQLite roll back everything at once.
    fn still_open(&self) -> Result<(), GroupError> {
        if self.connection.is_autocommit() { Err(GroupError::Lost) } else { Ok(()) }
    }

    fn run_statement(&self, statement: &'static str) -> Result<(), GroupError> {
        let done = self.connection.prepare_cached(statement).and_then(|mut prepared| prepared.execute([]));
        match done {
            Ok(_) => Ok(()),
            Err(error) if statement == BEGIN && error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                Err(GroupError::Busy)
            }
            Err(error) => {
                Err(GroupError::Sqlite { doing: statement, source: SqliteError::on(&self.connection, &error) })
            }
        }
    }
}

#[cfg(test)]
mod tests;
