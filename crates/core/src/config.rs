//! The settings that rules read, with defaults that are safe when nobody sets anything.

use std::time::Duration;

use crate::{
    Kind,
    assurance::Lifetimes,
    method::{hotp::HotpRule, totp::TotpRule},
    sending::SendingRule,
    throttle::ThrottleRule,
    token::TokenRule,
};

/// What an installation asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The name of this site: on pages, in messages and in authenticator apps. It has no default, and must not be empty.
    pub issuer: String,
    /// How long one may take from the password to the second factor, and from start to end of a setup.
    pub login_timeout: Duration,
    /// How long after proving a password or a device one may change factors without proving it again.
    pub reauthentication_window: Duration,
    /// How long sessions live.
    pub lifetimes: Lifetimes,
    /// How long events are kept; for ever if nothing is given.
    pub keep_events: Option<Duration>,
    /// How failures slow a guesser down.
    pub throttle: ThrottleRule,
    /// How time-based codes are judged.
    pub totp: TotpRule,
    /// How counted codes are judged.
    pub hotp: HotpRule,
    /// How codes are sent.
    pub sending: SendingRule,
    /// The methods that users may set up on their own, in the order in which they are offered; those that lack what they
    /// need, a gateway or a service, are passed over.
    pub offered: Vec<Kind>,
    /// How many confirmed devices a user may have, backup codes apart. At least 1.
    pub devices_per_user: u32,
    /// How many failed first steps an account, and an address, may have in a window.
    pub password_attempts: PasswordAttemptRule,
    /// How long after a complete sign-in a browser is one that its user is known by; zero: never.
    pub device_cookie_lifetime: Duration,
    /// How long tokens live, and how many there may be.
    pub tokens: TokenRule,
}

/// The budget of failed first steps. A browser that its user is known by has one of its own, as large.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PasswordAttemptRule {
    /// Failures that one account may have in a window.
    pub per_account: u32,
    /// Failures that one address may have in a window; IPv6 addresses count by /64.
    pub per_address: u32,
    /// How long after its first failure a budget is empty again.
    pub window: Duration,
    /// Passwords, right ones included, that may come from one IPv4 address or IPv6 /64 in ten seconds; from a single IPv6
    /// address half as many, from a /56 twice and from a /48 four times as many. Zero: any number.
    pub rate_per_ip: u32,
}

/// Why a policy cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Authenticator apps would show codes without saying what for.
    #[error("the site has no name: set `issuer`, which authenticator apps, pages and messages show")]
    NoIssuer,
    /// A login would never end, or end before it began.
    #[error("a login has to be finished within 1 second to 12 hours")]
    LoginTimeout,
    /// A code that was sent would be good for longer than NIST SP 800-63B-4 §3.1.3.1 allows.
    #[error("a code that was sent has to be over within 1 second to 10 minutes")]
    CodeLifetime,
    /// Codes of which all were verified would have a lower limit than others.
    #[error("a ceiling of codes a day cannot be lower than the number of codes a day below it")]
    CodeCeiling,
    /// Nobody could set a device up.
    #[error("a user has to be allowed at least one device")]
    NoDevices,
    /// A device would be disabled later than NIST SP 800-63B-4 §3.2.2 allows.
    #[error("a device has to be disabled after at most 100 failures in a row")]
    Cap,
}

impl Config {
    /// The longest `login_timeout` that may be set.
    pub const MAX_LOGIN_TTL: Duration = Duration::from_hours(12);
    /// The longest that a code which was sent may be good.
    pub const MAX_CODE_TTL: Duration = Duration::from_mins(10);
    /// The most failures in a row that a cap may allow (NIST SP 800-63B-4 §3.2.2).
    pub const MAX_FAILURES: u32 = 100;

    /// Whether the policy can be used. Switching delay and cap off altogether is possible, and for tests.
    pub fn check(&self) -> Result<(), ConfigError> {
        let login = Duration::from_secs(1)..=Self::MAX_LOGIN_TTL;
        if self.issuer.trim().is_empty() {
            return Err(ConfigError::NoIssuer);
        }
        if !login.contains(&self.login_timeout) {
            return Err(ConfigError::LoginTimeout);
        }
        let code = Duration::from_secs(1)..=Self::MAX_CODE_TTL;
        if !code.contains(&self.sending.lifetime) {
            return Err(ConfigError::CodeLifetime);
        }
        let SendingRule { per_user, per_user_ceiling, per_address, per_address_ceiling, .. } = self.sending;
        if per_user_ceiling < per_user || per_address_ceiling < per_address {
            return Err(ConfigError::CodeCeiling);
        }
        if self.devices_per_user == 0 {
            return Err(ConfigError::NoDevices);
        }
        if self.throttle.cap.is_some_and(|cap| cap.get() > Self::MAX_FAILURES) {
            return Err(ConfigError::Cap);
        }
        Ok(())
    }
}

impl Default for Config {
    /// Ten minutes for a login and for "recent", 400 days for events; everything else as its own type says.
    fn default() -> Self {
        Self {
            issuer: String::new(),
            login_timeout: Duration::from_mins(10),
            reauthentication_window: Duration::from_mins(10),
            lifetimes: Lifetimes::default(),
            keep_events: Some(Duration::from_hours(24 * 400)),
            throttle: ThrottleRule::default(),
            totp: TotpRule::default(),
            hotp: HotpRule::default(),
            sending: SendingRule::default(),
            offered: vec![Kind::TOTP, Kind::SMS, Kind::CALL, Kind::EMAIL, Kind::YUBIKEY],
            devices_per_user: 20,
            password_attempts: PasswordAttemptRule {
                per_account: 20,
                per_address: 200,
                window: Duration::from_mins(15),
                rate_per_ip: 120,
            },
            device_cookie_lifetime: Duration::from_hours(90 * 24),
            tokens: TokenRule::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn t133_the_default_can_be_used_once_it_is_named_and_what_breaks_a_limit_cannot() {
        let default = Config { issuer: "Site".into(), ..Config::default() };
        assert_eq!(Config::default().check(), Err(ConfigError::NoIssuer), "T133: a site is named by its host");
        assert_eq!(default.check(), Ok(()));
        let off = Config { throttle: ThrottleRule::OFF, ..default.clone() };
        assert_eq!(off.check(), Ok(()));
        let cap = ThrottleRule { cap: NonZeroU32::new(101), ..default.throttle };
        let low = SendingRule { per_address_ceiling: 9, ..SendingRule::default() };
        for (config, error) in [
            (Config { sending: low, ..default.clone() }, ConfigError::CodeCeiling),
            (Config { issuer: " ".into(), ..default.clone() }, ConfigError::NoIssuer),
            (Config { login_timeout: Duration::ZERO, ..default.clone() }, ConfigError::LoginTimeout),
            (Config { login_timeout: Duration::from_secs(43_201), ..default.clone() }, ConfigError::LoginTimeout),
            (Config { devices_per_user: 0, ..default.clone() }, ConfigError::NoDevices),
            (Config { throttle: cap, ..default.clone() }, ConfigError::Cap),
        ] {
            assert_eq!(config.check(), Err(error));
        }
    }
}
