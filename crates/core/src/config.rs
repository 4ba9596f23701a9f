//! The settings that the rules read. The defaults are safe.

use std::time::Duration;

use crate::{
    Kind,
    assurance::Lifetimes,
    method::{hotp::HotpRule, totp::TotpRule},
    sending::SendingRule,
    throttle::ThrottleRule,
    token::TokenRule,
};

/// The settings of an installation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The name of this site: on pages, in messages and in authenticator apps. It has no default, and must not be
    /// empty.
    pub issuer: String,
    /// The time-out of a login from the password to the second factor, and of an enrolment.
    pub login_timeout: Duration,
    /// How long after proving a password or a device a user may change factors without proving it again.
    pub reauthentication_window: Duration,
    /// The time-outs of sessions.
    pub lifetimes: Lifetimes,
    /// How long events are kept; `None` keeps them for ever.
    pub keep_events: Option<Duration>,
    /// The delays and the cap after failures.
    pub throttle: ThrottleRule,
    /// How time-based codes are judged.
    pub totp: TotpRule,
    /// How counted codes are judged.
    pub hotp: HotpRule,
    /// How codes are sent.
    pub sending: SendingRule,
    /// The methods that users may set up on their own, in the order in which they are offered; a method without its
    /// gateway or service is skipped.
    pub offered: Vec<Kind>,
    /// The maximum number of confirmed devices per user, not counting backup codes. At least 1.
    pub devices_per_user: u32,
    /// How many failed password attempts an account, and an IP address, may have in a window.
    pub password_attempts: PasswordAttemptRule,
    /// How long after a complete sign-in a device cookie is valid; zero: no device cookies.
    pub device_cookie_lifetime: Duration,
    /// How long tokens live, and how many a user may have.
    pub tokens: TokenRule,
}

/// The budget of failed password attempts. A browser with a device cookie has its own budget of the same size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PasswordAttemptRule {
    /// Failures per account in a window.
    pub per_account: u32,
    /// Failures per IP address in a window; IPv6 addresses are counted by /64.
    pub per_address: u32,
    /// How long after its first failure a budget is empty again.
    pub window: Duration,
    /// Password attempts, correct ones included, from one IPv4 address or IPv6 /64 in ten seconds; a single IPv6
    /// address has half, a /56 twice and a /48 four times as many. Zero: no limit.
    pub rate_per_ip: u32,
}

/// Why a configuration is invalid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Authenticator apps would show codes without a site name.
    #[error("the site has no name: set `issuer`, which authenticator apps, pages and messages show")]
    NoIssuer,
    /// A login would never expire, or expire at once.
    #[error("the login time-out must be between 1 second and 12 hours")]
    LoginTimeout,
    /// A code would be valid for longer than NIST SP 800-63B-4 §3.1.3.1 allows.
    #[error("the lifetime of a code that is sent must be between 1 second and 10 minutes")]
    CodeLifetime,
    /// Verified codes would have a lower limit than others.
    #[error("a ceiling of codes a day cannot be lower than the number of codes a day below it")]
    CodeCeiling,
    /// No user could set a device up.
    #[error("at least one device per user must be allowed")]
    NoDevices,
    /// A device would be disabled later than NIST SP 800-63B-4 §3.2.2 allows.
    #[error("a device must be disabled after at most 100 consecutive failures")]
    Cap,
}

impl Config {
    /// The maximum of `login_timeout`.
    pub const MAX_LOGIN_TTL: Duration = Duration::from_hours(12);
    /// The maximum lifetime of a code that was sent.
    pub const MAX_CODE_TTL: Duration = Duration::from_mins(10);
    /// The maximum number of consecutive failures before a device is disabled (NIST SP 800-63B-4 §3.2.2).
    pub const MAX_FAILURES: u32 = 100;

    /// Checks the configuration. Delay and cap can both be switched off; this is for tests.
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
    /// Ten minutes for a login and for `reauthentication_window`, 400 days for events; everything else as its own type
    /// documents.
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
