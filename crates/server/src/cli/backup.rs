//! `countersign backup` and `countersign restore`: the database in one file, taken while the server runs, and put back
//! while it does not, with everything that has to follow (`countersign after-restore`).

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
    /// The file to make; nothing may be there
    file: PathBuf,
    #[command(flatten)]
    form: Form,
}

#[derive(Args, Debug)]
pub(super) struct RestoreArguments {
    #[command(flatten)]
    settings: SettingFlags,
    /// The file that `countersign backup` has made
    file: PathBuf,
    /// Replace the database that is there; what is in it is lost
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    form: Form,
}

/// The file that a database on SQLite is, or what to do instead.
fn file_of(database: Database) -> Result<PathBuf> {
    match database {
        Database::Sqlite(path) => Ok(path),
        Database::Postgres(place) => bail!(
            "{place} is on PostgreSQL, which has its own tools: pg_dump --format=custom makes a backup, and pg_restore puts \
             it back, as docs/operations.md shows; then run `countersign after-restore`"
        ),
    }
}

pub(super) fn back_up(BackupArguments { settings, file, form }: &BackupArguments) -> Result<()> {
    let database = file_of(settings.config()?.database()?)?;
    SqliteStore::back_up(&database, file).context("could not make a backup")?;
    let text = format!(
        "{} has the database, whole and durable: it opens only with the keys that sealed it, so keep those, apart from it",
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
            bail!("there is a database at {}: --replace puts the backup in its place", there.display())
        }
        restored => restored.with_context(|| format!("could not restore {}", file.display()))?,
    };
    let doubts = Doubts::read(&database.open().await?).await?;
    let text = format!(
        "{} is as it was when the backup was made, at migration {migration}, in the shape that this version needs, with \
         {sessions_ended} sessions ended: run `countersign doctor`\n{doubts}",
        path.display()
    );
    let data = json!({
        "migration": migration, "sessions_ended": sessions_ended, "restored": doubts.restored, "users": doubts.users,
    });
    form.print(&data, text)
}
