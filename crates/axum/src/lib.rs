//! Two-factor authentication for axum: session layer, extractors, guards, pages and JSON API.
//!
//! [`Countersign`] is made of an engine and [`Settings`]. It provides the pages ([`Countersign::routes`]) and a layer
//! for the host's own routes ([`Countersign::protect`]). A handler states its requirement by an extractor:
//! [`SignedIn`], [`Verified`], [`VerifiedWithin`], or [`Caller`] if it serves programs too. Nothing here decides about
//! a second factor: handlers parse, call the engine, and render.

mod asset;
mod bearer;
mod cookies;
mod csrf;
mod extract;
mod fault;
mod form;
mod guard;
mod headers;
mod hosts;
mod layer;
mod log_limit;
mod message;
mod number;
mod page;
mod problem;
mod redirect;
mod routes;
mod settings;
mod site;
mod slash;
mod text;
mod trouble;
mod visitor;
mod why;

pub use countersign_engine as engine;
pub use minijinja::{Value, context};

pub use csrf::{CheckedForm, FormToken};
pub use extract::{Caller, MaybeSignedIn, SignedIn, Verified, VerifiedCaller, VerifiedCallerWithin, VerifiedWithin};
pub use guard::TokenScope;
pub use hosts::{Network, NotANetwork, NotAnOrigin, Origin, Origins};
pub use layer::Countersign;
pub use number::RequestNumber;
pub use page::EmbeddedTemplate;
pub use problem::Refused;
pub use redirect::LocalPath;
pub use settings::{Deux, Settings, SettingsError};
pub use visitor::Visitor;
