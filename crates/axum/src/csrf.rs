//! Forms that only this site can have made.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{StatusCode, request::Parts},
    response::Response,
};
use serde::de::DeserializeOwned;

/// The token for a form of a host's own page: the value of a hidden field named [`FormToken::FIELD`].
#[derive(Clone, Debug)]
pub struct FormToken(String);

impl FormToken {
    /// The name of the hidden field.
    pub const FIELD: &str = "form";

    /// The value of the hidden field.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The fields of a form whose token was checked.
#[derive(Clone, Debug)]
pub struct CheckedForm<T>(pub T);

impl<S: Send + Sync> FromRequestParts<S> for FormToken {
    type Rejection = Response;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Response> {
        Err(refused())
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for CheckedForm<T> {
    type Rejection = Response;

    async fn from_request(_: Request, _: &S) -> Result<Self, Response> {
        Err(refused())
    }
}

fn refused() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}
