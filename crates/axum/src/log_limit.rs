//! Limits for log lines that any client can cause.
//!
//! A request for another host may be the operator's mistake, and so may `X-Forwarded-For` from a proxy that is not
//! listed, or a fault after which the client is told to retry: too many passwords to hash, or an unreachable database.
//! A request that seems to come from another site may be the work of a proxy. They are logged for that reason, but any
//! client can send such requests at will. Therefore at most ten lines of each kind are written per minute, and the
//! first line after that says how many were left out.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use countersign_engine::core::Timestamp;

/// The length of a window, in milliseconds, and the number of lines per window.
const WINDOW_MILLIS: i64 = 60_000;
const MAX_LINES: u32 = 10;

/// The limits of a site, by kind of line.
#[derive(Debug, Default)]
pub(crate) struct LogLimits {
    pub(crate) other_host: LogLimit,
    /// Requests that seem to come from another site, or have no valid form token.
    pub(crate) rejected: LogLimit,
    /// `X-Forwarded-For` from a peer that is not a trusted proxy.
    pub(crate) unlisted_proxy: LogLimit,
    /// Faults after which the client is told to retry.
    pub(crate) retryable: LogLimit,
    warned_of_missing_peer: AtomicBool,
}

impl LogLimits {
    /// Logs once that requests have no client IP address.
    pub(crate) fn warn_of_missing_peer(&self) {
        if !self.warned_of_missing_peer.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "requests have no `ConnectInfo`: limits by IP address are off, and events record no IP address; serve \
                 the router with `into_make_service_with_connect_info::<SocketAddr>()`"
            );
        }
    }
}

/// The limit for one kind of line.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    number: i64,
    written: u32,
    left_out: u32,
}

impl LogLimit {
    /// If a line may be written now, the number of lines left out since the last one.
    pub(crate) fn admit(&self, now: Timestamp) -> Option<u32> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.as_millis().div_euclid(WINDOW_MILLIS);
        if window.number != number {
            *window = Window { number, written: 0, left_out: window.left_out };
        }
        if window.written >= MAX_LINES {
            window.left_out = window.left_out.saturating_add(1);
            return None;
        }
        window.written = window.written.saturating_add(1);
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t137_a_minute_has_ten_lines_and_the_next_line_says_how_many_were_left_out() {
        let limit = LogLimit::default();
        let now = Timestamp::from_seconds(600);
        let written: Vec<_> = (0..50).filter_map(|_| limit.admit(now)).collect();
        assert_eq!(written, [0; 10]);
        assert_eq!(limit.admit(Timestamp::from_seconds(659)), None);
        assert_eq!(limit.admit(Timestamp::from_seconds(660)), Some(41));
        assert_eq!(limit.admit(Timestamp::from_seconds(661)), Some(0));
    }
}
