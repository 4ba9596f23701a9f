//! The rules of Countersign, as pure functions over plain data.
//!
//! Nothing here reads a clock, draws a random number, waits, or does I/O: time and randomness are arguments, and what
//! must be written is returned as [`Change`]s. This crate guards one thing with its types, the meaning of [`Verified`]:
//! it exists only after a [`Ruling`] was settled with the receipt of its own commit.
//!
//! ```text
//! judge(case, answer, now) ──▶ Ruling ──batch──▶ store ──receipt──▶ settle ──▶ Verified | Refusal | again
//! ```

pub mod account;
pub mod address;
pub mod admission;
pub mod assurance;
pub mod batch;
pub mod change;
pub mod client;
pub mod config;
pub mod delivery;
pub mod device;
pub mod device_cookie;
pub mod event;
pub mod factors;
pub mod flow;
pub mod id;
pub mod mark;
pub mod method;
pub mod node;
pub mod provision;
pub mod refusal;
pub mod repeat;
pub mod restored;
pub mod ruling;
pub mod secret;
pub mod sending;
pub mod session;
pub mod throttle;
pub mod time;
pub mod token;
pub mod view;

pub use account::Account;
pub use address::{Address, EmailAddress, PhoneNumber};
pub use assurance::{Level, Proved};
pub use batch::{Batch, Receipt, Written};
pub use change::{
    AccountChange, AttemptChange, Budget, BudgetChange, Change, ClientChange, DeliveryChange, DeviceChange,
    DeviceCookieChange, EventChange, LeaseChange, NodeChange, RestorationChange, SessionChange, TokenChange,
    UserChange,
};
pub use client::{Client, ClientId, ClientKind, ClientName, ClientSecretHash, ClientType};
pub use config::{Config, ConfigError};
pub use delivery::{Delivery, DeliveryStatus};
pub use device::{Device, DeviceName, Envelope, Kind, Sealed, Status};
pub use device_cookie::{DeviceCookie, DeviceCookies};
pub use event::{Event, EventKind};
pub use factors::Factors;
pub use id::{AttemptId, BrowserId, DeliveryId, DeviceId, Id, NodeId, UserId};
pub use node::{KeyComparison, Node};
pub use refusal::Refusal;
pub use repeat::{Predecessor, Repeat, SealedResult};
pub use ruling::{Case, Ruling, Settled, Verified, judge, judge_different, judge_response};
pub use secret::Secret;
pub use session::{Session, SessionKey};
pub use time::Timestamp;
pub use token::{FamilyId, Scopes, Token, TokenId, TokenKey, TokenKind};

pub use countersign_otp as otp;
