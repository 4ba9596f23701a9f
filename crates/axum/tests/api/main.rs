//! The JSON API, driven as programs and browsers' scripts drive it, and beside the pages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod alike;
mod bearer;
mod body;
mod browser;
mod description;
mod ends;
mod inventory;
mod repeat;
mod same;
mod site;
mod step_up;
mod tokens;
mod walk;
