//! The front ends. Each handler parses, calls the engine, and renders; none of them reads a device.

mod api;
mod deux;
mod pages;
mod twilio;

pub(crate) use api::router as api;
#[cfg(test)]
pub(crate) use deux::refused_at_login;
pub(crate) use deux::router as deux;
pub(crate) use pages::{change_password, router as pages};
pub(crate) use twilio::router as twilio;
