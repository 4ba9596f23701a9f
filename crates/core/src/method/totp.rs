//! Time-based codes from an authenticator app (RFC 6238).
//!
//! Accepts the code of a time step within a tolerance around the server's clock, or around that clock plus the drift
//! learned for this device, and consumes that step and every earlier one. The steps around the clock itself are always
//! included, so a device with a correct clock is accepted whatever was learned before. The learned drift is bounded, so
//! that repeated successes cannot move a device far from the clock, and decays while the device is not used. Always
//! compares all steps, even after a match.

use std::{ops::RangeInclusive, time::Duration};

use countersign_otp::{Algorithm, Code, Digits, Key, Step, Totp};
use serde::{Deserialize, Serialize};

use super::Check;
use crate::{Secret, Timestamp, mark::Mark};

/// A learned drift moves one step toward zero for each such span without use. It is long because a hardware token with
/// a drifting clock must still be found if it is used a few times a year.
const DRIFT_DECAY: Duration = Duration::from_hours(90 * 24);

/// How time-based codes are judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TotpRule {
    /// Steps behind the clock whose codes are accepted.
    pub behind: u8,
    /// Steps ahead of the clock whose codes are accepted.
    pub ahead: u8,
    /// The maximum learned drift in steps, in either direction. Zero learns nothing.
    pub max_drift: u8,
}

impl Default for TotpRule {
    /// One step either way, and up to four steps of learned drift.
    fn default() -> Self {
        Self { behind: 1, ahead: 1, max_drift: 4 }
    }
}

impl TotpRule {
    /// To the letter of OWASP ASVS 6.5.5: no step ahead, no learned drift, and at most one step behind.
    pub const STRICT: Self = Self { behind: 1, ahead: 0, max_drift: 0 };

    /// The maximum number of steps whose codes are accepted at one moment: those around the clock, and those around it
    /// plus the largest drift that are not among them. The odds in SECURITY.md depend on it.
    pub fn most_steps(&self) -> u32 {
        let tolerance = u32::from(self.behind).saturating_add(self.ahead.into()).saturating_add(1);
        tolerance.saturating_add(tolerance.min(self.max_drift.into()))
    }

    /// The current drift of a device.
    fn drift_of(self, state: &State, now: Timestamp) -> i16 {
        let bound = i16::from(self.max_drift);
        let drift = state.drift.clamp(-bound, bound);
        let unused = state.drift_learned.map_or(Duration::ZERO, |learned| now.since(learned));
        let decayed = i16::try_from(unused.as_secs() / DRIFT_DECAY.as_secs()).unwrap_or(i16::MAX);
        drift.signum().saturating_mul(drift.saturating_abs().saturating_sub(decayed).max(0))
    }
}

/// The longest step of an imported device: a code is valid that long, and for the neighbouring steps (NIST SP 800-63B-4
/// §3.1.4 recommends two minutes at most). Devices set up here have the 30 seconds of [`Step::default`].
pub const MAX_STEP: Step = match Step::new(120) {
    Some(step) => step,
    None => Step::DEFAULT,
};

/// The state of an authenticator app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The shared key.
    #[serde(with = "key_text")]
    pub key: Key,
    /// The hash behind the codes.
    #[serde(default, with = "algorithm_name")]
    pub algorithm: Algorithm,
    /// How many digits a code has.
    #[serde(default, with = "digit_count")]
    pub digits: Digits,
    /// The length of a time step.
    #[serde(default, with = "step_seconds")]
    pub step: Step,
    /// From when steps are counted, in Unix seconds.
    #[serde(default)]
    pub t0: i64,
    /// How many steps the device's clock was ahead when it was last used.
    #[serde(default)]
    pub drift: i16,
    /// When that drift was learned; `None` if there is none, or if it was not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_learned: Option<Timestamp>,
}

impl State {
    /// The length of a new key, in bytes: 160 bits (RFC 4226 §4, R6).
    pub const KEY_BYTES: usize = 20;

    /// A device with this key and the parameters that every app supports: SHA-1, six digits, 30 seconds.
    pub fn new(key: Key) -> Self {
        Self::with(key, Totp::default())
    }

    /// A device with this key and these parameters.
    pub fn with(key: Key, totp: Totp) -> Self {
        let Totp { algorithm, digits, step, t0 } = totp;
        Self { key, algorithm, digits, step, t0, drift: 0, drift_learned: None }
    }

    /// The parameters of its codes.
    pub fn totp(&self) -> Totp {
        Totp { algorithm: self.algorithm, digits: self.digits, step: self.step, t0: self.t0 }
    }
}

pub(super) fn check(state: &State, rule: TotpRule, answer: &Secret, now: Timestamp) -> Check {
    let Ok(code) = Code::parse(answer.expose(), state.digits) else { return Check::Malformed };
    let totp = state.totp();
    let Some(clock) = totp.step_at(now.as_seconds()) else { return Check::Wrong };
    let find = |drift| totp.find(&state.key, &code, window(clock, drift, rule));
    let learned = rule.drift_of(state, now);
    let drifted = if learned == 0 { None } else { find(learned) };
    // If one code belongs to two steps, the later one is consumed.
    let Some(step) = find(0).max(drifted) else { return Check::Wrong };
    let bound = i16::from(rule.max_drift);
    let drift = offset(step, clock).clamp(-bound, bound);
    let drift_learned = (drift != 0).then_some(now);
    let next = (drift, drift_learned) != (state.drift, state.drift_learned);
    let next = next.then(|| super::State::Totp(State { drift, drift_learned, ..state.clone() }));
    Check::right(Mark::Rising(step), next)
}

/// The last step whose code could be accepted at this moment: it and every earlier one may have been used by then.
/// `None` before the first step.
pub(crate) fn reached(state: &State, rule: TotpRule, at: Timestamp) -> Option<u64> {
    let clock = state.totp().step_at(at.as_seconds())?;
    let drift = state.drift.clamp(0, i16::from(rule.max_drift));
    Some(*window(clock, drift, rule).end())
}

fn window(clock: u64, drift: i16, rule: TotpRule) -> RangeInclusive<u64> {
    let centre = clock.saturating_add_signed(drift.into());
    centre.saturating_sub(rule.behind.into())..=centre.saturating_add(rule.ahead.into())
}

fn offset(step: u64, clock: u64) -> i16 {
    i16::try_from(step.cast_signed().saturating_sub(clock.cast_signed())).unwrap_or(0)
}

pub(super) mod key_text {
    use super::Key;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use zeroize::Zeroizing;

    pub(in crate::method) fn serialize<S: Serializer>(key: &Key, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&key.to_base32())
    }

    pub(in crate::method) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Key, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        Key::from_base32(&text).map_err(|_| D::Error::custom("not a base32 key"))
    }
}

pub(super) mod algorithm_name {
    use super::Algorithm;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(in crate::method) fn serialize<S: Serializer>(algorithm: &Algorithm, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(algorithm.name())
    }

    pub(in crate::method) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Algorithm, D::Error> {
        let name = String::deserialize(from)?;
        name.parse().map_err(|_| D::Error::custom("unknown algorithm"))
    }
}

pub(super) mod digit_count {
    use super::Digits;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(in crate::method) fn serialize<S: Serializer>(digits: &Digits, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8(digits.count())
    }

    pub(in crate::method) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Digits, D::Error> {
        Digits::new(u8::deserialize(from)?).ok_or_else(|| D::Error::custom("not 6 to 8 digits"))
    }
}

mod step_seconds {
    use super::Step;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(in crate::method) fn serialize<S: Serializer>(step: &Step, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u32(step.seconds())
    }

    pub(in crate::method) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Step, D::Error> {
        Step::new(u32::deserialize(from)?).ok_or_else(|| D::Error::custom("not a step in seconds"))
    }
}
