//! A PostgreSQL server for tests: for `cargo xtask test`, and for developers by `cargo xtask postgres`.

use std::io::stdin;

use anyhow::{Context as _, Result};
use cluster::{Cluster, VARIABLE};

/// Starts a cluster that is removed when it is dropped.
pub(crate) fn start() -> Result<Cluster> {
    Cluster::start().context("could not start a PostgreSQL for the tests")
}

/// Starts a cluster, prints its URL, and keeps it until Return is pressed or the standard input ends.
pub(crate) fn keep() -> Result<()> {
    let cluster = start()?;
    println!("export {VARIABLE}={}", cluster.url("postgres"));
    println!("# it is gone when you press Return here");
    stdin().read_line(&mut String::new()).context("could not read the standard input")?;
    Ok(())
}
