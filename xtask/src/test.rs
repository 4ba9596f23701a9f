//! `cargo xtask test`: everything that has to hold before a commit goes in, cheapest first, stopping at the first
//! step that fails. Continuous integration runs this and nothing else.

use std::{
    fs,
    io::{BufReader, stdout},
    path::Path,
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    command::{self, cargo},
    deps, postgres, python, server,
    tally::Tally,
    tidy, tools,
    workspace::Workspace,
};

/// Runs every step, names each with its time, and closes with the number of tests.
pub(crate) fn test(workspace: &Workspace) -> Result<()> {
    step("tools", tools::provide)?;
    let python = step("python", || python::provide(&workspace.target))?;
    step("format", || run(workspace, &["fmt", "--all", "--check"]))?;
    step("deps", || deps::deps(workspace))?;
    step("clippy", || run(workspace, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step("doc", || {
        command::run(at(workspace, &["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    step("tidy", || tidy::tidy(workspace))?;
    let program = step("server binary", || server::build(workspace))?;
    let (tally, status) = step("tests", || suite(workspace, &program, &python))?;
    println!("{tally}");
    ensure!(status.success(), "step `tests` failed");
    Ok(())
}

/// Plain `cargo test`. The tests that drive the real server find its binary, a place for their screenshots and a private
/// PostgreSQL, which is gone afterwards, in the environment.
fn suite(workspace: &Workspace, program: &Path, python: &Path) -> Result<(Tally, ExitStatus)> {
    let artefacts = workspace.target.join("artefacts");
    fs::create_dir_all(&artefacts).with_context(|| format!("could not create {}", artefacts.display()))?;
    let cluster = postgres::start()?;
    let mut tests = at(workspace, &["test", "--workspace", "--no-fail-fast"])
        .env(server::VARIABLE, program)
        .env("TRIALS_ARTEFACTS", artefacts)
        .env(python::VARIABLE, python)
        .env(cluster::VARIABLE, cluster.url("postgres"))
        .stdout(Stdio::piped())
        .spawn()
        .context("could not start `cargo test`")?;
    let output = tests.stdout.take().context("could not read from `cargo test`")?;
    let tally = Tally::while_copying(BufReader::new(output), stdout())?;
    Ok((tally, tests.wait()?))
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
