//! Complete two-factor authentication for axum applications.
//!
//! An application provides its users (one small trait), mounts the pages, and declares on each route what it requires.
//! Countersign does the rest: signing in with password and second factor, setting up devices, backup codes, disabling
//! two-factor authentication, sessions.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use axum::{Router, routing::get};
//! use countersign::{
//!     Countersign, Origins, Settings, SignedIn, Verified,
//!     engine::{Engine, Keyring, OsRandom, Parts, memory::MemoryStore},
//! };
//! # use countersign::engine::{Fault, User, Users, core::{Secret, UserId}};
//! # #[derive(Debug)]
//! # struct MyUsers;
//! # #[async_trait::async_trait]
//! # impl Users for MyUsers {
//! #     async fn by_name(&self, _: &str) -> Result<Option<User>, Fault> { Ok(None) }
//! #     async fn by_id(&self, _: &UserId) -> Result<Option<User>, Fault> { Ok(None) }
//! #     async fn password_matches(&self, _: Option<&User>, _: &Secret) -> Result<bool, Fault> { Ok(false) }
//! # }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In production, use a durable store and a key file instead of these two.
//! let keyring = Keyring::parse(&Keyring::new_line(1, &OsRandom))?;
//! let mut parts = Parts::new(Arc::new(MemoryStore::default()), Arc::new(MyUsers), keyring);
//! parts.config.issuer = "My site".into(); // on pages, in messages and in authenticator apps
//! let engine = Engine::new(parts)?;
//! // Deletes expired data, for as long as the application runs.
//! tokio::spawn(engine.housekeeping(env!("CARGO_PKG_VERSION")));
//! let countersign = Countersign::new(engine, Settings::new(Origins::Loopback { port: 3000 }))?;
//!
//! let mine = Router::new()
//!     .route("/", get(async |SignedIn(who): SignedIn| format!("Good day, {}", who.user().name)))
//!     .route("/vault", get(async |Verified(_): Verified| "This took a second factor."));
//! let app = countersign.protect(mine).merge(countersign.routes());
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! axum::serve(listener, app.into_make_service_with_connect_info::<std::net::SocketAddr>()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The [`guide`] continues from here.

pub mod guide;

pub use countersign_axum::{
    Caller, CheckedForm, Countersign, FormToken, LocalPath, MaybeSignedIn, Network, NotANetwork, NotAnOrigin, Origin,
    Origins, Settings, SettingsError, SignedIn, TokenScope, Value, Verified, VerifiedCaller, VerifiedCallerWithin,
    VerifiedWithin, Visitor, context, engine,
};
