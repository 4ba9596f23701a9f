//! The users of the stand-alone server.
//!
//! A host brings its own users and has no use for this table. It keeps what a user is, the hash of the password included,
//! and knows nothing of how names are compared, passwords hashed or stamps drawn: canonical names, hashes, stamps and
//! times come in as they are to be written. Every write is durable before it is answered.

use async_trait::async_trait;
use countersign_engine::{
    Fault, SessionLookup, User,
    core::{Secret, Session, SessionKey, Timestamp, Token, TokenKey, UserId},
};
use rusqlite::{Connection, params_from_iter};

use crate::{
    PostgresStore, SqliteStore,
    row::FromColumns,
    sqlite::{read, writer::Outcome},
    table::user::{self, UserRow},
    value::{Values, owned},
};

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
    rows: Rows,
}

/// Where the rows are.
#[derive(Clone, Debug)]
enum Rows {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

impl UserTable {
    pub(crate) fn on_sqlite(store: SqliteStore) -> Self {
        Self { rows: Rows::Sqlite(store) }
    }

    pub(crate) fn on_postgres(store: PostgresStore) -> Self {
        Self { rows: Rows::Postgres(store) }
    }

    /// The user with this id.
    pub async fn by_id(&self, id: &UserId) -> Result<Option<UserRow>, Fault> {
        Ok(self.read("read a user", user::BY_ID, vec![id.into()]).await?.into_iter().next())
    }

    /// The user with this id, without what is needed only to compare passwords.
    pub async fn seen(&self, id: &UserId) -> Result<Option<User>, Fault> {
        self.one("read a user", user::SEEN, id.as_str()).await
    }

    /// The user with this canonical name.
    pub async fn by_canonical_name(&self, name: &str) -> Result<Option<UserRow>, Fault> {
        Ok(self.read("read a user", user::BY_CANONICAL_NAME, vec![name.into()]).await?.into_iter().next())
    }

    /// Every user, by canonical name.
    pub async fn list(&self) -> Result<Vec<UserRow>, Fault> {
        self.read("list the users", user::ALL, vec![]).await
    }

    /// Adds a user. An id that is taken is a fault, because ids are never given twice.
    pub async fn insert(&self, row: UserRow) -> Result<Insertion, Fault> {
        let values = vec![
            (&row.id).into(),
            row.name.as_str().into(),
            row.canonical_name.as_str().into(),
            row.email.as_deref().into(),
            row.password_hash.expose().into(),
            row.active.into(),
            row.staff.into(),
            row.stamp.as_str().into(),
            row.created.into(),
            row.password_changed.into(),
        ];
        Ok(match self.count("add a user", user::INSERT, values).await? {
            0 => Insertion::NameTaken,
            _ => Insertion::Inserted,
        })
    }

    /// Sets a password if the user's stamp is still `seen`, and returns the user as they are then; `None` if there is no
    /// such user, or their credentials have changed since.
    pub async fn set_password(&self, id: &UserId, seen: &str, password: NewPassword) -> Result<Option<UserRow>, Fault> {
        let NewPassword { hash, stamp, at } = &password;
        let values = vec![hash.expose().into(), stamp.as_str().into(), (*at).into(), id.into(), seen.into()];
        self.change("set a password", user::SET_PASSWORD, values).await
    }

    /// Replaces the hash of an unchanged password by a better one, if it is still `seen`. The stamp stays. Returns
    /// whether it was.
    pub async fn set_hash_if(&self, id: &UserId, seen: &Secret, next: &Secret) -> Result<bool, Fault> {
        let values = vec![next.expose().into(), id.into(), seen.expose().into()];
        Ok(self.count("renew a password's hash", user::SET_HASH_IF, values).await? > 0)
    }

    /// Sets the canonical name of a user if it is still `seen` and no other user has the new one. Returns whether it was set.
    pub async fn set_canonical_name(&self, id: &UserId, seen: &str, canonical_name: &str) -> Result<bool, Fault> {
        let values = vec![canonical_name.into(), id.into(), seen.into()];
        Ok(self.count("set a canonical name", user::SET_CANONICAL_NAME, values).await? > 0)
    }

    /// Lets a user sign in or not, under a new stamp, and returns the user as they are then; `None` if there is no such
    /// user.
    pub async fn set_active(&self, id: &UserId, activity: Activity, stamp: String) -> Result<Option<UserRow>, Fault> {
        let active = activity == Activity::Active;
        let values = vec![active.into(), stamp.as_str().into(), id.into()];
        self.change("let a user sign in or not", user::SET_ACTIVE, values).await
    }

    async fn read(
        &self,
        doing: &'static str,
        statement: &'static str,
        values: Values<'_>,
    ) -> Result<Vec<UserRow>, Fault> {
        match &self.rows {
            Rows::Sqlite(store) => store.read(doing, |connection| read::rows(connection, statement, &values)),
            Rows::Postgres(store) => store.rows(doing, statement, &values).await,
        }
    }

    /// What is found by `key`.
    async fn one<T: FromColumns>(
        &self,
        doing: &'static str,
        statement: &'static str,
        key: &str,
    ) -> Result<Option<T>, Fault> {
        match &self.rows {
            Rows::Sqlite(store) => store.read(doing, |connection| read::one(connection, statement, key)),
            Rows::Postgres(store) => store.row(doing, statement, &[key.into()]).await,
        }
    }

    /// Runs a statement that changes one user at most, and returns how many it has changed.
    async fn count(&self, doing: &'static str, statement: &'static str, values: Values<'_>) -> Result<u64, Fault> {
        match &self.rows {
            Rows::Sqlite(store) => {
                let values = owned(values);
                let work = move |connection: &Connection| {
                    let rows = connection.prepare_cached(statement)?.execute(params_from_iter(&values))?;
                    Ok(if rows == 0 { Outcome::Undo(0) } else { Outcome::Keep(1) })
                };
                store.write(doing, work).await
            }
            Rows::Postgres(store) => store.count(doing, statement, &values).await,
        }
    }

    /// Runs a statement that changes one user at most, and returns them.
    async fn change(
        &self,
        doing: &'static str,
        statement: &'static str,
        values: Values<'_>,
    ) -> Result<Option<UserRow>, Fault> {
        match &self.rows {
            Rows::Sqlite(store) => {
                let values = owned(values);
                let work = move |connection: &Connection| {
                    let row: Option<UserRow> = read::rows(connection, statement, &values)?.into_iter().next();
                    Ok(if row.is_some() { Outcome::Keep(row) } else { Outcome::Undo(row) })
                };
                store.write(doing, work).await
            }
            Rows::Postgres(store) => Ok(store.change(doing, statement, &values).await?.into_iter().next()),
        }
    }
}

/// The users are beside the sessions and tokens: one read finds both.
#[async_trait]
impl SessionLookup for UserTable {
    async fn session(&self, key: &SessionKey) -> Result<Option<(Session, User)>, Fault> {
        self.one("read a session and its user", user::OF_SESSION, key.as_str()).await
    }

    async fn token(&self, key: &TokenKey) -> Result<Option<(Token, User)>, Fault> {
        self.one("read a token and its user", user::OF_TOKEN, key.as_str()).await
    }
}
