//! The list of settings: for each its name, its default as one would write it, and how its text is taken.

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
    /// What it is, in a sentence for whoever sets it.
    pub(super) about: &'static str,
    /// What is in effect if nobody says anything; nothing if the setting then is not there.
    pub(super) default: fn(&Config) -> Option<String>,
    pub(super) set: fn(&mut Config, &str) -> Result<()>,
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = DAY.saturating_mul(365);

/// Every setting there is, in the order in which they are shown.
pub(super) fn all() -> impl Iterator<Item = &'static Setting> {
    let parts = [SETTINGS, api::SETTINGS, deux::SETTINGS, sending::SETTINGS, gateway::SETTINGS];
    parts.into_iter().flatten()
}

const SETTINGS: &[Setting] = &[
    Setting {
        name: "database_url",
        about: "Where the database is, as in sqlite:///var/lib/countersign/countersign.db or \
                postgres://countersign@db.example.org/countersign?sslmode=verify-full.",
        default: |_| None,
        set: |config, text| {
            config.database = Some(Database::parse(text)?);
            Ok(())
        },
    },
    Setting {
        name: "database_password_file",
        about: "A file with the password for a PostgreSQL database in its first line, so that it stands in no URL.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.database_password_file = Some(path)),
    },
    Setting {
        name: "database_ca_file",
        about: "The certificates, in PEM, by which a PostgreSQL server proves who it is.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.database_ca_file = Some(path)),
    },
    Setting {
        name: "database_connections",
        about: "How many connections to a PostgreSQL database this process has at most.",
        default: |config| Some(config.database_connections.to_string()),
        set: |config, text| {
            let (least, most) = (NonZeroUsize::MIN, NonZeroUsize::MIN.saturating_add(999));
            number(text, least, most).map(|most| config.database_connections = most)
        },
    },
    Setting {
        name: "database_wait",
        about: "How long `serve` waits at its start for a PostgreSQL database that cannot be reached; 0: not at all.",
        default: |config| Some(show_span(config.database_wait)),
        set: |config, text| span(text, Duration::ZERO, DAY).map(|wait| config.database_wait = wait),
    },
    Setting {
        name: "key_file",
        about: "The file with the keys that seal what is secret in the database.",
        default: |_| None,
        set: |config, text| value::path(text).map(|path| config.key_file = Some(path)),
    },
    Setting {
        name: "bind",
        about: "Where to listen, by plain http.",
        default: |config| Some(config.bind.to_string()),
        set: |config, text| value::listener(text, "127.0.0.1:8000").map(|bind| config.bind = bind),
    },
    Setting {
        name: "metrics_bind",
        about: "Where to tell figures to Prometheus, as in 127.0.0.1:9464; a listener of its own, or none.",
        default: |_| None,
        set: |config, text| value::listener(text, "127.0.0.1:9464").map(|bind| config.metrics_bind = Some(bind)),
    },
    Setting {
        name: "public_url",
        about: "Where browsers reach the site; by https, unless that is this machine only.",
        default: |_| None,
        set: |config, text| value::public_url(text).map(|url| config.public_url = Some(url)),
    },
    Setting {
        name: "trusted_proxies",
        about: "The proxies, as addresses or networks, that may speak plain http with us and say who is asking.",
        default: |_| None,
        set: |config, text| {
            let proxies = value::list(text, "addresses or networks, as in 10.0.0.5 or 10.0.0.0/8")?;
            config.trusted_proxies = proxies;
            Ok(())
        },
    },
    Setting {
        name: "site_name",
        about: "What the site is called, on its pages and in authenticator apps.",
        default: |config| Some(config.core.issuer.clone()),
        set: |config, text| {
            let name = text.trim();
            let fits = (1..=64).contains(&name.chars().count()) && !name.contains(|c: char| c.is_control() || c == ':');
            ensure!(fits, "it has to be 1 to 64 characters, without a colon");
            config.core.issuer = name.into();
            Ok(())
        },
    },
    Setting {
        name: "home",
        about: "Where a sign-in leads that was asked to lead nowhere else, and the links to the start page; a path of this host.",
        default: |config| Some(config.home.clone()),
        set: |config, text| {
            let home = LocalPath::parse(text.trim()).context("it has to be a path of this host, such as / or /app/")?;
            config.home = home.to_string();
            Ok(())
        },
    },
    Setting {
        name: "template_dir",
        about: "A folder whose files take the place of the templates of the same name.",
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
        about: "How to log: text, or json with one object a line.",
        default: |_| Some("text".into()),
        set: |config, text| {
            config.log_format = match text.trim() {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => bail!("it has to be text or json"),
            };
            Ok(())
        },
    },
    Setting {
        name: "max_connections",
        about: "How many connections may be open at once; more of them wait.",
        default: |config| Some(config.connections.to_string()),
        set: |config, text| number(text, NonZeroUsize::MIN, NonZeroUsize::MAX).map(|most| config.connections = most),
    },
    Setting {
        name: "hashing_threads",
        about: "How many passwords are hashed at once; each takes 19 MiB meanwhile.",
        default: |config| Some(config.hashing_threads.to_string()),
        set: |config, text| {
            number(text, NonZeroUsize::MIN, NonZeroUsize::MIN.saturating_add(1023))
                .map(|threads| config.hashing_threads = threads)
        },
    },
    Setting {
        name: "password_minimum",
        about: "The fewest characters of a new password; under 15 only where a password alone lets nobody in.",
        default: |config| Some(config.password_minimum.to_string()),
        set: |config, text| number(text, Rules::MIN_LENGTH, 128).map(|shortest| config.password_minimum = shortest),
    },
    Setting {
        name: "login_timeout",
        about: "How long one may take from the password to the second factor, and for a setup; 12h at most.",
        default: |config| Some(show_span(config.core.login_timeout)),
        set: |config, text| {
            span(text, SECOND, CoreConfig::MAX_LOGIN_TTL).map(|timeout| config.core.login_timeout = timeout)
        },
    },
    Setting {
        name: "reauthentication_window",
        about: "How long after a proof one may change factors without another one.",
        default: |config| Some(show_span(config.core.reauthentication_window)),
        set: |config, text| span(text, SECOND, DAY).map(|recent| config.core.reauthentication_window = recent),
    },
    Setting {
        name: "one_factor_session_idle",
        about: "How long a session with one factor lives without being used.",
        default: |config| Some(show_span(config.core.lifetimes.aal1.idle)),
        set: |config, text| span(text, SECOND, YEAR).map(|idle| config.core.lifetimes.aal1.idle = idle),
    },
    Setting {
        name: "one_factor_session",
        about: "How long a session with one factor lives in all.",
        default: |config| Some(show_span(config.core.lifetimes.aal1.absolute)),
        set: |config, text| span(text, SECOND, YEAR).map(|whole| config.core.lifetimes.aal1.absolute = whole),
    },
    Setting {
        name: "two_factor_session_idle",
        about: "How long a session with two factors lives without being used; NIST SP 800-63B-4 recommends 1h.",
        default: |config| Some(show_span(config.core.lifetimes.aal2.idle)),
        set: |config, text| span(text, SECOND, YEAR).map(|idle| config.core.lifetimes.aal2.idle = idle),
    },
    Setting {
        name: "two_factor_session",
        about: "How long a session with two factors lives in all.",
        default: |config| Some(show_span(config.core.lifetimes.aal2.absolute)),
        set: |config, text| span(text, SECOND, YEAR).map(|whole| config.core.lifetimes.aal2.absolute = whole),
    },
    Setting {
        name: "event_retention",
        about: "How long the events of a user are kept; 0 for ever.",
        default: |config| config.core.keep_events.map(show_span),
        set: |config, text| {
            let kept = span(text, Duration::ZERO, YEAR.saturating_mul(100))?;
            config.core.keep_events = (!kept.is_zero()).then_some(kept);
            Ok(())
        },
    },
    Setting {
        name: "throttle_factor",
        about: "How long a device is locked after its first wrong code; it doubles with each one. 0 switches it off.",
        default: |config| Some(show_span(config.core.throttle.factor)),
        set: |config, text| span(text, Duration::ZERO, DAY).map(|factor| config.core.throttle.factor = factor),
    },
    Setting {
        name: "max_throttle_delay",
        about: "The longest that a device is locked.",
        default: |config| Some(show_span(config.core.throttle.ceiling)),
        set: |config, text| span(text, Duration::ZERO, DAY).map(|ceiling| config.core.throttle.ceiling = ceiling),
    },
    Setting {
        name: "max_consecutive_failures",
        about: "The number of wrong codes in a row that disables a device; 100 at most.",
        default: |config| config.core.throttle.cap.map(|cap| cap.to_string()),
        set: |config, text| number(text, NonZeroU32::MIN, MAX_FAILURES).map(|cap| config.core.throttle.cap = Some(cap)),
    },
    Setting {
        name: "totp_strict",
        about: "Whether codes of a clock ahead of ours are refused, and no drift of clocks is learned.",
        default: |_| Some("false".into()),
        set: |config, text| {
            config.core.totp = if value::switch(text)? { TotpRule::STRICT } else { TotpRule::default() };
            Ok(())
        },
    },
    Setting {
        name: "devices_per_user",
        about: "How many devices a user may have, backup codes apart.",
        default: |config| Some(config.core.devices_per_user.to_string()),
        set: |config, text| number(text, 1, 1_000).map(|most| config.core.devices_per_user = most),
    },
    Setting {
        name: "password_attempts_per_account",
        about: "How many wrong passwords an account may have in a window.",
        default: |config| Some(config.core.password_attempts.per_account.to_string()),
        set: |config, text| number(text, 1, 1_000_000).map(|most| config.core.password_attempts.per_account = most),
    },
    Setting {
        name: "password_attempts_per_ip",
        about: "How many wrong passwords may come from an address in a window.",
        default: |config| Some(config.core.password_attempts.per_address.to_string()),
        set: |config, text| number(text, 1, 1_000_000).map(|most| config.core.password_attempts.per_address = most),
    },
    Setting {
        name: "password_rate_per_ip",
        about: "How many passwords may come from one IP in ten seconds, right ones included; 0: any number.",
        default: |config| Some(config.core.password_attempts.rate_per_ip.to_string()),
        set: |config, text| number(text, 0, 1_000_000).map(|rate| config.core.password_attempts.rate_per_ip = rate),
    },
    Setting {
        name: "password_attempt_window",
        about: "How long that window is.",
        default: |config| Some(show_span(config.core.password_attempts.window)),
        set: |config, text| span(text, SECOND, DAY).map(|window| config.core.password_attempts.window = window),
    },
    Setting {
        name: "device_cookie_lifetime",
        about: "How long after a sign-in a browser's failures are counted apart from strangers'; 0 switches it off.",
        default: |config| Some(show_span(config.core.device_cookie_lifetime)),
        set: |config, text| span(text, Duration::ZERO, YEAR).map(|known| config.core.device_cookie_lifetime = known),
    },
];

/// More failures in a row than this no authenticator may have (NIST SP 800-63B-4 §3.2.2).
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
