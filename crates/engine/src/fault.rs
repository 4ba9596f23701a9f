//! Faults: the engine could not decide.
//!
//! A [`Fault`] carries its cause for the log and shows none of it to a client. It never means "no" and never means
//! "yes". [`Error`] is what a flow returns instead of an outcome, and keeps refusals and faults apart.

use std::{fmt, time::Duration};

use countersign_core::Refusal;

/// The engine could not decide. The client gets "unavailable" and an incident number.
pub struct Fault {
    doing: &'static str,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    retry_after: Option<Duration>,
}

impl Fault {
    /// A fault while `doing` something, without an underlying cause.
    pub fn new(doing: &'static str) -> Self {
        Self { doing, cause: None, retry_after: None }
    }

    /// A fault while `doing` something. The cause must hold no secret.
    pub fn because(doing: &'static str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { doing, cause: Some(cause.into()), retry_after: None }
    }

    /// The server is overloaded: the same request may succeed after `retry_after`.
    pub fn busy(doing: &'static str, retry_after: Duration) -> Self {
        Self { doing, cause: None, retry_after: Some(retry_after) }
    }

    /// The same fault, for a condition that passes: the client may retry after this time.
    #[must_use]
    pub fn again_after(self, span: Duration) -> Self {
        Self { retry_after: Some(span), ..self }
    }

    /// How long a client should wait before it retries, if a retry may succeed.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}", self.doing)?;
        let mut cause = self.cause.as_deref().map(|cause| cause as &dyn std::error::Error);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Fault {}

/// Why a flow has no outcome: the request was refused, or it could not be decided.
#[derive(Debug)]
pub enum Error {
    /// The request was refused; the user may be told why.
    Refused(Refusal),
    /// The engine could not decide.
    Faulted(Fault),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Faulted(fault)
    }
}
