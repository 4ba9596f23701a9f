//! Faults: we could not decide.
//!
//! A [`Fault`] carries its cause for the log and shows none of it to a stranger. It is never a "no" and never a "yes".
//! [`Error`] is what a flow returns instead of an outcome, and keeps the two words for failure apart.

use std::{fmt, time::Duration};

use countersign_core::Refusal;

/// We could not decide. The answer to a stranger is "unavailable" and an incident number.
pub struct Fault {
    doing: &'static str,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    retry_after: Option<Duration>,
}

impl Fault {
    /// A fault met while `doing` something, without a cause beneath it.
    pub fn new(doing: &'static str) -> Self {
        Self { doing, cause: None, retry_after: None }
    }

    /// A fault met while `doing` something. The cause must hold no secret.
    pub fn because(doing: &'static str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { doing, cause: Some(cause.into()), retry_after: None }
    }

    /// Too much to do at present: the same request may succeed after a while.
    pub fn busy(doing: &'static str, retry_after: Duration) -> Self {
        Self { doing, cause: None, retry_after: Some(retry_after) }
    }

    /// The same fault, where waiting a while is all it takes.
    #[must_use]
    pub fn again_after(self, span: Duration) -> Self {
        Self { retry_after: Some(span), ..self }
    }

    /// How long a client should wait before it tries again, if waiting is all it takes.
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

/// Why a flow gives nothing: we said no, or we could not say.
#[derive(Debug)]
pub enum Error {
    /// We decided no; the user may be told.
    Refused(Refusal),
    /// We could not decide.
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
