//! Bringing a database to the shape this program knows.
//!
//! Migrations are embedded, numbered from 1, and applied in order, each in a transaction together with the line that says
//! it was. They only ever move forward. `BEGIN IMMEDIATE` lets two processes that migrate at once apply each one once. A
//! database that is ahead of this program is refused, never guessed at.

use std::{
    fs::OpenOptions,
    io,
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, params};

use crate::{
    StoreError,
    sqlite::{connection, read},
    statements::schema,
};

/// One step of the schema.
struct Migration {
    version: u32,
    name: &'static str,
    text: &'static str,
}

const MIGRATIONS: &[Migration] =
    &[Migration { version: 1, name: "first", text: include_str!("../migrations/sqlite/0001_first.sql") }];

/// How often another process may be in the way of the change to WAL mode, which does not wait by itself.
const PATIENCE: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// What a migration has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Migrated {
    /// The number of the last migration that had been applied before; 0 for a new database.
    pub from: u32,
    /// The number of the last migration that has been applied now.
    pub to: u32,
}

/// The number of the last migration this program knows.
pub(crate) fn newest() -> u32 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// Creates the file if it is not there, readable by its owner alone, and applies what is missing.
pub(crate) fn migrate(path: &Path) -> Result<Migrated, StoreError> {
    create(path)?;
    let mut connection = connection::writer(path)?;
    let from = apply(&mut connection)?;
    write_ahead(&connection)?;
    Ok(Migrated { from, to: newest() })
}

/// An error unless the database has exactly the shape this program knows.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let known = newest();
    let found = if has_ledger(connection)? { read::version(connection).map_err(reading)? } else { 0 };
    match found {
        0 => Err(StoreError::Empty { path: path.to_owned() }),
        found if found < known => Err(StoreError::Behind { path: path.to_owned(), found, known }),
        found if found > known => Err(StoreError::Ahead { path: path.to_owned(), found, known }),
        _ => Ok(()),
    }
}

fn apply(connection: &mut Connection) -> Result<u32, StoreError> {
    let mut first = None;
    loop {
        let transaction = connection::begin(connection).map_err(reading)?;
        transaction.execute_batch(schema::LEDGER).map_err(reading)?;
        let found = read::version(&transaction).map_err(reading)?;
        let from = *first.get_or_insert(found);
        if found > newest() {
            let path = transaction.path().unwrap_or_default().into();
            return Err(StoreError::Ahead { path, found, known: newest() });
        }
        let Some(next) = MIGRATIONS.iter().find(|migration| migration.version > found) else { return Ok(from) };
        transaction
            .execute_batch(next.text)
            .and_then(|()| transaction.execute(schema::NOTE, params![next.version, next.name]))
            .and_then(|_| transaction.commit())
            .map_err(|cause| StoreError::Sqlite { doing: "apply a migration", cause })?;
        tracing::info!(version = next.version, name = next.name, "applied a migration");
    }
}

fn has_ledger(connection: &Connection) -> Result<bool, StoreError> {
    connection.prepare(schema::HAS_LEDGER).and_then(|mut statement| statement.exists([])).map_err(reading)
}

/// Switches the database to a write-ahead log, which it keeps from then on.
fn write_ahead(connection: &Connection) -> Result<(), StoreError> {
    for _ in 0..PATIENCE {
        match connection::write_ahead(connection) {
            Err(StoreError::Sqlite { cause, .. }) if cause.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
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
        Ok(_) => sync_folder(path).map_err(|cause| StoreError::File { doing: "create", path: path.to_owned(), cause }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(cause) => Err(StoreError::File { doing: "create", path: path.to_owned(), cause }),
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

fn reading(cause: rusqlite::Error) -> StoreError {
    StoreError::Sqlite { doing: "read its schema", cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_gaps() {
        assert!(MIGRATIONS.iter().map(|migration| migration.version).eq(1..=newest()));
    }
}
