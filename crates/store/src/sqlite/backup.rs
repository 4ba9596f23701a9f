//! Backup and restore of a database, with the server running or stopped.
//!
//! A copy is made in one read transaction, so it is the database as of one moment, with every commit that returned
//! before. It is checked, made durable, and only then renamed: a file with the final name is complete. A restored copy
//! is migrated to this version's schema, and the time of the restore is recorded in it (ADR 15): that revokes every
//! session and every token, because they may have been revoked since the copy was made, and refuses the codes that may
//! have been used since.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use countersign_engine::core::Timestamp;
use rusqlite::{ErrorCode, backup::Backup};

use super::{SqliteError, SqliteStore, connection, migrate};
use crate::{
    StoreError,
    statements::sqlite as statement,
    table::{device_cookie, restoration, session, token},
};

const PUTTING: &str = "put a copy of";

/// What to do about a database that is there already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Existing {
    /// It stays, and nothing is restored.
    Keep,
    /// Its contents are replaced, unless another process uses it.
    Replace,
}

/// What was put back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Restored {
    /// The last migration that the copy had; it has been brought to what this program knows.
    pub migration: u32,
    /// How many sessions were ended.
    pub sessions_ended: usize,
}

impl SqliteStore {
    /// Copies the database at `path` into a new file at `copy`, readable by its owner alone. Harmless while others use
    /// the database.
    pub fn back_up(path: &Path, copy: &Path) -> Result<(), StoreError> {
        let (path, copy) = (connection::absolute(path)?, connection::absolute(copy)?);
        refuse_missing(&path)?;
        refuse_existing(&copy)?;
        let part = Part::of(&path, &copy)?;
        part.check()?;
        part.take_place(&copy)
    }

    /// Puts the copy at `copy` in the place of the database at `path`, which nobody may be using, and notes in it that this
    /// was at the moment `at`.
    pub fn restore(copy: &Path, path: &Path, existing: Existing, at: Timestamp) -> Result<Restored, StoreError> {
        let (path, copy) = (connection::absolute(path)?, connection::absolute(copy)?);
        refuse_missing(&copy)?;
        if existing == Existing::Keep {
            refuse_existing(&path)?;
        }
        let part = Part::of(&copy, &path)?;
        part.check()?;
        let migration = migrate::usable(&connection::copier(&part.path)?, &copy)?;
        let sessions_ended = part.note_restored(at)?;
        if path.symlink_metadata().is_ok() {
            part.replace_contents(&path)?;
        } else {
            part.take_place(&path)?;
        }
        Ok(Restored { migration, sessions_ended })
    }
}

/// A copy that has not got its name yet. It is removed with the value.
struct Part {
    path: PathBuf,
}

impl Part {
    /// Copies a database to a file beside `place`.
    fn of(database: &Path, place: &Path) -> Result<Self, StoreError> {
        let source = connection::copier(database)?;
        migrate::usable(&source, database)?;
        let mut name = place.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        create(&path)?;
        let part = Self { path };
        source
            .execute(statement::COPY, [part.path.to_string_lossy()])
            .map_err(sqlite("copy the database", database))?;
        Ok(part)
    }

    /// An error unless SQLite finds the copy whole.
    fn check(&self) -> Result<(), StoreError> {
        let connection = connection::copier(&self.path)?;
        let mut statement = connection.prepare(statement::INTEGRITY).map_err(sqlite("check the copy", &self.path))?;
        let found = statement.query_map([], |row| row.get(0)).and_then(Iterator::collect::<Result<Vec<String>, _>>);
        match found.map_err(sqlite("check the copy", &self.path))?.as_slice() {
            [fine] if fine == "ok" => Ok(()),
            complaints => Err(StoreError::Damaged { complaint: complaints.first().cloned().unwrap_or_default() }),
        }
    }

    /// Brings the copy to the shape this version knows, because an older one cannot say when it was restored; then ends every
    /// session, token and device cookie and notes the moment, all at once. Returns how many sessions there were.
    fn note_restored(&self, at: Timestamp) -> Result<usize, StoreError> {
        let mut connection = connection::writer(&self.path)?;
        migrate::apply(&mut connection)?;
        let mut noted = || {
            let transaction = connection::begin(&mut connection)?;
            let ended = transaction.execute(session::END_EVERY, [])?;
            transaction.execute(token::REVOKE_EVERY, [])?;
            transaction.execute(device_cookie::END_EVERY, [])?;
            transaction.execute(restoration::NOTE, [at.as_millis()])?;
            transaction.commit().map(|()| ended)
        };
        noted().map_err(sqlite("note that the copy was restored", &self.path))
    }

    /// Gives the copy its name, unless something has that name by now.
    fn take_place(self, place: &Path) -> Result<(), StoreError> {
        let placed = File::open(&self.path)
            .and_then(|file| file.sync_all())
            .and_then(|()| give_name(&self.path, place))
            .and_then(|()| sync_folder(place));
        placed.map_err(|cause| connection::file_error(PUTTING, place, &cause))
    }

    /// Writes the copy into an existing database, in one transaction, and only if no other process has it open.
    fn replace_contents(self, path: &Path) -> Result<(), StoreError> {
        let in_use = |cause: rusqlite::Error| match cause.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse { path: path.to_owned() },
            _ => sqlite("replace the database", path)(cause),
        };
        let mut target = connection::writer(path)?;
        connection::alone(&target).map_err(in_use)?;
        let source = connection::copier(&self.path)?;
        let copied = Backup::new(&source, &mut target).and_then(|backup| backup.step(-1)).map_err(in_use)?;
        if copied == rusqlite::backup::StepResult::Done {
            Ok(())
        } else {
            Err(StoreError::InUse { path: path.to_owned() })
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        for end in ["", "-journal", "-wal", "-shm"] {
            let mut name = self.path.as_os_str().to_owned();
            name.push(end);
            // Most of them are not there.
            let _ = fs::remove_file(PathBuf::from(name));
        }
    }
}

fn refuse_missing(path: &Path) -> Result<(), StoreError> {
    if connection::exists(path)? { Ok(()) } else { Err(StoreError::NoFile { path: path.to_owned() }) }
}

fn refuse_existing(path: &Path) -> Result<(), StoreError> {
    if path.symlink_metadata().is_ok() { Err(StoreError::Exists { path: path.to_owned() }) } else { Ok(()) }
}

/// A link never takes the place of anything; where the file system knows no links, a look before renaming has to do.
fn give_name(part: &Path, place: &Path) -> io::Result<()> {
    match fs::hard_link(part, place) {
        Ok(()) => fs::remove_file(part),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists || place.symlink_metadata().is_ok() => Err(cause),
        Err(_) => fs::rename(part, place),
    }
}

/// An empty file that nobody else can read, for SQLite to fill.
fn create(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => StoreError::Exists { path: path.to_owned() },
        _ => connection::file_error(PUTTING, path, &cause),
    })
}

fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn sqlite(doing: &'static str, path: &Path) -> impl FnOnce(rusqlite::Error) -> StoreError {
    move |cause| StoreError::Sqlite { doing, cause: SqliteError::new(path, &cause) }
}
