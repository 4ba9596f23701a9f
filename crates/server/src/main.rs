//! The Countersign server and its command line.

fn main() {}
