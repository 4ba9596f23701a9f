//! A request: its sender and its fields.
//!
//! A signed-in user sends a token, or a cookie together with a CSRF token. The token of an OAuth client is a session
//! token.

use axum::{
    extract::{FromRequest, Request},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use countersign_engine::{
    Caller, Engine, SignedIn,
    core::Secret,
    flow::{DeviceCookieSupport, RequestContext},
};
use serde::Deserialize;

use super::{
    fields::Fields,
    told::{self, Under},
};
use crate::{Visitor, fault, routes::api, trouble::Trouble};

/// A header that only browsers send (Fetch Metadata).
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// A request that needs no authentication. Its cookies and tokens are ignored.
pub(super) struct PublicRequest {
    pub(super) visitor: Visitor,
    pub(super) fields: Fields,
    /// The client credentials in `Authorization`, as often as they occur.
    pub(super) authorization: Vec<Secret>,
    /// Whether a page in a browser has sent it.
    pub(super) is_of_browser: bool,
}

impl PublicRequest {
    pub(super) fn engine(&self) -> &Engine {
        self.visitor.engine()
    }

    /// The context of the request for the engine.
    pub(super) fn request_context(&self) -> RequestContext {
        RequestContext {
            session: None,
            browser: None,
            device_cookie: DeviceCookieSupport::Ignored,
            ..self.visitor.request_context()
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for PublicRequest {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let visitor = visitor(&request).ok_or_else(unprotected)?;
        if !takes_json(&visitor) {
            return Err(told::nothing(&visitor));
        }
        let headers = request.headers();
        let shown = headers.get_all(header::AUTHORIZATION).iter();
        let authorization = shown.map(|value| Secret::from(value.to_str().unwrap_or_default())).collect();
        let is_of_browser = headers.contains_key(header::ORIGIN) || headers.contains_key(FETCH_MODE);
        let fields = Fields::read(request).await.map_err(|unread| told::unread(&visitor, unread, Under::Detail))?;
        Ok(Self { visitor, fields, authorization, is_of_browser })
    }
}

/// A request of a signed-in user.
pub(super) struct SignedInRequest {
    pub(super) visitor: Visitor,
    pub(super) signed_in: SignedIn,
    pub(super) fields: Fields,
}

impl SignedInRequest {
    pub(super) fn engine(&self) -> &Engine {
        self.visitor.engine()
    }

    /// The context of the request for the engine.
    pub(super) fn request_context(&self) -> RequestContext {
        RequestContext { device_cookie: DeviceCookieSupport::Ignored, ..self.visitor.request_context() }
    }
}

impl<S: Send + Sync> FromRequest<S> for SignedInRequest {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let visitor = visitor(&request).ok_or_else(unprotected)?;
        if !takes_json(&visitor) {
            return Err(told::nothing(&visitor));
        }
        api::client(&visitor, &request).map_err(|unread| told::unread(&visitor, unread, Under::Detail))?;
        let signed_in = match visitor.caller().await {
            Ok(Some(Caller::Session(signed_in))) => signed_in.clone(),
            Ok(Some(Caller::Token(presented))) => match presented.grant() {
                Some(signed_in) => signed_in.clone(),
                None => return Err(told::detail(&visitor, StatusCode::FORBIDDEN, "deux-session-only")),
            },
            Ok(None) => return Err(told::signed_out(&visitor)),
            Err(fault) => return Err(Trouble::from(fault).into_response()),
        };
        let fields = Fields::read(request).await.map_err(|unread| told::unread(&visitor, unread, Under::Detail))?;
        Ok(Self { visitor, signed_in, fields })
    }
}

/// The sender, if the request is for a site of ours.
fn visitor(request: &Request) -> Option<Visitor> {
    request.extensions().get::<Visitor>().cloned()
}

fn unprotected() -> Response {
    fault::unprotected().into_response()
}

/// Whether the client accepts JSON, the only format.
fn takes_json(visitor: &Visitor) -> bool {
    #[derive(Default, Deserialize)]
    struct Query {
        format: Option<String>,
    }
    let Query { format } = serde_html_form::from_str(visitor.query()).unwrap_or_default();
    format.is_none_or(|format| format == "json")
}
