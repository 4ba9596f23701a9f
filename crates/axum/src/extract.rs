//! The extractors for handlers: one for each guard.
//!
//! Each depends on the extension that [`Countersign::protect`](crate::Countersign::protect) adds to the request; on a
//! route without that layer, all of them refuse. The session is read at most once per request, and only if an extractor
//! needs it.

use std::time::Duration;

use axum::{extract::FromRequestParts, http::request::Parts, response::Response};
use countersign_engine as engine;

use crate::{Visitor, guard::Demand};

/// The user, at any level. A request without a session is redirected to the login page.
#[derive(Clone, Debug)]
pub struct SignedIn(pub engine::SignedIn);

/// The user, if a second factor was verified in this session.
#[derive(Clone, Debug)]
pub struct Verified(pub engine::SignedIn);

/// The user, if a second factor was verified within this number of seconds.
#[derive(Clone, Debug)]
pub struct VerifiedWithin<const SECONDS: u64>(pub engine::SignedIn);

/// The caller: a user in a session, or a program with a personal token whose scope the route names by a
/// [`TokenScope`](crate::TokenScope) in the request's extensions. Without a `TokenScope`, personal tokens are refused.
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use countersign_axum::{Caller, TokenScope};
///
/// let reports = get(async |Caller(caller): Caller| format!("Reports of {}", caller.user().name));
/// let app: Router = Router::new().route("/reports", reports.layer(Extension(TokenScope("reports:read"))));
/// ```
#[derive(Clone, Debug)]
pub struct Caller(pub engine::Caller);

/// The caller, if a second factor was verified: in this session, or in the one that created the token.
#[derive(Clone, Debug)]
pub struct VerifiedCaller(pub engine::Caller);

/// The caller, if a second factor was verified within this number of seconds.
#[derive(Clone, Debug)]
pub struct VerifiedCallerWithin<const SECONDS: u64>(pub engine::Caller);

/// The user, if the request has a session.
#[derive(Clone, Debug)]
pub struct MaybeSignedIn(pub Option<engine::SignedIn>);

async fn demand<S: Sync>(parts: &mut Parts, state: &S, demand: Demand) -> Result<engine::SignedIn, Response> {
    Visitor::from_request_parts(parts, state).await?.demand(demand).await
}

async fn caller<S: Sync>(parts: &mut Parts, state: &S, demand: Demand) -> Result<engine::Caller, Response> {
    let scope = parts.extensions.get().copied();
    Visitor::from_request_parts(parts, state).await?.demand_of_caller(demand, scope).await
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        caller(parts, state, Demand::SignedIn).await.map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for VerifiedCaller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        caller(parts, state, Demand::VERIFIED).await.map(Self)
    }
}

impl<S: Sync, const SECONDS: u64> FromRequestParts<S> for VerifiedCallerWithin<SECONDS> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        caller(parts, state, Demand::Verified(Duration::from_secs(SECONDS))).await.map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        demand(parts, state, Demand::SignedIn).await.map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Verified {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        demand(parts, state, Demand::VERIFIED).await.map(Self)
    }
}

impl<S: Sync, const SECONDS: u64> FromRequestParts<S> for VerifiedWithin<SECONDS> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        demand(parts, state, Demand::Verified(Duration::from_secs(SECONDS))).await.map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for MaybeSignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        match visitor.signed_in().await {
            Ok(signed_in) => Ok(Self(signed_in.cloned())),
            Err(fault) => Err(visitor.fault(&fault)),
        }
    }
}
