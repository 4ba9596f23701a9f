//! `countersign demo`: a server to try out, started by one command.
//!
//! All files are in one folder that no other user can read. Started again, it continues with what is there. It takes no
//! settings but its own flags, and accepts connections from this machine only.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use countersign_engine::{
    OsRandom,
    core::{Secret, sending::EmailRule},
};
use countersign_store::Database;

use super::{
    print,
    secret::draw_password,
    serve::{bind_to, serve, told_to_stop},
    told,
};
use crate::{
    config::{
        Config,
        gateways::{Carrier, Gateways},
    },
    key_file,
    reload::Reloads,
    telemetry,
    users::{Added, BuiltInUsers, NewUser, UserName},
    wire::Installation,
};

/// The name of the demo's user.
const NAME: &str = "demo";

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The folder for all files; created if it does not exist
    #[arg(long, value_name = "DIR", default_value = "./countersign-demo")]
    dir: PathBuf,
    /// Where to listen; only a loopback address is allowed
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    bind: SocketAddr,
    /// The password of the user `demo`; if there is none yet, a random one is generated and printed
    #[arg(long, value_name = "PASSWORD")]
    password: Option<Secret>,
}

/// What is printed about the user's password.
enum Password {
    /// It was generated just now.
    Made(Secret),
    /// It was given as a flag.
    Given,
    /// It was given as a flag and replaced another one.
    Changed,
    /// It is unchanged.
    AsBefore,
}

pub(super) async fn run(Arguments { dir, bind, password }: Arguments) -> Result<()> {
    ensure!(
        bind.ip().to_canonical().is_loopback(),
        "the demo uses plain HTTP and accepts connections from this machine only: bind it to 127.0.0.1 or [::1], or \
         see `countersign serve --help`"
    );
    let reloads = Reloads::listen()?;
    let (database, key_file) = (dir.join("countersign.db"), dir.join("countersign.key"));
    make_folder(&dir)?;
    if !key_file.exists() {
        key_file::create(&key_file, &OsRandom)?;
    }
    let database = Database::Sqlite(database);
    database.migrate().await?;
    let config = Config { database: Some(database), key_file: Some(key_file), bind, ..everything() };
    telemetry::start("warn", config.log_format)?;
    let (listener, config) = bind_to(config).await?;
    let installation = Installation::open(&config).await?;
    let password = provide_user(&installation.users, password).await?;
    print(&greeting(&config, &dir, &password))?;
    serve(&installation, listener, &config, reloads, told_to_stop()?).await
}

/// Settings that send every message to this terminal.
fn everything() -> Config {
    let mut config = Config::default();
    let log = Some(Carrier::Log);
    config.gateways = Gateways { sms: log, call: log, email: log, allow_log: true, ..Gateways::default() };
    config.core.sending.email = EmailRule::Beside;
    config
}

fn make_folder(dir: &Path) -> Result<()> {
    let mut folder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    match folder.create(dir) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        made => made.with_context(|| format!("could not create the folder {}", dir.display())),
    }
}

/// The user to sign in as, with the given password, the existing one, or a random one.
async fn provide_user(users: &BuiltInUsers, given: Option<Secret>) -> Result<Password> {
    let Some(user) = users.find(NAME).await? else {
        let said = given.as_ref().map(|_| Password::Given);
        let password = given.unwrap_or_else(|| draw_password(&OsRandom));
        let new = NewUser { name: UserName::parse(NAME)?, email: None, staff: true, password: password.clone() };
        return match users.add(new).await.map_err(told)? {
            Added::User(_) => Ok(said.unwrap_or(Password::Made(password))),
            Added::NameTaken => Ok(Password::AsBefore),
        };
    };
    match given {
        None => Ok(Password::AsBefore),
        Some(given) if users.has_password(&user, &given).await? => Ok(Password::Given),
        Some(given) => users.renew_password(&user, &given).await.map_err(told).map(|_| Password::Changed),
    }
}

fn greeting(config: &Config, dir: &Path, password: &Password) -> String {
    let password = match password {
        Password::Made(password) => format!("{}   (shown only once)", password.expose()),
        Password::Given => "as given".into(),
        Password::Changed => "as given; the previous one no longer works".into(),
        Password::AsBefore => "unchanged   (use --password to change it)".into(),
    };
    format!(
        "Countersign demo, in {dir}. Press Ctrl-C to stop it; when started again, it keeps its data.\n\n  \
         open      http://{address}/\n  user      {NAME}\n  password  {password}\n\n\
         Codes are shown here, with the phone number or e-mail address they are sent to.\n",
        dir = dir.display(),
        address = config.bind,
    )
}
