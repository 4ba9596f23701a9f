//! What a handler may take: the visitor, and the guards.
//!
//! Each is found through what [`Countersign::protect`](crate::Countersign::protect) put into the request; on a route
//! without that layer every one of them refuses. The session is read at most once a request, and only if somebody asks.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
    response::Response,
};
use countersign_engine as engine;

/// Whoever sent the request, signed in or not.
#[derive(Clone, Debug)]
pub struct Visitor(());

/// The user, at any level; whoever is not signed in is led to the login page.
#[derive(Clone, Debug)]
pub struct SignedIn(pub engine::SignedIn);

/// The user, who has proved a second factor in this session.
#[derive(Clone, Debug)]
pub struct Verified(pub engine::SignedIn);

/// The user, who has proved a second factor within the last so many seconds.
#[derive(Clone, Debug)]
pub struct VerifiedWithin<const SECONDS: u64>(pub engine::SignedIn);

/// The user, if somebody is signed in.
#[derive(Clone, Debug)]
pub struct MaybeSignedIn(pub Option<engine::SignedIn>);

fn refused() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Response> {
        Err(refused())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Response> {
        Err(refused())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Verified {
    type Rejection = Response;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Response> {
        Err(refused())
    }
}

impl<S: Send + Sync, const SECONDS: u64> FromRequestParts<S> for VerifiedWithin<SECONDS> {
    type Rejection = Response;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Response> {
        Err(refused())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for MaybeSignedIn {
    type Rejection = Response;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Response> {
        Err(refused())
    }
}

/// Nothing can go wrong.
#[expect(dead_code, reason = "the skeleton")]
type Never = Infallible;
