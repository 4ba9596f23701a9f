//! Development tasks, so that one command is enough for a fresh clone: `cargo xtask test`.
//!
//! Nothing here is part of what Countersign ships. The tasks use the tools of a Rust installation and need no
//! additional cargo subcommand.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore reports to the person who called it")]

mod command;
mod contract;
mod deps;
mod node;
mod postgres;
mod python;
mod server;
mod suite;
mod tally;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{command::cargo, workspace::Workspace};

const USAGE: &str = "\
usage: cargo xtask <chore>

  test                  everything that has to hold before a commit goes in
  long                  the tests that chance decides, a hundred times as often; for hours
  tidy                  the arrows between the crates, and the papers that describe them
  deps                  licences, duplicates and origins of what Cargo.lock brings, by deny.toml
  postgres              a private PostgreSQL for tests that one runs by hand
  bench login [ARGS]    logins over HTTP against the real binary, beside the bare limits
  contract twilio FILE  what we tell Twilio, held against its own description of its interface (OpenAPI, api_v2010)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match chore(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn chore(words: &[&str]) -> Result<()> {
    match words {
        ["test"] => test::test(&Workspace::load()?),
        ["long"] => test::long(&Workspace::load()?),
        ["postgres"] => postgres::keep(),
        ["deps"] => deps::deps(&Workspace::load()?),
        ["tidy"] => tidy::tidy(&Workspace::load()?),
        ["bench", "login", arguments @ ..] => bench_login(&Workspace::load()?, arguments),
        ["contract", "twilio", file] => contract::twilio(&Workspace::load()?, file),
        [] => bail!("no task was given\n\n{USAGE}"),
        unknown => bail!("there is no task `{}`\n\n{USAGE}", unknown.join(" ")),
    }
}

fn bench_login(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    let program = server::build(workspace)?;
    let bench = ["bench", "-p", "trials", "--bench", "login", "--"];
    command::run(cargo().current_dir(&workspace.root).env(server::VARIABLE, program).args(bench).args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_chore_is_refused_with_the_usage() {
        for (words, reason) in [
            (&[] as &[&str], "no task was given"),
            (&["dance"], "there is no task `dance`"),
            (&["test", "twice"], "there is no task `test twice`"),
            (&["bench"], "there is no task `bench`"),
        ] {
            let error = chore(words).unwrap_err().to_string();
            assert_eq!(error, format!("{reason}\n\n{USAGE}"));
        }
    }
}
