//! The location of the database, for both engines: `sqlite://PATH` or `postgres://…`.

use std::{fmt, path::PathBuf, sync::Arc};

use countersign_engine::Store;

use crate::{Migrated, Pending, PostgresPlace, PostgresStore, SqliteStore, StoreError, UserTable};

/// A database that may be opened or migrated. It prints without credentials.
#[derive(Clone, Debug)]
pub enum Database {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A database on a PostgreSQL server.
    Postgres(Box<PostgresPlace>),
}

/// An open database.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What the engine needs.
    pub store: Arc<dyn Store>,
    /// The users of the stand-alone server.
    pub users: UserTable,
    /// The same store once more, for what only its engine has.
    pub engine: OpenedEngine,
}

/// An open store, by its engine.
#[derive(Clone, Debug)]
pub enum OpenedEngine {
    /// On SQLite.
    Sqlite(SqliteStore),
    /// On PostgreSQL.
    Postgres(PostgresStore),
}

/// Why a URL names no database.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct UrlError(String);

impl UrlError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl Database {
    /// The database that a URL names: `sqlite://PATH`, where three slashes begin an absolute path, or `postgres://…`. An
    /// error never quotes the URL, which may hold a password.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            if path.is_empty() || path.contains(['?', '#']) {
                return Err(UrlError::new("it has to be sqlite:// and a path, as in sqlite:///var/lib/countersign.db"));
            }
            return Ok(Self::Sqlite(path.into()));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return PostgresPlace::parse(url).map(|place| Self::Postgres(Box::new(place)));
        }
        Err(UrlError::new(
            "it has to be sqlite:// and a path, as in sqlite:///var/lib/countersign.db, or \
             postgres://USER@HOST/NAME",
        ))
    }

    /// Opens it. It must have been migrated by this version.
    pub async fn open(&self) -> Result<Opened, StoreError> {
        Ok(match self {
            Self::Sqlite(path) => {
                let store = SqliteStore::open(path)?;
                Opened { users: store.users(), store: Arc::new(store.clone()), engine: OpenedEngine::Sqlite(store) }
            }
            Self::Postgres(place) => {
                let store = PostgresStore::open(place).await?;
                Opened { users: store.users(), store: Arc::new(store.clone()), engine: OpenedEngine::Postgres(store) }
            }
        })
    }

    /// Brings it to the shape this version knows; a SQLite file that is not there is created. Harmless to repeat, while
    /// others use it, and for two to do at once.
    pub async fn migrate(&self) -> Result<Migrated, StoreError> {
        match self {
            Self::Sqlite(path) => SqliteStore::migrate(path),
            Self::Postgres(place) => PostgresStore::migrate(place).await,
        }
    }

    /// What [`migrate`](Self::migrate) would apply. Changes and creates nothing.
    pub async fn pending(&self) -> Result<Vec<Pending>, StoreError> {
        match self {
            Self::Sqlite(path) => SqliteStore::pending(path),
            Self::Postgres(place) => PostgresStore::pending(place).await,
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(place) => place.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_url_is_a_path_or_a_server() {
        for (url, expected) in [("sqlite:///var/lib/c.db", "/var/lib/c.db"), ("sqlite://c.db", "c.db")] {
            assert!(matches!(Database::parse(url), Ok(Database::Sqlite(path)) if path == Path::new(expected)), "{url}");
        }
        assert!(matches!(Database::parse("postgres://ada:hunter2@localhost/c"), Ok(Database::Postgres(_))));
        for url in ["", "c.db", "sqlite://", "sqlite:c.db", "sqlite://c.db?mode=ro", "mysql://ada:hunter2@localhost/c"]
        {
            let error = Database::parse(url).unwrap_err().to_string();
            assert!(error.contains("sqlite:///var/lib/countersign.db") && !error.contains("hunter2"), "{url}: {error}");
        }
    }
}
