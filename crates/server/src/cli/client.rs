//! `countersign client`: API clients that get access tokens. Changes take effect at once in every running server.
//!
//! A client secret is printed once, when it is generated, and on the standard output only.

use std::io::{self, Write as _};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use countersign_engine::{
    ClientSecret, Engine, Error, Rotation,
    core::{Client, ClientId, ClientName, ClientType, Scopes},
};
use serde::Serialize;

use super::{Form, SettingFlags, told};
use crate::{config::CLIENTS_WITHOUT_PATH, wire::Installation};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register a client, with a secret that is printed once
    Add(Add),
    /// List every client
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Remove a client and revoke its tokens
    Remove(One),
    /// Give a client a new secret; the previous one stops working at once, and tokens stay valid
    RotateSecret(One),
}

#[derive(Args, Debug)]
struct Add {
    /// The client's name
    name: String,
    /// A public client: it runs where others can read it, such as on a phone or in a browser, and gets no secret
    #[arg(long)]
    public: bool,
    /// What its tokens give access to; repeat the flag for more scopes, or leave it out for none
    #[arg(long = "scope", value_name = "WORD")]
    scopes: Vec<String>,
    #[command(flatten)]
    form: Form,
}

#[derive(Args, Debug)]
struct One {
    /// The client's id
    id: String,
    #[command(flatten)]
    form: Form,
}

/// A client, as it is printed.
#[derive(Debug, Serialize)]
struct Shown {
    id: String,
    name: String,
    #[serde(rename = "type")]
    client_type: &'static str,
    scopes: Vec<String>,
    /// Milliseconds since 1970, as everywhere in the database.
    created: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// A client's new secret, as it is printed.
#[derive(Debug, Serialize)]
struct Rotated {
    id: String,
    secret: String,
}

pub(super) async fn run(Arguments { settings, command }: Arguments) -> Result<()> {
    let config = settings.config()?;
    let engine = Installation::open(&config).await?.engine;
    match command {
        Command::Add(arguments) => {
            add(&engine, arguments).await?;
            if config.deux_path.is_none() {
                // The standard output may be JSON.
                writeln!(io::stderr(), "countersign: warning: {CLIENTS_WITHOUT_PATH}")?;
            }
            Ok(())
        }
        Command::List { form } => list(&engine, form).await,
        Command::Remove(One { id, form }) => remove(&engine, &id, form).await,
        Command::RotateSecret(One { id, form }) => rotate_secret(&engine, &id, form).await,
    }
}

async fn add(engine: &Engine, Add { name, public, scopes, form }: Add) -> Result<()> {
    let refused = |refusal| told(Error::Refused(refusal));
    let name = ClientName::parse(&name).map_err(refused)?;
    let scopes = Scopes::new(scopes.iter().map(String::as_str)).map_err(refused)?;
    let client_type = if public { ClientType::Public } else { ClientType::Confidential };
    let (client, secret) = engine.add_client(name, client_type, scopes).await?;
    let shown = Shown { secret: secret.as_ref().map(text), ..Shown::from(&client) };
    form.print(&shown, format!("{}{}", shown.line(), secret.as_ref().map(told_once).unwrap_or_default()))
}

async fn list(engine: &Engine, form: Form) -> Result<()> {
    let clients: Vec<Shown> = engine.clients().await?.iter().map(Shown::from).collect();
    let lines: Vec<String> = clients.iter().map(Shown::line).collect();
    form.print(&clients, if lines.is_empty() { "no clients are registered".into() } else { lines.join("\n") })
}

async fn remove(engine: &Engine, id: &str, form: Form) -> Result<()> {
    let Some(client) = engine.remove_client(&ClientId::new(id)).await? else { return unknown(id) };
    form.print(&Shown::from(&client), format!("{}: removed, and its tokens are revoked", client.name))
}

async fn rotate_secret(engine: &Engine, id: &str, form: Form) -> Result<()> {
    match engine.rotate_client_secret(&ClientId::new(id)).await? {
        Rotation::Rotated(secret) => {
            let rotated = Rotated { id: id.to_owned(), secret: text(&secret) };
            form.print(&rotated, format!("{id}: secret set{}", told_once(&secret)))
        }
        Rotation::Public => bail!("client {id:?} is a public client and has no secret"),
        Rotation::Unknown => unknown(id),
    }
}

fn unknown(id: &str) -> Result<()> {
    bail!("there is no client {id:?}: `countersign client list` lists the clients with their ids")
}

fn text(secret: &ClientSecret) -> String {
    secret.expose().to_owned()
}

fn told_once(secret: &ClientSecret) -> String {
    format!(", secret {} (shown only once)", secret.expose())
}

impl From<&Client> for Shown {
    fn from(client: &Client) -> Self {
        Self {
            id: client.id.to_string(),
            name: client.name.to_string(),
            client_type: client.kind.client_type().as_str(),
            scopes: client.scopes.iter().map(str::to_owned).collect(),
            created: client.created.as_millis(),
            secret: None,
        }
    }
}

impl Shown {
    fn line(&self) -> String {
        let scopes = if self.scopes.is_empty() { "no scopes".into() } else { self.scopes.join(" ") };
        format!("{}: {}, {}, {scopes}", self.name, self.id, self.client_type)
    }
}
