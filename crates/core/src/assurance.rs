//! Assurance levels, and how long a session of each level lasts.
//!
//! A session's level never exceeds that of the authentication that created it. A backup code proves possession of the
//! printed list and so reaches the same level as the device it replaces (NIST SP 800-63B-4 §3.1.2).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Kind, Session, Timestamp};

/// The assurance level of an authentication.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// One factor.
    Aal1,
    /// Two different factors: a password and a device.
    Aal2,
    /// Two factors, one of which resists phishing.
    PhishingResistant,
}

impl Level {
    /// The word that a store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::PhishingResistant => "phishing-resistant",
        }
    }

    /// The level for a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Aal1, Self::Aal2, Self::PhishingResistant].into_iter().find(|level| level.as_str() == word)
    }
}

/// What a user has proved, and when: of a session, and of a token that was made in one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proved {
    /// The assurance level.
    pub level: Level,
    /// The method of the second factor, if there was one.
    pub method: Option<Kind>,
    /// When the password was last proved.
    pub signed_in: Timestamp,
    /// When a device was last proved.
    pub verified: Option<Timestamp>,
}

impl Proved {
    /// Whether this level was reached, by a proof at most `span` ago.
    pub fn reaches(&self, level: Level, span: Duration, now: Timestamp) -> bool {
        self.level >= level && self.auth_time().is_within(span, now)
    }

    /// Whether two factors were proved, the second at most `span` ago.
    pub fn verified_within(&self, span: Duration, now: Timestamp) -> bool {
        self.level >= Level::Aal2 && self.proved_within(span, now)
    }

    /// Whether a device was proved at most `span` ago, whatever its assurance.
    pub fn proved_within(&self, span: Duration, now: Timestamp) -> bool {
        self.verified.is_some_and(|at| at.is_within(span, now))
    }

    /// Whether nothing that `earlier` proves was taken back since: the level is no lower, and no proof is older.
    pub fn still_proves(&self, earlier: &Self) -> bool {
        self.level >= earlier.level && self.signed_in >= earlier.signed_in && self.verified >= earlier.verified
    }

    /// The time of the last proof: `auth_time` in RFC 9470 §6.2.
    pub fn auth_time(&self) -> Timestamp {
        self.verified.map_or(self.signed_in, |at| at.max(self.signed_in))
    }

    /// The methods as RFC 8176 §2 names them. It has no name for e-mail, nor for a host's own methods.
    pub fn amr(&self) -> Vec<&'static str> {
        let by_device = self.method.as_ref().and_then(|method| match method {
            method if *method == Kind::SMS => Some("sms"),
            method if *method == Kind::CALL => Some("tel"),
            method if [Kind::TOTP, Kind::HOTP, Kind::YUBIKEY, Kind::BACKUP_CODES].contains(method) => Some("otp"),
            _ => None,
        });
        let several = (self.level >= Level::Aal2).then_some("mfa");
        ["pwd"].into_iter().chain(by_device).chain(several).collect()
    }
}

/// The time-outs of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lifetime {
    /// The idle time-out.
    pub idle: Duration,
    /// The absolute time-out.
    pub absolute: Duration,
}

/// The time-outs by level (NIST SP 800-63B-4 §§2.1.3, 2.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lifetimes {
    /// For a session with one factor.
    pub aal1: Lifetime,
    /// For a session with two factors or better.
    pub aal2: Lifetime,
}

impl Default for Lifetimes {
    /// One factor: idle 7 days, 30 days in all. Two factors: idle 10 hours, 24 hours in all. NIST recommends one idle
    /// hour for two factors; users who work with a site all day would sign in several times a day.
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self {
            aal1: Lifetime { idle: DAY.saturating_mul(7), absolute: DAY.saturating_mul(30) },
            aal2: Lifetime { idle: Duration::from_hours(10), absolute: DAY },
        }
    }
}

impl Lifetimes {
    /// The time-outs of a session of this level.
    pub fn of(&self, level: Level) -> Lifetime {
        match level {
            Level::Aal1 => self.aal1,
            Level::Aal2 | Level::PhishingResistant => self.aal2,
        }
    }

    /// The longest absolute time-out of any session.
    pub fn longest(&self) -> Duration {
        self.aal1.absolute.max(self.aal2.absolute)
    }

    /// When `session` expires unless it is used before.
    pub fn end(&self, session: &Session) -> Timestamp {
        let lifetime = self.of(session.level);
        session.last_seen.after(lifetime.idle).min(session.created.after(lifetime.absolute))
    }

    /// Whether `session` has not expired, and was not dated by a clock that was ahead.
    pub fn allow(&self, session: &Session, now: Timestamp) -> bool {
        now < self.end(session) && session.is_credible(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_seconds(43_200);

    fn proved(level: Level, method: Option<Kind>, verified: Option<Timestamp>) -> Proved {
        Proved { level, method, signed_in: NOON, verified }
    }

    #[test]
    fn methods_have_their_registered_names() {
        let amr = |level, method| proved(level, method, None).amr().join(" ");
        assert_eq!(amr(Level::Aal1, None), "pwd");
        for (method, names) in [
            (Kind::TOTP, "pwd otp mfa"),
            (Kind::HOTP, "pwd otp mfa"),
            (Kind::YUBIKEY, "pwd otp mfa"),
            (Kind::BACKUP_CODES, "pwd otp mfa"),
            (Kind::SMS, "pwd sms mfa"),
            (Kind::CALL, "pwd tel mfa"),
            (Kind::new("host's own"), "pwd mfa"),
        ] {
            assert_eq!(amr(Level::Aal2, Some(method)), names);
        }
        assert_eq!(amr(Level::Aal1, Some(Kind::EMAIL)), "pwd");
    }

    #[test]
    fn what_was_proved_still_is_until_the_level_falls_or_a_proof_goes() {
        let at = |minutes| Some(NOON.after(Duration::from_mins(minutes)));
        let read = proved(Level::Aal2, Some(Kind::TOTP), at(1));
        for row in [read.clone(), proved(Level::Aal2, Some(Kind::SMS), at(2))] {
            assert!(row.still_proves(&read), "{row:?}");
        }
        for row in [
            proved(Level::Aal1, Some(Kind::TOTP), at(1)),
            proved(Level::Aal2, Some(Kind::TOTP), at(0)),
            proved(Level::Aal2, Some(Kind::TOTP), None),
            Proved { signed_in: Timestamp::from_seconds(0), ..read.clone() },
        ] {
            assert!(!row.still_proves(&read), "{row:?}");
        }
    }

    #[test]
    fn the_last_proof_counts() {
        let hour = Duration::from_hours(1);
        let verified = proved(Level::Aal2, Some(Kind::TOTP), Some(NOON.after(hour)));
        assert_eq!(verified.auth_time(), NOON.after(hour));
        assert!(verified.reaches(Level::Aal2, hour, NOON.after(hour * 2)));
        assert!(!verified.reaches(Level::Aal2, hour, NOON.after(hour * 3)));
        assert!(!verified.reaches(Level::PhishingResistant, hour, NOON.after(hour)));
        assert_eq!(proved(Level::Aal1, None, None).auth_time(), NOON);
    }
}
