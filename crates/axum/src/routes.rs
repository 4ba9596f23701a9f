//! The entrances. Each parses, asks the engine, and renders; none of them looks at a device.

mod pages;

pub(crate) use pages::router as pages;
