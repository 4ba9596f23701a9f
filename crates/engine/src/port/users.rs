//! The host's users.

use std::fmt::Debug;

use async_trait::async_trait;
use countersign_core::{Refusal, Secret, UserId};

use crate::{Error, Fault};

/// A user, as the host knows them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// Identifies the user permanently: it must never be given to another user, even after this one was removed. A host
    /// that removes a user calls [`Engine::forget_user`](crate::Engine::forget_user).
    pub id: UserId,
    /// What the user types to sign in, and what pages show.
    pub name: String,
    /// Whether the user may sign in at all.
    pub active: bool,
    /// Whether the user is an administrator.
    pub staff: bool,
    /// Any text that changes whenever the user's credentials change. Sessions and pending logins carry it and are
    /// invalid once it differs. It must not reveal the password or help to guess it. A random text is best: a counter
    /// that starts at 0 for every user cannot distinguish two users who were given the same id.
    pub stamp: String,
}

impl User {
    /// Whether a session, token or attempt with this stamp is still valid.
    pub(crate) fn holds(&self, stamp: &str) -> bool {
        self.active && self.stamp == stamp
    }
}

/// The queue lane of a password that is to be hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// The browser sent a device cookie of the user. Such users take turns, each across all their browsers.
    Recognized,
    /// Every other request, possibly one of very many.
    Unrecognized,
}

/// Finds users and checks passwords.
#[async_trait]
pub trait Users: Debug + Send + Sync {
    /// The user who signs in with this name, given in canonical spelling.
    async fn by_name(&self, name: &str) -> Result<Option<User>, Fault>;

    /// The canonical spelling of a name: all spellings with the same result are one user and share one budget of
    /// failures.
    fn canonical(&self, name: &str) -> String {
        name.trim().to_lowercase()
    }

    /// The user for a name as typed at a sign-in. By default the user with its canonical spelling. A host whose
    /// spelling rule has changed can look for names stored under the earlier rule here.
    async fn by_login(&self, typed: &str) -> Result<Option<User>, Fault> {
        self.by_name(&self.canonical(typed)).await
    }

    /// The user with this id.
    async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault>;

    /// Whether this is the user's password. Must take as long for `None` (unknown name) as for any user, and must not
    /// check whether the user is active.
    async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault>;

    /// The same, for hosts with a queue for password hashing: `lane` says where the request is queued, so that requests
    /// without a device cookie never delay one that has it. Hosts without a queue need not implement this.
    async fn password_matches_in(&self, _lane: Lane, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        self.password_matches(user, password).await
    }

    /// Checks a new password against the host's rules and hashes it. Writes nothing: the engine decides afterwards
    /// whether the password may still be changed. The default refuses because passwords are managed externally.
    async fn prepare_password(&self, _user: &User, _password: &Secret) -> Result<PreparedPassword, Error> {
        Err(Refusal::PasswordManagedExternally.into())
    }

    /// The minimum length of a new password in characters, if there is such a rule. For display only; it is not
    /// enforced here.
    fn min_password_length(&self) -> Option<usize> {
        None
    }

    /// Writes a prepared password and its stamp in one step, but only if the user's stamp is still `expected_stamp`,
    /// and returns the updated user; `None` if the user is gone or the stamp has changed, and then nothing is written.
    /// It cannot refuse: all sessions of the user have been ended before the call.
    async fn store_password(
        &self,
        _user: &UserId,
        _prepared: &PreparedPassword,
        _expected_stamp: &str,
    ) -> Result<Option<User>, Fault> {
        Err(Fault::new("store a password: the users prepare passwords and do not store them"))
    }
}

/// A password that was checked and hashed but not yet written.
///
/// It carries the stamp that the user will have once it is written. So the session that continues after a change of
/// password can be committed first, under that stamp: it is invalid until the password is written.
#[derive(Clone, Debug)]
pub struct PreparedPassword {
    hash: Secret,
    stamp: String,
    place: PasswordPlace,
}

/// Which side writes a prepared password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PasswordPlace {
    /// The host, in [`Users::store_password`].
    Users,
    /// The store, in the batch that ends the sessions.
    Store,
}

impl PreparedPassword {
    /// A password for [`Users::store_password`] to write: its hash, or whatever form the host keeps, and the user's new
    /// stamp. The stamp must differ from the current one; a random one is best.
    pub fn new(hash: impl Into<Secret>, stamp: impl Into<String>) -> Self {
        Self { hash: hash.into(), stamp: stamp.into(), place: PasswordPlace::Users }
    }

    /// The same for users in the store's own table: the store writes the password in the same batch as the other
    /// changes of a change of password.
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
