//! SQL: durable storage on SQLite and PostgreSQL.
//!
//! [`SqliteStore`] is the engine's [`Store`](countersign_engine::Store) on one file, [`PostgresStore`] on a database that
//! many nodes share; [`Database`] is either, by its URL. A store sees no secret, since device states come sealed, and
//! decides nothing, since every condition comes with the change it belongs to. What it answers with a receipt is on the
//! disk.
//!
//! ```no_run
//! # use countersign_store::SqliteStore;
//! let path = std::path::Path::new("countersign.db");
//! SqliteStore::migrate(path)?;
//! let store = SqliteStore::open(path)?;
//! # Ok::<(), countersign_store::StoreError>(())
//! ```

mod database;
mod error;
mod migrate;
mod postgres;
mod row;
mod sqlite;
mod statements;
mod table;
mod users;
mod value;

pub use database::{Database, Opened, OpenedEngine, UrlError};
pub use error::StoreError;
pub use migrate::{Migrated, Pending};
pub use postgres::{Finding, PoolStats, PostgresError, PostgresPlace, PostgresStore, Weight};
pub use sqlite::{Existing, Restored, SqliteError, SqliteStore, WriterStats};
pub use table::user::UserRow;
pub use users::{Activity, Insertion, NewPassword, UserTable};
