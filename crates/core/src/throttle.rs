//! How long one is locked out.
//!
//! After `n` failures in a row a device refuses to look at answers for `factor × 2^(n-1)`, never longer than a ceiling.
//! Answers given while it is locked are not looked at and not counted, so nobody can extend a lock. The hard cap on
//! consecutive failures (NIST SP 800-63B-4 §3.2.2) disables the one device. The delay never overflows.

use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The failures of one device since its last success.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Throttle {
    /// Failures in a row.
    pub failures: u32,
    /// When the last of them was.
    pub last_failure: Option<Timestamp>,
}

/// How failures slow a guesser down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThrottleRule {
    /// The delay after the first failure; it doubles with each one. Zero switches the delay off.
    pub factor: Duration,
    /// The longest delay.
    pub ceiling: Duration,
    /// The number of consecutive failures at which the device is disabled; `None` never disables it.
    pub cap: Option<NonZeroU32>,
}

impl Default for ThrottleRule {
    /// One second doubling up to 15 minutes; disabled at 100 failures in a row.
    fn default() -> Self {
        Self { factor: Duration::from_secs(1), ceiling: Duration::from_mins(15), cap: NonZeroU32::new(100) }
    }
}

impl ThrottleRule {
    /// No delay and no cap.
    pub const OFF: Self = Self { factor: Duration::ZERO, ceiling: Duration::ZERO, cap: None };

    /// The delay that `failures` in a row bring.
    pub fn delay(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let times = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.factor.saturating_mul(times).min(self.ceiling)
    }

    /// Until when a device with this history refuses; `None` if it listens now. The end itself is free again.
    pub fn locked_until(&self, throttle: Throttle, now: Timestamp) -> Option<Timestamp> {
        let until = throttle.last_failure?.after(self.delay(throttle.failures));
        (now < until).then_some(until)
    }

    /// Whether this many failures disable the device.
    pub fn disables(&self, failures: u32) -> bool {
        self.cap.is_some_and(|cap| failures >= cap.get())
    }
}

impl Throttle {
    /// One failure more.
    #[must_use]
    pub fn failed(self, now: Timestamp) -> Self {
        Self { failures: self.failures.saturating_add(1), last_failure: Some(now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_seconds(43_200);

    #[test]
    fn the_delay_doubles_up_to_the_ceiling_and_never_overflows() {
        let rule = ThrottleRule::default();
        let seconds = |failures| rule.delay(failures).as_secs();
        assert_eq!([0, 1, 2, 3, 4, 5].map(seconds), [0, 1, 2, 4, 8, 16]);
        assert_eq!([11, 32, 33, 90, u32::MAX].map(seconds), [900; 5]);
    }

    #[test]
    fn the_lock_ends_exactly_at_its_end() {
        let rule = ThrottleRule::default();
        let throttle = Throttle::default().failed(NOON).failed(NOON);
        let end = NOON.after(Duration::from_secs(2));
        assert_eq!(rule.locked_until(throttle, end.before(Duration::from_millis(1))), Some(end));
        assert_eq!(rule.locked_until(throttle, end), None);
    }

    #[test]
    fn factor_zero_never_locks_and_no_cap_never_disables() {
        let throttle = Throttle { failures: u32::MAX, last_failure: Some(NOON) };
        assert_eq!(ThrottleRule::OFF.locked_until(throttle, NOON), None);
        assert!(!ThrottleRule::OFF.disables(u32::MAX));
        assert!(ThrottleRule::default().disables(100) && !ThrottleRule::default().disables(99));
    }
}
