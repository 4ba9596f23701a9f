//! The pages, driven as a browser drives them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod again;
mod body;
mod calls;
mod faults;
mod fields;
mod forms;
mod guards;
mod headers;
mod hosts;
mod known;
mod log;
mod look;
mod lost;
mod moments;
mod names;
mod notices;
mod origin;
mod pending;
mod sent;
mod site;
mod slash;
mod twice;
mod walk;
mod wizard;
