//! SQL: durable storage on SQLite.
//!
//! [`SqliteStore`] is the engine's [`Store`](countersign_engine::Store) on one file. It sees no secret, since device
//! states come sealed, and decides nothing, since every condition comes with the change it belongs to. What it answers
//! with a receipt is on the disk.
//!
//! ```no_run
//! # use countersign_store::SqliteStore;
//! let path = std::path::Path::new("countersign.db");
//! SqliteStore::migrate(path)?;
//! let store = SqliteStore::open(path)?;
//! # Ok::<(), countersign_store::StoreError>(())
//! ```

mod error;
mod migrate;
mod row;
mod sqlite;
mod statements;
mod users;

pub use error::StoreError;
pub use migrate::Migrated;
pub use sqlite::{SqliteStore, WriterStats};
pub use users::{Activity, Insertion, NewPassword, UserRow, UserTable};
