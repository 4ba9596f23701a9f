//! The application's own users: any table works that has an id, a name and a value that changes with the password.

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

/// The users table.
#[derive(Clone, Debug)]
pub struct People {
    table: Arc<Mutex<Connection>>,
    /// The hash to compare with for a name that does not exist, made by the same function: so it takes as long.
    nobody: String,
    /// At most as many hashes in parallel as there are cores: each takes 19 MiB.
    hashing: Arc<Semaphore>,
}

impl People {
    /// Opens the table, or creates it.
    ///
    /// Two things are worth copying. `AUTOINCREMENT` never reuses an id: without it the next user gets the id of the
    /// last removed one, with all devices and sessions of that id. The stamp is a random text, so that no two users
    /// have the same.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let table = Connection::open(file)?;
        table.execute_batch(
            "CREATE TABLE IF NOT EXISTS person (
                id        INTEGER PRIMARY KEY AUTOINCREMENT,
                name      TEXT NOT NULL,
                canonical TEXT NOT NULL UNIQUE,
                hash      TEXT NOT NULL,
                stamp     TEXT NOT NULL DEFAULT (lower(hex(randomblob(16))))
            )",
        )?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (table, hashing) = (Arc::new(Mutex::new(table)), Arc::new(Semaphore::new(cores)));
        Ok(Self { table, nobody: hash("nobody's password")?, hashing })
    }

    /// Adds a user, unless the name is taken, in this spelling or another.
    pub fn add_once(&self, name: &str, password: &str) -> anyhow::Result<()> {
        let hash = hash(password)?;
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let insert = "INSERT INTO person (name, canonical, hash) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        table.execute(insert, params![name, self.canonical(name), hash])?;
        Ok(())
    }

    /// Removes a user. The caller must call `Engine::forget_user` next, which removes the devices and sessions.
    pub fn remove(&self, id: &UserId) -> anyhow::Result<()> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.execute("DELETE FROM person WHERE id = ?1", [id.as_str()])?;
        Ok(())
    }

    fn find(&self, column: &'static str, value: &str) -> Result<Option<Person>, Fault> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let select = format!("SELECT id, name, hash, stamp FROM person WHERE {column} = ?1");
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
    stamp: String,
}

impl Person {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, name: row.get(1)?, hash: row.get(2)?, stamp: row.get(3)? })
    }

    /// What Countersign needs to know. Sessions end when the stamp changes: code that stores a new hash must store a
    /// new stamp.
    fn user(self) -> User {
        User { id: UserId::new(self.id.to_string()), name: self.name, active: true, staff: false, stamp: self.stamp }
    }
}

#[async_trait]
impl Users for People {
    async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
        Ok(self.find("canonical", &self.canonical(name))?.map(Person::user))
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
        let is_known = person.is_some();
        let (hash, password) = (person.map_or_else(|| self.nobody.clone(), |person| person.hash), password.clone());
        let check = tokio::task::spawn_blocking(move || {
            let hash = PasswordHash::new(&hash).map_err(|error| Fault::because("read a password hash", error))?;
            let matches = Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok();
            Ok(matches && is_known)
        });
        check.await.map_err(|error| Fault::because("check a password", error))?
    }
}

/// The hash of a password, with its parameters and a salt of its own.
fn hash(password: &str) -> anyhow::Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(hash.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// An invalid hash is refused at once, so the response time would reveal which names exist.
    #[test]
    fn t132_a_name_that_no_user_has_costs_the_same_hash_as_one_that_a_user_has() {
        let folder = tempfile::tempdir().unwrap();
        let people = People::open(&folder.path().join("people.db")).unwrap();
        people.add_once("ada", "correct horse battery").unwrap();
        let ada = people.find("canonical", "ada").unwrap().unwrap();
        let [nobody, ada] = [&people.nobody, &ada.hash].map(|hash| PasswordHash::new(hash).unwrap());
        assert_eq!((nobody.algorithm, nobody.version, &nobody.params), (ada.algorithm, ada.version, &ada.params));
        let [salt, length] = [&nobody, &ada].map(|hash| (hash.salt.is_some(), hash.hash.map(|hash| hash.len())));
        assert_eq!(salt, length);
        let verdict = Argon2::default().verify_password(b"wrong", &nobody);
        assert!(matches!(verdict, Err(argon2::password_hash::Error::PasswordInvalid)), "it was computed: {verdict:?}");
    }
}
