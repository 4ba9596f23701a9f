//! `countersign backup-codes`: one more backup code, for a user who has lost every device and whose identity was
//! checked.

use anyhow::{Result, anyhow};
use clap::{Args, Subcommand};
use countersign_engine::core::DeviceName;
use serde_json::json;

use super::{Form, SettingFlags, one_of, reason, secret, told};
use crate::{users::seen, wire::Installation};

/// The name of the set of codes, if the user has none yet.
const SET: &str = "Backup codes";

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add one backup code, which is printed once
    Add(Add),
}

#[derive(Args, Debug)]
struct Add {
    /// The user's name
    name: String,
    /// Read the code from the first line of standard input instead of generating a random one
    #[arg(long)]
    code_stdin: bool,
    #[command(flatten)]
    form: Form,
}

pub(super) async fn run(Arguments { settings, command: Command::Add(arguments) }: Arguments) -> Result<()> {
    let Add { name, code_stdin, form } = arguments;
    let installation = Installation::open(&settings.config()?).await?;
    let user = seen(one_of(&installation.users, &name).await?);
    let given = code_stdin.then(secret::read_line).transpose()?;
    let set = DeviceName::parse(SET).map_err(|refusal| anyhow!(reason(&refusal)))?;
    let code = installation.engine.add_backup_code(&user, set, given.as_ref()).await.map_err(told)?;
    let code = code.expose();
    form.print(&json!({ "name": user.name, "code": code }), format!("{}: {code} (shown only once)", user.name))
}
