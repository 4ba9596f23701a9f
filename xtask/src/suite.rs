//! Running tests: all of them, in two lanes, or repeatedly those that depend on chance.
//!
//! Most trials wait: for a server to start, for a database to come back, for the next code of an app. So one lane
//! starts with the trials and the other with the tests of the crates, which use the processor meanwhile.

use std::{
    collections::VecDeque,
    fs,
    io::{BufReader, Cursor, stdout},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::{
    command::{self, cargo},
    node, postgres, python, server,
    tally::Tally,
    workspace::Workspace,
};

/// The package whose tests run real programs.
const TRIALS: &str = "trials";
/// The variable with the number of repetitions, for `countersign_testkit::rounds` and for proptest.
const ROUNDS: [(&str, &str); 2] = [("COUNTERSIGN_TEST_ROUNDS", "100"), ("PROPTEST_CASES", "25600")];
/// The integration tests that depend on chance; those in the sources are not listed.
const CHANCE: [&str; 8] = ["property", "properties", "methods", "clock", "races", "pages", "crash", "schemathesis"];

/// The packages that were installed for the tests, except programs.
pub(crate) struct Peers {
    /// Python with its packages.
    pub(crate) python: PathBuf,
    /// The path of axe-core.
    pub(crate) axe: PathBuf,
}

/// The environment of the tests: the server's binary, the installed packages, a folder for screenshots, and a private
/// PostgreSQL, which is removed afterwards.
struct Surroundings<'a> {
    program: PathBuf,
    peers: &'a Peers,
    artefacts: PathBuf,
    cluster: cluster::Cluster,
}

impl<'a> Surroundings<'a> {
    fn new(workspace: &Workspace, program: PathBuf, peers: &'a Peers) -> Result<Self> {
        let artefacts = workspace.target.join("artefacts");
        fs::create_dir_all(&artefacts).with_context(|| format!("could not create {}", artefacts.display()))?;
        Ok(Self { program, peers, artefacts, cluster: postgres::start()? })
    }

    fn around(&self, command: &mut Command) {
        command
            .env(server::VARIABLE, &self.program)
            .env("TRIALS_ARTEFACTS", &self.artefacts)
            .env(python::VARIABLE, &self.peers.python)
            .env(node::VARIABLE, &self.peers.axe)
            .env(cluster::VARIABLE, self.cluster.url("postgres"));
    }
}

/// A test binary.
struct TestBinary {
    package: String,
    /// The folder of its package, in which cargo would run it.
    folder: PathBuf,
    program: PathBuf,
}

/// Runs all tests of the workspace, and prints how many passed.
pub(crate) fn all(workspace: &Workspace, peers: &Peers) -> Result<()> {
    let (trials, others): (Vec<_>, Vec<_>) = build(workspace)?.into_iter().partition(|binary| binary.package == TRIALS);
    let surroundings = Surroundings::new(workspace, workspace.debug_server(), peers)?;
    let queue = Mutex::new(trials.into_iter().chain(others).collect::<VecDeque<_>>());
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| run_each(&queue, VecDeque::pop_front, &surroundings));
        let documents = run(workspace, &["test", "--workspace", "--doc", "--no-fail-fast"], &surroundings, &[]);
        let second = run_each(&queue, VecDeque::pop_back, &surroundings);
        let first = first.join().unwrap_or_else(|_| bail!("a lane of tests panicked"));
        (first, documents.and_then(|documents| Ok(documents.and(second?))))
    });
    first?.and(second?).tell()
}

/// Runs tests that depend on chance a hundred times as often, with the release build of the server.
pub(crate) fn long(workspace: &Workspace, program: PathBuf, peers: &Peers) -> Result<()> {
    let surroundings = Surroundings::new(workspace, program, peers)?;
    let targets = CHANCE.iter().flat_map(|target| ["--test", target]);
    let words: Vec<_> =
        ["test", "--workspace", "--no-fail-fast", "--lib", "--bins"].into_iter().chain(targets).collect();
    run(workspace, &words, &surroundings, &ROUNDS)?.tell()
}

/// The result of test binaries.
#[derive(Default)]
struct Outcome {
    tally: Tally,
    /// The names of binaries that failed.
    failed: Vec<String>,
}

impl Outcome {
    fn and(mut self, other: Self) -> Self {
        self.tally += other.tally;
        self.failed.extend(other.failed);
        self
    }

    fn tell(self) -> Result<()> {
        println!("{}", self.tally);
        ensure!(self.failed.is_empty(), "tests failed in {}", self.failed.join(", "));
        Ok(())
    }
}

/// Builds all tests, and with them the server that trials run.
fn build(workspace: &Workspace) -> Result<Vec<TestBinary>> {
    let mut build = cargo();
    build.current_dir(&workspace.root).args([
        "test",
        "--workspace",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]);
    let messages = command::read(&mut build)?;
    messages.lines().map(serde_json::from_str).filter_map(|message| test_binary(message).transpose()).collect()
}

/// The test binary in one of cargo's messages, if the message is about one.
fn test_binary(message: serde_json::Result<Value>) -> Result<Option<TestBinary>> {
    let message = message?;
    let is_test = message.pointer("/profile/test") == Some(&Value::Bool(true));
    let text = |field| message.get(field).and_then(Value::as_str);
    let Some(program) = text("executable").filter(|_| is_test) else { return Ok(None) };
    let manifest = Path::new(text("manifest_path").context("a package has a manifest")?);
    let folder = manifest.parent().context("a manifest has a folder")?;
    let package = folder.file_name().context("a package has a folder")?.to_string_lossy().into_owned();
    Ok(Some(TestBinary { package, folder: folder.to_owned(), program: program.into() }))
}

/// Runs binaries one after the other, until none is left. The output of a binary is printed when it has ended, so that
/// lanes do not mix.
fn run_each(
    queue: &Mutex<VecDeque<TestBinary>>,
    next: fn(&mut VecDeque<TestBinary>) -> Option<TestBinary>,
    surroundings: &Surroundings<'_>,
) -> Result<Outcome> {
    let take = || next(&mut queue.lock().unwrap_or_else(PoisonError::into_inner));
    let mut sum = Outcome::default();
    while let Some(TestBinary { package, folder, program }) = take() {
        let name = program.file_stem().unwrap_or_default().to_string_lossy();
        let name = name.rsplit_once('-').map_or(&*name, |(name, _)| name);
        println!("── {package}: {name}");
        let mut command = Command::new(&program);
        command.current_dir(&folder).env("CARGO_MANIFEST_DIR", &folder);
        surroundings.around(&mut command);
        let output = command.output().with_context(|| format!("could not start {}", program.display()))?;
        let text = [format!("   Tests of {package}: {name}\n").as_bytes(), &output.stdout, &output.stderr].concat();
        let tally = Tally::while_copying(Cursor::new(text), stdout().lock())?;
        let failed = if output.status.success() { vec![] } else { vec![format!("{package} ({name})")] };
        sum = sum.and(Outcome { tally, failed });
    }
    Ok(sum)
}

/// Runs tests by cargo.
fn run(
    workspace: &Workspace,
    words: &[&str],
    surroundings: &Surroundings<'_>,
    settings: &[(&str, &str)],
) -> Result<Outcome> {
    let mut command = cargo();
    command.current_dir(&workspace.root).args(words).envs(settings.iter().copied()).stdout(Stdio::piped());
    surroundings.around(&mut command);
    let mut tests = command.spawn().context("could not start `cargo test`")?;
    let output = tests.stdout.take().context("could not read from `cargo test`")?;
    let tally = Tally::while_copying(BufReader::new(output), stdout())?;
    let failed = if tests.wait()?.success() { vec![] } else { vec![format!("`cargo {}`", words.join(" "))] };
    Ok(Outcome { tally, failed })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn programs_of_tests_are_run_where_cargo_would_run_them_and_others_are_not() {
        let artifact = |test: bool, executable: Option<&str>| {
            json!({
                "reason": "compiler-artifact", "manifest_path": "/w/crates/core/Cargo.toml",
                "profile": { "test": test }, "executable": executable,
            })
        };
        let TestBinary { package, folder, program } =
            test_binary(Ok(artifact(true, Some("/w/target/debug/deps/totp-1f")))).unwrap().unwrap();
        assert_eq!(
            (&*package, &*folder, &*program),
            ("core", "/w/crates/core".as_ref(), "/w/target/debug/deps/totp-1f".as_ref())
        );
        for other in [artifact(false, Some("/w/target/debug/countersign")), artifact(true, None), json!({})] {
            assert!(test_binary(Ok(other)).unwrap().is_none());
        }
    }
}
