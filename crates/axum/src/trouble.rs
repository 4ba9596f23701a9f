//! Errors as programs get them: problem documents (RFC 9457) with a stable code.
//!
//! The codes are a closed list: those of the refusals, some for requests that cannot be processed, and `fault`. Title
//! and detail are for people, in any language; programs use the code. A required authentication is also named in
//! `WWW-Authenticate` (RFC 6750 §3, RFC 9470 §3).

use std::{fmt::Write, sync::Arc, time::Duration};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use countersign_engine::{
    Error, Fault,
    core::{Level, Refusal},
};
use fluent_bundle::FluentArgs;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Visitor,
    fault::{self, Incident},
    message::Message,
    problem::{Problem, Refused},
    site::Site,
};

/// An error on its way to the code that renders it.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// A refusal.
    Refused(Refusal),
    /// A refusal, because of this missing authentication.
    Unmet(Refusal, Needed),
    /// A request that cannot be processed.
    Unread(Unread),
    /// A fault.
    Faulted(Arc<Fault>),
}

/// The authentication that is required.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Needed {
    /// A session token.
    SignIn,
    /// Another token: this one is invalid or has expired.
    AnotherToken,
    /// A token with this scope.
    Scope(Option<&'static str>),
    /// Verification at this level, at most this old.
    Proof {
        /// The level.
        level: Level,
        /// The maximum age.
        age: Option<Duration>,
    },
}

impl Needed {
    /// A second factor, verified at most this long ago.
    pub(crate) fn second_factor(age: Duration) -> Self {
        Self::device(Level::Aal2, age)
    }

    /// A device of this level, verified at most this long ago.
    fn device(level: Level, age: Duration) -> Self {
        Self::Proof { level, age: (age != Duration::MAX).then_some(age) }
    }

    /// The value of `WWW-Authenticate`.
    fn challenge(self) -> String {
        match self {
            Self::SignIn => "Bearer".into(),
            Self::AnotherToken => "Bearer error=\"invalid_token\"".into(),
            Self::Scope(None) => "Bearer error=\"insufficient_scope\"".into(),
            Self::Scope(Some(scope)) => format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\""),
            Self::Proof { level, age } => {
                let mut challenge =
                    format!("Bearer error=\"insufficient_user_authentication\", acr_values=\"{}\"", level.as_str());
                if let Some(age) = age {
                    // Writing to a string cannot fail.
                    let _ = write!(challenge, ", max_age=\"{}\"", age.as_secs());
                }
                challenge
            }
        }
    }

    fn status(self) -> StatusCode {
        if matches!(self, Self::Scope(_)) { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED }
    }
}

/// Why a request cannot be processed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unread {
    /// The path does not exist.
    NotFound,
    /// The method is not allowed for this path.
    MethodNotAllowed,
    /// The request came from another site.
    OtherSite,
    /// The request has cookies, but no valid CSRF token.
    CsrfToken,
    /// The body is not JSON.
    BodyKind,
    /// The body took too long to arrive.
    BodySlow,
    /// The body is too long.
    BodyLong,
    /// The body is not valid JSON, or contains NUL.
    BodyBroken,
    /// A member is missing, repeated or of the wrong type.
    BodyMembers,
}

impl Unread {
    /// All of them.
    pub(crate) const ALL: [Self; 9] = [
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::OtherSite,
        Self::CsrfToken,
        Self::BodyKind,
        Self::BodySlow,
        Self::BodyLong,
        Self::BodyBroken,
        Self::BodyMembers,
    ];

    /// The stable code. The text is the message `api-<code>`.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::OtherSite => "other-site",
            Self::CsrfToken => "csrf-token",
            Self::BodyKind => "body-kind",
            Self::BodySlow => "body-slow",
            Self::BodyLong => "body-long",
            Self::BodyBroken => "body-broken",
            Self::BodyMembers => "body-members",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::OtherSite | Self::CsrfToken => StatusCode::FORBIDDEN,
            Self::BodyKind => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodySlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::BodyMembers => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

impl Unread {
    /// The reason for the log, if the request was rejected for its origin.
    pub(crate) fn rejection(self) -> Option<&'static str> {
        match self {
            Self::OtherSite => Some("another site sent it, by `Origin` or `Sec-Fetch-Site`"),
            Self::CsrfToken => {
                Some("`X-CSRF-Token` is missing beside cookies, or was made for another session or browser")
            }
            _ => None,
        }
    }
}

/// The code of a fault.
pub(crate) const FAULT: &str = "fault";

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unread> for Trouble {
    fn from(unread: Unread) -> Self {
        Self::Unread(unread)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Faulted(Arc::new(fault))
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::Faulted(fault) => fault.into(),
        }
    }
}

/// Puts the error into the extensions: the layer, which knows the site, renders it.
impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// An error response (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemDocument {
    /// The problem type: a URN with the code.
    #[serde(rename = "type")]
    kind: String,
    /// The problem, for people.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What to do next, for people.
    detail: String,
    /// The problem, for programs: a code from a closed list.
    code: &'static str,
    /// The member of the request with the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'static str>,
    /// Seconds to wait before the next attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// The incident number, under which the log has the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<String>,
}

impl ProblemDocument {
    /// The problem, for people.
    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    fn incident(site: &Site, incident: &Incident) -> Self {
        let templates = site.templates();
        let texts = templates.texts();
        let number = FluentArgs::from_iter([("number", incident.number.as_str())]);
        Self {
            kind: kind(FAULT),
            title: texts.say("fault", &number),
            status: StatusCode::SERVICE_UNAVAILABLE.as_u16(),
            detail: texts.say("api-fault", &number),
            code: FAULT,
            member: None,
            retry_after: incident.retry_after,
            incident: Some(incident.number.to_string()),
        }
    }
}

impl Visitor {
    /// The error response for a program.
    pub(crate) fn tell(&self, trouble: &Trouble) -> Response {
        let (document, needed) = match trouble {
            Trouble::Refused(refusal) => (self.document(refusal), self.needed(refusal)),
            Trouble::Unmet(refusal, needed) => (self.document(refusal), Some(*needed)),
            Trouble::Unread(unread) => (self.unread(*unread), None),
            Trouble::Faulted(fault) => {
                let incident = fault::note(self.site(), fault, fault.retry_after());
                (ProblemDocument::incident(self.site(), &incident), None)
            }
        };
        let status = needed.map_or(document.status, |needed| needed.status().as_u16());
        let mut response = rendered(&ProblemDocument { status, ..document });
        if let Some(challenge) = needed.and_then(|needed| HeaderValue::from_str(&needed.challenge()).ok()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Trouble::Refused(refusal) | Trouble::Unmet(refusal, _) = trouble {
            response.extensions_mut().insert(Refused::from(refusal));
        }
        response
    }

    /// The same error, but requiring no stronger level than the user's devices can reach: where a device is required,
    /// the strongest one is enough.
    pub(crate) async fn within_reach(&self, trouble: Trouble) -> Result<Trouble, Fault> {
        let Trouble::Refused(refusal @ Refusal::VerificationNeeded) = trouble else { return Ok(trouble) };
        let strongest = match self.signed_in().await? {
            Some(signed_in) => self.engine().strongest(signed_in.user()).await?,
            None => None,
        };
        Ok(match strongest {
            Some(level) => {
                Trouble::Unmet(refusal, Needed::device(level, self.engine().config().reauthentication_window))
            }
            None => refusal.into(),
        })
    }

    /// Renders the response for a program: errors become problem documents.
    pub(crate) fn retold(&self, response: Response) -> Response {
        let extensions = response.extensions();
        if let Some(trouble) = extensions.get::<Trouble>() {
            return self.tell(trouble);
        }
        if let Some(incident) = extensions.get::<Incident>().filter(|_| self.reads_json()) {
            return rendered(&ProblemDocument::incident(self.site(), incident));
        }
        match extensions.get::<Message>() {
            Some(Message::OtherSite) if self.reads_json() => self.tell(&Unread::OtherSite.into()),
            _ => response,
        }
    }

    /// A refusal as a document, also to be included in another one.
    pub(crate) fn document(&self, refusal: &Refusal) -> ProblemDocument {
        let problem = Problem::from(refusal.clone());
        let (title, detail) = problem.texts(self.site());
        ProblemDocument {
            kind: kind(refusal.code()),
            title,
            status: problem.status().as_u16(),
            detail,
            code: refusal.code(),
            member: problem.field(),
            retry_after: problem.retry_after(self.engine().now()),
            incident: None,
        }
    }

    /// The authentication with which the same request would succeed, if the refusal depends on that.
    fn needed(&self, refusal: &Refusal) -> Option<Needed> {
        let recent = self.engine().config().reauthentication_window;
        match refusal {
            Refusal::VerificationNeeded => Some(Needed::second_factor(recent)),
            Refusal::SignInNeeded | Refusal::SessionReplaced if self.shows_bearer() => Some(Needed::AnotherToken),
            Refusal::SignInNeeded | Refusal::SessionReplaced => Some(Needed::SignIn),
            Refusal::PasswordNeeded => Some(Needed::Proof { level: Level::Aal1, age: Some(recent) }),
            Refusal::ScopeInsufficient => Some(Needed::Scope(None)),
            _ => None,
        }
    }

    fn unread(&self, unread: Unread) -> ProblemDocument {
        let code = unread.code();
        let say = |id: &str| self.site().templates().texts().say(id, &FluentArgs::new());
        ProblemDocument {
            kind: kind(code),
            title: say(&format!("api-{code}")),
            status: unread.status().as_u16(),
            detail: say(&format!("api-{code}.next")),
            code,
            member: None,
            retry_after: None,
            incident: None,
        }
    }
}

fn kind(code: &str) -> String {
    format!("urn:countersign:problem:{code}")
}

fn rendered(document: &ProblemDocument) -> Response {
    const KIND: HeaderValue = HeaderValue::from_static("application/problem+json");
    // A document of texts and numbers can always be serialized.
    let body = serde_json::to_vec(document).unwrap_or_default();
    let status = StatusCode::from_u16(document.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(header::CONTENT_TYPE, KIND)], body).into_response();
    if let Some(seconds) = document.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

#[cfg(test)]
mod tests;
