//! Limits the log lines about an operation that fails repeatedly.

use std::sync::atomic::{AtomicU64, Ordering};

/// Consecutive failures of one operation. When a disk is full or a database is down, every request fails the same way.
/// Only failures number 1, 2, 4, 8 and so on are logged, until the operation succeeds again.
#[derive(Debug, Default)]
pub struct FailureStreak(AtomicU64);

impl FailureStreak {
    /// Counts one more failure. Returns the number of consecutive failures if this one is to be logged.
    pub fn failed(&self) -> Option<u64> {
        let failures = self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        failures.is_power_of_two().then_some(failures)
    }

    /// Records that the operation has succeeded.
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
