//! `countersign migrate`: creates or updates the database's schema. It may be repeated, and run by two processes at
//! once.

use anyhow::Result;
use clap::Args;
use countersign_store::{Database, Migrated, Pending};
use serde_json::json;

use super::{Form, SettingFlags};
use crate::{
    config::Config,
    users::{Respelled, respell},
};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    /// Say what would be applied, but change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    form: Form,
}

pub(super) async fn run(Arguments { settings, dry_run, form }: &Arguments) -> Result<()> {
    let database = settings.config()?.database()?;
    if *dry_run { tell(&database, *form).await } else { migrate(&database, *form).await }
}

async fn migrate(database: &Database, form: Form) -> Result<()> {
    let Migrated { from, to } = database.migrate().await.map_err(Config::of_database_url)?;
    let Respelled { updated, kept } = respell(&database.open().await.map_err(Config::of_database_url)?.users).await?;
    let mut lines = vec![if from == to {
        format!("{database} is already at migration {to}")
    } else {
        format!("{database} was migrated from migration {from} to {to}")
    }];
    if updated > 0 {
        lines.push(format!("user names that are now found in more spellings: {updated}"));
    }
    lines.extend(kept.iter().map(|(name, other)| {
        format!(
            "{name:?} and {other:?} are two users whose names now count as one: each must sign in with the name \
         exactly as written here"
        )
    }));
    let mut data = json!({ "from": from, "to": to });
    if updated > 0 || !kept.is_empty() {
        let kept: Vec<_> = kept.iter().map(|(name, _)| name).collect();
        data = json!({ "from": from, "to": to, "names": { "updated": updated, "kept": kept } });
    }
    form.print(&data, lines.join("\n"))
}

async fn tell(database: &Database, form: Form) -> Result<()> {
    let pending = database.pending().await.map_err(Config::of_database_url)?;
    let data: Vec<_> =
        pending.iter().map(|Pending { version, name }| json!({ "version": version, "name": name })).collect();
    let lines = pending.iter().map(|Pending { version, name }| format!("{database} needs migration {version}, {name}"));
    let mut lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        lines.push(format!("{database} is up to date"));
    }
    form.print(&json!({ "pending": data }), lines.join("\n"))
}
