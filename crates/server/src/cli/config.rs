//! `countersign config`: the settings in effect, their sources, and whether a server would start with them.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Form, SettingFlags, serve::refuse_other_keys};
use crate::{
    config::{Config, Shown},
    wire::Installation,
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
    /// Run every check that `serve` runs before it listens
    Check {
        #[command(flatten)]
        form: Form,
    },
    /// Show every setting in effect and its source, in the format of a configuration file
    Show {
        #[command(flatten)]
        form: Form,
    },
}

pub(super) async fn run(Arguments { settings, command }: &Arguments) -> Result<()> {
    let sources = settings.sources()?;
    let config = Config::from(&sources)?;
    match command {
        Command::Check { form } => {
            config.refuse_plain_http()?;
            let installation = Installation::open(&config).await?;
            refuse_other_keys(&installation.engine).await?;
            let _ = installation.site(&config)?;
            let doubts = config.doubts();
            let lines = ["the server would start with these settings"].into_iter().chain(doubts.iter().copied());
            form.print(&json!({ "ok": true, "doubts": doubts }), lines.collect::<Vec<_>>().join("\n"))
        }
        Command::Show { form } => show(&Config::show(&sources), *form),
    }
}

fn show(settings: &[Shown], form: Form) -> Result<()> {
    let data = settings.iter().map(|Shown { name, about, value, source }| {
        json!({ "name": name, "value": value, "source": source.to_string(), "about": about })
    });
    let text = settings.iter().map(in_toml).collect::<Vec<_>>().join("\n\n");
    form.print(&data.collect::<Vec<_>>(), text)
}

/// A setting in the format of the configuration file.
fn in_toml(Shown { name, about, value, source }: &Shown) -> String {
    match value {
        Some(value) => format!("# {about}\n{name} = {} # {source}", toml::Value::from(value.as_str())),
        None => format!("# {about}\n# {name} is not set"),
    }
}
