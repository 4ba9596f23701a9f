//! The reading connections.
//!
//! A reader is taken out, used on the thread that asks, and put back; the lock is held for the taking and the putting,
//! never while reading. There are as many as ever read at once, and only a few are kept while nobody does.

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use countersign_engine::Fault;
use rusqlite::Connection;

use super::connection;

/// Read-only connections to one database.
#[derive(Debug)]
pub(crate) struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    most_idle: usize,
}

impl Pool {
    /// A pool that holds no connection yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self { path, idle: Mutex::default(), most_idle: threads.clamp(2, 16) }
    }

    /// Reads on this thread.
    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Fault> {
        let kept = self.lock().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => connection::reader(&self.path).map_err(|error| Fault::because(doing, error))?,
        };
        // A connection on which a read has failed is closed.
        let found = read(&connection).map_err(|error| Fault::because(doing, error))?;
        let mut idle = self.lock();
        if idle.len() < self.most_idle {
            idle.push(connection);
        }
        Ok(found)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many readers wait for the next read.
    #[cfg(test)]
    pub(crate) fn idle(&self) -> usize {
        self.lock().len()
    }
}
