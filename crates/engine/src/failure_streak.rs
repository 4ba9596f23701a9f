//! Log lines about something that fails over and over, in a bounded number.

use std::sync::atomic::{AtomicU64, Ordering};

/// Failures in a row of one operation: while a disk is full or a database away, every request fails alike. Only the first, the
/// second, the fourth, the eighth failure and so on are worth a log line, until the operation succeeds again.
#[derive(Debug, Default)]
pub struct FailureStreak(AtomicU64);

impl FailureStreak {
    /// Counts one more failure. Returns how many there were in a row if this one is to be logged.
    pub fn failed(&self) -> Option<u64> {
        let failures = self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        failures.is_power_of_two().then_some(failures)
    }

    /// Notes that the operation has succeeded.
    pub fn succeeded(&self) {
        if self.0.load(Ordering::Relaxed) != 0 {
            self.0.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t137_a_streak_of_a_million_failures_has_twenty_lines() {
        let streak = FailureStreak::default();
        let logged: Vec<_> = (0..1_000_000).filter_map(|_| streak.failed()).collect();
        assert_eq!((logged.len(), logged[..4].to_vec()), (20, vec![1, 2, 4, 8]));
        streak.succeeded();
        assert_eq!(streak.failed(), Some(1));
    }
}
