//! The OAuth token endpoint (RFC 6749 §3.2) for the password and refresh grants of registered clients.
//!
//! The password grant must not be used by new clients (RFC 9700 §2.4): it exists for clients that were written for it,
//! and never for pages in a browser, which would have to be trusted with the password. Errors of the client or its
//! request come first, before any password or code is checked, as the RFC defines them. Errors of the user's input are
//! in the form that these clients expect: under `detail`, beside the RFC's `invalid_grant`.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use countersign_engine::{
    Error as EngineError,
    core::{Client, ClientId, Refusal, Scopes, Secret},
    flow::{ClientTokens, Stateless},
};
use data_encoding::BASE64;
use serde_json::json;

use super::{
    authtoken,
    request::PublicRequest,
    told::{self, Under, Wrong},
};
use crate::{
    Visitor,
    trouble::{Trouble, Unread},
};

/// An error of RFC 6749 §5.2, with its status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Error {
    InvalidClient,
    InvalidRequest,
    InvalidScope,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::InvalidClient => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_request"),
            // The status that these clients expect; the RFC has 400.
            Self::InvalidScope => (StatusCode::UNAUTHORIZED, "invalid_scope"),
            Self::InvalidGrant => (StatusCode::BAD_REQUEST, "invalid_grant"),
            Self::UnauthorizedClient => (StatusCode::BAD_REQUEST, "unauthorized_client"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
        };
        let mut response = told::document(status, &json!({ "error": error }));
        if self == Self::InvalidClient {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        }
        response
    }
}

pub(super) async fn token(visitor: Visitor, asking: Result<PublicRequest, Response>) -> Response {
    const PRAGMA: HeaderValue = HeaderValue::from_static("no-cache");
    const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
    let answered = match asking {
        Ok(asking) => answered(&asking).await,
        Err(response) => Err(unread(&visitor, response)),
    };
    let mut response = match answered {
        Ok(response) | Err(response) => response,
    };
    response.headers_mut().extend([(header::CACHE_CONTROL, NO_STORE), (header::PRAGMA, PRAGMA)]);
    response
}

/// The error for a body that cannot be parsed.
fn unread(visitor: &Visitor, response: Response) -> Response {
    match response.extensions().get::<Unread>() {
        Some(unread) => told::unread(visitor, *unread, Under::REQUEST),
        None => response,
    }
}

async fn answered(asking: &PublicRequest) -> Result<Response, Response> {
    if asking.is_of_browser {
        return Err(Error::UnauthorizedClient.into_response());
    }
    let client = client(asking).await?;
    let grant = asking.fields.text("grant_type").ok().flatten().map(Secret::expose);
    match grant {
        Some("password") => password(asking, &client).await,
        Some("refresh_token") => refresh(asking, &client).await,
        Some(_) => Err(Error::UnsupportedGrantType.into_response()),
        None => Err(Error::InvalidRequest.into_response()),
    }
}

/// The client (RFC 6749 §2.3.1): from its header, or else from fields of the body.
async fn client(asking: &PublicRequest) -> Result<Client, Response> {
    let invalid = || Error::InvalidClient.into_response();
    let text = |name| asking.fields.text(name).ok().flatten();
    let (id, secret) = match &*asking.authorization {
        [header] => basic(header.expose()).ok_or_else(invalid)?,
        [_, ..] => return Err(invalid()),
        [] => (text("client_id").ok_or_else(invalid)?.clone(), text("client_secret").cloned()),
    };
    let client = asking.engine().client(&ClientId::new(id.expose()), secret.as_ref()).await;
    client.map_err(|fault| Trouble::from(fault).into_response())?.ok_or_else(invalid)
}

/// Name and secret from the header (RFC 7617), each form-encoded. Neither may contain NUL, which the databases cannot
/// store.
fn basic(header: &str) -> Option<(Secret, Option<Secret>)> {
    let (scheme, encoded) = header.split_once(' ')?;
    let plain = BASE64.decode(encoded.trim().as_bytes()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (id, secret) = std::str::from_utf8(&plain).ok()?.split_once(':')?;
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        let text = percent_encoding::percent_decode_str(&text).decode_utf8().ok()?;
        (!text.contains('\0')).then(|| Secret::new(text.into_owned()))
    };
    Some((decoded(id)?, Some(decoded(secret)?).filter(|secret| !secret.expose().is_empty())))
}

async fn password(asking: &PublicRequest, client: &Client) -> Result<Response, Response> {
    let PublicRequest { visitor, fields, .. } = asking;
    let invalid = |Wrong(..)| Error::InvalidRequest.into_response();
    let name = fields.required("username").map_err(invalid)?;
    let password = fields.required("password").map_err(invalid)?;
    let scopes = wanted(asking).and_then(|wanted| client.grant(wanted.as_ref()).map_err(|_| Error::InvalidScope));
    let scopes = scopes.map_err(IntoResponse::into_response)?;
    let submitted = fields.submitted().map_err(|unclear| told::unclear(visitor, &unclear, Under::REQUEST))?;
    match asking.engine().sign_in_stateless(name.expose().trim(), password, submitted, &asking.request_context()).await
    {
        Ok(Stateless::Done(new_session)) => {
            let stopped = |stop| told::stopped(visitor, stop, Under::GRANT);
            let signed_in = authtoken::expected(asking, &new_session, submitted).await.map_err(stopped)?;
            let given = asking.engine().give_tokens(client, &signed_in, scopes, &asking.request_context()).await;
            given.map_err(stopped)?.map(|given| tokens(&given)).ok_or_else(|| Error::InvalidClient.into_response())
        }
        Ok(Stateless::Owed(asked)) => Ok(told::required(visitor, &asked, Under::GRANT)),
        Err(stop) => Err(told::unproved(visitor, stop, submitted, Under::GRANT)),
    }
}

async fn refresh(asking: &PublicRequest, client: &Client) -> Result<Response, Response> {
    let token = asking.fields.required("refresh_token").map_err(|_| Error::InvalidRequest.into_response())?;
    let narrowed = wanted(asking).map_err(IntoResponse::into_response)?;
    match asking.engine().exchange(client, token, narrowed.as_ref(), &asking.request_context()).await {
        Ok(given) => Ok(tokens(&given)),
        Err(EngineError::Refused(Refusal::ScopeInvalid)) => Err(Error::InvalidScope.into_response()),
        Err(EngineError::Refused(_)) => Err(Error::InvalidGrant.into_response()),
        Err(EngineError::Faulted(fault)) => Err(Trouble::from(fault).into_response()),
    }
}

/// The requested scopes.
fn wanted(asking: &PublicRequest) -> Result<Option<Scopes>, Error> {
    asking.fields.scopes().map_err(|_| Error::InvalidScope)
}

/// The document of RFC 6749 §5.1.
fn tokens(given: &ClientTokens) -> Response {
    let document = json!({
        "access_token": given.access.expose(),
        "expires_in": given.lifetime.as_secs(),
        "token_type": "Bearer",
        "scope": given.scopes.text(),
        "refresh_token": given.refresh.expose(),
    });
    told::document(StatusCode::OK, &document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_named_in_a_header_as_in_a_form() {
        let read = |text: &str| {
            let (id, secret) = basic(&format!("Basic {}", BASE64.encode(text.as_bytes())))?;
            Some((id.expose().to_owned(), secret.map(|secret| secret.expose().to_owned())))
        };
        assert_eq!(read("app:s:1%2B+"), Some(("app".into(), Some("s:1+ ".into()))));
        assert_eq!(read("app:"), Some(("app".into(), None)));
        for text in ["app", "app%00:s", "app:s\0"] {
            assert_eq!(read(text), None, "{text:?}");
        }
        for header in ["Basic", "Basic !", "Bearer YTpi", "YTpi"] {
            assert!(basic(header).is_none(), "{header}");
        }
    }
}
