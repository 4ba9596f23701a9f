//! How to protect a route: by what its handler takes.
//!
//! | the handler takes | whoever gets in |
//! |---|---|
//! | [`MaybeSignedIn`](crate::MaybeSignedIn) | everybody; it says who, if somebody is signed in |
//! | [`SignedIn`](crate::SignedIn) | whoever has a session, at any level |
//! | [`Verified`](crate::Verified) | whoever proved a second factor in this session |
//! | [`VerifiedWithin<600>`](crate::VerifiedWithin) | whoever did so within the last ten minutes |
//!
//! A browser that does not meet the demand is led to where it can, and back afterwards: to the login page; to a page that
//! asks for the second factor again; or, for a user who has none, to setting one up, with a word about why. A form
//! is answered 401 or 403, and a client that reads no HTML 401 and what would meet the demand ([`programs`](super::programs)).
//!
//! A login between its two steps opens no guard: it is no session, and there is none until every factor that is owed has
//! been accepted.
//!
//! The extractors work on routes under [`Countersign::protect`](crate::Countersign::protect) only; anywhere else they
//! refuse. Put `protect` around your outermost router, since a guard leads back to the path that the layer has seen.
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
