//! An installation: its keys, its users, and any number of nodes.

use std::{
    ffi::OsStr,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use countersign_testkit::shift_clock;

use crate::{Server, program};

/// Settings for many browsers in which the same users sign in at the same time, from one IP address: each stays charged
/// for its password until the second factor is accepted. The limits of password attempts have a trial of their own.
const ROOM: [(&str, &str); 2] =
    [("COUNTERSIGN_PASSWORD_RATE_PER_IP", "0"), ("COUNTERSIGN_PASSWORD_ATTEMPTS_PER_ACCOUNT", "1000000")];

/// A key file and a migrated database.
#[derive(Clone, Debug)]
pub struct Installation {
    key_file: PathBuf,
    database: String,
}

/// The clock of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// The machine's own clock.
    Right,
    /// Ahead of the machine's clock, in seconds.
    Ahead(u32),
}

impl Installation {
    /// Creates one in this folder, on this empty database of any kind.
    pub fn on(database: &str, folder: &Path) -> Self {
        let installation = Self { key_file: folder.join("countersign.key"), database: database.to_owned() };
        let mut keys = Command::new(program());
        keys.args(["keys", "new"]).arg(&installation.key_file);
        succeeds(keys, "");
        succeeds(installation.command(&["migrate"]), "");
        installation
    }

    /// The same installation with another database.
    #[must_use]
    pub fn moved_to(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }

    /// Adds a user.
    pub fn adds(&self, name: &str, password: &str) {
        succeeds(self.command(&["user", "add", name, "--password-stdin"]), password);
    }

    /// Starts a node that is reached at `public_url`.
    pub fn node(&self, public_url: &str, settings: &[(&str, &str)], clock: Clock) -> Server {
        Server::start(|address| {
            let mut serve = self.command(&["serve", "--bind", address, "--public-url", public_url]);
            serve.envs(settings.iter().map(|(name, value)| (format!("COUNTERSIGN_{}", name.to_uppercase()), value)));
            clock.set(&mut serve);
            serve
        })
    }

    /// Starts a node that only this machine can reach, where it listens.
    pub fn lone_node(&self, settings: &[(&str, &str)]) -> Server {
        Server::start(|address| {
            let mut serve = self.command(&["serve", "--bind", address]);
            serve.envs(settings.iter().map(|(name, value)| (format!("COUNTERSIGN_{}", name.to_uppercase()), value)));
            serve
        })
    }

    /// Starts a node without a throttle, with this one user. `program` is `lenient-node`.
    pub fn lenient_node(&self, program: &str, public_url: &str, user: (&str, &str), clock: Clock) -> Server {
        Server::start(|address| {
            let mut node = Command::new(program);
            node.envs([("DATABASE", self.database.as_str()), ("PUBLIC_URL", public_url), ("BIND", address)]);
            node.env("KEY_FILE", &self.key_file).env("NAME", user.0).env("PASSWORD", user.1);
            clock.set(&mut node);
            node
        })
    }

    /// The environment of its commands.
    pub fn settings(&self) -> [(&'static str, &OsStr); 2] {
        [("COUNTERSIGN_DATABASE_URL", self.database.as_ref()), ("COUNTERSIGN_KEY_FILE", self.key_file.as_os_str())]
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(words).envs(ROOM).envs(self.settings());
        command
    }
}

impl Clock {
    fn set(self, command: &mut Command) {
        if let Self::Ahead(seconds) = self {
            shift_clock(command, &format!("+{seconds}s"));
        }
    }
}

fn succeeds(mut command: Command, input: &str) {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // A command that does not read its input may end before it is written.
    let _ = writeln!(child.stdin.take().unwrap(), "{input}");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
