//! The durability of commits: `synchronous_commit`, set explicitly on every connection.
//!
//! A session without its own setting follows the server's configuration at each reload, even down to `off`, and then an
//! accepted code could become valid again after a power failure. So each connection sets the level that the server has,
//! if that waits for the disk, and `on` otherwise; from then on the level only rises: the server is asked again once a
//! minute, and if it has a higher level, every connection adopts it.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::statements::postgres::{SYNC_ON, SYNC_REMOTE_APPLY, SYNC_REMOTE_WRITE};

/// How often the server is asked again.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// A value of `synchronous_commit` under which an answered commit survives a power cut, from the weakest with a standby to
/// the strongest. Without a standby all three are the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Level {
    /// The standby has it in its memory.
    RemoteWrite,
    /// The standby has it on its disk.
    On,
    /// The standby shows it to those who read there.
    RemoteApply,
}

impl Level {
    /// The level for a server that has this value: its own, or `on` where that does not wait (`off`, `local`).
    pub(super) fn for_server(value: &str) -> Self {
        match value {
            "remote_write" => Self::RemoteWrite,
            "remote_apply" => Self::RemoteApply,
            _ => Self::On,
        }
    }

    /// The statement that sets it for a session.
    pub(super) fn statement(self) -> &'static str {
        match self {
            Self::RemoteWrite => SYNC_REMOTE_WRITE,
            Self::On => SYNC_ON,
            Self::RemoteApply => SYNC_REMOTE_APPLY,
        }
    }
}

/// The level of all connections of one pool.
#[derive(Debug, Default)]
pub(super) struct Durability {
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    level: Option<Level>,
    /// When the level last rose: connections that were set before are to be set again.
    risen: Option<Instant>,
    looked: Option<Instant>,
}

impl Durability {
    /// The server has this value now. Returns the level that connections are to have.
    pub(super) fn found(&self, value: &str, now: Instant) -> Level {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let level = state.level.max(Some(Level::for_server(value)));
        if level > state.level {
            (state.level, state.risen) = (level, Some(now));
        }
        state.looked = Some(now);
        level.unwrap_or(Level::On)
    }

    /// Whether the server is to be asked again. Says so to one caller a minute.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = state.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK_EVERY);
        if is_due {
            state.looked = Some(now);
        }
        is_due
    }

    /// The level, if it has risen since a connection was last looked at.
    pub(super) fn risen_since(&self, last: Instant) -> Option<Level> {
        let state = *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.level.filter(|_| state.risen.is_some_and(|risen| risen >= last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t111_what_does_not_wait_for_the_disk_is_raised_and_what_waits_for_more_is_kept() {
        for (value, statement) in [
            ("off", "SET synchronous_commit = on"),
            ("local", "SET synchronous_commit = on"),
            ("on", "SET synchronous_commit = on"),
            ("remote_write", "SET synchronous_commit = remote_write"),
            ("remote_apply", "SET synchronous_commit = remote_apply"),
            ("something newer", "SET synchronous_commit = on"),
        ] {
            assert_eq!(Level::for_server(value).statement(), statement, "{value}");
        }
    }

    #[test]
    fn t111_the_level_only_rises_and_connections_from_before_follow() {
        let (durability, start) = (Durability::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(durability.found("remote_write", at(0)), Level::RemoteWrite);
        assert_eq!(
            (durability.is_due(at(59)), durability.is_due(at(60)), durability.is_due(at(61))),
            (false, true, false)
        );
        assert_eq!(durability.found("off", at(60)), Level::On, "an operator who switches it off gets what `on` is");
        assert_eq!(durability.risen_since(at(59)), Some(Level::On));
        assert_eq!(durability.risen_since(at(61)), None);
        assert_eq!(durability.found("remote_apply", at(120)), Level::RemoteApply);
        assert_eq!(durability.found("off", at(180)), Level::RemoteApply);
        assert_eq!(durability.risen_since(at(121)), None);
    }
}
