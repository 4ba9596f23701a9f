//! Problems as pages show them: what happened, what to do next, the field, and until when.

use axum::http::StatusCode;
use countersign_engine::core::{Refusal, Scopes, Timestamp};
use fluent_bundle::FluentArgs;
use minijinja::{Value, context};

use crate::site::Site;

/// In the extensions of every refusing response: the refusal's code, for metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused(pub &'static str);

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        Self(refusal.code())
    }
}

/// A problem that a page shows in an alert.
#[derive(Clone, Debug)]
pub(crate) enum Problem {
    /// A refusal.
    Refused(Refusal),
    /// The confirmation box was not ticked.
    NotSure,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Problem {
    /// The id of the text; its attribute `.next` says what to do.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Refused(refusal) => format!("refusal-{}", refusal.code()),
            Self::NotSure => "problem-not-sure".into(),
        }
    }

    /// The code for metrics.
    pub(crate) fn refused(&self) -> Option<Refused> {
        if let Self::Refused(refusal) = self { Some(refusal.into()) } else { None }
    }

    pub(crate) fn status(&self) -> StatusCode {
        let Self::Refused(refusal) = self else { return StatusCode::UNPROCESSABLE_ENTITY };
        match refusal {
            Refusal::TooManyFailures { .. }
            | Refusal::TooManyRequests { .. }
            | Refusal::DeviceLocked { .. }
            | Refusal::SendingTooSoon { .. }
            | Refusal::SendingLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Refusal::SignInNeeded | Refusal::PasswordNeeded | Refusal::SessionReplaced => StatusCode::UNAUTHORIZED,
            Refusal::DeviceDisabled
            | Refusal::DeviceExpired
            | Refusal::UnrecognizedBrowser
            | Refusal::VerificationNeeded
            | Refusal::NotEnabled
            | Refusal::LastDevice { .. }
            | Refusal::TooManyDevices { .. }
            | Refusal::PasswordManagedExternally
            | Refusal::TooManyTokens { .. }
            | Refusal::ScopeInsufficient => StatusCode::FORBIDDEN,
            Refusal::SessionUnknown | Refusal::TokenUnknown => StatusCode::NOT_FOUND,
            Refusal::FactorsChanged => StatusCode::CONFLICT,
            Refusal::AttemptExpired => StatusCode::GONE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// Seconds to wait before the next attempt.
    pub(crate) fn retry_after(&self, now: Timestamp) -> Option<u64> {
        let Self::Refused(refusal) = self else { return None };
        refusal.retry_after(now).map(|span| u64::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u64::MAX))
    }

    /// The field with the problem.
    pub(crate) fn field(&self) -> Option<&'static str> {
        let Self::Refused(refusal) = self else { return Some("sure") };
        match refusal {
            Refusal::CodeMalformed
            | Refusal::CodeMistyped
            | Refusal::CodeWrong
            | Refusal::CodeUsed
            | Refusal::ClockSetBack
            | Refusal::NoCodeSent
            | Refusal::MethodUnavailable => Some("code"),
            Refusal::AddressInvalid | Refusal::AddressUnreachable => Some("to"),
            Refusal::InvalidCredentials | Refusal::NameInvalid { .. } => Some("name"),
            Refusal::PasswordWrong => Some("current"),
            Refusal::PasswordShort { .. }
            | Refusal::PasswordLong { .. }
            | Refusal::PasswordCommon
            | Refusal::PasswordPersonal
            | Refusal::PasswordSame => Some("new"),
            Refusal::PasswordsDiffer => Some("again"),
            Refusal::ScopeInvalid => Some("scopes"),
            Refusal::LifetimeInvalid { .. } => Some("expires_in"),
            _ => None,
        }
    }

    /// The texts: what happened, and what to do next.
    pub(crate) fn texts(&self, site: &Site) -> (String, String) {
        let (templates, message, args) = (site.templates(), self.message(), self.args());
        let texts = templates.texts();
        (texts.say(&message, &args), texts.say(&format!("{message}.next"), &args))
    }

    /// The arguments of the texts.
    fn args(&self) -> FluentArgs<'static> {
        const DAY: u64 = 24 * 60 * 60;
        let mut args = FluentArgs::new();
        let Self::Refused(refusal) = self else { return args };
        match refusal {
            Refusal::DeviceLocked { failures, .. } => args.set("failures", *failures),
            Refusal::NameInvalid { longest } | Refusal::PasswordLong { longest } => args.set("longest", *longest),
            Refusal::PasswordShort { shortest } => args.set("shortest", *shortest),
            Refusal::TooManyTokens { most } | Refusal::TooManyDevices { most } => args.set("most", *most),
            Refusal::LastDevice { others } => args.set("others", *others),
            Refusal::ScopeInvalid => args.set("most", Scopes::MAX_COUNT),
            Refusal::LifetimeInvalid { longest } => args.set("days", longest.as_secs() / DAY),
            _ => {}
        }
        args
    }

    /// The end of the waiting time, if there is one.
    fn until(&self) -> Option<Timestamp> {
        let Self::Refused(refusal) = self else { return None };
        match refusal {
            Refusal::DeviceLocked { until, .. }
            | Refusal::TooManyFailures { until }
            | Refusal::TooManyRequests { until }
            | Refusal::SendingTooSoon { until }
            | Refusal::SendingLimited { until } => Some(*until),
            _ => None,
        }
    }

    /// The variables for templates.
    pub(crate) fn shown(&self, site: &Site) -> Value {
        let (what, next) = self.texts(site);
        context! {
            what,
            next,
            field => self.field(),
            until => self.until().map(whole_second),
        }
    }
}

/// The time rounded up to a whole second, in milliseconds.
fn whole_second(until: Timestamp) -> i64 {
    until.as_millis().saturating_add(999).div_euclid(1000).saturating_mul(1000)
}
