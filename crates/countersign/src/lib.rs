//! Complete two-factor authentication for axum applications.
