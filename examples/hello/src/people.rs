//! The application's own users: any table will do that has an id, a name and something that changes with the password.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use async_trait::async_trait;
use countersign::engine::{
    Fault, User, Users,
    core::{Secret, UserId},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::Semaphore;

/// A hash that no password has, for names that nobody has: looking at it takes as long.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The users table.
#[derive(Clone, Debug)]
pub struct People {
    table: Arc<Mutex<Connection>>,
    /// As many hashes at once as there are cores: each takes 19 MiB.
    hashing: Arc<Semaphore>,
}

impl People {
    /// Opens the table, or makes it.
    pub fn open(file: &Path) -> rusqlite::Result<Self> {
        let table = Connection::open(file)?;
        table.execute_batch(
            "CREATE TABLE IF NOT EXISTS person (
                id INTEGER PRIMARY KEY, name TEXT UNIQUE, hash TEXT, password_changes INTEGER DEFAULT 0
            )",
        )?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { table: Arc::new(Mutex::new(table)), hashing: Arc::new(Semaphore::new(cores)) })
    }

    /// Adds somebody, unless the name is taken.
    pub fn add_once(&self, name: &str, password: &str) -> anyhow::Result<()> {
        let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|error| anyhow::anyhow!("{error}"))?;
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let insert = "INSERT INTO person (name, hash) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        table.execute(insert, params![name, hash.to_string()])?;
        Ok(())
    }

    fn find(&self, column: &'static str, value: &str) -> Result<Option<Person>, Fault> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let select = format!("SELECT id, name, hash, password_changes FROM person WHERE {column} = ?1");
        table
            .query_row(&select, [value], Person::read)
            .optional()
            .map_err(|error| Fault::because("read a person", error))
    }
}

struct Person {
    id: i64,
    name: String,
    hash: String,
    password_changes: i64,
}

impl Person {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, name: row.get(1)?, hash: row.get(2)?, password_changes: row.get(3)? })
    }

    /// What Countersign needs to know. Sessions end when the stamp changes: here, with every change of password.
    fn user(self) -> User {
        User {
            id: UserId::new(self.id.to_string()),
            name: self.name,
            active: true,
            staff: false,
            stamp: self.password_changes.to_string(),
        }
    }
}

#[async_trait]
impl Users for People {
    async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
        Ok(self.find("name", &self.canonical(name))?.map(Person::user))
    }

    async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault> {
        Ok(self.find("id", id.as_str())?.map(Person::user))
    }

    async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        let person = match user {
            Some(user) => self.find("id", user.id.as_str())?,
            None => None,
        };
        let _place = self.hashing.acquire().await.map_err(|error| Fault::because("wait for a core", error))?;
        let (hash, password) = (person.map_or_else(|| NOBODY.into(), |person| person.hash), password.clone());
        let check = tokio::task::spawn_blocking(move || {
            let hash = PasswordHash::new(&hash).map_err(|error| Fault::because("read a password hash", error))?;
            Ok(Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok())
        });
        check.await.map_err(|error| Fault::because("check a password", error))?
    }
}
