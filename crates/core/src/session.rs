//! Sessions: who is signed in, at which level, and since when.
//!
//! A session row exists only after every required factor was accepted; before that there is a
//! [`flow::Attempt`](crate::flow::Attempt), another type that no guard accepts. The row is found by the hash of its
//! token, so a stolen database grants access to no session. It carries the user's credential stamp, which every read
//! compares.

use std::time::Duration;

use crate::{DeviceId, Kind, Level, Repeat, Timestamp, UserId, assurance::Proved, id::Id};

/// Marks a session key.
#[derive(Debug)]
pub enum OfSession {}

/// The hash of a session's token, by which its row is found.
pub type SessionKey = Id<OfSession>;

/// A signed-in browser or client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// The hash of its token.
    pub key: SessionKey,
    /// The user who is signed in.
    pub user: UserId,
    /// The assurance level.
    pub level: Level,
    /// The user's credential stamp when it was created: the session is invalid once the stamp changes.
    pub stamp: String,
    /// The device that verified it, if any.
    pub device: Option<DeviceId>,
    /// The method of that device.
    pub method: Option<Kind>,
    /// When this row was created.
    pub created: Timestamp,
    /// When it was last used, to within a minute.
    pub last_seen: Timestamp,
    /// When the user last proved a password.
    pub signed_in: Timestamp,
    /// When the user last proved a device.
    pub verified: Option<Timestamp>,
    /// What is needed to repeat the call that created it, if that may be repeated.
    pub repeat: Option<Repeat>,
}

impl Session {
    /// Whether its token was not used yet, so that the call that created it may still be repeated.
    pub fn is_unused(&self) -> bool {
        self.repeat.as_ref().is_some_and(Repeat::is_open)
    }

    /// The same session after its token was used.
    #[must_use]
    pub fn used(self) -> Self {
        Self { repeat: self.repeat.map(Repeat::closed), ..self }
    }

    /// What was proved.
    pub fn proved(&self) -> Proved {
        let Self { level, method, signed_in, verified, .. } = self;
        Proved { level: *level, method: method.clone(), signed_in: *signed_in, verified: *verified }
    }

    /// Whether a proof of this level replaces the earlier one. A weaker one changes neither the level nor the device
    /// nor the time of its proof: a code by e-mail neither lowers a session nor makes its second factor recent.
    pub fn is_renewed_by(&self, level: Level) -> bool {
        level >= self.level
    }

    /// Whether no time in it was set by a clock that was ahead. A session that is not credible has ended.
    pub fn is_credible(&self, now: Timestamp) -> bool {
        let moments = [self.created, self.last_seen, self.signed_in].into_iter().chain(self.verified);
        moments.into_iter().all(|moment| moment.is_credible(now))
    }

    /// Whether two factors were proved, the second at most `span` ago.
    pub fn verified_within(&self, span: Duration, now: Timestamp) -> bool {
        self.level >= Level::Aal2 && self.proved_within(span, now)
    }

    /// Whether a device was proved at most `span` ago, whatever its assurance.
    pub fn proved_within(&self, span: Duration, now: Timestamp) -> bool {
        self.verified.is_some_and(|at| at.is_within(span, now))
    }

    /// Whether the password was proved at most `span` ago.
    pub fn signed_in_within(&self, span: Duration, now: Timestamp) -> bool {
        self.signed_in.is_within(span, now)
    }
}
