//! The real binary: every command, and a server that is tested from outside.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod api;
mod backup;
mod clients;
mod crowd;
mod database;
mod demo;
mod devices;
mod doctor;
mod factors;
mod figures;
mod house;
mod keys;
mod log;
mod person;
mod postgres;
mod reload;
mod secrets;
mod sends;
mod serving;
mod settings;
mod templates;
mod trouble;
mod upgrade;
mod users;
