//! `countersign two-factor`: whether users have two-factor authentication, and disabling it for users who have lost it.
//!
//! All names are looked up first: if one of them is unknown, nothing is changed.

use anyhow::Result;
use clap::{Args, Subcommand};
use countersign_engine::TwoFactorStatus;
use countersign_store::UserRow;
use serde::Serialize;

use super::{Form, SettingFlags, all_of, told};
use crate::{users::seen, wire::Installation};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show whether these users have two-factor authentication
    Status(Several),
    /// Remove every device of these users, and end their sessions
    Disable(Several),
}

#[derive(Args, Debug)]
struct Several {
    /// The users' names
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Serialize)]
struct Status {
    name: String,
    two_factor: &'static str,
}

pub(super) async fn run(Arguments { settings, command }: Arguments) -> Result<()> {
    let installation = Installation::open(&settings.config()?).await?;
    let (Command::Status(Several { names, form }) | Command::Disable(Several { names, form })) = &command;
    let users = all_of(&installation.users, names).await?;
    if let Command::Disable(_) = command {
        for user in &users {
            installation.engine.disable_two_factor(&seen(user.clone())).await.map_err(told)?;
        }
    }
    tell(&installation, users, *form).await
}

async fn tell(installation: &Installation, users: Vec<UserRow>, form: Form) -> Result<()> {
    let mut all = vec![];
    for user in users {
        let two_factor = match installation.engine.two_factor_status(&user.id).await? {
            TwoFactorStatus::Enabled => "enabled",
            TwoFactorStatus::Disabled => "disabled",
        };
        all.push(Status { name: user.name, two_factor });
    }
    let lines: Vec<String> = all.iter().map(|status| format!("{}: {}", status.name, status.two_factor)).collect();
    form.print(&all, lines.join("\n"))
}
