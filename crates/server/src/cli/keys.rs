//! `countersign keys`: the keys that seal what is secret in the database.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use countersign_engine::OsRandom;
use serde_json::json;

use super::{Form, SettingFlags};
use crate::key_file;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Make a key file; one that is there stays as it is
    New {
        /// Where; the key file of the settings, if it is left out
        file: Option<PathBuf>,
        #[command(flatten)]
        form: Form,
    },
}

pub(super) fn run(Arguments { settings, deed: Deed::New { file, form } }: &Arguments) -> Result<()> {
    let file = match file {
        Some(file) => file.clone(),
        None => settings.config()?.key_file()?.clone(),
    };
    key_file::create(&file, &OsRandom)?;
    let text = format!("{} has a new key: keep a copy of it apart from the database", file.display());
    form.print(&json!({ "key_file": file }), text)
}
