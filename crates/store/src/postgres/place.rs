//! The location of the database, from a URL, with time-outs.
//!
//! `postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=…`, as PostgreSQL's own programs read it, with these differences:
//! several hosts may be named, and the one that takes writes is used; and to a host that is not this machine the default
//! is `sslmode=verify-full`. The password is never printed.
//!
//! | `sslmode` | attackers kept away |
//! |---|---|
//! | `disable` | none: everything is sent as plain text |
//! | `prefer` | passive listeners, if the server offers TLS; nothing is verified |
//! | `require` | passive listeners: the server's certificate is not verified |
//! | `verify-full` | all: the certificate must be for the host's name, by an authority of the CA file |

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use countersign_engine::core::Secret;
use percent_encoding::percent_decode_str;
use tokio_postgres::{
    Config,
    config::{Host, SslMode, TargetSessionAttrs},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{PostgresError, error::failed, tls};
use crate::{StoreError, UrlError};

/// Connections a store holds at most, unless it is told otherwise.
const CONNECTIONS: usize = 16;
/// The port of a URL that names none.
const PORT: u16 = 5432;
const APPLICATION: &str = "countersign";
/// How long it may take to reach a host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// After how long without an acknowledgement a connection is given up.
const SILENCE: Duration = Duration::from_secs(8);

/// How the connection is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Protection {
    Disable,
    Prefer,
    Require,
    VerifyFull,
}

/// What a connection is made with.
pub(super) enum Encryption {
    None,
    Tls(MakeRustlsConnect),
}

/// A PostgreSQL database, and how to reach it.
#[derive(Clone)]
pub struct PostgresPlace {
    config: Config,
    protection: Protection,
    ca_file: Option<PathBuf>,
    connections: usize,
}

impl PostgresPlace {
    /// What a URL says.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        if !address.starts_with("postgres://") && !address.starts_with("postgresql://") {
            return Err(UrlError::new("it has to begin with postgres://"));
        }
        let (mut sslmode, mut ca_file, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", word)) => sslmode = Some(Protection::parse(word)?),
                Some(("sslrootcert", path)) => ca_file = Some(PathBuf::from(decoded(path)?)),
                Some((name, _)) if OURS.contains(&name) => {
                    return Err(UrlError::new(format!("{name} cannot be set in it: it is one of ours")));
                }
                _ => rest.push(pair),
            }
        }
        let plain = if rest.is_empty() { address.to_owned() } else { format!("{address}?{}", rest.join("&")) };
        // What the parser says may quote the URL, and with it the password.
        let config: Config = plain.parse().map_err(|_| {
            UrlError::new("it has to be like postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=verify-full")
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(UrlError::new("it names no host; for a socket add ?host=/run/postgresql"));
        }
        if config.get_dbname().is_none() {
            return Err(UrlError::new("it names no database"));
        }
        let local = config.get_hosts().iter().all(is_local);
        let protection = sslmode.unwrap_or(if local { Protection::Prefer } else { Protection::VerifyFull });
        Ok(Self { config, protection, ca_file, connections: CONNECTIONS })
    }

    /// The same database, with this password.
    #[must_use]
    pub fn with_password(mut self, password: &Secret) -> Self {
        self.config.password(password.expose());
        self
    }

    /// The same database, whose certificate has to come from an authority in this file, in PEM.
    #[must_use]
    pub fn with_ca_file(self, file: &Path) -> Self {
        Self { ca_file: Some(file.to_owned()), ..self }
    }

    /// Whether the server has to prove with a certificate who it is.
    pub fn is_verified(&self) -> bool {
        self.protection == Protection::VerifyFull
    }

    /// The same database, with at most this many connections, and one at least.
    #[must_use]
    pub fn with_connections(self, most: usize) -> Self {
        Self { connections: most.max(1), ..self }
    }

    /// How many connections there may be.
    pub(super) fn connections(&self) -> usize {
        self.connections
    }

    /// Everything a connection is opened with; time-outs of the server's are set on it then.
    pub(super) fn config(&self) -> Config {
        let mut config = self.config.clone();
        config
            .application_name(APPLICATION)
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(SILENCE)
            .keepalives(true)
            .keepalives_idle(Duration::from_secs(15))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .ssl_mode(match self.protection {
                Protection::Disable => SslMode::Disable,
                Protection::Prefer => SslMode::Prefer,
                Protection::Require | Protection::VerifyFull => SslMode::Require,
            });
        config
    }

    /// What a connection is made with.
    pub(super) fn encryption(&self) -> Result<Encryption, StoreError> {
        let unusable = |text: String| failed("prepare TLS to the database", PostgresError::saying(text));
        match (self.protection, &self.ca_file) {
            (Protection::Disable, _) => Ok(Encryption::None),
            (Protection::Prefer | Protection::Require, _) => tls::unverified().map(Encryption::Tls).map_err(unusable),
            (Protection::VerifyFull, Some(file)) => tls::verified(file).map(Encryption::Tls).map_err(unusable),
            (Protection::VerifyFull, None) => Err(unusable(
                "nothing says whose certificates to trust: set database_ca_file to the CA's certificate in PEM, as in \
                 /etc/ssl/certs/ca-certificates.crt for public ones, or give another sslmode in the URL"
                    .into(),
            )),
        }
    }
}

/// What a URL must not set, because we do.
const OURS: [&str; 7] = [
    "options",
    "application_name",
    "connect_timeout",
    "tcp_user_timeout",
    "target_session_attrs",
    "keepalives",
    "keepalives_idle",
];

impl Protection {
    fn parse(word: &str) -> Result<Self, UrlError> {
        match word {
            "disable" => Ok(Self::Disable),
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "verify-full" => Ok(Self::VerifyFull),
            _ => Err(UrlError::new("sslmode has to be disable, prefer, require or verify-full")),
        }
    }
}

fn decoded(text: &str) -> Result<String, UrlError> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into).map_err(|_| UrlError::new("sslrootcert has to be a path"))
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// The database's name and host, with its port, without credentials.
impl fmt::Display for PostgresPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if self.config.get_hosts().is_empty() {
            let addresses: Vec<_> = self.config.get_hostaddrs().iter().map(ToString::to_string).collect();
            f.write_str(&addresses.join(","))?;
        }
        for (number, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            match host {
                Host::Tcp(name) if name.contains(':') => write!(f, "{comma}[{name}]")?,
                Host::Tcp(name) => write!(f, "{comma}{name}")?,
                #[cfg(unix)]
                Host::Unix(path) => write!(f, "{comma}{}", path.display())?,
            }
            let ports = self.config.get_ports();
            write!(f, ":{}", ports.get(number).or(ports.first()).unwrap_or(&PORT))?;
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for PostgresPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?}, {} connections)", self.protection, self.connections)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> PostgresPlace {
        PostgresPlace::parse(url).unwrap()
    }

    #[test]
    fn away_from_this_machine_everything_is_verified_unless_somebody_says_otherwise() {
        for (url, expected) in [
            ("postgres://ada@localhost/c", Protection::Prefer),
            ("postgres://ada@127.0.0.1:5433/c", Protection::Prefer),
            ("postgres://ada@[::1]/c", Protection::Prefer),
            ("postgres:///c?host=/run/postgresql", Protection::Prefer),
            ("postgres://ada@db.example.org/c", Protection::VerifyFull),
            ("postgres://ada@localhost,db.example.org/c", Protection::VerifyFull),
            ("postgresql://ada@10.0.0.5/c?sslmode=require", Protection::Require),
            ("postgres://ada@10.0.0.5/c?sslmode=disable", Protection::Disable),
            ("postgres://ada@localhost/c?sslmode=verify-full", Protection::VerifyFull),
        ] {
            assert_eq!(place(url).protection, expected, "{url}");
        }
        let error = place("postgres://ada@db.example.org/c").encryption().err().unwrap();
        assert!(matches!(error, StoreError::Postgres { .. }));
    }

    #[test]
    fn a_url_that_cannot_be_used_says_why_and_never_quotes_itself() {
        for (url, why) in [
            ("mysql://ada:hunter2@localhost/c", "begin with postgres://"),
            ("postgres://ada:hunter2@localhost", "names no database"),
            ("postgres:///c", "names no host"),
            ("postgres://ada:hunter2@localhost:port/c", "has to be like"),
            ("postgres://ada:hunter2@localhost/c?sslmode=verify-ca", "disable, prefer, require or verify-full"),
            ("postgres://ada:hunter2@localhost/c?options=-csynchronous_commit=off", "options cannot be set"),
            ("postgres://ada:hunter2@localhost/c?colour=red", "has to be like"),
        ] {
            let error = PostgresPlace::parse(url).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("hunter2"), "{url}: {error}");
        }
    }

    #[test]
    fn a_place_is_printed_without_its_password() {
        let place = place("postgres://ada:hunter2@db.example.org:5433,[::1]:5434/c?sslmode=require");
        assert_eq!(place.to_string(), "postgres://db.example.org:5433,[::1]:5434/c");
        let place = place.with_password(&Secret::new("hunter3"));
        assert_eq!(place.config().get_password(), Some(&b"hunter3"[..]));
        assert!(!format!("{place:?} {:?}", place.config()).contains("hunter"));
    }

    /// A pooler lets a connection with settings of its own not in.
    #[test]
    fn a_connection_is_opened_without_settings() {
        assert_eq!(place("postgres://ada@localhost/c").config().get_options(), None);
    }
}
