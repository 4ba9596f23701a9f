//! The web: session layer, extractors, guards and pages.
//!
//! [`Countersign`] is made of an engine and [`Settings`]. It gives a host the pages ([`Countersign::routes`]) and a layer
//! for the host's own routes ([`Countersign::protect`]); a handler says what it needs by what it takes: [`SignedIn`],
//! [`Verified`], [`VerifiedWithin`]; one that serves programs too takes a [`Caller`]. Nothing here decides about a second factor: pages parse, ask the engine, and render.

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
