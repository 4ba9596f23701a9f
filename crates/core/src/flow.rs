//! Flows as pure data.
//!
//! Every attempt at a flow is an [`Attempt`]: the user, the purpose, the start, and the credential stamp. It is sealed
//! and handed to the browser; it is not a session and no guard accepts it. Completing an attempt closes its id in the
//! same commit, so it completes at most once; so does signing out. An attempt belongs to its session; an enrolment
//! moves on to the session that replaces that one after a proof. The rules of each flow are in a file of their own:
//!
//! ```text
//! password ──▶ login ──▶ session          session ──▶ step_up ──▶ session, freshly verified
//!                                          session ──▶ manage ──▶ enrolment, backup codes, disabling
//! ```

pub mod login;
pub mod manage;
pub mod stateless;
pub mod step_up;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{AttemptId, BudgetChange, Change, DeviceId, Level, Refusal, SessionKey, Timestamp, UserId, restored};

/// The purpose of an attempt. An attempt made for one purpose is invalid for every other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// From the password to a session.
    Login,
    /// Proving a device again in a running session.
    StepUp,
    /// Proving a new device.
    Enrol,
    /// Making new backup codes.
    BackupCodes,
    /// Removing a device.
    RemoveDevice,
    /// Removing every device.
    Disable,
}

impl Purpose {
    /// The word that binds a sealed attempt to its purpose.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::StepUp => "step-up",
            Self::Enrol => "enrol",
            Self::BackupCodes => "backup-codes",
            Self::RemoveDevice => "remove-device",
            Self::Disable => "disable",
        }
    }
}

/// An attempt at a flow. It never holds a password or a code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// The id of the attempt; completing it closes the id.
    pub id: AttemptId,
    /// Its purpose.
    pub purpose: Purpose,
    /// The user.
    pub user: UserId,
    /// The user's credential stamp at the start: the attempt is invalid once the stamp changes.
    pub stamp: String,
    /// When it began.
    pub started: Timestamp,
    /// The session it belongs to; `None` for a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionKey>,
    /// The device it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// Where the client wants to go afterwards; validated again before a redirect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What the password attempt was charged; refunded on completion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<Charge>,
    /// In a step-up, the lowest level that its device has to reach, if it has to reach one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// In an enrolment, the device that the commit which confirms the new one removes, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<DeviceId>,
}

/// The charge for a correct password, refunded in the commit that it leads to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[must_use = "a right password gives its charge back"]
pub struct Charge {
    /// Names the budget.
    pub budget: String,
    /// When a window that began with the charge would end: nothing is refunded in a later one.
    pub until: Timestamp,
}

impl Charge {
    /// The change that refunds it.
    pub fn refund(&self) -> Change {
        Change::Budget(BudgetChange::Refund { key: self.budget.clone(), amount: 1, until: self.until })
    }
}

impl Attempt {
    /// When it expires.
    pub fn end(&self, timeout: Duration) -> Timestamp {
        self.started.after(timeout)
    }

    /// Refuses an attempt that has expired, began in the future (beyond the permitted clock difference between nodes),
    /// or began with other credentials or in another session.
    pub fn check(
        &self,
        now: Timestamp,
        timeout: Duration,
        stamp: &str,
        session: Option<&SessionKey>,
    ) -> Result<(), Refusal> {
        let alive = self.started.is_credible(now)
            && now < self.end(timeout)
            && self.stamp == stamp
            && self.session.as_ref() == session;
        if alive { Ok(()) } else { Err(Refusal::AttemptExpired) }
    }

    /// Refuses an attempt that began before the database was restored: it may have been completed since the backup.
    pub fn check_restored(&self, restored: Option<Timestamp>, now: Timestamp) -> Result<(), Refusal> {
        let over = restored::believed(restored, now).is_some_and(|restored| self.started <= restored);
        if over { Err(Refusal::AttemptExpired) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::CLOCK_TOLERANCE;

    #[test]
    fn a_run_is_alive_in_its_time_under_its_stamp_and_in_its_session() {
        const NOON: Timestamp = Timestamp::from_seconds(43_200);
        let timeout = Duration::from_mins(10);
        let attempt = Attempt {
            id: AttemptId::new("attempt"),
            purpose: Purpose::StepUp,
            user: UserId::new("ada"),
            stamp: "stamp".into(),
            started: NOON,
            session: Some(SessionKey::new("session")),
            device: None,
            next: None,
            charge: None,
            level: None,
            replaces: None,
        };
        let (here, elsewhere) = (SessionKey::new("session"), SessionKey::new("other"));
        let alive = |now, stamp, session| attempt.check(now, timeout, stamp, session).is_ok();
        assert!(alive(NOON, "stamp", Some(&here)));
        assert!(alive(NOON.before(CLOCK_TOLERANCE), "stamp", Some(&here)));
        assert!(!alive(NOON.before(CLOCK_TOLERANCE * 2), "stamp", Some(&here)));
        assert!(alive(NOON.after(timeout).before(Duration::from_millis(1)), "stamp", Some(&here)));
        assert!(!alive(NOON.after(timeout), "stamp", Some(&here)));
        assert!(!alive(NOON, "other", Some(&here)));
        assert!(!alive(NOON, "stamp", Some(&elsewhere)) && !alive(NOON, "stamp", None));
    }
}
