//! A program on this machine as a gateway: it is given each message, as JSON, on its standard input.
//!
//! It gets no shell, no arguments and no environment but a path. Status 0 says that the message was taken, 65 that the
//! address cannot receive any (`EX_DATAERR` of sysexits), everything else that it was not sent. What it prints is thrown away.

use std::{path::PathBuf, process::Stdio, time::Duration};

use async_trait::async_trait;
use countersign_engine::{
    Fault,
    port::{Gateway, Message, NotTaken, Taken},
};
use tokio::{io::AsyncWriteExt as _, time};

use crate::message::Told;

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The status that says that an address cannot receive messages.
const UNREACHABLE: i32 = 65;
const DOING: &str = "send a message by a program";

/// Runs a program for each message.
#[derive(Clone, Debug)]
pub struct Command {
    program: PathBuf,
}

impl Command {
    /// Runs this program.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into() }
    }

    async fn run(&self, message: &Message) -> Result<Option<i32>, std::io::Error> {
        let mut child = tokio::process::Command::new(&self.program)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            let written = input.write_all(&Told::new(message).json()).await;
            // A program that does not read has its reasons, and says by its status which.
            written
                .or_else(|error| if error.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })?;
        }
        Ok(child.wait().await?.code())
    }
}

#[async_trait]
impl Gateway for Command {
    async fn deliver(&self, message: &Message) -> Result<Taken, NotTaken> {
        let failed = |cause: String| NotTaken::Failed(Fault::because(DOING, cause));
        match time::timeout(PATIENCE, self.run(message)).await {
            Ok(Ok(Some(0))) => Ok(Taken::default()),
            Ok(Ok(Some(UNREACHABLE))) => Err(NotTaken::Unreachable { reason: "unreachable".into() }),
            Ok(Ok(status)) => Err(failed(format!("status {status:?}"))),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed("it took too long".into())),
        }
    }

    async fn reachable(&self) -> Result<(), Fault> {
        let found = tokio::fs::metadata(&self.program).await;
        found.map(drop).map_err(|error| Fault::because("find the program that sends messages", error))
    }
}
