//! Contract suites: what every implementation of a port must keep.

pub mod method;
pub mod store;
pub mod users;
