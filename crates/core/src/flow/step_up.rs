//! Step-up: proving a device again in a valid session.
//!
//! A user with a second factor proves a device; a password alone never renews their session. A user without one has
//! nothing to step up with. Wrong answers are counted on the session and not on the device: with a stolen session an
//! attacker cannot lock the owner out, and the session ends after a few of them. A session that replaces another
//! without a new proof, as after a change of password, keeps the other's failures.

use std::time::Duration;

use crate::{BudgetChange, Change, Device, DeviceId, Factors, Level, Refusal, Session, Timestamp, method::Methods};

/// This number of wrong answers ends the session in which they were given.
pub const MAX_FAILURES: u32 = 5;

/// The wrong answers that were given in a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionFailures<'a> {
    /// The session.
    pub session: &'a Session,
    /// How many there were.
    pub failures: u32,
    /// How long they are counted: the maximum lifetime of the session.
    pub window: Duration,
}

impl<'a> SessionFailures<'a> {
    /// The budget that counts them, named by the last proof of this user that the session depends on, because every
    /// session that depends on the same proof replaces another one.
    pub fn budget(session: &Session) -> String {
        let proved = session.verified.unwrap_or(session.signed_in);
        format!("step-up/{}/{}", session.user, proved.as_millis())
    }

    pub(crate) fn are_used_up(&self) -> bool {
        self.failures >= MAX_FAILURES
    }

    /// The same with one more, if it is charged.
    pub(crate) fn and_one_more(self, charge: Option<&Change>) -> SessionFailures<'a> {
        let more = u32::from(charge.is_some());
        SessionFailures { failures: self.failures.saturating_add(more), ..self }
    }

    pub(crate) fn charge(self, at: Timestamp) -> Change {
        let (key, window) = (Self::budget(self.session), self.window);
        Change::Budget(BudgetChange::Charge { key, amount: 1, limit: MAX_FAILURES, at, window })
    }

    pub(crate) fn refund(self) -> Change {
        Change::Budget(BudgetChange::Refund { key: Self::budget(self.session), amount: 1, until: Timestamp::MAX })
    }
}

/// Which devices a step-up accepts: those of at least this level, by these methods.
#[derive(Clone, Copy, Debug)]
pub struct Required<'a> {
    /// The required level, if the step-up has one, limited to what the user's devices can reach.
    pub level: Option<Level>,
    /// The methods, with the level of each.
    pub methods: &'a Methods,
}

impl Required<'_> {
    /// Whether a proof of this device is sufficient.
    pub fn includes<S>(&self, device: &Device<S>, factors: &Factors<S>) -> bool {
        let level = self.level.map(|level| level.min(factors.level(self.methods)));
        level.is_none_or(|level| self.methods.level(&device.kind) >= level)
    }
}

/// The device that a signed-in user is asked for: the chosen one, or else the first that is strong enough.
pub fn asked<'a, S>(
    factors: &'a Factors<S>,
    choice: Option<&DeviceId>,
    required: Required<'_>,
) -> Result<&'a Device<S>, Refusal> {
    if !factors.enabled() {
        return Err(Refusal::NotEnabled);
    }
    let mut active = factors.active();
    active.retain(|device| required.includes(device, factors));
    let chosen = choice.and_then(|choice| active.iter().find(|device| device.id == *choice));
    chosen.or_else(|| first_strong(&active, factors, required.methods)).copied().ok_or(Refusal::DeviceDisabled)
}

/// The first of these devices with the strongest level among the user's devices, or else the first.
fn first_strong<'a, 'b, S>(
    active: &'b [&'a Device<S>],
    factors: &Factors<S>,
    methods: &Methods,
) -> Option<&'b &'a Device<S>> {
    let level = factors.level(methods);
    let strong = active.iter().find(|device| !device.kind.is_fallback() && methods.level(&device.kind) >= level);
    strong.or(active.first())
}

/// The device that is asked if the strongest level of the user's devices is required.
pub fn strongest<'a, S>(factors: &'a Factors<S>, methods: &Methods) -> Result<&'a Device<S>, Refusal> {
    asked(factors, None, Required { level: None, methods })
}

/// Refuses a user without a second factor, and a session of a level that none of the user's devices reaches any more,
/// because the device that verified it was removed: a weaker proof does not renew it, so the user has to sign in again.
pub fn can_renew<S>(session: &Session, factors: &Factors<S>, methods: &Methods) -> Result<(), Refusal> {
    if !factors.enabled() {
        return Err(Refusal::NotEnabled);
    }
    if session.level > factors.level(methods) { Err(Refusal::SignInNeeded) } else { Ok(()) }
}
