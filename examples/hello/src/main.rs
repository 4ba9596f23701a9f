//! The smallest host application.

fn main() {}
