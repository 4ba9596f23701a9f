//! What went wrong, as a program is told it: a problem document (RFC 9457) with a stable code.
//!
//! The codes are a closed list: those of the refusals, a few about requests that nobody can read, and `fault`, where we
//! could not decide. Title and detail are for people and may be in any language; a program goes by the code. What has to be
//! proved first is said in the challenge as well (RFC 6750 §3, RFC 9470 §3).

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

/// Something that went wrong, on its way to whoever renders it.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// We said no.
    Refused(Refusal),
    /// We said no, because something has to be shown or proved first.
    Unmet(Refusal, Needed),
    /// The request cannot be read, or is for nothing that is here.
    Unread(Unread),
    /// We could not decide.
    Faulted(Arc<Fault>),
}

/// What has to be shown or proved first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Needed {
    /// A token of a session.
    SignIn,
    /// Another token: this one opens nothing, or nothing any more.
    AnotherToken,
    /// A token that was made for this.
    Scope(Option<&'static str>),
    /// A proof of this level, at most so old.
    Proof {
        /// The level.
        level: Level,
        /// How old it may be.
        age: Option<Duration>,
    },
}

impl Needed {
    /// A second factor, proved at most so long ago.
    pub(crate) fn second_factor(age: Duration) -> Self {
        Self::device(Level::Aal2, age)
    }

    /// A device that counts for so much, proved at most so long ago.
    fn device(level: Level, age: Duration) -> Self {
        Self::Proof { level, age: (age != Duration::MAX).then_some(age) }
    }

    /// The challenge that says so.
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
                    // Nothing fails that only writes to a string.
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

/// Why a request means nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unread {
    /// Nothing is at this address.
    NotFound,
    /// The method means nothing at this address.
    MethodNotAllowed,
    /// It came from another site.
    OtherSite,
    /// It came with cookies and without the token that shows that a page of this site has sent it.
    CsrfToken,
    /// The body is not JSON.
    BodyKind,
    /// The body took too long.
    BodySlow,
    /// The body is too long.
    BodyLong,
    /// The body is no whole JSON, or has a NUL in it.
    BodyBroken,
    /// A member is missing, there twice, or of the wrong kind.
    BodyMembers,
}

impl Unread {
    /// Every one there is.
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

    /// Its stable code. Its text is the message `api-<code>`.
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
    /// Why a request was rejected, for the log, if it was rejected for where it comes from.
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

/// The code of what we could not decide.
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

/// Goes out in the extensions: the layer, which knows the site, renders it.
impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What a program is told when something went wrong (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemDocument {
    /// Names the kind of problem, as the code does.
    #[serde(rename = "type")]
    kind: String,
    /// What happened, for people.
    title: String,
    /// The status of the answer.
    status: u16,
    /// What to do next, for people.
    detail: String,
    /// What happened, for programs: one of a closed list.
    code: &'static str,
    /// The member of the request that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'static str>,
    /// Seconds after which trying again could help.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// The number under which those who run this site find what happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<String>,
}

impl ProblemDocument {
    /// What happened, for people.
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
    /// What a program is told, now.
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

    /// The same trouble, asking for no stronger proof than the user's devices can give: where the rules ask for a device, the
    /// strongest one meets them.
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

    /// An answer as a program gets it: what went wrong is told it in its own way.
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

    /// A refusal as a document, for whoever is told of it beside something else.
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

    /// What has to be proved before the same request succeeds, if that is what the refusal says.
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
    // A document of texts and numbers has nothing that JSON could not say.
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
