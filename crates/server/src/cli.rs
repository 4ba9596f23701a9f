//! The command line.
//!
//! Data goes to the standard output, as text or with `--json`. Everything else goes to the standard error; an error is
//! one line that says what failed and what to do. The exit status is 0, 1 after an error, or 2 if the command line
//! itself is wrong. A password or a code is read from the standard input and never from an argument, where every user
//! of the machine could read it. The demo's password is the one exception: it protects nothing.

mod after_restore;
mod backup;
mod backup_codes;
mod client;
mod config;
mod demo;
mod device;
mod doctor;
mod health;
mod keys;
mod migrate;
mod purge;
mod secret;
mod serve;
mod template;
mod two_factor;
mod user;

use std::{
    collections::BTreeMap,
    fmt::Display,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    thread,
    time::Duration,
};

use anyhow::{Result, anyhow, bail};
use clap::{Args, Parser, Subcommand};
use countersign_engine::{
    Error,
    core::{Refusal, Scopes},
};
use countersign_store::UserRow;
use serde::Serialize;

use crate::{
    config::{Config, Sources},
    core_dump, listen,
    users::BuiltInUsers,
};

/// Complete two-factor authentication: a server, and the commands to manage it.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it out: run a server on this machine, with all files in one folder and a user to sign in as
    Demo(demo::Arguments),
    /// Run the server
    Serve(serve::Arguments),
    /// Create the database, or update its schema to this version
    Migrate(migrate::Arguments),
    /// Add, show and change users
    User(user::Arguments),
    /// Show and disable users' second factors
    TwoFactor(two_factor::Arguments),
    /// Show users' devices and the codes sent to them, and import hardware tokens
    Device(device::Arguments),
    /// Register and remove API clients that get access tokens
    Client(client::Arguments),
    /// Give a backup code to a user who has lost every device
    BackupCodes(backup_codes::Arguments),
    /// Delete ended sessions, abandoned setups and old events now; a running server does so every hour
    Purge(purge::Arguments),
    /// Copy the database into one file, even while the server runs
    Backup(backup::BackupArguments),
    /// Replace the database by a backup, while no server runs
    Restore(backup::RestoreArguments),
    /// After a restore by the database's own tools: end sessions and tokens, reject used codes, list what is in doubt
    AfterRestore(after_restore::Arguments),
    /// Ask the running server whether it is ready
    Health(health::Arguments),
    /// Check the installation for problems, and say how to fix them
    Doctor(doctor::Arguments),
    /// List and print the templates of pages and messages, as a basis for your own
    Template(template::Arguments),
    /// Show and check the settings
    Config(config::Arguments),
    /// Create, list and rotate the keys that encrypt secrets in the database
    Keys(keys::Arguments),
}

/// How long threads may take to end after the server has stopped.
const LAST_THREADS: Duration = Duration::from_millis(500);
/// Supervisors kill a process that has not ended after ten seconds.
const _: () = assert!(listen::LAST_ANSWERS.saturating_add(LAST_THREADS).as_secs() < 10);

/// The heading of these flags in the help.
const SETTINGS: &str = "Settings";

/// Where the settings come from. A flag takes precedence over the environment, and the environment over the file.
#[derive(Args, Debug)]
struct SettingFlags {
    /// The configuration file (TOML)
    #[arg(long, global = true, help_heading = SETTINGS, value_name = "FILE", env = "COUNTERSIGN_CONFIG")]
    config: Option<PathBuf>,
    /// The database, such as sqlite:///var/lib/countersign/countersign.db or
    /// postgres://countersign@localhost/countersign
    #[arg(long, global = true, help_heading = SETTINGS, value_name = "URL")]
    database_url: Option<String>,
    /// The file with the encryption keys
    #[arg(long, global = true, help_heading = SETTINGS, value_name = "FILE")]
    key_file: Option<String>,
}

/// How a command prints its result.
#[derive(Args, Clone, Copy, Debug)]
struct Form {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command given on the command line.
pub(crate) fn run() -> ExitCode {
    // Before any command reads keys or seeds.
    if let Err(cause) = core_dump::forbid() {
        let _ =
            writeln!(io::stderr(), "countersign: warning: could not forbid core dumps, which would hold keys: {cause}");
    }
    match Line::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "countersign: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Command {
    fn run(self) -> Result<()> {
        match self {
            Self::Demo(arguments) => run_server(demo::run(arguments)),
            Self::Serve(arguments) => run_server(serve::run(arguments)),
            Self::Migrate(arguments) => one_thread()?.block_on(migrate::run(&arguments)),
            Self::User(arguments) => one_thread()?.block_on(user::run(arguments)),
            Self::TwoFactor(arguments) => one_thread()?.block_on(two_factor::run(arguments)),
            Self::Device(arguments) => one_thread()?.block_on(device::run(arguments)),
            Self::Client(arguments) => one_thread()?.block_on(client::run(arguments)),
            Self::BackupCodes(arguments) => one_thread()?.block_on(backup_codes::run(arguments)),
            Self::Purge(arguments) => one_thread()?.block_on(purge::run(arguments)),
            Self::Health(arguments) => health::run(&arguments),
            Self::Doctor(arguments) => one_thread()?.block_on(doctor::run(arguments)),
            Self::Backup(arguments) => backup::back_up(&arguments),
            Self::Restore(arguments) => one_thread()?.block_on(backup::restore(&arguments)),
            Self::AfterRestore(arguments) => one_thread()?.block_on(after_restore::run(arguments)),
            Self::Template(arguments) => template::run(arguments),
            Self::Config(arguments) => one_thread()?.block_on(config::run(&arguments)),
            Self::Keys(arguments) => one_thread()?.block_on(keys::run(arguments)),
        }
    }
}

impl SettingFlags {
    fn sources(&self) -> Result<Sources> {
        self.sources_with([])
    }

    /// The sources, including flags that only one command takes.
    fn sources_with<const N: usize>(&self, more: [(&'static str, &Option<String>); N]) -> Result<Sources> {
        let all = [("database_url", &self.database_url), ("key_file", &self.key_file)].into_iter().chain(more);
        let given: BTreeMap<_, _> = all.filter_map(|(name, text)| Some((name, text.clone()?))).collect();
        // A variable whose name is not Unicode cannot be a setting.
        let environment = std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text)));
        let environment = environment.map(|(name, text)| (name, text.to_string_lossy().into_owned()));
        Sources::read(given, environment, self.config.as_deref())
    }

    fn config(&self) -> Result<Config> {
        Config::from(&self.sources()?)
    }
}

impl Form {
    /// Prints `data` as JSON, or `text`.
    fn print(self, data: &impl Serialize, text: impl Display) -> Result<()> {
        let text = if self.json { serde_json::to_string_pretty(data)? } else { text.to_string() };
        print(&text)
    }
}

/// Prints a text and a line end. A closed pipe is not an error: the reader has stopped reading.
fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => Err(anyhow!(cause).context("could not print")),
        _ => Ok(()),
    }
}

/// All of these users, or an error that names those who do not exist.
async fn all_of(users: &BuiltInUsers, names: &[String]) -> Result<Vec<UserRow>> {
    let (mut rows, mut unknown) = (vec![], vec![]);
    for name in names {
        match users.find(name).await? {
            Some(row) => rows.push(row),
            None => unknown.push(format!("{name:?}")),
        }
    }
    match unknown.as_slice() {
        [] => Ok(rows),
        [name] => bail!("there is no user {name}: `countersign user list` lists the users"),
        names => bail!("there are no users {}: `countersign user list` lists the users", names.join(", ")),
    }
}

/// The user of this name, or an error.
async fn one_of(users: &BuiltInUsers, name: &str) -> Result<UserRow> {
    let rows = all_of(users, &[name.to_owned()]).await?;
    rows.into_iter().next().ok_or_else(|| anyhow!("there is no user {name:?}"))
}

/// The error of the engine or of the users, as a text for the administrator who runs the command.
fn told(error: Error) -> anyhow::Error {
    match error {
        Error::Faulted(fault) => fault.into(),
        Error::Refused(refusal) => anyhow!(reason(&refusal)),
    }
}

fn reason(refusal: &Refusal) -> String {
    match refusal {
        Refusal::PasswordShort { shortest } => {
            format!("the password is too short: it needs at least {shortest} characters")
        }
        Refusal::PasswordLong { longest } => {
            format!("the password is too long: it may have at most {longest} characters")
        }
        Refusal::PasswordCommon => "the password is too common: choose one that is harder to guess".into(),
        Refusal::PasswordPersonal => {
            "the password contains the user's name or e-mail address, or the name of the site: choose another".into()
        }
        Refusal::PasswordSame => "this is already the user's password: choose another".into(),
        Refusal::NotEnabled => {
            "two-factor authentication is not set up: the user signs in with the password alone".into()
        }
        Refusal::CodeMalformed => "the code is not in the format of a backup code: leave it out to generate one".into(),
        Refusal::CodeMistyped => {
            "the code contains a typo: its last character is a check character and does not match".into()
        }
        Refusal::CodeUsed => "the user has this code already, used or not: leave it out to generate one".into(),
        Refusal::NameInvalid { longest } => format!("a name has 1 to {longest} characters and no control characters"),
        Refusal::TooManyDevices { most } => {
            format!("the user already has {most} devices, the maximum: raise devices_per_user, or remove devices first")
        }
        Refusal::ScopeInvalid => format!(
            "a scope is a word of 1 to {} visible ASCII characters without quotes and backslashes, and there are \
             at most {}",
            Scopes::MAX_LENGTH,
            Scopes::MAX_COUNT
        ),
        other => format!("refused: {}", other.code()),
    }
}

/// Runs a server on many threads. At the end it does not wait for threads that are still resolving a host name.
fn run_server(server: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = many_threads()?;
    let ended = runtime.block_on(server);
    runtime.shutdown_timeout(LAST_THREADS);
    ended
}

fn many_threads() -> Result<tokio::runtime::Runtime> {
    let threads = thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?)
}

fn one_thread() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
