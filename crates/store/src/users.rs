//! The users of the stand-alone server.
//!
//! A host brings its own users and has no use for this table. It keeps what a user is, the hash of the password included,
//! and knows nothing of how names are compared, passwords hashed or stamps drawn: canonical names, hashes, stamps and
//! times come in as they are to be written. Every write is durable before it is answered.

use countersign_engine::{
    Fault,
    core::{Secret, Timestamp, UserId},
};
use rusqlite::{Connection, OptionalExtension, Params, params};

use crate::{
    SqliteStore,
    row::{Columns, FromColumns},
    sqlite::{read, writer::Outcome},
    statements::user,
};

/// One user.
#[derive(Clone, Debug)]
pub struct UserRow {
    /// Names the user for ever.
    pub id: UserId,
    /// The name as it was given.
    pub name: String,
    /// The one spelling of the name; no two users share it.
    pub canonical_name: String,
    /// Where mail goes.
    pub email: Option<String>,
    /// The hash of the password, with its parameters.
    pub password_hash: Secret,
    /// Whether the user may sign in.
    pub active: bool,
    /// Whether the user runs the place.
    pub staff: bool,
    /// Changes with every change of the user's credentials.
    pub stamp: String,
    /// When the user was added.
    pub created: Timestamp,
    /// When the password was last set.
    pub password_changed: Timestamp,
}

/// What became of a new user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Insertion {
    /// The user is there.
    Inserted,
    /// Somebody has this name, in this spelling or another.
    NameTaken,
}

/// Whether a user may sign in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activity {
    /// The user may.
    Active,
    /// The user may not.
    Inactive,
}

/// A new password.
#[derive(Clone, Debug)]
pub struct NewPassword {
    /// Its hash, with its parameters.
    pub hash: Secret,
    /// The stamp that holds from now on.
    pub stamp: String,
    /// When it was set.
    pub at: Timestamp,
}

/// The table of users. It shares the store's connections.
#[derive(Clone, Debug)]
pub struct UserTable {
    store: SqliteStore,
}

#[expect(clippy::unused_async, reason = "on another database these reads will wait")]
impl UserTable {
    pub(crate) fn new(store: SqliteStore) -> Self {
        Self { store }
    }

    /// The user with this id.
    pub async fn by_id(&self, id: &UserId) -> Result<Option<UserRow>, Fault> {
        self.store.read("read a user", |connection| read::one(connection, user::BY_ID, id.as_str()))
    }

    /// The user with this canonical name.
    pub async fn by_canonical_name(&self, name: &str) -> Result<Option<UserRow>, Fault> {
        self.store.read("read a user", |connection| read::one(connection, user::BY_CANONICAL_NAME, name))
    }

    /// Every user, by canonical name.
    pub async fn list(&self) -> Result<Vec<UserRow>, Fault> {
        self.store.read("list the users", |connection| read::all(connection, user::ALL, &[]))
    }

    /// Adds a user. An id that is taken is a fault, because ids are never given twice.
    pub async fn insert(&self, row: UserRow) -> Result<Insertion, Fault> {
        self.store
            .write("add a user", move |connection| {
                let values = params![
                    row.id.as_str(),
                    row.name,
                    row.canonical_name,
                    row.email,
                    row.password_hash.expose(),
                    row.active,
                    row.staff,
                    row.stamp,
                    row.created.as_millis(),
                    row.password_changed.as_millis(),
                ];
                Ok(match connection.prepare_cached(user::INSERT)?.execute(values)? {
                    0 => Outcome::Undo(Insertion::NameTaken),
                    _ => Outcome::Keep(Insertion::Inserted),
                })
            })
            .await
    }

    /// Sets a password if the user's stamp is still `seen`, and returns the user as they are then; `None` if there is no
    /// such user, or their credentials have changed since.
    pub async fn set_password(&self, id: &UserId, seen: &str, password: NewPassword) -> Result<Option<UserRow>, Fault> {
        let (id, seen) = (id.clone(), seen.to_owned());
        self.store
            .write("set a password", move |connection| {
                let NewPassword { hash, stamp, at } = &password;
                let values = params![hash.expose(), stamp, at.as_millis(), id.as_str(), seen];
                changed(connection, user::SET_PASSWORD, values)
            })
            .await
    }

    /// Replaces the hash of an unchanged password by a better one, if it is still `seen`. The stamp stays. Returns
    /// whether it was.
    pub async fn set_hash_if(&self, id: &UserId, seen: &Secret, next: &Secret) -> Result<bool, Fault> {
        let (id, seen, next) = (id.clone(), seen.clone(), next.clone());
        self.store
            .write("renew a password's hash", move |connection| {
                let values = [next.expose(), id.as_str(), seen.expose()];
                Ok(match connection.prepare_cached(user::SET_HASH_IF)?.execute(values)? {
                    0 => Outcome::Undo(false),
                    _ => Outcome::Keep(true),
                })
            })
            .await
    }

    /// Lets a user sign in or not, under a new stamp, and returns the user as they are then; `None` if there is no such
    /// user.
    pub async fn set_active(&self, id: &UserId, activity: Activity, stamp: String) -> Result<Option<UserRow>, Fault> {
        let id = id.clone();
        self.store
            .write("let a user sign in or not", move |connection| {
                changed(connection, user::SET_ACTIVE, params![activity == Activity::Active, stamp, id.as_str()])
            })
            .await
    }
}

/// Runs a statement that changes one user and returns the row.
fn changed(
    connection: &Connection,
    statement: &str,
    values: impl Params,
) -> rusqlite::Result<Outcome<Option<UserRow>>> {
    let mut statement = connection.prepare_cached(statement)?;
    let row = statement.query_row(values, |row| UserRow::read(&mut Columns::of(row))).optional()?;
    Ok(if row.is_some() { Outcome::Keep(row) } else { Outcome::Undo(row) })
}
