//! How long one is locked out.
//!
//! After `n` failures in a row a device refuses to look at answers for `factor × 2^(n-1)`, never longer than a ceiling.
//! Answers given while it is locked are not looked at and not counted, so nobody can extend a lock. A browser that its
//! owner is known by waits for its own failures only, so strangers cannot lock it out. The hard cap on consecutive failures
//! (NIST SP 800-63B-4 §3.2.2) counts everybody's and disables the one device. The delay never overflows.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{BrowserId, Timestamp};

/// Of so many known browsers failures are remembered; the one that failed longest ago is forgotten. Whoever has more of
/// them than that still meets the cap.
const MOST_BROWSERS: usize = 8;

/// The failures of one device since its last success.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Throttle {
    /// Failures in a row, wherever they came from.
    pub failures: u32,
    /// When the last of them was.
    pub last_failure: Option<Timestamp>,
    /// Those that came from browsers which the device's owner is known by.
    pub known: BTreeMap<BrowserId, Streak>,
}

/// Some failures in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Streak {
    /// How many.
    pub failures: u32,
    /// When the last of them was.
    pub last: Timestamp,
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

    /// Until when a device with this history refuses whoever comes with this known browser, or with none; `None` if it
    /// listens now. The end itself is free again.
    pub fn locked_until(&self, throttle: &Throttle, browser: Option<&BrowserId>, now: Timestamp) -> Option<Timestamp> {
        let streak = throttle.streak(browser)?;
        let delay = self.delay(streak.failures);
        // The last failure may lie ahead of us, by another node's clock or by a moment's: no delay is no lock, even then.
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
    /// The failures that whoever comes with this known browser, or with none, has to wait for.
    pub fn streak(&self, browser: Option<&BrowserId>) -> Option<Streak> {
        match browser {
            Some(browser) => self.known.get(browser).copied(),
            None => self.last_failure.map(|last| Streak { failures: self.failures, last }),
        }
    }

    /// One failure more.
    #[must_use]
    pub fn failed(mut self, browser: Option<&BrowserId>, now: Timestamp) -> Self {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(now);
        if let Some(browser) = browser {
            let before = self.known.get(browser).map_or(0, |streak| streak.failures);
            self.known.insert(browser.clone(), Streak { failures: before.saturating_add(1), last: now });
            self.forget_beyond(MOST_BROWSERS, browser);
        }
        self
    }

    /// One failure fewer: it was charged beforehand, and there was none.
    #[must_use]
    pub fn forgiven(mut self, browser: Option<&BrowserId>) -> Self {
        self.failures = self.failures.saturating_sub(1);
        if self.failures == 0 {
            self.last_failure = None;
        }
        if let Some(streak) = browser.and_then(|browser| self.known.get_mut(browser)) {
            streak.failures = streak.failures.saturating_sub(1);
        }
        self.known.retain(|_, streak| streak.failures > 0);
        self
    }

    fn forget_beyond(&mut self, most: usize, but: &BrowserId) {
        while self.known.len() > most {
            let others = self.known.iter().filter(|(browser, _)| *browser != but);
            let Some(oldest) = others.min_by_key(|(_, streak)| streak.last).map(|(browser, _)| browser.clone()) else {
                return;
            };
            self.known.remove(&oldest);
        }
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
        let throttle = Throttle::default().failed(None, NOON).failed(None, NOON);
        let end = NOON.after(Duration::from_secs(2));
        assert_eq!(rule.locked_until(&throttle, None, end.before(Duration::from_millis(1))), Some(end));
        assert_eq!(rule.locked_until(&throttle, None, end), None);
    }

    #[test]
    fn a_known_browser_waits_for_its_own_failures_and_the_cap_counts_all() {
        let rule = ThrottleRule::default();
        let (home, work) = (BrowserId::new("home"), BrowserId::new("work"));
        let throttle = (0..30).fold(Throttle::default(), |throttle, _| throttle.failed(None, NOON));
        assert_eq!(rule.locked_until(&throttle, Some(&home), NOON), None);
        let throttle = throttle.failed(Some(&home), NOON);
        assert_eq!(rule.locked_until(&throttle, Some(&home), NOON), Some(NOON.after(Duration::from_secs(1))));
        assert_eq!(rule.locked_until(&throttle, Some(&work), NOON), None);
        assert_eq!(rule.locked_until(&throttle, None, NOON), Some(NOON.after(rule.ceiling)));
        assert_eq!(throttle.failures, 31);
    }

    #[test]
    fn failures_of_so_many_browsers_are_remembered() {
        let later = |number: usize| NOON.after(Duration::from_secs(number as u64));
        let browser = |number: usize| BrowserId::new(number.to_string());
        let throttle = (0..=MOST_BROWSERS)
            .fold(Throttle::default(), |throttle, number| throttle.failed(Some(&browser(number)), later(number)));
        assert_eq!(throttle.known.len(), MOST_BROWSERS);
        assert!(throttle.streak(Some(&browser(0))).is_none() && throttle.streak(Some(&browser(1))).is_some());
        // Whoever has just failed is remembered, even by a clock that goes back.
        let throttle = throttle.failed(Some(&browser(99)), NOON.before(Duration::from_secs(1)));
        assert!(throttle.streak(Some(&browser(99))).is_some());
    }

    /// The figures in SECURITY.md: with the defaults and a window of three codes of six digits, against an owner who never
    /// signs in, and against one who signs in every day.
    #[test]
    fn a_guess_is_as_unlikely_as_we_say() {
        const CHANCE: f64 = 3e-6;
        let rule = ThrottleRule::default();
        let guesses_until = |end: Timestamp| {
            let (mut throttle, mut now) = (Throttle::default(), NOON);
            while now < end && !rule.disables(throttle.failures) {
                throttle = throttle.failed(None, now);
                now = rule.locked_until(&throttle, None, now).unwrap_or(now);
            }
            f64::from(throttle.failures)
        };
        let year = Duration::from_hours(365 * 24);
        assert!(guesses_until(NOON.after(year)) * CHANCE <= 0.0003 + f64::EPSILON);
        assert!(365.0 * guesses_until(NOON.after(Duration::from_hours(24))) * CHANCE <= 0.11);
    }

    #[test]
    fn factor_zero_never_locks_and_no_cap_never_disables() {
        let throttle = Throttle { failures: u32::MAX, last_failure: Some(NOON), ..Throttle::default() };
        assert_eq!(ThrottleRule::OFF.locked_until(&throttle, None, NOON), None);
        let by_another_clock = NOON.before(Duration::from_secs(20));
        assert_eq!(ThrottleRule::OFF.locked_until(&throttle, None, by_another_clock), None);
        assert!(!ThrottleRule::OFF.disables(u32::MAX));
        assert!(ThrottleRule::default().disables(100) && !ThrottleRule::default().disables(99));
    }
}
