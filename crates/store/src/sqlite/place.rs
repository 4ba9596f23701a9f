//! Checks that the file that was opened is still the one at its path.
//!
//! A file that is moved, replaced or deleted stays open: without this check a server would continue to write into a
//! file that the next start does not find.

use std::path::{Path, PathBuf};

use super::SqliteError;

/// The path of a database and the file that was there when it was opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    path: PathBuf,
    identity: Identity,
}

impl Place {
    /// The file that is at `path` now.
    pub(crate) fn of(path: PathBuf) -> Result<Self, SqliteError> {
        let identity = identity(&path).map_err(|error| SqliteError::of_file(&path, &error))?;
        Ok(Self { path, identity })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// An error unless the same file is at the path still.
    pub(crate) fn check(&self) -> Result<(), SqliteError> {
        match identity(&self.path) {
            Ok(identity) if identity == self.identity => Ok(()),
            Ok(_) => Err(SqliteError::moved(&self.path)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(SqliteError::moved(&self.path)),
            Err(error) => Err(SqliteError::of_file(&self.path, &error)),
        }
    }
}

/// The device and the number of a file. No other file has them as long as this one is open.
#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(path: &Path) -> std::io::Result<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    let found = std::fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

/// Elsewhere an open file can be neither moved nor deleted.
#[cfg(not(unix))]
type Identity = ();

#[cfg(not(unix))]
fn identity(path: &Path) -> std::io::Result<Identity> {
    std::fs::metadata(path).map(drop)
}
