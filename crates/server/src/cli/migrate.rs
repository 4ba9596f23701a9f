//! `countersign migrate`: the database, in the shape this version needs. Harmless to repeat, and for two to do at once.

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
    /// Say what would be applied, and change nothing
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
        format!("{database} is at migration {to} already")
    } else {
        format!("{database} went from migration {from} to {to}")
    }];
    if updated > 0 {
        lines.push(format!("user names found in more spellings than before: {updated}"));
    }
    lines.extend(kept.iter().map(|(name, other)| {
        format!("{name:?} and {other:?} are two users by now and would be one name: each signs in with the name as written here")
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
    let lines =
        pending.iter().map(|Pending { version, name }| format!("{database} would get migration {version}, {name}"));
    let mut lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        lines.push(format!("{database} has every migration already"));
    }
    form.print(&json!({ "pending": data }), lines.join("\n"))
}
