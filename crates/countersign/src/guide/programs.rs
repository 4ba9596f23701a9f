//! Programs: mobile applications, front ends and other servers.
//!
//! The JSON API at [`Settings::api`](crate::Settings::api) does what the pages do. A running application describes it at
//! `/api/v1/openapi.json` and, for people, at `/api/v1/reference`. A program gives a name and a password, is told as data
//! what is owed next, and gets a session whose token it shows as `Authorization: Bearer`; every extractor takes it. A
//! browser's script may leave its session to the cookie and then sends `X-CSRF-Token` with whatever changes something; the
//! token stands in the answers as `csrf`. Where a bearer token is shown, cookies count for nothing. `examples/spa` is a whole
//! front end, with step-up.
//!
//! A person may also make *personal tokens*, for scripts: in a session that has just proved a second factor. They change
//! nothing about an account, and they end at their time, by their owner's word, with the password, with the device or the
//! backup codes that vouched for them, whenever two-factor authentication is switched on or off, and when the database is
//! restored from a backup. They open only what a route opens to them, by a scope:
//!
//! | the handler takes | whoever gets in |
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
//! A program that does not meet a demand is answered 401 with a problem document (RFC 9457) and a challenge that says which
//! level is asked for and how fresh it has to be (RFC 9470): `acr_values` is `aal2` or `phishing-resistant`, and at the API
//! `aal1` where the user has nothing stronger than a mailbox; `max_age` is in seconds. `POST /api/v1/step-up` is the way to
//! meet it; the same request then succeeds.
