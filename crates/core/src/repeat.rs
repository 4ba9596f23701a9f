//! Calls that are sent twice: the same answer to the same attempt has the same result for a minute.
//!
//! A browser that submits a form twice, or a client whose response was lost, sends the call that created a session
//! again. The session's row keeps what is needed to return the result once more: the predecessor it is found by, the
//! call that created it, and the session's token and the answer, sealed so that only the client can unseal them. A
//! repeated call writes nothing. The window closes permanently with the first request that uses the new token and with
//! the first different answer, each in a commit of its own; otherwise it ends after [`REPEAT_WINDOW`]. Sign-out,
//! revocation and every other end of the session remove it with the row.
//!
//! ```text
//! call ──▶ session, open ──same answer──▶ the same session, still open
//!              │  │  └────── 60 s ───────▶ over
//!              │  └──different answer────▶ closed, one failure
//!              └─the new token is used───▶ closed
//! ```

use std::{fmt, time::Duration};

use crate::{AttemptId, Id, SessionKey, Timestamp};

/// How long a call may be repeated after its session was created.
pub const REPEAT_WINDOW: Duration = Duration::from_mins(1);

/// The calls that create a session and may be repeated. The attempt follows after a slash, if the call has one in a
/// session.
pub mod call {
    /// The second step of a sign-in.
    pub const LOGIN: &str = "login";
    /// Proving a device again.
    pub const STEP_UP: &str = "step-up";
    /// Confirming a new device.
    pub const ENROL: &str = "enrol";
    /// Changing the password.
    pub const PASSWORD: &str = "password";
    /// Switching two-factor authentication off.
    pub const DISABLE: &str = "disable";
}

/// Marks a predecessor.
#[derive(Debug)]
pub enum OfPredecessor {}

/// The predecessor of a session: the login attempt that it completed, or the session that it replaced.
pub type Predecessor = Id<OfPredecessor>;

impl From<&AttemptId> for Predecessor {
    fn from(attempt: &AttemptId) -> Self {
        Self::new(attempt.as_str())
    }
}

impl From<&SessionKey> for Predecessor {
    fn from(key: &SessionKey) -> Self {
        Self::new(key.as_str())
    }
}

/// What a session keeps of the call that created it, so that the call may be repeated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repeat {
    /// The session's predecessor.
    pub of: Predecessor,
    /// The name of the call, with its attempt if it has one.
    pub call: String,
    /// Until when the call may be repeated.
    pub until: Timestamp,
    /// The session's token and the answer, sealed; `None` once the window was closed.
    pub sealed: Option<SealedResult>,
}

/// A session's token and a keyed hash of the answer, sealed for the client that sent the answer.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedResult(pub Vec<u8>);

impl fmt::Debug for SealedResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedResult({} bytes)", self.0.len())
    }
}

impl Repeat {
    /// Whether the session was created less than [`REPEAT_WINDOW`] ago. Never for one dated by a clock that was ahead.
    pub fn is_recent(&self, now: Timestamp) -> bool {
        now < self.until && self.until.is_credible_end(REPEAT_WINDOW, now)
    }

    /// Whether it was created by a call of this name.
    pub fn is_of(&self, call: &str) -> bool {
        self.call.split('/').next() == Some(call)
    }

    /// Whether the window is still open: neither the new token was used nor a different answer sent.
    pub fn is_open(&self) -> bool {
        self.sealed.is_some()
    }

    /// The same with the window closed.
    #[must_use]
    pub fn closed(self) -> Self {
        Self { sealed: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::CLOCK_TOLERANCE;

    #[test]
    fn t160_a_call_may_be_repeated_for_a_minute_and_a_clock_that_was_ahead_lengthens_nothing() {
        const NOON: Timestamp = Timestamp::from_seconds(43_200);
        const MOMENT: Duration = Duration::from_millis(1);
        let repeat = Repeat {
            of: Predecessor::new("attempt"),
            call: "login".into(),
            until: NOON.after(REPEAT_WINDOW),
            sealed: Some(SealedResult(vec![1, 2, 3])),
        };
        assert!(repeat.is_recent(NOON) && repeat.is_recent(NOON.after(REPEAT_WINDOW).before(MOMENT)));
        assert!(!repeat.is_recent(NOON.after(REPEAT_WINDOW)));
        assert!(repeat.is_recent(NOON.before(CLOCK_TOLERANCE)), "the clocks of two nodes differ by so much");
        assert!(!repeat.is_recent(NOON.before(CLOCK_TOLERANCE).before(MOMENT)));
        assert!(repeat.is_of(call::LOGIN) && !repeat.is_of(call::STEP_UP));
        assert!(repeat.is_open() && !repeat.clone().closed().is_open());
        assert_eq!(format!("{:?}", repeat.sealed), "Some(SealedResult(3 bytes))");
    }
}
