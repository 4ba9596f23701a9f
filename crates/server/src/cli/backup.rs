//! `countersign backup` and `countersign restore`: the database as one file. A backup is made while the server runs. It
//! is restored while the server is stopped, together with the steps that must follow (`countersign after-restore`).

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use countersign_engine::{Clock as _, SystemClock};
use countersign_store::{Database, Existing, Restored, SqliteStore, StoreError};
use serde_json::json;

use super::{Form, SettingFlags, after_restore::Doubts};

#[derive(Args, Debug)]
pub(super) struct BackupArguments {
    #[command(flatten)]
    settings: SettingFlags,
    /// The file to create; it must not exist yet
    file: PathBuf,
    #[command(flatten)]
    form: Form,
}

#[derive(Args, Debug)]
pub(super) struct RestoreArguments {
    #[command(flatten)]
    settings: SettingFlags,
    /// The file that `countersign backup` created
    file: PathBuf,
    /// Replace the existing database; its contents are lost
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    form: Form,
}

/// The file of a SQLite database, or an error that says what to do instead.
fn file_of(database: Database) -> Result<PathBuf> {
    match database {
        Database::Sqlite(path) => Ok(path),
        Database::Postgres(place) => bail!(
            "{place} is on PostgreSQL, which has its own tools: make a backup with pg_dump --format=custom and restore \
             it with pg_restore, as docs/operations.md shows; then run `countersign after-restore`"
        ),
    }
}

pub(super) fn back_up(BackupArguments { settings, file, form }: &BackupArguments) -> Result<()> {
    let database = file_of(settings.config()?.database()?)?;
    SqliteStore::back_up(&database, file).context("could not make a backup")?;
    let text = format!(
        "{} has the whole database: it can be read only with the keys that encrypted it, so keep the keys too, \
         in another place",
        file.display()
    );
    form.print(&json!({ "backup": file }), text)
}

pub(super) async fn restore(RestoreArguments { settings, file, replace, form }: &RestoreArguments) -> Result<()> {
    let database = settings.config()?.database()?;
    let path = file_of(database.clone())?;
    let existing = if *replace { Existing::Replace } else { Existing::Keep };
    let Restored { migration, sessions_ended } = match SqliteStore::restore(file, &path, existing, SystemClock.now()) {
        Err(StoreError::Exists { path: there }) if there.file_name() == path.file_name() => {
            bail!("there is already a database at {}: use --replace to replace it by the backup", there.display())
        }
        restored => restored.with_context(|| format!("could not restore {}", file.display()))?,
    };
    let doubts = Doubts::read(&database.open().await?).await?;
    let text = format!(
        "{} is restored to the time of the backup, at migration {migration}, with the schema of this version and \
                 {sessions_ended} sessions ended: run `countersign doctor`\n{doubts}",
        path.display()
    );
    let data = json!({
        "migration": migration, "sessions_ended": sessions_ended, "restored": doubts.restored, "users": doubts.users,
    });
    form.print(&data, text)
}
