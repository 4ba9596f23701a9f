//! Durable commits and reads.
fn main() {}
