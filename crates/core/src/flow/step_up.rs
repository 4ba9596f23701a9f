//! Proving oneself again in a running session.
//!
//! Whoever has a second factor proves a device; a password alone never renews a session of a user who has one. A user
//! without one has nothing to step up with. Wrong answers count against the session and against no device: a stolen session
//! takes nothing from its owner, and ends after a few of them. A session that takes the place of another without a new proof,
//! as after a change of password, goes on with the other's failures.

use std::time::Duration;

use crate::{Change, Device, DeviceId, Factors, Refusal, Session, Timestamp, method::Methods};

/// So many wrong answers end the session in which they were given.
pub const MAX_FAILURES: u32 = 5;

/// The wrong answers that were given in a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionFailures<'a> {
    /// The session.
    pub session: &'a Session,
    /// How many there were.
    pub failures: u32,
    /// How long they are remembered: for as long as the session may live.
    pub window: Duration,
}

impl<'a> SessionFailures<'a> {
    /// The name of the budget that counts them: that of the last proof of this user that the session depends on, because every
    /// session that depends on the same proof takes the place of another one.
    pub fn budget(session: &Session) -> String {
        let proved = session.verified.unwrap_or(session.signed_in);
        format!("step-up/{}/{}", session.user, proved.as_millis())
    }

    pub(crate) fn are_used_up(&self) -> bool {
        self.failures >= MAX_FAILURES
    }

    /// With one more, if it is charged.
    pub(crate) fn and_one_more(self, charge: Option<&Change>) -> SessionFailures<'a> {
        let more = u32::from(charge.is_some());
        SessionFailures { failures: self.failures.saturating_add(more), ..self }
    }

    pub(crate) fn charge(self, at: Timestamp) -> Change {
        let (key, window) = (Self::budget(self.session), self.window);
        Change::Spend { key, amount: 1, limit: MAX_FAILURES, at, window }
    }

    pub(crate) fn refund(self) -> Change {
        Change::Refund { key: Self::budget(self.session), amount: 1, until: Timestamp::MAX }
    }
}

/// The device that a signed-in user is asked for.
pub fn asked<'a, S>(factors: &'a Factors<S>, choice: Option<&DeviceId>) -> Result<&'a Device<S>, Refusal> {
    if !factors.enabled() {
        return Err(Refusal::NotEnabled);
    }
    factors.chosen(choice).ok_or(Refusal::DeviceDisabled)
}

/// The device that is asked where the proof has to be as sure as the user's devices can give it.
pub fn surest<'a, S>(factors: &'a Factors<S>, methods: &Methods) -> Result<&'a Device<S>, Refusal> {
    let first = asked(factors, None)?;
    let level = factors.level(methods);
    let surest =
        factors.active().into_iter().find(|device| !device.kind.is_fallback() && methods.level(&device.kind) >= level);
    Ok(surest.unwrap_or(first))
}
