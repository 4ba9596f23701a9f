//! `countersign user`: the users. Changes take effect at once in every running server.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use countersign_engine::{OsRandom, TwoFactorStatus, core::Secret};
use countersign_store::UserRow;
use serde::Serialize;

use super::{Form, SettingFlags, one_of, secret, told};
use crate::{
    users::{Added, BuiltInUsers, NewUser, UserName, email},
    wire::{self, Installation},
};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add a user, with a random password that is shown once
    Add(Add),
    /// List every user
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Show one user
    Show(One),
    /// Set a user's password and end their sessions
    SetPassword(SetPassword),
    /// Deactivate a user and end their sessions
    Deactivate(One),
    /// Reactivate a user
    Activate(One),
}

#[derive(Args, Debug)]
struct One {
    /// The user's name
    name: String,
    #[command(flatten)]
    form: Form,
}

#[derive(Args, Debug)]
struct Add {
    /// The name to sign in with
    name: String,
    /// The user's e-mail address, for your records: no codes are sent to it, and passwords must not contain it
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Mark the user as an administrator, for your records: this grants no additional rights
    #[arg(long)]
    staff: bool,
    #[command(flatten)]
    password: PasswordFrom,
    #[command(flatten)]
    form: Form,
}

#[derive(Args, Debug)]
struct SetPassword {
    /// The user's name
    name: String,
    #[command(flatten)]
    password: PasswordFrom,
    #[command(flatten)]
    form: Form,
}

#[derive(Args, Clone, Copy, Debug)]
struct PasswordFrom {
    /// Read the password from the first line of standard input instead of generating a random one
    #[arg(long)]
    password_stdin: bool,
}

/// A user, as it is printed.
#[derive(Debug, Serialize)]
struct Shown {
    id: String,
    name: String,
    email: Option<String>,
    active: bool,
    staff: bool,
    /// Milliseconds since 1970, as everywhere in the database.
    created: i64,
    password_changed: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    two_factor: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

pub(super) async fn run(Arguments { settings, command }: Arguments) -> Result<()> {
    let config = settings.config()?;
    let users = || wire::users(&config);
    match command {
        Command::Add(arguments) => add(&users().await?, arguments).await,
        Command::List { form } => list(&users().await?, form).await,
        Command::Show(One { name, form }) => show(&Installation::open(&config).await?, &name, form).await,
        Command::SetPassword(arguments) => set_password(&users().await?, arguments).await,
        Command::Deactivate(arguments) => deactivate(&users().await?, arguments).await,
        Command::Activate(arguments) => activate(&users().await?, arguments).await,
    }
}

async fn add(users: &BuiltInUsers, Add { name, email: address, staff, password, form }: Add) -> Result<()> {
    let email = address.as_deref().map(email).transpose()?;
    let (password, drawn) = password.take()?;
    let new = NewUser { name: UserName::parse(&name)?, email, staff, password };
    let Added::User(user) = users.add(new).await.map_err(told)? else {
        bail!("there is already a user {name:?}, in this spelling or another");
    };
    let shown = Shown { password: drawn, ..Shown::from(&user) };
    let text = format!("{}: added{}", user.name, told_once(&shown));
    form.print(&shown, text)
}

async fn set_password(users: &BuiltInUsers, SetPassword { name, password, form }: SetPassword) -> Result<()> {
    let user = one_of(users, &name).await?;
    let (password, drawn) = password.take()?;
    let user = users.renew_password(&user, &password).await.map_err(told)?;
    let shown = Shown { password: drawn, ..Shown::from(&user) };
    let text = format!("{}: password set{}", user.name, told_once(&shown));
    form.print(&shown, text)
}

async fn deactivate(users: &BuiltInUsers, One { name, form }: One) -> Result<()> {
    let user = users.deactivate(&one_of(users, &name).await?).await?;
    form.print(&Shown::from(&user), format!("{}: deactivated", user.name))
}

async fn activate(users: &BuiltInUsers, One { name, form }: One) -> Result<()> {
    let user = users.activate(&one_of(users, &name).await?).await?;
    form.print(&Shown::from(&user), format!("{}: reactivated", user.name))
}

async fn list(users: &BuiltInUsers, form: Form) -> Result<()> {
    let users: Vec<Shown> = users.all().await?.iter().map(Shown::from).collect();
    let lines: Vec<String> = users.iter().map(Shown::line).collect();
    form.print(&users, lines.join("\n"))
}

async fn show(installation: &Installation, name: &str, form: Form) -> Result<()> {
    let user = one_of(&installation.users, name).await?;
    let two_factor = match installation.engine.two_factor_status(&user.id).await? {
        TwoFactorStatus::Enabled => "enabled",
        TwoFactorStatus::Disabled => "disabled",
    };
    let shown = Shown { two_factor: Some(two_factor), ..Shown::from(&user) };
    let text = format!("{}, two-factor authentication {two_factor}", shown.line());
    form.print(&shown, text)
}

impl PasswordFrom {
    /// The password, and once more as text if it was generated here and must be printed.
    fn take(self) -> Result<(Secret, Option<String>)> {
        if self.password_stdin {
            return Ok((secret::read_line()?, None));
        }
        let password = secret::draw_password(&OsRandom);
        let text = password.expose().to_owned();
        Ok((password, Some(text)))
    }
}

impl From<&UserRow> for Shown {
    fn from(row: &UserRow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name.clone(),
            email: row.email.clone(),
            active: row.active,
            staff: row.staff,
            created: row.created.as_millis(),
            password_changed: row.password_changed.as_millis(),
            two_factor: None,
            password: None,
        }
    }
}

impl Shown {
    fn line(&self) -> String {
        let marks = [(self.staff, "staff"), (!self.active, "deactivated")];
        let email = self.email.iter().map(|email| format!("<{email}>"));
        let marks = marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark.to_owned());
        [self.name.clone()].into_iter().chain(email.collect::<Vec<_>>()).chain(marks).collect::<Vec<_>>().join(", ")
    }
}

fn told_once(shown: &Shown) -> String {
    shown.password.as_ref().map_or_else(String::new, |password| format!(", password {password} (shown only once)"))
}
