//! The reading connections.
//!
//! A reader is taken out, used on the thread that asks, and put back; the lock is held for the taking and the putting,
//! never while reading. There are as many as ever read at once, and only a few are kept while nobody does.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use countersign_engine::Fault;
use rusqlite::Connection;

use super::{SqliteError, connection, place::Place};
use crate::StoreError;

/// Read-only connections to one database.
#[derive(Debug)]
pub(crate) struct Pool {
    place: Place,
    idle: Mutex<Vec<Connection>>,
    most_idle: usize,
}

impl Pool {
    /// A pool that holds no connection yet.
    pub(crate) fn new(place: Place) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self { place, idle: Mutex::default(), most_idle: threads.clamp(2, 16) }
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
            None => self.open().map_err(|error| Fault::because(doing, error))?,
        };
        // A connection on which a read has failed is closed.
        let found = read(&connection).map_err(|error| Fault::because(doing, SqliteError::on(&connection, &error)))?;
        let mut idle = self.lock();
        if idle.len() < self.most_idle {
            idle.push(connection);
        }
        Ok(found)
    }

    /// Another connection to the file that the others are on.
    fn open(&self) -> Result<Connection, StoreError> {
        let connection = connection::reader(self.place.path())?;
        let same = self.place.check();
        same.map(|()| connection).map_err(|cause| StoreError::Sqlite { doing: "open the database", cause })
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
