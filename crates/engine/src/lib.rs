//! The engine: loads what the rules of `countersign-core` need, and commits what they decide.
//!
//! It does all I/O through ports: a store, the host's users, a clock, randomness, an observer. Every answer of every
//! front end takes the one path in `verify.rs`; every flow has a file below `flow.rs`. A failure of the system is a
//! [`Fault`], never a refusal and never an "allow".

mod bearer;
mod client;
mod device_cookie;
mod engine;
mod failure_streak;
mod fault;
pub mod flow;
mod ip_rate;
mod keyring;
mod keys;
pub mod memory;
mod node;
mod open;
pub mod port;
mod provision;
mod ready;
mod repeat;
pub mod restored;
mod session;
mod staff;
mod system;
mod token;
mod verify;
mod wiped;

pub use bearer::{Caller, Presented};
pub use client::Rotation;
pub use countersign_core as core;
pub use engine::{Engine, Parts};
pub use failure_streak::FailureStreak;
pub use fault::{Error, Fault};
pub use ip_rate::IpRateLimit;
pub use keyring::{KeyId, Keyring, KeyringError, NotAKeyId, SealingKey};
pub use keys::{Keeping, Resealed, Seals};
pub use node::{LIVE_FOR, REPORT_EVERY, Running};
pub use port::{Clock, Lane, Observer, PreparedPassword, Random, SessionLookup, Store, User, Users};
pub use provision::{NewToken, PreviousOwner};
pub use repeat::ReplacingCall;
pub use session::{NewSession, SignedIn};
pub use staff::TwoFactorStatus;
pub use system::{OsRandom, Stopwatch, SystemClock};
pub use token::{AttemptToken, BearerToken, BrowserToken, CallToken, ClientSecret, ProgramToken, SessionToken};
