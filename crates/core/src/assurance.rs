//! What each level of assurance means, and how long a session of that level lasts.
//!
//! A session's level never exceeds the event that made it. A backup code proves possession of the printed list and so
//! reaches the same level as the device it stands in for (NIST SP 800-63B-4 §3.1.2).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Session, Timestamp};

/// How sure we are of who is there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// One factor.
    Aal1,
    /// Two different factors: a password and a device.
    Aal2,
    /// Two factors, one of which cannot be typed into a wrong page.
    PhishingResistant,
}

impl Level {
    /// The word a store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::PhishingResistant => "phishing-resistant",
        }
    }

    /// The level a store kept as `word`.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Aal1, Self::Aal2, Self::PhishingResistant].into_iter().find(|level| level.as_str() == word)
    }
}

/// How long a session may live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lifetime {
    /// Without being used.
    pub idle: Duration,
    /// In all.
    pub absolute: Duration,
}

/// The life-times by level (NIST SP 800-63B-4 §§2.1.3, 2.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lifetimes {
    /// Of a session with one factor.
    pub aal1: Lifetime,
    /// Of a session with two factors or better.
    pub aal2: Lifetime,
}

impl Default for Lifetimes {
    /// One factor: idle 7 days, 30 days in all. Two factors: idle 1 hour, 24 hours in all.
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self {
            aal1: Lifetime { idle: DAY.saturating_mul(7), absolute: DAY.saturating_mul(30) },
            aal2: Lifetime { idle: Duration::from_hours(1), absolute: DAY },
        }
    }
}

impl Lifetimes {
    /// The life-time of a session of this level.
    pub fn of(&self, level: Level) -> Lifetime {
        match level {
            Level::Aal1 => self.aal1,
            Level::Aal2 | Level::PhishingResistant => self.aal2,
        }
    }

    /// When `session` ends unless it is used before.
    pub fn end(&self, session: &Session) -> Timestamp {
        let lifetime = self.of(session.level);
        session.last_seen.after(lifetime.idle).min(session.created.after(lifetime.absolute))
    }

    /// Whether `session` has not ended by itself.
    pub fn allow(&self, session: &Session, now: Timestamp) -> bool {
        now < self.end(session)
    }
}
