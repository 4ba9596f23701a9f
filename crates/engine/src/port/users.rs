//! The host's users.

use std::fmt::Debug;

use async_trait::async_trait;
use countersign_core::{Refusal, Secret, UserId};

use crate::{Error, Fault};

/// A user, as the host knows them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// Names the user for ever: it must never be given to another user, not even after this one was removed. A host that
    /// removes a user calls [`Engine::forget_user`](crate::Engine::forget_user).
    pub id: UserId,
    /// What the user types to sign in, and what pages show.
    pub name: String,
    /// Whether the user may sign in at all.
    pub active: bool,
    /// Whether the user runs the place.
    pub staff: bool,
    /// Any text that changes whenever the user's credentials change. Sessions and pending logins carry it and die when
    /// it differs. It must not be, or allow guessing at, the password. A random text is best: a counter that starts at 0 for
    /// every user does not tell two users apart who were given the same id.
    pub stamp: String,
}

impl User {
    /// Whether what carries this stamp still opens anything.
    pub(crate) fn holds(&self, stamp: &str) -> bool {
        self.active && self.stamp == stamp
    }
}

/// Where a password belongs in a queue of such that are to be hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// Whoever gives it shows a device cookie of the user's. Such users take turns, each over all their browsers.
    Recognized,
    /// Anybody else: perhaps one of very many.
    Unrecognized,
}

/// Finds users and checks passwords.
#[async_trait]
pub trait Users: Debug + Send + Sync {
    /// The user who signs in with this name, given in its one spelling.
    async fn by_name(&self, name: &str) -> Result<Option<User>, Fault>;

    /// The one spelling of a name: all spellings of it are one user and share one budget of failures.
    fn canonical(&self, name: &str) -> String {
        name.trim().to_lowercase()
    }

    /// The user who is meant by a name as it was typed at a sign-in. By default the one whose spelling it is. A host whose rule
    /// for spellings has changed can find here what was stored under the earlier one.
    async fn by_login(&self, typed: &str) -> Result<Option<User>, Fault> {
        self.by_name(&self.canonical(typed)).await
    }

    /// The user with this id.
    async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault>;

    /// Whether this is the user's password. Must take as long for `None` (nobody has that name) as for anybody, and
    /// must not look at whether the user is active.
    async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault>;

    /// The same, for users whose hashing has a queue: `lane` says where in it the request belongs, so that strangers never
    /// keep whoever shows a device cookie waiting. Whoever has no queue need not write this.
    async fn password_matches_in(&self, _lane: Lane, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        self.password_matches(user, password).await
    }

    /// Checks a new password against the host's rules and hashes it. Writes nothing: the engine decides afterwards whether
    /// the password may still be changed. Refuses with a reason; by default because passwords are kept elsewhere.
    async fn prepare_password(&self, _user: &User, _password: &Secret) -> Result<PreparedPassword, Error> {
        Err(Refusal::PasswordManagedExternally.into())
    }

    /// The fewest characters of a new password, if there is such a rule: told before one is typed. It decides nothing.
    fn min_password_length(&self) -> Option<usize> {
        None
    }

    /// Writes a prepared password and its stamp in one step, but only if the user's stamp is still `expected_stamp`, and
    /// returns the user as they are then; `None` if the user is gone or the stamp has changed, and then nothing is written.
    /// There is no way to refuse here: all sessions of the user have ended by now.
    async fn store_password(
        &self,
        _user: &UserId,
        _prepared: &PreparedPassword,
        _expected_stamp: &str,
    ) -> Result<Option<User>, Fault> {
        Err(Fault::new("store a password: the users prepare passwords and do not store them"))
    }
}

/// A password that was checked and hashed, and is not written yet.
///
/// It carries the stamp that the user will have once it is written. So the session that goes on after a change of password
/// can be committed first, under that stamp: it opens nothing until the password is there.
#[derive(Clone, Debug)]
pub struct PreparedPassword {
    hash: Secret,
    stamp: String,
    place: PasswordPlace,
}

/// Who writes a prepared password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PasswordPlace {
    /// The host, in [`Users::store_password`].
    Users,
    /// The store, in the batch that ends the sessions.
    Store,
}

impl PreparedPassword {
    /// A password that [`Users::store_password`] will write: its hash, or whatever the host keeps, and the stamp that the
    /// user will have then. The stamp must differ from the current one; a random one is best.
    pub fn new(hash: impl Into<Secret>, stamp: impl Into<String>) -> Self {
        Self { hash: hash.into(), stamp: stamp.into(), place: PasswordPlace::Users }
    }

    /// The same for users whose rows are in the store's own table: the store writes the password in the same batch as
    /// everything else that a change of password does.
    pub fn in_store(hash: impl Into<Secret>, stamp: impl Into<String>) -> Self {
        Self { place: PasswordPlace::Store, ..Self::new(hash, stamp) }
    }

    /// The hash.
    pub fn hash(&self) -> &Secret {
        &self.hash
    }

    /// The user's stamp once this is written.
    pub fn stamp(&self) -> &str {
        &self.stamp
    }

    pub(crate) fn place(&self) -> PasswordPlace {
        self.place
    }
}
