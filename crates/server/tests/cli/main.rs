//! The real binary, as somebody runs it: every command, and a server that is watched from outside.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod demo;
mod factors;
mod house;
mod log;
mod person;
mod postgres;
mod serving;
mod settings;
mod users;
