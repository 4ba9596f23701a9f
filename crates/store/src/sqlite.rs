//! The store on SQLite: one writer, some readers, one file.
//!
//! Reads run on the calling thread; every write is passed to the writer and is durable when it returns. A read sees
//! every commit that returned before the read began. This file decides nothing: the meaning of a batch is in
//! `commit.rs`, that of a row in `row.rs`.

mod backup;
mod commit;
mod connection;
mod error;
pub(crate) mod migrate;
mod place;
mod pool;
pub(crate) mod read;
pub(crate) mod writer;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use countersign_engine::{
    Fault, Store,
    core::{
        AttemptId, Batch, Budget, Client, ClientId, Delivery, Device, DeviceCookie, DeviceId, Event, Factors, Node,
        Predecessor, Receipt, Sealed, Session, SessionKey, Timestamp, Token, TokenKey, UserId,
    },
    port::Retention,
};
use rusqlite::{Connection, params_from_iter};

pub use self::{
    backup::{Existing, Restored},
    error::SqliteError,
    writer::WriterStats,
};
use self::{
    place::Place,
    pool::Pool,
    writer::{Outcome, Writer},
};
use crate::{
    Migrated, Pending, StoreError, UserTable,
    statements::sqlite,
    table::{attempt, budget, delivery, device, event, node, session, token},
};

/// How many rows are forgotten in one piece of work, so that nobody waits long behind it.
const SLICE: u32 = 500;

/// A store on one SQLite file. Clones share the file; it is closed with the last of them.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    file: Arc<File>,
}

/// Readers are dropped before the writer, because the last connection to close tidies the log away, and only one that may
/// write can do that.
#[derive(Debug)]
struct File {
    readers: Pool,
    writer: Writer,
    place: Place,
}

impl SqliteStore {
    /// Opens the database at `path`, which must have been migrated by this version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let path = connection::absolute(path)?;
        if !connection::exists(&path)? {
            return Err(StoreError::Missing { place: path.display().to_string() });
        }
        let connection = connection::writer(&path)?;
        migrate::check(&connection, &path)?;
        connection::write_ahead(&connection)?;
        let place = Place::of(path).map_err(|cause| StoreError::Sqlite { doing: "open the database", cause })?;
        let writer = Writer::start(place.clone(), connection).map_err(StoreError::Thread)?;
        Ok(Self { file: Arc::new(File { readers: Pool::new(place.clone()), writer, place }) })
    }

    /// Creates the database at `path` if there is none, readable by its owner alone, and brings it to the shape this
    /// version knows. Harmless while others use it, and harmless to repeat.
    pub fn migrate(path: &Path) -> Result<Migrated, StoreError> {
        migrate::migrate(&connection::absolute(path)?)
    }

    /// What [`migrate`](Self::migrate) would apply to the database at `path`. Changes and creates nothing.
    pub fn pending(path: &Path) -> Result<Vec<Pending>, StoreError> {
        migrate::pending(&connection::absolute(path)?)
    }

    /// The users of the stand-alone server.
    pub fn users(&self) -> UserTable {
        UserTable::on_sqlite(self.clone())
    }

    /// What the writer has done since the store was opened.
    pub fn writer_stats(&self) -> WriterStats {
        self.file.writer.stats()
    }

    /// What SQLite finds wrong with the file; nothing if all is well. Reads all of it, on this thread.
    pub fn integrity_check(&self) -> Result<Vec<String>, Fault> {
        self.read("check the database", |connection| {
            let mut statement = connection.prepare(sqlite::INTEGRITY)?;
            let mut complaints: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            complaints.retain(|complaint| complaint != "ok");
            Ok(complaints)
        })
    }

    /// A fault unless the file that was opened is still at its path: what is written to one that was moved or deleted would be
    /// lost. Commits make sure of it by themselves.
    pub fn check_place(&self) -> Result<(), Fault> {
        self.file.place.check().map_err(|error| Fault::because("use the database", error))
    }

    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Fault> {
        self.file.readers.read(doing, read)
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<Outcome<T>> + Send + 'static,
    ) -> Result<T, Fault> {
        self.file.writer.write(doing, work).await
    }

    /// Removes rows by `statement`, which takes these moments and a number of rows, a slice at a time.
    async fn forget(&self, statement: &'static str, moments: &[Timestamp]) -> Result<u64, Fault> {
        let values: Vec<_> = moments.iter().map(|moment| moment.as_millis()).chain([SLICE.into()]).collect();
        let mut gone = 0;
        loop {
            let values = values.clone();
            let slice = self.write("forget what is over", move |connection| {
                connection.prepare_cached(statement)?.execute(params_from_iter(values))?;
                let rows = connection.changes();
                Ok(if rows == 0 { Outcome::Undo(rows) } else { Outcome::Keep(rows) })
            });
            let rows = slice.await?;
            gone += rows;
            if rows < u64::from(SLICE) {
                return Ok(gone);
            }
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn factors(&self, user: &UserId) -> Result<Factors<Sealed>, Fault> {
        self.read("read a user's factors", |connection| read::factors(connection, user))
    }

    async fn device(&self, device: &DeviceId) -> Result<Option<Device<Sealed>>, Fault> {
        self.read("read a device", |connection| read::device(connection, device))
    }

    async fn attempt_spent(&self, attempt: &AttemptId) -> Result<bool, Fault> {
        self.read("read whether an attempt is over", |connection| read::attempt_spent(connection, attempt))
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, Fault> {
        self.read("read a session", |connection| read::session(connection, key))
    }

    async fn session_after(&self, predecessor: &Predecessor) -> Result<Option<Session>, Fault> {
        self.read("read a session by what it came from", |connection| read::session_after(connection, predecessor))
    }

    async fn sessions(&self, user: &UserId) -> Result<Vec<Session>, Fault> {
        self.read("read a user's sessions", |connection| read::sessions(connection, user))
    }

    async fn token(&self, key: &TokenKey) -> Result<Option<Token>, Fault> {
        self.read("read a token", |connection| read::token(connection, key))
    }

    async fn tokens(&self, user: &UserId) -> Result<Vec<Token>, Fault> {
        self.read("read a user's tokens", |connection| read::tokens(connection, user))
    }

    async fn client(&self, client: &ClientId) -> Result<Option<Client>, Fault> {
        self.read("read a client", |connection| read::client(connection, client))
    }

    async fn clients(&self) -> Result<Vec<Client>, Fault> {
        self.read("read the clients", read::clients)
    }

    async fn events(&self, user: &UserId, limit: u32) -> Result<Vec<Event>, Fault> {
        self.read("read a user's events", |connection| read::events(connection, user, limit))
    }

    async fn deliveries(&self, user: &UserId, limit: u32) -> Result<Vec<Delivery>, Fault> {
        self.read("read a user's deliveries", |connection| read::deliveries(connection, user, limit))
    }

    async fn budget(&self, key: &str) -> Result<Option<Budget>, Fault> {
        self.read("read a budget", |connection| read::budget(connection, key))
    }

    async fn device_cookies(&self, user: &UserId) -> Result<Vec<DeviceCookie>, Fault> {
        self.read("read a user's device cookies", |connection| read::device_cookies(connection, user))
    }

    async fn commit(&self, batch: Batch<Sealed>) -> Result<Receipt, Fault> {
        self.write("commit a batch", move |connection| commit::write(connection, &batch)).await
    }

    async fn nodes(&self) -> Result<Vec<Node>, Fault> {
        self.read("read the nodes", read::nodes)
    }

    async fn devices_after(&self, cursor: Option<&DeviceId>, limit: u32) -> Result<Vec<Device<Sealed>>, Fault> {
        self.read("read devices", |connection| read::devices_after(connection, cursor, limit))
    }

    async fn purge(&self, retention: &Retention) -> Result<u64, Fault> {
        let told = match retention.events_before {
            Some(before) => {
                self.forget(event::PURGE, &[before]).await? + self.forget(delivery::PURGE, &[before]).await?
            }
            None => 0,
        };
        self.forget(session::PURGE_REPEATS, &[retention.now]).await?;
        Ok(told
            + self.forget(attempt::PURGE, &[retention.now]).await?
            + self.forget(budget::PURGE, &[retention.now]).await?
            + self.forget(session::PURGE, &[retention.sessions_before, retention.credible_until]).await?
            + self.forget(token::PURGE, &[retention.now, retention.credible_until]).await?
            + self.forget(device::PURGE, &[retention.enrolments_before]).await?
            + self.forget(node::PURGE, &[retention.nodes_before, retention.credible_until]).await?)
    }

    async fn ping(&self) -> Result<(), Fault> {
        self.check_place()?;
        self.read("read anything at all", read::version).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_settings_are_in_force_on_the_connections_that_are_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        SqliteStore::migrate(&path).unwrap();
        let store = SqliteStore::open(&path).unwrap();
        let setting = |connection: &Connection, name| {
            connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
        };
        let (on, wal) = (1.into(), "wal".to_owned().into());
        let (full, memory) = (2.into(), 2.into());
        for (name, value) in [
            ("journal_mode", &wal),
            ("synchronous", &full),
            ("secure_delete", &on),
            ("foreign_keys", &on),
            ("temp_store", &memory),
            ("trusted_schema", &0.into()),
        ] {
            let found = store.write("test", move |connection| setting(connection, name).map(Outcome::Undo));
            assert_eq!(found.await.unwrap(), *value, "{name} of the writer");
        }
        for (name, value) in [("journal_mode", &wal), ("query_only", &on), ("trusted_schema", &0.into())] {
            let found = store.read("test", |connection| setting(connection, name)).unwrap();
            assert_eq!(found, *value, "{name} of a reader");
        }
        let written = store.read("test", |connection| connection.execute("DELETE FROM event", []));
        assert!(written.is_err(), "a reader has written");
    }

    #[tokio::test]
    async fn readers_are_kept_for_the_next_read_but_not_in_any_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        SqliteStore::migrate(&path).unwrap();
        let store = SqliteStore::open(&path).unwrap();
        store.ping().await.unwrap();
        store.ping().await.unwrap();
        assert_eq!(store.file.readers.idle(), 1);
        nested(&store, 100);
        assert!((2..=16).contains(&store.file.readers.idle()), "{}", store.file.readers.idle());
    }

    /// Reads while it reads while it reads.
    fn nested(store: &SqliteStore, depth: u32) {
        let inner = |_: &Connection| {
            if depth > 0 {
                nested(store, depth - 1);
            }
            Ok(())
        };
        store.read("test", inner).unwrap();
    }
}
