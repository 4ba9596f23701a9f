//! The list of settings: for each its name, its default as text, and how its text is parsed.

mod api;
mod deux;
mod gateway;
mod sending;

use std::{num::NonZeroU32, num::NonZeroUsize, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use countersign_axum::LocalPath;
use countersign_engine::core::{Config as CoreConfig, method::totp::TotpRule};
use countersign_store::Database;

use super::{
    Config, LogFormat,
    value::{self, number, show_span, span},
};
use crate::{password::Rules, telemetry};

/// One setting.
pub(super) struct Setting {
    pub(super) name: &'static str,
    /// A sentence that explains the setting to operators.
    pub(super) about: &'static str,
    /// The value in effect if it is not set; `None` if there is none.
    pub(super) default: fn(&Config) -> Option<String>,
    pub(super) set: fn(&mut Config, &str) -> Result<()>,
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = DAY.saturating_mul(365);

/// All settings, in the order in which they are shown.
pub(super) fn all() -> impl Iterator<Item = &'static Setting> {
    let parts = [SETTINGS, api::SETTINGS, deux::SETTINGS, sending::SETTINGS, gateway::SETTINGS];
    parts.into_iter().flatten()
}

const SETTINGS: &[Setting] = &[
    Setting {
        name: "database_url",
        about: "The database, such as sqlite:///var/lib/countersign/countersign.db or \
                        postgres://countersign@db.example.org/countersign?sslmode=verify-full.",
        default: |_| None,
        set: |config, text| {
            config.database = Some(Database::parse(text)?);
            Ok(())
        },
    },
    Setting {
        name: "database_password_file",
        about: "A file with the password for a PostgreSQL database in its first line, to keep it out of the URL.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.database_password_file = Some(path)),
    },
    Setting {
        name: "database_ca_file",
        about: "A file with the CA certificates, in PEM, by which a PostgreSQL server's certificate is verified.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.database_ca_file = Some(path)),
    },
    Setting {
        name: "database_connections",
        about: "The maximum number of connections of this process to a PostgreSQL database.",
        default: |config| Some(config.database_connections.to_string()),
        set: |config, text| {
            let (least, most) = (NonZeroUsize::MIN, NonZeroUsize::MIN.saturating_add(999));
            number(text, least, most).map(|most| config.database_connections = most)
        },
    },
    Setting {
        name: "database_wait",
        about: "How long `serve` waits at startup for a PostgreSQL database that cannot be reached; 0: not at all.",
        default: |config| Some(show_span(config.database_wait)),
        set: |config, text| span(text, Duration::ZERO, DAY).map(|wait| config.database_wait = wait),
    },
    Setting {
        name: "key_file",
        about: "The file with the keys that encrypt secrets in the database.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.key_file = Some(path)),
    },
    Setting {
        name: "bind",
        about: "The IP address and port to listen on, with plain http.",
        default: |config| Some(config.bind.to_string()),
        set: |config, text| value::listener(text, "127.0.0.1:8000").map(|bind| config.bind = bind),
    },
    Setting {
        name: "metrics_bind",
        about: "The IP address and port for Prometheus metrics, such as 127.0.0.1:9464; off unless set.",
        default: |_| None,
        set: |config, text| value::listener(text, "127.0.0.1:9464").map(|bind| config.metrics_bind = Some(bind)),
    },
    Setting {
        name: "public_url",
        about: "The URL by which browsers reach the site; it must use https, except on this machine.",
        default: |_| None,
        set: |config, text| value::public_url(text).map(|url| config.public_url = Some(url)),
    },
    Setting {
        name: "trusted_proxies",
        about: "The proxies, as IP addresses or networks, that may use plain http and set the client's IP address.",
        default: |_| None,
        set: |config, text| {
            let proxies = value::list(text, "IP addresses or networks, such as 10.0.0.5 or 10.0.0.0/8")?;
            config.trusted_proxies = proxies;
            Ok(())
        },
    },
    Setting {
        name: "site_name",
        about: "The name of the site, on its pages and in authenticator apps.",
        default: |config| Some(config.core.issuer.clone()),
        set: |config, text| {
            let name = text.trim();
            let fits = (1..=64).contains(&name.chars().count()) && !name.contains(|c: char| c.is_control() || c == ':');
            ensure!(fits, "it must be 1 to 64 characters, without a colon");
            config.core.issuer = name.into();
            Ok(())
        },
    },
    Setting {
        name: "home",
        about: "The page after a sign-in that was not started for another page, and the target of links to the home \
            page; a path on this host.",
        default: |config| Some(config.home.clone()),
        set: |config, text| {
            let home = LocalPath::parse(text.trim()).context("it must be a path on this host, such as / or /app/")?;
            config.home = home.to_string();
            Ok(())
        },
    },
    Setting {
        name: "template_dir",
        about: "A folder whose files replace the page templates of the same name.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.templates = Some(path)),
    },
    Setting {
        name: "log",
        about: "What to log: a level, or a list such as warn,countersign_store=debug.",
        default: |config| Some(config.log.clone()),
        set: |config, text| {
            telemetry::filter(text)?;
            config.log = text.into();
            Ok(())
        },
    },
    Setting {
        name: "log_format",
        about: "The format of the log: text, or json with one object per line.",
        default: |_| Some("text".into()),
        set: |config, text| {
            config.log_format = match text.trim() {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => bail!("it must be text or json"),
            };
            Ok(())
        },
    },
    Setting {
        name: "max_connections",
        about: "The maximum number of open connections; further ones wait.",
        default: |config| Some(config.connections.to_string()),
        set: |config, text| number(text, NonZeroUsize::MIN, NonZeroUsize::MAX).map(|most| config.connections = most),
    },
    Setting {
        name: "hashing_threads",
        about: "How many passwords are hashed in parallel; each takes 19 MiB of memory.",
        default: |config| Some(config.hashing_threads.to_string()),
        set: |config, text| {
            number(text, NonZeroUsize::MIN, NonZeroUsize::MIN.saturating_add(1023))
                .map(|threads| config.hashing_threads = threads)
        },
    },
    Setting {
        name: "password_minimum",
        about: "The minimum length of a new password; less than 15 only if no user can sign in with a password alone.",
        default: |config| Some(config.password_minimum.to_string()),
        set: |config, text| number(text, Rules::MIN_LENGTH, 128).map(|shortest| config.password_minimum = shortest),
    },
    Setting {
        name: "login_timeout",
        about: "The time limit from the password to the second factor, and for a setup; 12h at most.",
        default: |config| Some(show_span(config.core.login_timeout)),
        set: |config, text| {
            span(text, SECOND, CoreConfig::MAX_LOGIN_TTL).map(|timeout| config.core.login_timeout = timeout)
        },
    },
    Setting {
        name: "reauthentication_window",
        about: "How long after a verification a user may change factors without another one.",
        default: |config| Some(show_span(config.core.reauthentication_window)),
        set: |config, text| span(text, SECOND, DAY).map(|recent| config.core.reauthentication_window = recent),
    },
    Setting {
        name: "one_factor_session_idle",
        about: "How long a session with one factor lasts without use.",
        default: |config| Some(show_span(config.core.lifetimes.aal1.idle)),
        set: |config, text| span(text, SECOND, YEAR).map(|idle| config.core.lifetimes.aal1.idle = idle),
    },
    Setting {
        name: "one_factor_session",
        about: "How long a session with one factor lasts at most.",
        default: |config| Some(show_span(config.core.lifetimes.aal1.absolute)),
        set: |config, text| span(text, SECOND, YEAR).map(|whole| config.core.lifetimes.aal1.absolute = whole),
    },
    Setting {
        name: "two_factor_session_idle",
        about: "How long a session with two factors lasts without use; NIST SP 800-63B-4 recommends 1h.",
        default: |config| Some(show_span(config.core.lifetimes.aal2.idle)),
        set: |config, text| span(text, SECOND, YEAR).map(|idle| config.core.lifetimes.aal2.idle = idle),
    },
    Setting {
        name: "two_factor_session",
        about: "How long a session with two factors lasts at most.",
        default: |config| Some(show_span(config.core.lifetimes.aal2.absolute)),
        set: |config, text| span(text, SECOND, YEAR).map(|whole| config.core.lifetimes.aal2.absolute = whole),
    },
    Setting {
        name: "event_retention",
        about: "How long the events of a user are kept; 0: for ever.",
        default: |config| config.core.keep_events.map(show_span),
        set: |config, text| {
            let kept = span(text, Duration::ZERO, YEAR.saturating_mul(100))?;
            config.core.keep_events = (!kept.is_zero()).then_some(kept);
            Ok(())
        },
    },
    Setting {
        name: "throttle_factor",
        about: "How long a device is locked after the first wrong code; it doubles with each further one. 0: off.",
        default: |config| Some(show_span(config.core.throttle.factor)),
        set: |config, text| span(text, Duration::ZERO, DAY).map(|factor| config.core.throttle.factor = factor),
    },
    Setting {
        name: "max_throttle_delay",
        about: "The maximum time for which a device is locked.",
        default: |config| Some(show_span(config.core.throttle.ceiling)),
        set: |config, text| span(text, Duration::ZERO, DAY).map(|ceiling| config.core.throttle.ceiling = ceiling),
    },
    Setting {
        name: "max_consecutive_failures",
        about: "The number of consecutive wrong codes that disables a device; 100 at most.",
        default: |config| config.core.throttle.cap.map(|cap| cap.to_string()),
        set: |config, text| number(text, NonZeroU32::MIN, MAX_FAILURES).map(|cap| config.core.throttle.cap = Some(cap)),
    },
    Setting {
        name: "totp_strict",
        about: "Whether to reject codes of a clock that is ahead of the server's, and to ignore clock drift.",
        default: |_| Some("false".into()),
        set: |config, text| {
            config.core.totp = if value::switch(text)? { TotpRule::STRICT } else { TotpRule::default() };
            Ok(())
        },
    },
    Setting {
        name: "devices_per_user",
        about: "The maximum number of devices of a user, not counting backup codes.",
        default: |config| Some(config.core.devices_per_user.to_string()),
        set: |config, text| number(text, 1, 1_000).map(|most| config.core.devices_per_user = most),
    },
    Setting {
        name: "password_attempts_per_account",
        about: "The maximum number of wrong passwords for one account within the window.",
        default: |config| Some(config.core.password_attempts.per_account.to_string()),
        set: |config, text| number(text, 1, 1_000_000).map(|most| config.core.password_attempts.per_account = most),
    },
    Setting {
        name: "password_attempts_per_ip",
        about: "The maximum number of wrong passwords from one IP address within the window.",
        default: |config| Some(config.core.password_attempts.per_address.to_string()),
        set: |config, text| number(text, 1, 1_000_000).map(|most| config.core.password_attempts.per_address = most),
    },
    Setting {
        name: "password_rate_per_ip",
        about: "The maximum number of passwords from one IP address in ten seconds, correct ones too; 0: no limit.",
        default: |config| Some(config.core.password_attempts.rate_per_ip.to_string()),
        set: |config, text| number(text, 0, 1_000_000).map(|rate| config.core.password_attempts.rate_per_ip = rate),
    },
    Setting {
        name: "password_attempt_window",
        about: "The length of that window.",
        default: |config| Some(show_span(config.core.password_attempts.window)),
        set: |config, text| span(text, SECOND, DAY).map(|window| config.core.password_attempts.window = window),
    },
    Setting {
        name: "device_cookie_lifetime",
        about: "How long after a sign-in a browser keeps its device cookie, with which its failures are counted \
            separately; 0 turns it off.",
        default: |config| Some(show_span(config.core.device_cookie_lifetime)),
        set: |config, text| span(text, Duration::ZERO, YEAR).map(|known| config.core.device_cookie_lifetime = known),
    },
];

/// The maximum number of consecutive failures of an authenticator (NIST SP 800-63B-4 §3.2.2).
const MAX_FAILURES: NonZeroU32 = NonZeroU32::MIN.saturating_add(CoreConfig::MAX_FAILURES - 1);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_default_is_what_its_own_text_gives() {
        let defaults = Config::default();
        for setting in all() {
            let Some(text) = (setting.default)(&defaults) else { continue };
            let mut config = Config::default();
            (setting.set)(&mut config, &text).unwrap();
            assert_eq!(format!("{config:?}"), format!("{defaults:?}"), "{}", setting.name);
        }
    }

    #[test]
    fn no_name_stands_twice() {
        let names: BTreeSet<_> = all().map(|setting| setting.name).collect();
        assert_eq!(names.len(), all().count());
    }
}
