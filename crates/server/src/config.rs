//! The settings: their names, their sources, and the values in effect.
//!
//! A setting has one name: `key_file` is `key_file` in the configuration file, `COUNTERSIGN_KEY_FILE` in the
//! environment, and `--key-file` where a command takes it as a flag. A flag takes precedence over the environment, the
//! environment over the file, and the file over the default. An unknown name is an error in every source, because a
//! misspelt setting would have no effect; variables that Kubernetes sets for a Service are ignored. All settings are
//! read and checked before anything happens.

mod doubt;
pub(crate) mod gateways;
mod kubernetes;
mod setting;
mod source;
mod value;

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, thread, time::Duration};

use anyhow::{Context as _, Result, ensure};
use countersign_axum::{Network, Origin, Origins};
use countersign_engine::core::Config as CoreConfig;
use countersign_store::{Database, Opened, StoreError};

use self::gateways::Gateways;
pub(crate) use self::{
    doubt::CLIENTS_WITHOUT_PATH,
    source::{Source, Sources},
};
use crate::{password::Rules, secret_file};

/// The settings of an installation, after parsing.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) database: Option<Database>,
    pub(crate) database_password_file: Option<PathBuf>,
    pub(crate) database_ca_file: Option<PathBuf>,
    pub(crate) database_connections: NonZeroUsize,
    /// How long `serve` waits at startup for a database that cannot be reached.
    pub(crate) database_wait: Duration,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) bind: SocketAddr,
    /// Where metrics are served; nowhere unless set.
    pub(crate) metrics_bind: Option<SocketAddr>,
    /// The public URL of the site; `None` if only this machine can reach it, at the port of `bind`.
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) trusted_proxies: Vec<Network>,
    /// The page after a sign-in that was not started for another page.
    pub(crate) home: String,
    pub(crate) templates: Option<PathBuf>,
    /// The path of the JSON API; `None` if it is off.
    pub(crate) api: Option<String>,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
    /// The maximum number of open connections.
    pub(crate) connections: NonZeroUsize,
    pub(crate) hashing_threads: NonZeroUsize,
    pub(crate) password_minimum: usize,
    /// The gateways for messages, and the validation service for YubiKeys.
    pub(crate) gateways: Gateways,
    /// The path of deux's REST API; off unless set.
    pub(crate) deux_path: Option<String>,
    pub(crate) deux_lenient: bool,
    /// Whether the configuration file has a password in a URL and can be read by other users.
    pub(crate) has_readable_password: bool,
    /// The configuration of the core; its issuer is the name of the site.
    pub(crate) core: CoreConfig,
}

/// The URL by which browsers reach the site.
#[derive(Clone, Debug)]
pub(crate) struct PublicUrl {
    pub(crate) origin: Origin,
    /// Its host name, or its IP address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Whether the host is the browser's own machine.
    pub(crate) is_loopback: bool,
}

/// The format of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// A setting with the value in effect.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) value: Option<String>,
    pub(crate) source: Source,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: None,
            database_password_file: None,
            database_ca_file: None,
            database_connections: NonZeroUsize::MIN.saturating_add(15),
            database_wait: Duration::from_mins(2),
            key_file: None,
            bind: SocketAddr::from(([127, 0, 0, 1], 8000)),
            metrics_bind: None,
            public_url: None,
            trusted_proxies: vec![],
            home: "/".into(),
            templates: None,
            api: Some("/api/v1".into()),
            log: "info".into(),
            log_format: LogFormat::Text,
            connections: NonZeroUsize::MIN.saturating_add(511),
            hashing_threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            password_minimum: Rules::USUAL,
            gateways: Gateways::default(),
            deux_path: None,
            deux_lenient: false,
            has_readable_password: false,
            core: CoreConfig { issuer: "Countersign".into(), ..CoreConfig::default() },
        }
    }
}

impl Config {
    /// The configuration from these sources, with the default of each setting that none of them sets.
    pub(crate) fn from(sources: &Sources) -> Result<Self> {
        let mut config = Self::default();
        for setting in setting::all() {
            let Some((text, source)) = sources.look_up(setting.name) else { continue };
            (setting.set)(&mut config, text).with_context(|| {
                format!("could not use {} = {:?} from {source}", setting.name, value::printable(text))
            })?;
            config.has_readable_password |= match &source {
                Source::File(path) => value::printable(text) != text && secret_file::is_open(path),
                Source::Flag | Source::Environment | Source::Default => false,
            };
        }
        Ok(config)
    }

    /// Every setting with the value in effect and its source.
    pub(crate) fn show(sources: &Sources) -> Vec<Shown> {
        let defaults = Self::default();
        let shown = setting::all().map(|setting| {
            let (value, source) = match sources.look_up(setting.name) {
                Some((text, source)) => (Some(value::printable(text).into_owned()), source),
                None => ((setting.default)(&defaults), Source::Default),
            };
            Shown { name: setting.name, about: setting.about, value, source }
        });
        shown.collect()
    }

    /// The database to connect to, or an error that says how to set it.
    pub(crate) fn database(&self) -> Result<Database> {
        let database = self.database.clone().context(
            "no database is set: use --database-url, COUNTERSIGN_DATABASE_URL, or database_url in the configuration \
             file, such as sqlite:///var/lib/countersign/countersign.db or \
             postgres://countersign@localhost/countersign",
        )?;
        let Database::Postgres(place) = database else { return Ok(database) };
        let mut place = place.with_connections(self.database_connections.get());
        if let Some(file) = &self.database_ca_file {
            place = place.with_ca_file(file);
        }
        if let Some(file) = &self.database_password_file {
            let password = secret_file::first_line(file).context("could not use database_password_file")?;
            place = place.with_password(&password);
        }
        Ok(Database::Postgres(Box::new(place)))
    }

    /// Opens the database. An error names the setting that says where the database is.
    pub(crate) async fn open_database(&self) -> Result<Opened> {
        self.database()?.open().await.map_err(Self::of_database_url)
    }

    /// An error of the database, with the name of the setting if that may be the cause.
    pub(crate) fn of_database_url(error: StoreError) -> anyhow::Error {
        match error {
            StoreError::Postgres { .. } | StoreError::Sqlite { .. } | StoreError::File { .. } => {
                anyhow::Error::from(error).context("could not use the database in database_url")
            }
            other => other.into(),
        }
    }

    /// The key file, or an error that says how to create one.
    pub(crate) fn key_file(&self) -> Result<&PathBuf> {
        self.key_file.as_ref().context(
            "no key file is set: create one with `countersign keys new FILE`, and set it with --key-file, \
             COUNTERSIGN_KEY_FILE, or key_file in the configuration file",
        )
    }

    /// The rules for new passwords.
    pub(crate) fn password_rules(&self) -> Rules {
        Rules { shortest: self.password_minimum, site: self.core.issuer.clone() }
    }

    /// The origins by which browsers reach the site.
    pub(crate) fn origins(&self) -> Origins {
        match &self.public_url {
            Some(url) => Origins::Public(url.origin.clone()),
            None => Origins::Loopback { port: self.bind.port() },
        }
    }

    /// An error if passwords would be sent over a network in clear text.
    pub(crate) fn refuse_plain_http(&self) -> Result<()> {
        if self.bind.ip().to_canonical().is_loopback() {
            let plain = self.public_url.as_ref().filter(|url| !url.origin.is_https() && !url.is_loopback);
            ensure!(
                plain.is_none(),
                "public_url uses plain http, which would send passwords in clear text: use https, with a proxy in \
                 front of the server that terminates TLS"
            );
            return Ok(());
        }
        ensure!(
            self.public_url.as_ref().is_some_and(|url| url.origin.is_https()),
            "{} can be reached from other machines, and plain http would send passwords in clear text: set public_url \
             to the https URL of the proxy in front of the server, or bind to 127.0.0.1",
            self.bind
        );
        ensure!(
            !self.trusted_proxies.is_empty(),
            "{} can be reached from other machines: list the proxy that terminates TLS in trusted_proxies, or bind to \
                         127.0.0.1",
            self.bind
        );
        Ok(())
    }
}
