//! Throttling: how long a device is locked after failures.
//!
//! After `n` consecutive failures a device rejects answers for `factor × 2^(n-1)`, at most for `ceiling`. Answers given
//! while it is locked are neither checked nor counted, so a lock cannot be extended. Browsers with a device cookie wait
//! for the failures of such browsers only, all counted together, so other clients cannot lock the owner out, and many
//! cookies try no faster than one. The hard cap on consecutive failures (NIST SP 800-63B-4 §3.2.2) counts all failures
//! and disables the one device. The delay never overflows.

use std::{num::NonZeroU32, time::Duration};

use crate::Timestamp;

/// How a request is recognised by the throttle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It has proved the password, and nothing else is known: possibly an attacker.
    Unrecognized,
    /// It has a device cookie of this user, from a browser in which a device was proved before.
    Recognized,
    /// It is in a session of this user. Failures are counted on that session and not on the device.
    InSession,
}

/// The failures of one device since its last success.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Throttle {
    /// Consecutive failures of all requests.
    pub failures: u32,
    /// The time of the last one.
    pub last_failure: Option<Timestamp>,
    /// Those from browsers with a device cookie, all counted together.
    pub recognized: Option<Streak>,
}

/// Consecutive failures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Streak {
    /// How many.
    pub failures: u32,
    /// The time of the last one.
    pub last: Timestamp,
}

/// The delays and the cap after failures.
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
    /// One second, doubling up to 15 minutes; disabled at 100 consecutive failures.
    fn default() -> Self {
        Self { factor: Duration::from_secs(1), ceiling: Duration::from_mins(15), cap: NonZeroU32::new(100) }
    }
}

impl ThrottleRule {
    /// No delay and no cap.
    pub const OFF: Self = Self { factor: Duration::ZERO, ceiling: Duration::ZERO, cap: None };

    /// The delay after this many consecutive failures.
    pub fn delay(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let times = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.factor.saturating_mul(times).min(self.ceiling)
    }

    /// Until when a device with these failures rejects answers of this standing; `None` if it accepts them now. The
    /// lock no longer holds at the returned time itself.
    pub fn locked_until(&self, throttle: &Throttle, standing: Standing, now: Timestamp) -> Option<Timestamp> {
        let streak = throttle.streak(standing)?;
        let delay = self.delay(streak.failures);
        // The last failure may be slightly in the future, by another node's clock: a zero delay is no lock, even then.
        if delay.is_zero() {
            return None;
        }
        let until = streak.last.after(delay);
        (now < until).then_some(until)
    }

    /// Whether this many failures disable the device.
    pub fn disables(&self, failures: u32) -> bool {
        self.cap.is_some_and(|cap| failures >= cap.get())
    }
}

impl Throttle {
    /// The failures that apply to this standing.
    pub fn streak(&self, standing: Standing) -> Option<Streak> {
        match standing {
            Standing::Unrecognized => self.last_failure.map(|last| Streak { failures: self.failures, last }),
            Standing::Recognized => self.recognized,
            Standing::InSession => None,
        }
    }

    /// Counts one failure more.
    #[must_use]
    pub fn failed(mut self, standing: Standing, now: Timestamp) -> Self {
        if standing == Standing::InSession {
            return self;
        }
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(now);
        if standing == Standing::Recognized {
            let before = self.recognized.map_or(0, |streak| streak.failures);
            self.recognized = Some(Streak { failures: before.saturating_add(1), last: now });
        }
        self
    }

    /// Takes one failure back: it was charged in advance, and there was none.
    #[must_use]
    pub fn forgiven(mut self, standing: Standing) -> Self {
        if standing == Standing::InSession {
            return self;
        }
        self.failures = self.failures.saturating_sub(1);
        if self.failures == 0 {
            self.last_failure = None;
        }
        if standing == Standing::Recognized {
            self.recognized = self.recognized.and_then(|streak| {
                let failures = streak.failures.checked_sub(1).filter(|failures| *failures > 0)?;
                Some(Streak { failures, ..streak })
            });
        }
        self
    }

    /// The same failures with the last one now, if a clock that was ahead dated it; `None` if every time is credible.
    pub fn corrected(&self, now: Timestamp) -> Option<Self> {
        let credible = |moment: Timestamp| if moment.is_credible(now) { moment } else { now };
        let corrected = Self {
            failures: self.failures,
            last_failure: self.last_failure.map(credible),
            recognized: self.recognized.map(|streak| Streak { last: credible(streak.last), ..streak }),
        };
        (corrected != *self).then_some(corrected)
    }
}

#[cfg(test)]
mod tests {
    use super::{Standing::*, *};
    use crate::method::{hotp::HotpRule, totp::TotpRule};

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
        let throttle = Throttle::default().failed(Unrecognized, NOON).failed(Unrecognized, NOON);
        let end = NOON.after(Duration::from_secs(2));
        assert_eq!(rule.locked_until(&throttle, Unrecognized, end.before(Duration::from_millis(1))), Some(end));
        assert_eq!(rule.locked_until(&throttle, Unrecognized, end), None);
    }

    /// T105: all browsers with a device cookie wait for each other's failures, and the cap counts all failures.
    #[test]
    fn t105_device_cookies_wait_for_their_own_failures_all_together() {
        let rule = ThrottleRule::default();
        let throttle = (0..30).fold(Throttle::default(), |throttle, _| throttle.failed(Unrecognized, NOON));
        assert_eq!(rule.locked_until(&throttle, Recognized, NOON), None);
        let throttle = throttle.failed(Recognized, NOON).failed(Recognized, NOON);
        assert_eq!(rule.locked_until(&throttle, Recognized, NOON), Some(NOON.after(Duration::from_secs(2))));
        assert_eq!(rule.locked_until(&throttle, Unrecognized, NOON), Some(NOON.after(rule.ceiling)));
        assert_eq!(rule.locked_until(&throttle, InSession, NOON), None);
        assert_eq!((throttle.failures, throttle.clone().failed(InSession, NOON)), (32, throttle));
    }

    #[test]
    fn a_failure_that_was_none_is_taken_back_where_it_was_counted() {
        for standing in [Unrecognized, Recognized, InSession] {
            assert_eq!(Throttle::default().failed(standing, NOON).forgiven(standing), Throttle::default());
        }
        let twice = Throttle::default().failed(Recognized, NOON).failed(Recognized, NOON);
        let once = twice.forgiven(Recognized);
        assert_eq!((once.failures, once.recognized.map(|streak| streak.failures)), (1, Some(1)));
    }

    /// T117: a failure that a clock dated a year ahead delays for its own delay, once it was noticed.
    #[test]
    fn t117_a_failure_from_the_future_is_dated_now_and_keeps_its_count() {
        let rule = ThrottleRule::default();
        let ahead = NOON.after(Duration::from_hours(24 * 365));
        let throttle = Throttle::default().failed(Recognized, ahead).failed(Recognized, ahead);
        let corrected = throttle.corrected(NOON).unwrap();
        for standing in [Unrecognized, Recognized] {
            assert_eq!(rule.locked_until(&corrected, standing, NOON), Some(NOON.after(Duration::from_secs(2))));
        }
        assert_eq!((corrected.failures, corrected.corrected(NOON)), (2, None));
        assert_eq!(throttle.corrected(ahead), None);
    }

    /// T20, T21, the figures in SECURITY.md: with the defaults and codes of six digits, against an owner who never signs
    /// in, and against one who signs in every day; for the widest window that any method has, and for an app of which no
    /// drift was learned.
    #[test]
    fn a_guess_is_as_unlikely_as_we_say() {
        let widest = TotpRule::default().most_steps().max(HotpRule::default().most_codes());
        let undrifted = TotpRule { max_drift: 0, ..TotpRule::default() }.most_steps();
        assert_eq!((widest, undrifted, TotpRule::STRICT.most_steps()), (6, 3, 2), "codes in a million");
        let chance = |window: u32| f64::from(window) * 1e-6;
        let rule = ThrottleRule::default();
        let guesses_until = |end: Timestamp| {
            let (mut throttle, mut now) = (Throttle::default(), NOON);
            while now < end && !rule.disables(throttle.failures) {
                throttle = throttle.failed(Unrecognized, now);
                now = rule.locked_until(&throttle, Unrecognized, now).unwrap_or(now);
            }
            f64::from(throttle.failures)
        };
        let year = Duration::from_hours(365 * 24);
        assert!(guesses_until(NOON.after(year)) * chance(widest) <= 0.0006 + f64::EPSILON);
        let in_a_day = guesses_until(NOON.after(Duration::from_hours(24)));
        assert!(365.0 * in_a_day * chance(widest) < 0.22);
        assert!(365.0 * in_a_day * chance(undrifted) < 0.11);
    }

    #[test]
    fn factor_zero_never_locks_and_no_cap_never_disables() {
        let throttle = Throttle { failures: u32::MAX, last_failure: Some(NOON), ..Throttle::default() };
        assert_eq!(ThrottleRule::OFF.locked_until(&throttle, Unrecognized, NOON), None);
        let by_another_clock = NOON.before(Duration::from_secs(20));
        assert_eq!(ThrottleRule::OFF.locked_until(&throttle, Unrecognized, by_another_clock), None);
        assert!(!ThrottleRule::OFF.disables(u32::MAX));
        assert!(ThrottleRule::default().disables(100) && !ThrottleRule::default().disables(99));
    }
}
