//! The front end for deux's clients, row by row: each test is named after the row of `docs/parity/deux.md` that it
//! verifies.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod api;
mod authtoken;
mod ends;
mod foreign;
mod lenient;
mod oauth2;
mod odd;
mod site;
