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
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Step(u32);

impl Step {
    /// 30 seconds (RFC 6238 section 5.2).
    pub const DEFAULT: Step = Step(30);

    /// `None` unless `seconds` is within 1 to 3600.
    pub const fn new(seconds: u32) -> Option<Step> {
        if seconds >= 1 && seconds <= 3600 { Some(Step(seconds)) } else { None }
    }

    /// The length in seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

/// 30 seconds (RFC 6238 section 5.2).
impl Default for Step {
    fn default() -> Step {
        Step::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totp(step: u32, t0: i64) -> Totp {
        Totp { step: Step::new(step).unwrap(), t0, ..Totp::default() }
    }

    #[test]
    fn a_step_lasts_from_its_first_second_to_the_next_step() {
        for (seconds, step) in [(0, 0), (29, 0), (30, 1), (59, 1), (60, 2), (20_000_000_000, 666_666_666)] {
            assert_eq!(Totp::default().step_at(seconds), Some(step), "{seconds}");
        }
    }

    #[test]
    fn there_is_no_step_before_t0() {
        assert_eq!(Totp::default().step_at(-1), None);
        assert_eq!(totp(30, 100).step_at(99), None);
        assert_eq!(totp(30, 100).step_at(100), Some(0));
        assert_eq!(totp(30, -100).step_at(-101), None);
        assert_eq!(totp(30, -100).step_at(-100), Some(0));
        assert_eq!(totp(30, -100).step_at(20), Some(4));
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        assert_eq!(totp(1, i64::MIN).step_at(i64::MAX), Some(u64::MAX));
        assert_eq!(totp(1, i64::MAX).step_at(i64::MIN), None);
        assert_eq!(totp(1, i64::MAX).step_at(i64::MAX), Some(0));
    }

    #[test]
    fn the_ten_published_codes_come_by_shifting_t0() {
        // As django_otp.oath pins them (TOTP-20): one moment, seen from ten beginnings.
        let key = Key::new(*b"12345678901234567890");
        let codes: Vec<String> = (0..10)
            .map(|shift| {
                let totp = totp(30, 1_000_000_000 - 30 * shift);
                totp.value(&key, totp.step_at(1_000_000_000).unwrap()).as_str().to_owned()
            })
            .collect();
        assert_eq!(
            codes,
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
        );
    }

    #[test]
    fn a_step_is_one_second_to_one_hour() {
        for (seconds, legal) in [(0, false), (1, true), (30, true), (3600, true), (3601, false), (u32::MAX, false)] {
            assert_eq!(Step::new(seconds).map(Step::seconds), legal.then_some(seconds));
        }
        assert_eq!(Step::default().seconds(), 30);
    }
}
