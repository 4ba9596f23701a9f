//! Responses in the formats that clients of deux expect.
//!
//! A text about the whole request is under `detail` or `non_field_errors`, a text about a field under its name. Errors
//! that these clients do not know, such as a throttle or a required verification, have their own status, and the same
//! headers as in the other front ends.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use countersign_engine::{
    Error,
    core::Refusal,
    flow::{Prompt, Submitted},
};
use fluent_bundle::FluentArgs;
use serde_json::{Map, Value, json};

use super::fields::SubmittedWrong;
use crate::{
    Visitor,
    problem::{Problem, Refused},
    trouble::{Trouble, Unread},
};

/// An invalid field, and the id of the text that says why.
#[derive(Debug)]
pub(super) struct Wrong(pub(super) &'static str, pub(super) &'static str);

/// The place of a text in the response.
#[derive(Clone, Copy, Debug)]
pub(super) enum Under {
    /// Under `detail`.
    Detail,
    /// In a list under `detail`.
    Details,
    /// In a list under this name.
    List(&'static str),
    /// Under this name.
    Text(&'static str),
    /// Under `detail`, beside this error of RFC 6749 §5.2. There is no `error_description`: it is limited to ASCII, and
    /// texts may be in any language.
    OAuth(&'static str),
}

impl Under {
    /// A text about the fields together.
    pub(super) const NO_FIELD: Self = Self::List("non_field_errors");
    /// A text about the user's credentials at the token endpoint.
    pub(super) const GRANT: Self = Self::OAuth("invalid_grant");
    /// A text about a malformed request to the token endpoint.
    pub(super) const REQUEST: Self = Self::OAuth("invalid_request");

    fn holding(self, text: &str) -> Value {
        match self {
            Self::Detail => json!({ "detail": text }),
            Self::Details => json!({ "detail": [text] }),
            Self::List(name) => json!({ name: [text] }),
            Self::Text(name) => json!({ name: text }),
            Self::OAuth(error) => json!({ "error": error, "detail": text }),
        }
    }
}

pub(super) fn say(visitor: &Visitor, id: &str) -> String {
    visitor.site().templates().texts().say(id, &FluentArgs::new())
}

/// A JSON response.
pub(super) fn document(status: StatusCode, document: &Value) -> Response {
    const KIND: HeaderValue = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, KIND)], document.to_string()).into_response()
}

/// A text under `detail`.
pub(super) fn detail(visitor: &Visitor, status: StatusCode, id: &str) -> Response {
    document(status, &Under::Detail.holding(&say(visitor, id)))
}

/// A bad request, with this text.
pub(super) fn bad(visitor: &Visitor, under: Under, id: &str) -> Response {
    document(StatusCode::BAD_REQUEST, &under.holding(&say(visitor, id)))
}

/// A bad request with invalid fields.
pub(super) fn wrong(visitor: &Visitor, fields: &[Wrong]) -> Response {
    document(StatusCode::BAD_REQUEST, &Value::Object(texts(visitor, fields)))
}

/// The texts about these fields, each under its name.
fn texts(visitor: &Visitor, fields: &[Wrong]) -> Map<String, Value> {
    fields.iter().map(|Wrong(name, why)| ((*name).to_owned(), json!([say(visitor, why)]))).collect()
}

/// The response to an invalid code field, or to a code and a backup code together.
pub(super) fn unclear(visitor: &Visitor, submitted: &SubmittedWrong, under: Under) -> Response {
    match submitted {
        SubmittedWrong::Both => bad(visitor, under, "deux-both-codes"),
        SubmittedWrong::Fields(fields) => {
            let mut texts = texts(visitor, fields);
            if let Under::OAuth(error) = under {
                texts.insert("error".into(), error.into());
            }
            document(StatusCode::BAD_REQUEST, &Value::Object(texts))
        }
    }
}

/// The response to a refusal or a fault.
pub(super) fn stopped(visitor: &Visitor, error: Error, under: Under) -> Response {
    match error {
        Error::Refused(refusal) => refused(visitor, &refusal, under),
        Error::Faulted(fault) => Trouble::from(fault).into_response(),
    }
}

/// The same for the code of a device: an incorrect backup code has a text of its own.
pub(super) fn unproved(visitor: &Visitor, error: Error, submitted: Submitted<'_>, under: Under) -> Response {
    let is_code = |refusal: &Refusal| {
        matches!(refusal, Refusal::CodeWrong | Refusal::CodeMalformed | Refusal::CodeMistyped | Refusal::DeviceUnknown)
    };
    match (error, submitted) {
        (Error::Refused(refusal), Submitted::BackupCode(_)) if is_code(&refusal) => {
            counted(bad(visitor, under, "deux-backup-code-wrong"), &refusal)
        }
        (error, _) => stopped(visitor, error, under),
    }
}

/// The response to a refusal.
pub(super) fn refused(visitor: &Visitor, refusal: &Refusal, under: Under) -> Response {
    refused_beside(visitor, refusal, under, &Map::new())
}

/// The same, with these members beside the text.
fn refused_beside(visitor: &Visitor, refusal: &Refusal, under: Under, beside: &Map<String, Value>) -> Response {
    if matches!(
        refusal,
        Refusal::SignInNeeded | Refusal::SessionReplaced | Refusal::PasswordNeeded | Refusal::VerificationNeeded
    ) {
        return visitor.tell(&refusal.clone().into());
    }
    let problem = Problem::from(refusal.clone());
    let (what, _) = problem.texts(visitor.site());
    let status = match problem.status() {
        StatusCode::TOO_MANY_REQUESTS => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut body = under.holding(&what);
    if let Some(members) = body.as_object_mut() {
        members.extend(beside.clone());
    }
    let mut response = document(status, &body);
    if let Some(seconds) = problem.retry_after(visitor.engine().now()) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    counted(response, refusal)
}

/// The response to a refusal at sign-in, for the table of all refusals.
#[cfg(test)]
pub(crate) fn refused_at_login(visitor: &Visitor, refusal: &Refusal) -> Response {
    refused(visitor, refusal, Under::NO_FIELD)
}

fn counted(mut response: Response, refusal: &Refusal) -> Response {
    response.extensions_mut().insert(Refused::from(refusal));
    response
}

/// The response to a sign-in that needs a second factor.
pub(super) fn required(visitor: &Visitor, asked: &Prompt, under: Under) -> Response {
    match &asked.unsent {
        Some(refusal) => refused_beside(visitor, refusal, under, &which(asked)),
        None => document(StatusCode::OK, &Value::Object(which(asked))),
    }
}

/// Members with the required method: present even if no code was sent, because a backup code would do.
fn which(asked: &Prompt) -> Map<String, Value> {
    [("mfa_required", true.into()), ("mfa_type", asked.kind.as_str().into())]
        .into_iter()
        .map(|(name, value): (_, Value)| (name.to_owned(), value))
        .collect()
}

/// The response to an action of a signed-in user that needs a second factor. Nothing was done yet.
pub(super) fn owed(visitor: &Visitor, asked: &Prompt, under: Under) -> Response {
    if let Some(refusal) = &asked.unsent {
        return refused_beside(visitor, refusal, under, &which(asked));
    }
    let mut body = which(asked);
    body.insert("detail".into(), say(visitor, "deux-proof").into());
    let mut response = document(StatusCode::UNAUTHORIZED, &Value::Object(body));
    let told = visitor.tell(&Refusal::VerificationNeeded.into());
    if let Some(challenge) = told.headers().get(header::WWW_AUTHENTICATE) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.clone());
    }
    counted(response, &Refusal::VerificationNeeded)
}

/// The response to a request without authentication.
pub(super) fn signed_out(visitor: &Visitor) -> Response {
    let mut response = detail(visitor, StatusCode::UNAUTHORIZED, "deux-signed-out");
    for scheme in ["Token", "Bearer"] {
        response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    }
    counted(response, &Refusal::SignInNeeded)
}

/// The response to a request that cannot be processed. The reason is in its extensions.
pub(super) fn unread(visitor: &Visitor, unread: Unread, under: Under) -> Response {
    let (status, id) = match unread {
        Unread::CsrfToken | Unread::OtherSite => (StatusCode::FORBIDDEN, "deux-csrf-token"),
        Unread::BodyKind => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "deux-body-kind"),
        Unread::BodyLong => (StatusCode::PAYLOAD_TOO_LARGE, "deux-body-long"),
        Unread::BodySlow => (StatusCode::REQUEST_TIMEOUT, "deux-body-slow"),
        _ => (StatusCode::BAD_REQUEST, "deux-body-broken"),
    };
    let mut response = document(status, &under.holding(&say(visitor, id)));
    response.extensions_mut().insert(unread);
    response
}

/// The response to an unknown path.
pub(super) fn nothing(visitor: &Visitor) -> Response {
    detail(visitor, StatusCode::NOT_FOUND, "deux-not-found")
}

/// The response to a method that is not allowed.
pub(super) fn not_allowed(visitor: &Visitor, allowed: &'static str) -> Response {
    let method = FluentArgs::from_iter([("method", visitor.method().as_str())]);
    let text = visitor.site().templates().texts().say("deux-method-not-allowed", &method);
    allowing(document(StatusCode::METHOD_NOT_ALLOWED, &Under::Detail.holding(&text)), allowed)
}

/// The response to `OPTIONS`.
pub(super) fn described(visitor: &Visitor, allowed: &'static str) -> Response {
    let parses = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"];
    let body = json!({ "name": visitor.path(), "description": "", "renders": ["application/json"], "parses": parses });
    allowing(document(StatusCode::OK, &body), allowed)
}

fn allowing(mut response: Response, allowed: &'static str) -> Response {
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}
