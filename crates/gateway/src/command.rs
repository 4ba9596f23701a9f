//! A program on this machine as a gateway: it gets each message, as JSON, on its standard input.
//!
//! It gets no shell, no arguments and no environment but `PATH`. Exit status 0 means that the message was accepted, 65
//! that the address cannot receive messages (`EX_DATAERR` of sysexits), any other that it was not sent. Its output is
//! discarded.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use countersign_engine::{
    Fault,
    port::{Gateway, Message, NotTaken, Taken},
};
use tokio::{io::AsyncWriteExt as _, time};

use crate::{Texts, message::Wording};

/// The time limit of the program.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The exit status for an address that cannot receive messages.
const UNREACHABLE: i32 = 65;
const DOING: &str = "send a message by a program";

/// Runs a program for each message.
#[derive(Clone, Debug)]
pub struct Command {
    program: PathBuf,
    wording: Wording,
}

impl Command {
    /// Runs this program. The text of a message comes from these templates; `host` is the site's host name, for
    /// autofill.
    pub fn new(program: impl Into<PathBuf>, texts: Arc<Texts>, host: Option<String>) -> Self {
        Self { program: program.into(), wording: Wording::new(texts, host) }
    }

    async fn run(&self, message: &[u8]) -> Result<ExitStatus, std::io::Error> {
        let mut child = tokio::process::Command::new(&self.program)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            let written = input.write_all(message).await;
            // A program may ignore its input; its exit status counts.
            written
                .or_else(|error| if error.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })?;
        }
        child.wait().await
    }
}

#[async_trait]
impl Gateway for Command {
    async fn deliver(&self, message: &Message) -> Result<Taken, NotTaken> {
        let failed = |cause: String| NotTaken::Failed(Fault::because(DOING, cause));
        let told = self.wording.json(message, DOING)?;
        let status = match time::timeout(TIMEOUT, self.run(&told)).await {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Err(_) => return Err(failed("it took too long".into())),
        };
        match status.code() {
            Some(0) => Ok(Taken::default()),
            Some(UNREACHABLE) => Err(NotTaken::Unreachable { reason: "unreachable".into() }),
            _ => Err(failed(status.to_string())),
        }
    }

    async fn reachable(&self) -> Result<(), Fault> {
        const DOING: &str = "find the program that sends messages";
        let found = tokio::fs::metadata(&self.program).await.map_err(|error| Fault::because(DOING, error))?;
        let is_program = found.is_file() && found.permissions().mode() & 0o111 != 0;
        if is_program { Ok(()) } else { Err(Fault::because(DOING, "it is no file that can be run")) }
    }
}
