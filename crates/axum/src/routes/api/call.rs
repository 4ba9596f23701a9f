//! A request to the API: its client and its body, strictly parsed.
//!
//! A program sends a bearer token, or the token of an attempt in the body. Cookies are accepted only together with a
//! CSRF token ([`CSRF_HEADER`]), or in requests that change nothing. A request with the cookie of a session or a
//! pending login but without a CSRF token is refused (cross-site request forgery).

use std::time::Duration;

use axum::{
    body,
    extract::{FromRequest, OptionalFromRequestParts, Path, Request},
    http::{HeaderName, HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use countersign_engine::{self as engine, AttemptToken, BrowserToken, core::Refusal, flow::RequestContext};
use serde::de::DeserializeOwned;

use super::operation::Shape;
use crate::{
    Visitor,
    csrf::Bound,
    fault,
    guard::Acting,
    trouble::{Trouble, Unread},
};

/// The maximum length of a body, in bytes.
const MAX_SIZE: usize = 16 * 1024;
/// The time within which a body must arrive.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The header for the CSRF token of a browser.
pub(super) const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");

/// The header in which a program sends the value of its device cookie, so that failed attempts of other clients do not
/// lock it out.
pub(super) const BROWSER_HEADER: HeaderName = HeaderName::from_static("countersign-device");

/// The kind of client, which decides where it keeps tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::routes) enum Client {
    /// A browser, which keeps tokens in cookies.
    Browser,
    /// A program, which keeps tokens itself.
    Program,
}

/// The type of a request body.
pub(super) trait Takes: Send + Sized + 'static {
    /// Whether the request has a body.
    const IN_BODY: bool;
    /// The schema for the OpenAPI description; `None` without a body.
    fn shape() -> Option<Shape>;
    /// Parses the body.
    fn read(text: &str) -> Result<Self, Unread>;
}

impl Takes for () {
    const IN_BODY: bool = false;

    fn shape() -> Option<Shape> {
        None
    }

    fn read(_: &str) -> Result<Self, Unread> {
        Ok(())
    }
}

/// A JSON object.
pub(super) trait Members: DeserializeOwned + utoipa::ToSchema + Send + 'static {}

impl<T: Members> Takes for T {
    const IN_BODY: bool = true;

    fn shape() -> Option<Shape> {
        Some(Shape::of::<T>())
    }

    /// An absent body is an empty object. A list is rejected, although serde would take its items for members.
    fn read(text: &str) -> Result<Self, Unread> {
        let text = if text.is_empty() { "{}" } else { text };
        let read = serde_json::from_str(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Unread::BodyMembers,
            _ => Unread::BodyBroken,
        });
        read.and_then(|body| if text.trim_start().starts_with('{') { Ok(body) } else { Err(Unread::BodyMembers) })
    }
}

/// A request to the API.
pub(super) struct Call<T = ()> {
    pub(super) visitor: Visitor,
    pub(super) client: Client,
    /// The value of the device cookie that a program got at an earlier sign-in.
    known: Option<BrowserToken>,
    /// The variable part of the path.
    pub(super) part: String,
    pub(super) body: T,
}

impl<T> Call<T> {
    /// The engine.
    pub(super) fn engine(&self) -> &engine::Engine {
        self.visitor.engine()
    }

    /// The session.
    pub(super) async fn signed_in(&self) -> Result<engine::SignedIn, Trouble> {
        self.visitor.in_session().await
    }

    /// The session of a call that replaces it.
    pub(super) async fn acting(&self) -> Result<Acting, Trouble> {
        self.visitor.acting().await
    }

    /// The token of the pending login, from the body or from the browser's cookie.
    pub(super) fn login(&self, held: Option<&String>) -> Result<AttemptToken, Refusal> {
        let kept = || self.visitor.cookies().pending.clone().filter(|_| self.client == Client::Browser);
        held.map(|token| AttemptToken::new(token.as_str())).or_else(kept).ok_or(Refusal::AttemptExpired)
    }

    /// The context of the request for the engine.
    pub(super) fn request_context(&self) -> RequestContext {
        let request_context = self.visitor.request_context();
        match self.client {
            Client::Browser => request_context,
            Client::Program => RequestContext { browser: self.known.clone(), ..request_context },
        }
    }
}

impl<S: Send + Sync, T: Takes> FromRequest<S> for Call<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let Some(visitor) = request.extensions().get::<Visitor>().cloned() else {
            return Err(fault::unprotected().into_response());
        };
        let client = client(&visitor, &request).map_err(told)?;
        let known = request.headers().get(BROWSER_HEADER).and_then(|known| known.to_str().ok()).map(BrowserToken::new);
        let (mut parts, body) = request.into_parts();
        let part = <Path<String> as OptionalFromRequestParts<S>>::from_request_parts(&mut parts, state).await;
        let Ok(part) = part else { return Err(told(Unread::NotFound)) };
        let part = part.map(|Path(part)| part).unwrap_or_default();
        let text = if T::IN_BODY { text(Request::from_parts(parts, body)).await.map_err(told)? } else { String::new() };
        let body = T::read(&text).map_err(told)?;
        Ok(Self { visitor, client, known, part, body })
    }
}

fn told(unread: Unread) -> Response {
    Trouble::from(unread).into_response()
}

/// The kind of client, or the rejection of cookies without a CSRF token.
pub(in crate::routes) fn client(visitor: &Visitor, request: &Request) -> Result<Client, Unread> {
    let cookies = visitor.cookies();
    if visitor.shows_bearer() {
        return Ok(Client::Program);
    }
    let brings = cookies.session.is_some() || cookies.pending.is_some();
    if request.method().is_safe() {
        return Ok(if brings { Client::Browser } else { Client::Program });
    }
    let mut tags = request.headers().get_all(CSRF_HEADER).iter();
    match (tags.next(), tags.next()) {
        (None, _) if brings => Err(Unread::CsrfToken),
        (None, _) => Ok(Client::Program),
        (Some(tag), None) if tag.to_str().is_ok_and(|tag| visitor.tag_holds(Bound::Any, tag)) => Ok(Client::Browser),
        _ => Err(Unread::CsrfToken),
    }
}

/// The body as text; empty if there is none.
async fn text(request: Request) -> Result<String, Unread> {
    const JSON: &[u8] = b"application/json";
    let kind = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).map(<[u8]>::to_vec);
    let body = tokio::time::timeout(TIMEOUT, body::to_bytes(request.into_body(), MAX_SIZE)).await;
    let body = body.map_err(|_| Unread::BodySlow)?.map_err(|_| Unread::BodyLong)?;
    let is_json =
        |kind: &[u8]| kind.split(|c| *c == b';').next().unwrap_or_default().trim_ascii().eq_ignore_ascii_case(JSON);
    if !body.is_empty() && !kind.is_some_and(|kind| is_json(&kind)) {
        return Err(Unread::BodyKind);
    }
    let text = std::str::from_utf8(&body).map_err(|_| Unread::BodyBroken)?;
    if has_nul(text) { Err(Unread::BodyBroken) } else { Ok(text.to_owned()) }
}

/// Whether a string in this JSON contains NUL, which the databases cannot store.
fn has_nul(json: &str) -> bool {
    json.contains('\0')
        || json.match_indices("\\u0000").any(|(at, _)| {
            let before = json.get(..at).unwrap_or_default();
            before.bytes().rev().take_while(|c| *c == b'\\').count() % 2 == 0
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_found_however_it_is_written() {
        for json in ["\0", r#"{"a":"\u0000"}"#, r#"{"a":"x\\\u0000"}"#] {
            assert!(has_nul(json), "{json}");
        }
        for json in ["", r#"{"a":"\\u0000"}"#, r#"{"a":"\u0001"}"#] {
            assert!(!has_nul(json), "{json}");
        }
    }
}
