//! SQLite's errors, explained for administrators.
//!
//! SQLite says "unable to open database file" for a folder that is missing, for a file of another user and for a path that
//! is a folder. So an error here names the file, and says in words what was found there: whose file it is, that the disk is
//! full, that the file is no database or is damaged; each with what to do. None holds anything that stands in the database.

use std::{
    error::Error,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode, ffi};

/// An error of a database's file, or of SQLite, with what to do about it.
#[derive(Clone, Debug)]
pub struct SqliteError {
    text: String,
    code: Option<ErrorCode>,
}

impl SqliteError {
    /// What SQLite has said of the database at `path`.
    pub(crate) fn new(path: &Path, error: &rusqlite::Error) -> Self {
        let text = match explained(path, error) {
            Some(words) => format!("{words} ({})", in_short(error)),
            // What is wrong with a statement or a value is not the file's affair.
            None => error.to_string(),
        };
        Self { text, code: error.sqlite_error_code() }
    }

    /// What SQLite has said on this connection.
    pub(crate) fn on(connection: &Connection, error: &rusqlite::Error) -> Self {
        Self::new(Path::new(connection.path().unwrap_or_default()), error)
    }

    /// What the operating system has said of a file at `path`.
    pub(crate) fn of_file(path: &Path, error: &io::Error) -> Self {
        let words = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound | io::ErrorKind::ReadOnlyFilesystem => {
                access(path)
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(full(path)),
            _ => None,
        };
        Self { text: words.map_or_else(|| error.to_string(), |words| format!("{words} ({error})")), code: None }
    }

    /// The file is not the one that was opened any more.
    pub(crate) fn moved(path: &Path) -> Self {
        let text = format!(
            "could not read or write {}: it is not the file that was opened, which was moved, replaced or deleted while it was in \
             use, and what is written now would be lost; stop every server, put the file back or restore a backup, and start \
             again",
            path.display()
        );
        Self { text, code: None }
    }

    /// Whether another process keeps the database to itself.
    pub(crate) fn is_busy(&self) -> bool {
        self.code == Some(ErrorCode::DatabaseBusy)
    }
}

impl fmt::Display for SqliteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for SqliteError {}

/// What SQLite itself says, with its number.
fn in_short(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(ffi::Error { extended_code, .. }, Some(message)) => {
            format!("SQLite: {message}, {extended_code}")
        }
        other => format!("SQLite: {other}"),
    }
}

/// What an error means and what to do, if it is one that an operator can do something about.
fn explained(path: &Path, error: &rusqlite::Error) -> Option<String> {
    let place = path.display();
    Some(match error.sqlite_error_code()? {
        ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
            access(path).unwrap_or_else(|| format!("{place} cannot be opened and written"))
        }
        ErrorCode::DiskFull => full(path),
        ErrorCode::SystemIoFailure => format!(
            "{place} could not be read or written: its disk is full, or has failed; look at the free space and at the \
             system's log"
        ),
        ErrorCode::NotADatabase => {
            format!("{place} is not a SQLite database: correct the path, or move the file away and restore a backup")
        }
        ErrorCode::DatabaseCorrupt => format!(
            "{place} is damaged: stop every server, move the file away and restore a backup (`countersign restore`)"
        ),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            format!("another process keeps {place} to itself: wait until it is done, or stop it")
        }
        _ => return None,
    })
}

fn full(path: &Path) -> String {
    format!("the disk that {} is on is full: make room there", path.display())
}

/// Why this process cannot read and write the file, as far as can be seen from the file, its folder and the files that
/// SQLite keeps beside it.
fn access(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match fs::metadata(folder) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            return Some(format!("there is no folder {}: make it, or correct the path", folder.display()));
        }
        Err(_) => return Some(closed_above(folder)),
        Ok(found) if !found.is_dir() => return Some(format!("{} is no folder: correct the path", folder.display())),
        Ok(_) => {}
    }
    if path.is_dir() {
        return Some(format!("{} is a folder: name the file in it", path.display()));
    }
    let beside = ["", "-wal", "-shm", "-journal"].map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    });
    let files = beside.iter().map(PathBuf::as_path).filter(|file| file.exists());
    files.chain([folder]).find_map(closed)
}

/// The first folder on the way down that this process cannot look into.
fn closed_above(folder: &Path) -> String {
    let above = folder.ancestors().skip(1).find(|above| fs::metadata(above).is_ok());
    whose(above.unwrap_or(folder))
}

/// What keeps this process from writing to a file or folder, if anything does.
#[cfg(unix)]
fn closed(place: &Path) -> Option<String> {
    use rustix::{fs::Access, io::Errno};
    let wanted = if place.is_dir() { Access::WRITE_OK | Access::EXEC_OK } else { Access::READ_OK | Access::WRITE_OK };
    match rustix::fs::access(place, wanted) {
        Ok(()) => None,
        Err(Errno::ROFS) => Some(format!(
            "{} is on a file system that is read-only: mount it so that it can be written",
            place.display()
        )),
        Err(_) => Some(whose(place)),
    }
}

#[cfg(not(unix))]
fn closed(place: &Path) -> Option<String> {
    fs::metadata(place).is_ok_and(|found| found.permissions().readonly()).then(|| whose(place))
}

/// Whose a file or folder is that this process needs and cannot use.
#[cfg(unix)]
fn whose(place: &Path) -> String {
    use std::os::unix::fs::MetadataExt as _;
    let us = rustix::process::geteuid().as_raw();
    let Ok(found) = fs::metadata(place) else {
        return format!("user {} cannot look at {}: run this as the user of the server", named(us), place.display());
    };
    let (owner, mode) = (found.uid(), found.mode() & 0o7777);
    if owner == us {
        return format!(
            "{} belongs to this user ({}), whom its mode {mode:o} does not let read and write it: change that with `chmod`",
            place.display(),
            named(us)
        );
    }
    format!(
        "{} belongs to user {} (mode {mode:o}), and this runs as user {}: run it as the user of the server, or give the file \
         and its folder to that user with `chown`",
        place.display(),
        named(owner),
        named(us)
    )
}

#[cfg(not(unix))]
fn whose(place: &Path) -> String {
    format!("{} cannot be read and written by this user", place.display())
}

/// A user's name, as this machine's own list has it, or the number.
#[cfg(unix)]
fn named(user: u32) -> String {
    let list = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = list.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)?.parse() == Ok(user)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| user.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(path: &Path, extended_code: i32) -> String {
        let failure = rusqlite::Error::SqliteFailure(ffi::Error::new(extended_code), Some("what SQLite says".into()));
        SqliteError::new(path, &failure).to_string()
    }

    #[test]
    fn an_error_names_the_file_and_says_in_words_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        for (code, words) in [
            (ffi::SQLITE_FULL, "is on is full: make room there"),
            (ffi::SQLITE_IOERR_SHMSIZE, "its disk is full, or has failed"),
            (ffi::SQLITE_NOTADB, "is not a SQLite database"),
            (ffi::SQLITE_CORRUPT, "is damaged"),
            (ffi::SQLITE_BUSY, "another process keeps"),
        ] {
            let text = said(&path, code);
            assert!(text.contains(words) && text.contains(path.to_str().unwrap()), "{code}: {text}");
            assert!(text.contains("what SQLite says"), "{code}: {text}");
        }
        assert_eq!(said(&path, ffi::SQLITE_CONSTRAINT_CHECK), "what SQLite says");
    }

    #[test]
    fn a_place_that_cannot_be_opened_says_what_is_there_instead() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        for (path, words) in [
            ("nowhere/store.db", "there is no folder"),
            ("file/store.db", "is no folder"),
            ("", "is a folder: name the file in it"),
        ] {
            let text = said(&folder.path().join(path), ffi::SQLITE_CANTOPEN);
            assert!(text.contains(words), "{path}: {text}");
        }
    }

    #[test]
    fn a_full_disk_is_told_by_the_operating_system_too() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let text = SqliteError::of_file(Path::new("store.db"), &full).to_string();
        assert!(text.contains("the disk that store.db is on is full"), "{text}");
    }
}
