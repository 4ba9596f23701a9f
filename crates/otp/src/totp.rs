//! TOTP (RFC 6238): HOTP whose counter is the time. This module never reads a clock and never widens a window; the time and
//! the steps come from the caller. It keeps the invariant that there is no step before `t0`.

use std::ops::RangeInclusive;

use crate::{Algorithm, Code, Digits, Key, hotp};

/// What a device and the server have agreed on, apart from the key.
///
/// The default is what authenticator apps assume: SHA-1, six digits, 30 seconds, counted from the Unix epoch.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Totp {
    /// The hash under the HMAC.
    pub algorithm: Algorithm,
    /// The length of a code.
    pub digits: Digits,
    /// The length of a time step (X in RFC 6238 section 4.1).
    pub step: Step,
    /// When step 0 began (T0 in RFC 6238 section 4.1), in Unix seconds.
    pub t0: i64,
}

impl Totp {
    /// The step that runs at `unix_seconds` (T in RFC 6238 section 4.2), or `None` before `t0`.
    pub fn step_at(&self, unix_seconds: i64) -> Option<u64> {
        let since = unix_seconds.abs_diff(self.t0);
        (unix_seconds >= self.t0).then_some(since / u64::from(self.step.seconds()))
    }

    /// The code of `step`.
    pub fn value(&self, key: &Key, step: u64) -> Code {
        hotp::value(key, step, self.algorithm, self.digits)
    }

    /// The lowest of `steps` whose code is `code`. All of them are computed and compared, found or not: see [`hotp::find`].
    pub fn find(&self, key: &Key, code: &Code, steps: RangeInclusive<u64>) -> Option<u64> {
        hotp::find(key, code, steps, self.algorithm, self.digits)
    }
}

/// The length of a time step: 1 to 3600 seconds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Step(u32);

impl Step {
    /// `None` unless `seconds` is within 1 to 3600.
    pub fn new(seconds: u32) -> Option<Step> {
        (1..=3600).contains(&seconds).then_some(Step(seconds))
    }

    /// The length in seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

/// 30 seconds (RFC 6238 section 5.2).
impl Default for Step {
    fn default() -> Step {
        Step(30)
    }
}
