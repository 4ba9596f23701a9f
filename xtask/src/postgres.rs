//! A PostgreSQL for tests: around `cargo xtask test`, and for a developer by `cargo xtask postgres`.

use std::io::stdin;

use anyhow::{Context as _, Result};
use cluster::{Cluster, VARIABLE};

/// Starts a cluster that is gone when it is dropped.
pub(crate) fn start() -> Result<Cluster> {
    Cluster::start().context("could not start a PostgreSQL for the tests")
}

/// Starts one, says where it is, and keeps it until somebody presses Return or the standard input ends.
pub(crate) fn keep() -> Result<()> {
    let cluster = start()?;
    println!("export {VARIABLE}={}", cluster.url("postgres"));
    println!("# it is gone when you press Return here");
    stdin().read_line(&mut String::new()).context("could not read the standard input")?;
    Ok(())
}
