//! The entrances. Each parses, asks the engine, and renders; none of them looks at a device.

mod api;
mod pages;
mod twilio;

pub(crate) use api::router as api;
pub(crate) use pages::router as pages;
pub(crate) use twilio::router as twilio;
