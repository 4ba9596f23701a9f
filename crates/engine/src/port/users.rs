//! The host's users.

use std::fmt::Debug;

use async_trait::async_trait;
use countersign_core::{Refusal, Secret, UserId};

use crate::{Fault, Stop};

/// A user, as the host knows them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// Names the user for ever: it must never be given to somebody else.
    pub id: UserId,
    /// What the user types to sign in, and what pages show.
    pub name: String,
    /// Whether the user may sign in at all.
    pub active: bool,
    /// Whether the user runs the place.
    pub staff: bool,
    /// Any text that changes whenever the user's credentials change. Sessions and pending logins carry it and die when
    /// it differs. It must not be, or allow guessing at, the password.
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

    /// Sets a new password and with it a new stamp, and returns the user as they are then. Keeps its own rules for
    /// passwords and refuses with a reason; refuses with [`Refusal::AttemptOver`] if the stamp is no longer the one in
    /// `user`, so that a change under way does not undo one that came between.
    async fn set_password(&self, _user: &User, _password: &Secret) -> Result<User, Stop> {
        Err(Refusal::PasswordElsewhere.into())
    }
}
