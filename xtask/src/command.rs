//! Running other programs, with or without reading their output. The error of a failed program repeats the command
//! line, so that it can be run by hand.

use std::{
    ffi::OsString,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

/// The cargo that runs this task, so that a task never mixes two toolchains.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Runs a program with the standard input and output of this process.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("could not start `{}`", line(command)))?;
    ensure!(status.success(), "`{}` ended with {status}", line(command));
    Ok(())
}

/// What a program writes to its standard output; its standard error stays visible.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("could not start `{}`", line(command)))?;
    ensure!(output.status.success(), "`{}` ended with {}", line(command), output.status);
    String::from_utf8(output.stdout).with_context(|| format!("`{}` did not write UTF-8", line(command)))
}

fn line(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_named_with_its_arguments() {
        let error = run(Command::new("false").arg("alarm")).unwrap_err().to_string();
        assert!(error.starts_with("`false alarm` ended with"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named_too() {
        let error = read(&mut Command::new("countersign-no-such-program")).unwrap_err().to_string();
        assert_eq!(error, "could not start `countersign-no-such-program`");
    }

    #[test]
    fn reading_gives_the_output_as_it_was_written() {
        assert_eq!(read(Command::new("printf").arg("one\\ntwo")).unwrap(), "one\ntwo");
    }
}
