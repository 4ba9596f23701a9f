//! Timestamps, as numbers that the caller read from a clock.
//!
//! A [`Timestamp`] counts milliseconds since the Unix epoch. Arithmetic saturates and never overflows.
//!
//! A stored time is only as good as the clock that wrote it. [`Timestamp::is_credible`] is the one rule for all of
//! them: a time more than [`CLOCK_TOLERANCE`] in the future was written by a wrong clock and is not accepted. A proof
//! or session with such a time is invalid; a lock, a budget or a lease keeps its count and restarts now, so that it
//! ends at most one limit later. Replay marks do not depend on the clock.
//! now, so that it ends at most one limit later. Replay marks are no moments: they hold whatever the clock says.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How far in the future a stored time may be: the maximum difference between the clocks of two nodes.
pub const CLOCK_TOLERANCE: Duration = Duration::from_mins(1);

/// A time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest time.
    pub const MAX: Self = Self(i64::MAX);

    /// The time this many milliseconds after the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The time this many seconds after the Unix epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time `span` later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// The time `span` earlier.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// Whether a correct clock can have written this stored time: it is at most [`CLOCK_TOLERANCE`] in the future.
    pub fn is_credible(self, now: Self) -> bool {
        self <= now.after(CLOCK_TOLERANCE)
    }

    /// Whether a correct clock can have written this stored end of something that lasts at most `limit`.
    pub fn is_credible_end(self, limit: Duration, now: Self) -> bool {
        self <= now.after(limit).after(CLOCK_TOLERANCE)
    }

    /// Whether at most `span` has passed since this stored time. Always false for one that is not credible.
    pub fn is_within(self, span: Duration, now: Self) -> bool {
        self.is_credible(now) && now.since(self) <= span
    }

    /// The time passed since `earlier`; zero if this time is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::from_seconds(i64::MAX).after(Duration::MAX).as_millis(), i64::MAX);
        assert_eq!(Timestamp::from_millis(i64::MIN).before(Duration::MAX).as_millis(), i64::MIN);
        assert_eq!(Timestamp::from_millis(5).since(Timestamp::from_millis(9)), Duration::ZERO);
    }

    #[test]
    fn a_moment_more_than_a_minute_ahead_is_not_credible_and_never_recent() {
        const NOW: Timestamp = Timestamp::from_seconds(1000);
        let (ahead, hour) = (NOW.after(CLOCK_TOLERANCE), Duration::from_hours(1));
        let beyond = ahead.after(Duration::from_millis(1));
        assert!(NOW.is_credible(NOW) && ahead.is_credible(NOW) && !beyond.is_credible(NOW));
        assert!(ahead.is_within(hour, NOW) && !beyond.is_within(hour, NOW));
        assert!(NOW.is_within(hour, NOW.after(hour)) && !NOW.is_within(hour, beyond.after(hour)));
        assert!(ahead.after(hour).is_credible_end(hour, NOW) && !beyond.after(hour).is_credible_end(hour, NOW));
    }

    #[test]
    fn seconds_round_down_on_both_sides_of_the_epoch() {
        assert_eq!(Timestamp::from_millis(-1).as_seconds(), -1);
        assert_eq!(Timestamp::from_millis(1999).as_seconds(), 1);
    }
}
