//! API clients: mobile applications, front ends and other servers.
//!
//! The JSON API at [`Settings::api`](crate::Settings::api) does what the pages do. A running application describes it
//! at `/api/v1/openapi.json` and, for developers, at `/api/v1/reference`. A client sends a name and a password, gets
//! the next required step as data, and gets a session whose token it sends as `Authorization: Bearer`; every extractor
//! accepts it. A script in a browser may leave its session in the cookie; then it sends `X-CSRF-Token` with every
//! request that changes something, with the value from `csrf` in the responses. If a bearer token is sent, cookies are
//! ignored. `examples/spa` is a complete front end, with step-up.
//!
//! A user may also create *personal tokens* for scripts, in a session that has just verified a second factor. They
//! cannot change an account. They end when they expire or are revoked, when the password changes, when the device or
//! the backup codes that verified their session are removed, when two-factor authentication is enabled or disabled, and
//! when the database is restored from a backup. They give access only to routes with one of their scopes:
//!
//! | the handler takes | what has access |
//! |---|---|
//! | [`Caller`](crate::Caller) | a session, or a token whose scope is the route's [`TokenScope`](crate::TokenScope) |
//! | [`VerifiedCaller`](crate::VerifiedCaller) | the same, after a second factor |
//! | [`VerifiedCallerWithin<600>`](crate::VerifiedCallerWithin) | the same, within the last ten minutes |
//!
//! ```
//! use axum::{Extension, Router, routing::get};
//! use countersign::{Caller, Countersign, TokenScope};
//!
//! fn app(countersign: &Countersign) -> Router {
//!     let reports = get(async |Caller(caller): Caller| format!("Reports of {}", caller.user().name));
//!     let mine = Router::new().route("/reports", reports.layer(Extension(TokenScope("reports:read"))));
//!     countersign.protect(mine).merge(countersign.routes())
//! }
//! ```
//!
//! A request that does not meet a requirement gets 401 with a problem document (RFC 9457) and a challenge with the
//! required level and freshness (RFC 9470): `acr_values` is `aal2` or `phishing-resistant`, and in the API `aal1` for a
//! user whose strongest method is e-mail; `max_age` is in seconds. `POST /api/v1/step-up` meets it; the same request
//! then succeeds.
