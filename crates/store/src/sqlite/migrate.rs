//! Migrating a SQLite file, and creating it.
//!
//! `BEGIN IMMEDIATE` lets two processes that migrate at once apply each migration once.

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use rusqlite::{Connection, params};

use super::{SqliteError, connection, read};
use crate::{
    Migrated, Pending, StoreError,
    migrate::{self, Migration},
    statements::{schema, sqlite},
};

pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "first", text: include_str!("../../migrations/sqlite/0001_first.sql") },
    Migration {
        version: 2,
        name: "known browsers",
        text: include_str!("../../migrations/sqlite/0002_known_browsers.sql"),
    },
    Migration { version: 3, name: "nodes", text: include_str!("../../migrations/sqlite/0003_nodes.sql") },
    Migration { version: 4, name: "deliveries", text: include_str!("../../migrations/sqlite/0004_deliveries.sql") },
    Migration { version: 5, name: "tokens", text: include_str!("../../migrations/sqlite/0005_tokens.sql") },
    Migration { version: 6, name: "clients", text: include_str!("../../migrations/sqlite/0006_clients.sql") },
    Migration {
        version: 7,
        name: "device cookies",
        text: include_str!("../../migrations/sqlite/0007_device_cookies.sql"),
    },
    Migration { version: 8, name: "restoration", text: include_str!("../../migrations/sqlite/0008_restoration.sql") },
    Migration {
        version: 9,
        name: "token_created",
        text: include_str!("../../migrations/sqlite/0009_token_created.sql"),
    },
    Migration { version: 10, name: "node host", text: include_str!("../../migrations/sqlite/0010_node_host.sql") },
    Migration { version: 11, name: "repeat", text: include_str!("../../migrations/sqlite/0011_repeat.sql") },
];

/// How often another process may be in the way of the change to WAL mode, which does not wait by itself.
const MAX_BUSY_RETRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

const READING: &str = "read the schema of the database";

/// Creates the file if it is not there, readable by its owner alone, and applies what is missing.
pub(crate) fn migrate(path: &Path) -> Result<Migrated, StoreError> {
    create(path)?;
    let mut connection = connection::writer(path)?;
    let from = apply(&mut connection)?;
    write_ahead(&connection)?;
    Ok(Migrated { from, to: migrate::newest(MIGRATIONS) })
}

/// An error unless the database has exactly the shape this program knows.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    migrate::check(MIGRATIONS, found(connection)?, &path.display())
}

/// What `migrate` would apply; an error if the database is ahead of this program. Creates nothing.
pub(crate) fn pending(path: &Path) -> Result<Vec<Pending>, StoreError> {
    let found = if connection::exists(path)? { found(&connection::reader(path)?)? } else { 0 };
    migrate::pending(MIGRATIONS, found, &path.display())
}

/// The number of the last migration of a database that may be older than this program, but is one of ours and not newer.
pub(crate) fn usable(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let found = found(connection)?;
    migrate::next(MIGRATIONS, found, &path.display())?;
    if found == 0 { Err(StoreError::Empty { place: path.display().to_string() }) } else { Ok(found) }
}

fn found(connection: &Connection) -> Result<u32, StoreError> {
    if has_ledger(connection)? { read::version(connection).map_err(|cause| reading(connection, &cause)) } else { Ok(0) }
}

/// Applies what is missing, one migration after the other. Returns the number of the last one that was there before.
pub(super) fn apply(connection: &mut Connection) -> Result<u32, StoreError> {
    let mut first = None;
    loop {
        let path = PathBuf::from(connection.path().unwrap_or_default());
        let failed = |doing, cause| StoreError::Sqlite { doing, cause: SqliteError::new(&path, &cause) };
        let transaction = connection::begin(connection).map_err(|cause| failed(READING, cause))?;
        transaction.execute_batch(sqlite::LEDGER).map_err(|cause| failed(READING, cause))?;
        let found = read::version(&transaction).map_err(|cause| failed(READING, cause))?;
        let from = *first.get_or_insert(found);
        let Some(next) = migrate::next(MIGRATIONS, found, &path.display())? else { return Ok(from) };
        transaction
            .execute_batch(next.text)
            .and_then(|()| transaction.execute(schema::NOTE, params![next.version, next.name]))
            .and_then(|_| transaction.commit())
            .map_err(|cause| failed("apply a migration", cause))?;
        tracing::info!(version = next.version, name = next.name, "applied a migration");
    }
}

fn has_ledger(connection: &Connection) -> Result<bool, StoreError> {
    let found = connection.prepare(sqlite::HAS_LEDGER).and_then(|mut statement| statement.exists([]));
    found.map_err(|cause| reading(connection, &cause))
}

/// Switches the database to a write-ahead log, which it keeps from then on.
fn write_ahead(connection: &Connection) -> Result<(), StoreError> {
    for _ in 0..MAX_BUSY_RETRIES {
        match connection::write_ahead(connection) {
            Err(StoreError::Sqlite { cause, .. }) if cause.is_busy() => {
                thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
    connection::write_ahead(connection)
}

/// Creates an empty file that nobody else can read. SQLite gives the files beside it the same permissions.
fn create(path: &Path) -> Result<(), StoreError> {
    // Closing a file drops every lock that this process holds on it, SQLite's included; so nobody else in this process
    // may come to know the file between its creation and its closing.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => sync_folder(path).map_err(|cause| connection::file_error("create", path, &cause)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(cause) => Err(connection::file_error("create", path, &cause)),
    }
}

/// Makes the name of a new file as durable as what will be in it.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn reading(connection: &Connection, cause: &rusqlite::Error) -> StoreError {
    connection::error(READING, connection, cause)
}
