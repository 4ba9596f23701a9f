//! `countersign config`: what is set, by whom, and whether a server would start with it.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Form, SettingFlags};
use crate::{
    config::{Config, Shown},
    wire::Installation,
};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Do everything `serve` does before it listens
    Check {
        #[command(flatten)]
        form: Form,
    },
    /// Show every setting in effect, and where it was set
    Show {
        #[command(flatten)]
        form: Form,
    },
}

pub(super) fn run(Arguments { settings, deed }: &Arguments) -> Result<()> {
    let sources = settings.sources()?;
    let config = Config::from(&sources)?;
    match deed {
        Deed::Check { form } => {
            config.refuse_plain_http()?;
            let _ = Installation::open(&config)?.router(&config)?;
            form.print(&json!({ "ok": true }), "the server would start with these settings")
        }
        Deed::Show { form } => show(&Config::show(&sources), *form),
    }
}

fn show(settings: &[Shown], form: Form) -> Result<()> {
    let data: Vec<Value> = settings
        .iter()
        .map(|Shown { name, value, source }| json!({ "name": name, "value": value, "source": source.to_string() }))
        .collect();
    let width = settings.iter().map(|setting| setting.name.len()).max().unwrap_or_default();
    let line = |Shown { name, value, source }: &Shown| {
        format!("{name:width$} = {}   ({source})", value.as_deref().unwrap_or("not set"))
    };
    form.print(&data, settings.iter().map(line).collect::<Vec<_>>().join("\n"))
}
