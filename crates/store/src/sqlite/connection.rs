//! Connections: how each one is opened, and what it may do.
//!
//! A writer is durable before it answers (`synchronous=FULL` on a write-ahead log) and overwrites what it deletes. A
//! reader can write nothing, by its flags and by `query_only`. None creates a file, and none takes a path for an address
//! or for a name of memory: paths are made absolute first.

use std::{
    io,
    path::{self, Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::SqliteError;
use crate::StoreError;

/// How long to wait for another process. In WAL mode readers do not wait.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// More than there are statements.
const STATEMENTS: usize = 64;

/// The writer's cache holds what a large group touches, so that nothing is written twice on the way to its COMMIT; the log
/// grows to 16 MiB before it is copied back, because a page that many groups touch is then copied once. Nothing is mapped
/// into memory: an I/O error would end the process instead of one request.
const WRITER: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA secure_delete = ON;
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -8192;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 16777216;";
/// A reader's cache is empty again after every commit. Between commits it spares a read one system call for each
/// page.
const READER: &str = "
    PRAGMA query_only = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -2048;";

const COPIER: &str = "
    PRAGMA trusted_schema = OFF;
    PRAGMA cache_size = -2048;";

/// A connection that may write. The journal mode is the database's own; see [`write_ahead`].
pub(crate) fn writer(path: &Path) -> Result<Connection, StoreError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, WRITER)
}

/// A connection that cannot write.
pub(crate) fn reader(path: &Path) -> Result<Connection, StoreError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, READER)
}

/// A connection that reads a database to copy it, and writes nothing to that.
pub(crate) fn copier(path: &Path) -> Result<Connection, StoreError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, COPIER)
}

/// Has a database for itself alone, from now until the connection is closed; busy if another connection has it open. What the
/// log held is in the database then.
pub(crate) fn alone(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::ZERO)?;
    connection.pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(()))?;
    // Only who is alone can leave the write-ahead log.
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0))?;
    if mode == "delete" { Ok(()) } else { Err(busy()) }
}

fn busy() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None)
}

/// The path as connections need it.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, StoreError> {
    path::absolute(path).map_err(|cause| file_error("find", path, &cause))
}

/// Switches the database to a write-ahead log, unless it has one.
pub(crate) fn write_ahead(connection: &Connection) -> Result<(), StoreError> {
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(|cause| error("keep a write-ahead log for the database", connection, &cause))?;
    let path = connection.path().unwrap_or_default().into();
    if mode == "wal" { Ok(()) } else { Err(StoreError::NoWriteAhead { path, mode }) }
}

/// A transaction that may write from the start.
pub(crate) fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn open(path: &Path, access: OpenFlags, settings: &str) -> Result<Connection, StoreError> {
    let opened = || {
        let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.execute_batch(settings)?;
        Ok(connection)
    };
    opened().map_err(|cause| StoreError::Sqlite { doing: "open the database", cause: SqliteError::new(path, &cause) })
}

/// What SQLite has said on a connection while `doing` something.
pub(super) fn error(doing: &'static str, connection: &Connection, cause: &rusqlite::Error) -> StoreError {
    StoreError::Sqlite { doing, cause: SqliteError::on(connection, cause) }
}

/// What the operating system has said of the file of a database.
pub(super) fn file_error(doing: &'static str, path: &Path, cause: &io::Error) -> StoreError {
    StoreError::File { doing, path: path.to_owned(), cause: SqliteError::of_file(path, cause) }
}

/// Whether there is a file, or an error if that cannot be told: a folder that is not ours to look into is not empty.
pub(super) fn exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(|cause| file_error("find", path, &cause))
}
