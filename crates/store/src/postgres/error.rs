//! The meaning of PostgreSQL's errors.
//!
//! An error of the server is reported with its code and message, never its details, because these quote rows. Most
//! errors are faults. If nothing was written and a retry may succeed, the fault says when to retry. If the
//! administrator can fix the cause, above all the server's certificate, the error says how.

use std::{error::Error, fmt, io};

use countersign_engine::Fault;
use rustls::CertificateError;
use tokio_postgres::error::{DbError, SqlState};

use super::RETRY_AFTER;
use crate::StoreError;

/// What to do about a pooler that pools by transaction.
pub(super) const BY_TRANSACTION: &str = "a connection pooler in between gives each transaction another session: connect to \
    PostgreSQL itself, or set pool_mode = session for this database (PgBouncer)";

/// An error of the database or of the way to it, without any value.
#[derive(Clone, Debug)]
pub struct PostgresError {
    text: String,
    is_unreachable: bool,
}

/// An error of a database whose place is added where it is known.
pub(super) fn failed(doing: &'static str, cause: PostgresError) -> StoreError {
    StoreError::Postgres { doing, cause }
}

impl PostgresError {
    /// An error that says this, which must hold no value.
    pub(crate) fn saying(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_unreachable: false }
    }

    /// The database could not be reached, for this reason.
    pub(crate) fn unreachable(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_unreachable: true }
    }

    /// The same error, of the database at this place.
    pub(crate) fn of_place(self, place: &dyn fmt::Display) -> Self {
        Self { text: format!("{place}: {}", self.text), ..self }
    }

    /// Whether the database could not be reached, and may be reached later without any change of the settings.
    pub fn is_unreachable(&self) -> bool {
        self.is_unreachable
    }
}

impl fmt::Display for PostgresError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for PostgresError {}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        let is_unreachable = is_unreachable(&error);
        if let Some(said) = error.as_db_error() {
            let code = said.code().code();
            // Errors of this class are about values, and quote them.
            let message = if code.starts_with("22") { "a value that cannot be used" } else { said.message() };
            return Self { text: format!("{message} ({code}){}{}", unencrypted(said), pooled(said)), is_unreachable };
        }
        let (mut text, mut advice) = (error.to_string(), None);
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            advice = advice.or_else(|| mending(error));
            cause = error.source();
        }
        if let Some(advice) = advice {
            text = format!("{text}; {advice}");
        }
        Self { text, is_unreachable }
    }
}

/// Whether time alone may mend a connection that could not be made. A wrong password, a database that is not there and a
/// certificate that is not trusted stay what they are.
fn is_unreachable(error: &tokio_postgres::Error) -> bool {
    let full = [SqlState::TOO_MANY_CONNECTIONS, SqlState::CONFIGURATION_LIMIT_EXCEEDED];
    if error.as_db_error().is_some() {
        return is_lost(error) || is_one_of(error, &full);
    }
    let Some(cause) = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()) else {
        return error.is_closed();
    };
    match cause.kind() {
        // What the operating system says is about a socket's file; what the driver says, about a standby.
        io::ErrorKind::PermissionDenied => cause.raw_os_error().is_none(),
        io::ErrorKind::InvalidData => false,
        io::ErrorKind::InvalidInput | io::ErrorKind::Other => cause.to_string().contains("could not resolve"),
        _ => true,
    }
}

/// What to do where the server lets nobody in without TLS. It says so in words only, which are English unless somebody
/// has set it up otherwise.
fn unencrypted(said: &DbError) -> &'static str {
    let refused = *said.code() == SqlState::INVALID_AUTHORIZATION_SPECIFICATION;
    if refused && said.message().ends_with("no encryption") {
        "; if it asks for TLS, write sslmode=verify-full into the URL, or sslmode=require"
    } else {
        ""
    }
}

/// What to do where a session does not know the statement that was prepared in it, or knows one that was not.
fn pooled(said: &DbError) -> String {
    let strange = [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT];
    if strange.contains(said.code()) { format!("; {BY_TRANSACTION}") } else { String::new() }
}

/// What to do about a handshake that failed.
fn mending(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let tls = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let Some(rustls::Error::InvalidCertificate(why)) = tls.and_then(|inner| inner.downcast_ref()) else { return None };
    match why {
        CertificateError::UnknownIssuer => Some(
            "the server's certificate is by no authority in the CA file: set database_ca_file to the certificate of the \
             one that has issued it",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Some("the server's certificate is for another name: write a host into the URL that it is for")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Some("renew the server's certificate, or set this machine's clock")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Some("set this machine's clock, or make the server's certificate anew")
        }
        _ => None,
    }
}

/// The fault that an error is when nothing, or one statement at most, has been sent to be written. Errors that time may
/// heal come with the time to come back.
pub(super) fn fault(doing: &'static str, error: tokio_postgres::Error) -> Fault {
    let heals = is_lost(&error) || is_one_of(&error, &[SqlState::QUERY_CANCELED, SqlState::LOCK_NOT_AVAILABLE]);
    let fault = Fault::because(doing, PostgresError::from(error));
    if heals { fault.again_after(RETRY_AFTER) } else { fault }
}

/// The transaction met another and was taken back whole: something had moved.
pub(super) fn is_conflict(error: &tokio_postgres::Error) -> bool {
    is_one_of(error, &[SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED])
}

/// The connection is dead, or the server is about to end it.
pub(super) fn is_lost(error: &tokio_postgres::Error) -> bool {
    let ending = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    match error.as_db_error() {
        Some(_) => is_one_of(error, &ending),
        None => error.is_closed() || error.source().is_some_and(<dyn Error>::is::<std::io::Error>),
    }
}

fn is_one_of(error: &tokio_postgres::Error, codes: &[SqlState]) -> bool {
    error.code().is_some_and(|code| codes.contains(code))
}
