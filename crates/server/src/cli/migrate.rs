//! `countersign migrate`: the database, in the shape this version needs. Harmless to repeat.

use anyhow::Result;
use clap::Args;
use countersign_store::{Migrated, SqliteStore};
use serde_json::json;

use super::{Form, SettingFlags};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    #[command(flatten)]
    form: Form,
}

pub(super) fn run(Arguments { settings, form }: &Arguments) -> Result<()> {
    let config = settings.config()?;
    let database = config.database()?;
    let Migrated { from, to } = SqliteStore::migrate(database)?;
    let database = database.display();
    let text = if from == to {
        format!("{database} is at migration {to} already")
    } else {
        format!("{database} went from migration {from} to {to}")
    };
    form.print(&json!({ "from": from, "to": to }), text)
}
