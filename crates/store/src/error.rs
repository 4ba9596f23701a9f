//! Why a database cannot be opened or migrated.
//!
//! Each text says what could not be done and, if it can be fixed, which command to run. None contains data from the
//! database.

use std::{io, path::PathBuf};

use crate::{
    postgres::{PostgresError, PostgresPlace},
    sqlite::SqliteError,
};

/// Why a database cannot be opened or migrated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file is not there.
    #[error("there is no database at {place}: run `countersign migrate` to create it")]
    Missing {
        /// Where it was looked for.
        place: String,
    },
    /// There is a database, but not one of ours yet.
    #[error("the database at {place} has no tables of Countersign's: run `countersign migrate` to create them")]
    Empty {
        /// Where it is.
        place: String,
    },
    /// An older program has made the database.
    #[error(
        "the database at {place} is at migration {found} and this program needs {known}: run `countersign migrate`"
    )]
    Behind {
        /// Where it is.
        place: String,
        /// The last migration it has.
        found: u32,
        /// The last migration this program knows.
        known: u32,
    },
    /// A newer program has made the database.
    #[error(
        "the database at {place} is at migration {found} and this program knows only {known}, so it is older than the \
         database: run the version of Countersign that migrated it, or a newer one"
    )]
    Ahead {
        /// Where it is.
        place: String,
        /// The last migration it has.
        found: u32,
        /// The last migration this program knows.
        known: u32,
    },
    /// A file that was to be made is there already.
    #[error("there is a file at {} already, and it stays as it is", path.display())]
    Exists {
        /// Where it is.
        path: PathBuf,
    },
    /// A file that was to be copied is not there.
    #[error("there is no file at {}", path.display())]
    NoFile {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Somebody uses the database that was to be replaced.
    #[error("the database at {} is in use: stop every server on it first", path.display())]
    InUse {
        /// Where it is.
        path: PathBuf,
    },
    /// A copy is not whole.
    #[error("the database is damaged, and was not copied: {complaint}")]
    Damaged {
        /// The first thing that SQLite finds wrong.
        complaint: String,
    },
    /// The server is set up so that it could lose what it has promised to keep, or keep it wrongly.
    #[error("the database server{} cannot be used: {why}", at(place))]
    Unfit {
        /// Where it is.
        place: String,
        /// What is wrong, and what to do.
        why: &'static str,
    },
    /// PostgreSQL could not be reached, or said no.
    #[error("could not {doing}")]
    Postgres {
        /// What was to be done.
        doing: &'static str,
        /// At which place, with its port, and why not.
        #[source]
        cause: PostgresError,
    },
    /// The file system does not allow a write-ahead log.
    #[error(
        "could not keep a write-ahead log for the database at {}: the journal mode stays {mode}; put the database on a local disk",
        path.display()
    )]
    NoWriteAhead {
        /// Where it is.
        path: PathBuf,
        /// The mode it stays in.
        mode: String,
    },
    /// The file could not be reached.
    #[error("could not {doing} the database at {}", path.display())]
    File {
        /// What was to be done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not, and what to do.
        #[source]
        cause: SqliteError,
    },
    /// The writing thread could not be started.
    #[error("could not start the writer")]
    Thread(#[source] io::Error),
    /// SQLite said no.
    #[error("could not {doing}")]
    Sqlite {
        /// What was to be done.
        doing: &'static str,
        /// With which file and why not, and what to do.
        #[source]
        cause: SqliteError,
    },
}

impl StoreError {
    /// Whether the database could not be reached, and may be reached later without any change of the settings: its server
    /// is not there, does not answer, is starting, or takes no writes yet.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Postgres { cause, .. } if cause.is_unreachable())
    }

    /// The same error, of the database at this place.
    pub(crate) fn of_place(self, place: &PostgresPlace) -> Self {
        match self {
            Self::Postgres { doing, cause } => Self::Postgres { doing, cause: cause.of_place(place) },
            Self::Unfit { why, .. } => Self::Unfit { place: place.to_string(), why },
            other => other,
        }
    }
}

/// The place, where one is known, as it follows the word for what is there.
fn at(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!(" at {place}") }
}
