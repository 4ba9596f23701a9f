//! How to protect a route: by the arguments of its handler.
//!
//! | the handler takes | who has access |
//! |---|---|
//! | [`MaybeSignedIn`](crate::MaybeSignedIn) | everyone; the value is the user, if one is signed in |
//! | [`SignedIn`](crate::SignedIn) | users with a session, at any level |
//! | [`Verified`](crate::Verified) | users who verified a second factor in this session |
//! | [`VerifiedWithin<600>`](crate::VerifiedWithin) | users who did so within the last ten minutes |
//!
//! A browser that does not meet the requirement is redirected to where it can, and back afterwards: to the login page;
//! to a page that asks for the second factor again; or, for a user who has none, to its setup, with a notice that says
//! why. A form post gets 401 or 403. A client that does not accept HTML gets 401 with what would meet the requirement
//! ([`programs`](super::programs)).
//!
//! A login between its two steps gives access to nothing: it is not a session, and there is none until every required
//! factor has been accepted.
//!
//! The extractors work only on routes under [`Countersign::protect`](crate::Countersign::protect); elsewhere they
//! refuse every request. Put `protect` around your outermost router, since a guard redirects back to the path that the
//! layer has seen.
//!
//! ```
//! use axum::{Router, routing::get};
//! use countersign::{Countersign, MaybeSignedIn, SignedIn, VerifiedWithin};
//!
//! fn app(countersign: &Countersign) -> Router {
//!     let mine = Router::new()
//!         .route("/", get(async |MaybeSignedIn(who): MaybeSignedIn| match who {
//!             Some(who) => format!("Good day, {}", who.user().name),
//!             None => "Good day, stranger".to_owned(),
//!         }))
//!         .route("/letters", get(async |SignedIn(who): SignedIn| format!("Letters for {}", who.user().id)))
//!         .route("/payments", get(async |VerifiedWithin(_): VerifiedWithin<600>| "Pay whom?"));
//!     countersign.protect(mine).merge(countersign.routes())
//! }
//! ```
