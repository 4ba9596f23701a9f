//! `countersign template`: the templates of pages and messages, for operators who replace some of them.
//!
//! It reads no settings and no database: the templates are embedded in the program.

use anyhow::{Result, anyhow};
use clap::{Args, Subcommand};
use countersign_axum::EmbeddedTemplate;
use countersign_gateway::Texts;
use serde::Serialize;

use super::{Form, print};
use crate::home;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List every template: the setting whose folder replaces it, its name, and its variables
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Print a template, as a basis for your own
    Show {
        /// The template's name, such as login.html or en/sms.txt
        name: String,
    },
}

/// A template, as it is printed.
#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    /// The setting with the folder in which a file of this name replaces it.
    setting: &'static str,
    variables: Vec<String>,
    #[serde(skip)]
    source: String,
}

pub(super) fn run(Arguments { command }: Arguments) -> Result<()> {
    let templates: Vec<_> = pages().chain(messages()).collect();
    match command {
        Command::List { form } => {
            let line = |Shown { name, setting, variables, .. }: &Shown| {
                format!("{setting:<20}  {name:<22}  {}", variables.join(", ")).trim_end().to_owned()
            };
            form.print(&templates, templates.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        Command::Show { name } => {
            let found = templates.iter().find(|template| template.name == name);
            let unknown = || anyhow!("there is no template {name:?}: `countersign template list` lists the templates");
            print(found.ok_or_else(unknown)?.source.trim_end())
        }
    }
}

fn pages() -> impl Iterator<Item = Shown> {
    let own = home::templates().into_iter().map(|(name, source)| EmbeddedTemplate::new(&name, &source));
    EmbeddedTemplate::all().into_iter().chain(own).map(|EmbeddedTemplate { name, source, variables }| Shown {
        name,
        setting: "template_dir",
        variables: variables.into_iter().collect(),
        source,
    })
}

fn messages() -> impl Iterator<Item = Shown> {
    Texts::embedded().map(|(name, source)| Shown {
        name: name.to_owned(),
        setting: "message_template_dir",
        variables: Texts::variables(),
        source: source.to_owned(),
    })
}
