//! `cargo xtask test`: all checks that must pass before a commit, cheapest first, stopping at the first that fails.
//! Continuous integration runs this and nothing else.

use std::{process::Command, thread, time::Duration};

use anyhow::{Context as _, Result, bail};

use crate::{
    command::{self, cargo},
    deps, node, python, server,
    suite::{self, Peers},
    tidy, tools,
    workspace::Workspace,
};

/// Runs every step, and prints its name and duration.
pub(crate) fn test(workspace: &Workspace) -> Result<()> {
    step("tools", tools::provide)?;
    let peers = thread::scope(|scope| {
        // Packages are installed while the compiler runs.
        let peers = scope.spawn(|| peers(workspace));
        step("format", || run(workspace, &["fmt", "--all", "--check"]))?;
        step("deps", || deps::deps(workspace))?;
        step("clippy", || run(workspace, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
        step("doc", || {
            command::run(at(workspace, &["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
        })?;
        step("tidy", || tidy::tidy(workspace))?;
        peers.join().unwrap_or_else(|_| bail!("a step of `python` and `npm` panicked"))
    })?;
    step("tests", || suite::all(workspace, &peers))
}

/// Runs tests that depend on chance a hundred times as often.
pub(crate) fn long(workspace: &Workspace) -> Result<()> {
    step("tools", tools::provide)?;
    let peers = peers(workspace)?;
    let program = step("server binary", || server::build(workspace))?;
    step("tests", || suite::long(workspace, program, &peers))
}

/// Installs the Python and npm packages.
fn peers(workspace: &Workspace) -> Result<Peers> {
    Ok(Peers {
        python: step("python", || python::provide(&workspace.target))?,
        axe: step("npm", || node::provide(&workspace.target))?,
    })
}

fn run(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    command::run(&mut at(workspace, arguments))
}

fn at(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut cargo = cargo();
    cargo.current_dir(&workspace.root).args(arguments);
    cargo
}

fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("── {name}");
    let (outcome, took) = timed(work);
    println!("── {name}: {:.1} s", took.as_secs_f64());
    outcome.with_context(|| format!("step `{name}` failed"))
}

#[expect(clippy::disallowed_methods, reason = "how long a step took is for the reader; no rule rests on it")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = std::time::Instant::now();
    let outcome = work();
    (outcome, start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_gives_its_name_and_its_cause() {
        let error = step("doomed", || anyhow::bail!("the cause") as Result<()>).unwrap_err();
        assert_eq!(format!("{error:#}"), "step `doomed` failed: the cause");
    }

    #[test]
    fn a_step_hands_its_result_on() {
        assert_eq!(step("lucky", || Ok(7)).unwrap(), 7);
    }
}
