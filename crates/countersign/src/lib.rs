//! Complete two-factor authentication for axum applications.

pub use countersign_axum::*;
