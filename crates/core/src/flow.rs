//! Flows as pure data.
//!
//! Every run of a flow is an [`Attempt`]: who, for what, since when, and under which credentials. It is sealed and handed
//! to the browser; it is not a session and no guard takes it. Finishing a run spends its id in the same commit, so a run
//! finishes at most once; so does logging out. An attempt belongs to its session; a setup moves on to the session that replaces
//! that one after a proof. Each flow's own rules stand in a file of their own:
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

/// What a run of a flow is for. An attempt made for one purpose is void for every other.
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

/// One run of a flow. It never holds a password or a code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// Names the run; finishing spends it.
    pub id: AttemptId,
    /// What for.
    pub purpose: Purpose,
    /// Whose.
    pub user: UserId,
    /// The user's credential stamp at the start: the run dies when the stamp changes.
    pub stamp: String,
    /// When it began.
    pub started: Timestamp,
    /// The session it runs in; none for a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionKey>,
    /// The device it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// Where the browser wanted to go; checked again before it is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What the password was charged; finishing the run gives it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<Charge>,
    /// In a step-up, the lowest level that its device has to reach, if it has to reach one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// In a setup, the device that goes in the commit that confirms the new one, if one goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<DeviceId>,
}

/// What a right password was charged, to be given back in the commit that it leads to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[must_use = "a right password gives its charge back"]
pub struct Charge {
    /// Names the budget.
    pub budget: String,
    /// When a window that began with the charge would end: from a later one nothing is given back.
    pub until: Timestamp,
}

impl Charge {
    /// The change that gives it back.
    pub fn refund(&self) -> Change {
        Change::Budget(BudgetChange::Refund { key: self.budget.clone(), amount: 1, until: self.until })
    }
}

impl Attempt {
    /// When it ends by itself.
    pub fn end(&self, timeout: Duration) -> Timestamp {
        self.started.after(timeout)
    }

    /// Refuses a run that has timed out, began in the future (but for what clocks of several nodes may differ by), or
    /// began under other credentials or in another session.
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

    /// Refuses a run that began before the database was restored: whether it was finished since the backup is not known.
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
