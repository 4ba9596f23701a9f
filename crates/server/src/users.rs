//! The built-in users: the `Users` port over the store's table.
//!
//! All spellings of a name that are equal by Unicode and case are one name. A password is stored only as an Argon2id
//! hash; a name that does not exist costs the same hash. The stamp is 128 new random bits at every change of a password
//! and whenever a user is deactivated, so that sessions and attempts that depend on the old state end at once in every
//! running server.

mod name;
mod respelling;

use std::sync::Arc;

use async_trait::async_trait;
use countersign_engine::{
    Clock, Error, Fault, Lane, PreparedPassword, Random, User, Users,
    core::{Refusal, Secret, UserId},
};
use countersign_store::{Activity, Insertion, NewPassword, UserRow, UserTable};
use data_encoding::BASE64URL_NOPAD;

pub(crate) use self::{
    name::{UserName, email},
    respelling::{Respelled, respell},
};
use crate::{
    hashing::{self, Hashing, Match, NOBODY},
    password::{Owner, Rules},
};

/// The users of this server.
#[derive(Clone, Debug)]
pub(crate) struct BuiltInUsers {
    pub(crate) table: UserTable,
    pub(crate) hashing: Hashing,
    pub(crate) rules: Rules,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

/// A user to be added.
#[derive(Debug)]
pub(crate) struct NewUser {
    pub(crate) name: UserName,
    pub(crate) email: Option<String>,
    pub(crate) staff: bool,
    pub(crate) password: Secret,
}

/// The result of adding a user.
#[derive(Debug)]
pub(crate) enum Added {
    User(UserRow),
    NameTaken,
}

impl BuiltInUsers {
    /// The user of this name, in any spelling. A user whose name was stored in an earlier spelling is found by that one
    /// first, so that a user who was added later is not taken for them.
    pub(crate) async fn find(&self, name: &str) -> Result<Option<UserRow>, Fault> {
        let (canonical, earlier) = (name::canonical(name), name::earlier(name));
        if earlier != canonical
            && let Some(row) = self.table.by_canonical_name(&earlier).await?
        {
            return Ok(Some(row));
        }
        self.table.by_canonical_name(&canonical).await
    }

    /// All users, by name.
    pub(crate) async fn all(&self) -> Result<Vec<UserRow>, Fault> {
        self.table.list().await
    }

    /// Adds a user, with a password that follows the rules.
    pub(crate) async fn add(&self, new: NewUser) -> Result<Added, Error> {
        let owner = Owner { name: new.name.as_str(), email: new.email.as_deref() };
        self.rules.check(&new.password, owner)?;
        let now = self.clock.now();
        let row = UserRow {
            id: UserId::random(self.draw()),
            canonical_name: name::canonical(new.name.as_str()),
            name: new.name.into(),
            email: new.email,
            password_hash: self.hashing.hash(&new.password, self.draw()).await?.into(),
            active: true,
            staff: new.staff,
            stamp: self.new_stamp(),
            created: now,
            password_changed: now,
        };
        Ok(match self.table.insert(row.clone()).await? {
            Insertion::Inserted => Added::User(row),
            Insertion::NameTaken => Added::NameTaken,
        })
    }

    /// Whether this is the user's password.
    pub(crate) async fn has_password(&self, user: &UserRow, password: &Secret) -> Result<bool, Fault> {
        Ok(self.hashing.compare(password, user.password_hash.expose()).await? != Match::Different)
    }

    /// Sets a new password that follows the rules, and ends everything that depends on the old one.
    pub(crate) async fn renew_password(&self, user: &UserRow, password: &Secret) -> Result<UserRow, Error> {
        let new = self.new_password(user, password).await?;
        Ok(self.table.set_password(&user.id, &user.stamp, new).await?.ok_or(Refusal::AttemptExpired)?)
    }

    /// A new password that follows the rules, hashed, with a new stamp.
    async fn new_password(&self, user: &UserRow, password: &Secret) -> Result<NewPassword, Error> {
        self.rules.check(password, Owner { name: &user.name, email: user.email.as_deref() })?;
        if self.has_password(user, password).await? {
            return Err(Refusal::PasswordSame.into());
        }
        let hash = self.hashing.hash(password, self.draw()).await?.into();
        Ok(NewPassword { hash, stamp: self.new_stamp(), at: self.clock.now() })
    }

    /// Deactivates a user: their sessions and tokens stop working, and stay invalid if the user is reactivated.
    pub(crate) async fn deactivate(&self, user: &UserRow) -> Result<UserRow, Fault> {
        self.set_activity(user, Activity::Inactive).await
    }

    /// Reactivates a user.
    pub(crate) async fn activate(&self, user: &UserRow) -> Result<UserRow, Fault> {
        self.set_activity(user, Activity::Active).await
    }

    async fn set_activity(&self, user: &UserRow, activity: Activity) -> Result<UserRow, Fault> {
        let row = self.table.set_active(&user.id, activity, self.new_stamp()).await?;
        row.ok_or_else(|| Fault::new("find the user again"))
    }

    fn new_stamp(&self) -> String {
        BASE64URL_NOPAD.encode(&self.draw())
    }

    fn draw(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        bytes
    }

    /// Hashes a correct password again at today's cost. The login does not depend on it.
    async fn renew_hash(&self, hashing: &Hashing, user: &UserRow, password: &Secret) {
        let renewed = async {
            let next = hashing.hash(password, self.draw()).await?.into();
            self.table.set_hash_if(&user.id, &user.password_hash, &next).await
        };
        if let Err(fault) = renewed.await {
            tracing::warn!(%fault, "a password keeps its outdated hash");
        }
    }
}

#[async_trait]
impl Users for BuiltInUsers {
    async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
        Ok(self.find(name).await?.map(seen))
    }

    fn canonical(&self, name: &str) -> String {
        name::canonical(name)
    }

    async fn by_login(&self, typed: &str) -> Result<Option<User>, Fault> {
        Ok(self.find(typed).await?.map(seen))
    }

    async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault> {
        self.table.seen(id).await
    }

    async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        self.password_matches_in(Lane::Unrecognized, user, password).await
    }

    async fn password_matches_in(&self, lane: Lane, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        // Whether or not the user exists: one read and one hash.
        let id = user.map_or_else(|| UserId::new("nobody"), |user| user.id.clone());
        let row = self.table.by_id(&id).await?;
        let hash = row.as_ref().map_or(NOBODY, |row| row.password_hash.expose());
        let hashing = self.hashing.within(match (lane, user) {
            (Lane::Recognized, Some(user)) => hashing::Lane::Recognized(user.id.to_string()),
            _ => hashing::Lane::Strangers,
        });
        let verdict = hashing.compare(password, hash).await?;
        let Some(row) = row else { return Ok(false) };
        if verdict == Match::Outdated {
            self.renew_hash(&hashing, &row, password).await;
        }
        Ok(verdict != Match::Different)
    }

    fn min_password_length(&self) -> Option<usize> {
        Some(self.rules.shortest)
    }

    async fn prepare_password(&self, user: &User, password: &Secret) -> Result<PreparedPassword, Error> {
        let row = self.table.by_id(&user.id).await?.ok_or_else(|| Fault::new("find the user"))?;
        if row.stamp != user.stamp {
            return Err(Refusal::SignInNeeded.into());
        }
        let NewPassword { hash, stamp, .. } = self.new_password(&row, password).await?;
        Ok(PreparedPassword::in_store(hash, stamp))
    }

    async fn store_password(
        &self,
        user: &UserId,
        prepared: &PreparedPassword,
        expected_stamp: &str,
    ) -> Result<Option<User>, Fault> {
        let (hash, stamp) = (prepared.hash().clone(), prepared.stamp().to_owned());
        let new = NewPassword { hash, stamp, at: self.clock.now() };
        Ok(self.table.set_password(user, expected_stamp, new).await?.map(seen))
    }
}

/// The user as the engine sees them.
pub(crate) fn seen(row: UserRow) -> User {
    let UserRow { id, name, active, staff, stamp, .. } = row;
    User { id, name, active, staff, stamp }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use countersign_engine::core::Timestamp;
    use countersign_store::Database;
    use countersign_testkit::{
        SeededRandom, StillClock,
        contract::users::{self, Host, ShutOut},
    };
    use tempfile::TempDir;

    use super::*;

    struct OnSqlite {
        users: BuiltInUsers,
        _folder: TempDir,
    }

    impl OnSqlite {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let database = Database::Sqlite(folder.path().join("users.db"));
            database.migrate().await.unwrap();
            let users = BuiltInUsers {
                table: database.open().await.unwrap().users,
                hashing: Hashing::new(NonZeroUsize::MIN),
                rules: Rules { shortest: Rules::USUAL, site: "countersign.example".into() },
                clock: Arc::new(StillClock::at(Timestamp::from_seconds(43_200))),
                random: Arc::new(SeededRandom::new(7)),
            };
            Self { users, _folder: folder }
        }

        async fn row(&self, name: &str) -> UserRow {
            self.users.find(name).await.unwrap().unwrap()
        }
    }

    #[async_trait]
    impl Host for OnSqlite {
        fn users(&self) -> Arc<dyn Users> {
            Arc::new(self.users.clone())
        }

        async fn add(&self, name: &str, password: &Secret) {
            let name = UserName::parse(name).unwrap();
            let new = NewUser { name, email: None, staff: false, password: password.clone() };
            assert!(matches!(self.users.add(new).await.unwrap(), Added::User(_)));
        }

        async fn shut_out(&self, user: &User) -> ShutOut {
            self.users.deactivate(&self.row(&user.name).await).await.unwrap();
            ShutOut::Done
        }
    }

    #[tokio::test]
    async fn the_built_in_users_keep_the_contract() {
        users::run(OnSqlite::new).await;
    }
}
