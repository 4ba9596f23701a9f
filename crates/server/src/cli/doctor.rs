//! `countersign doctor`: checks an installation for problems that can be detected from here, and says how to fix each.
//!
//! It changes only the one row that shows whether the database accepts writes, and may run while a server runs. `fail`
//! is what users meet as a fault or what lets an attacker in; `warn` is what may become one. A check that cannot run
//! does not prevent the others.

mod around;
mod clock;
mod methods;
mod nodes;
mod place;
mod public;
mod restored;
mod server;

use std::{
    fmt::{self, Display},
    path::Path,
};

use anyhow::{Result, bail};
use clap::Args;
use countersign_engine::{Engine, Fault, KeyId};
use countersign_store::{Database, Finding as Found, OpenedEngine, SqliteStore, Weight};
use serde::Serialize;

use super::{Form, SettingFlags};
use crate::{config::Config, key_file, wire::Installation};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    #[command(flatten)]
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// The result of one check.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    /// The state that was found and, unless all is well, what to do.
    found: String,
}

#[derive(Debug, Default)]
struct Report(Vec<Finding>);

impl Report {
    fn say(&mut self, state: State, check: &'static str, found: impl Display) {
        self.0.push(Finding { check, state, found: found.to_string() });
    }

    fn ok(&mut self, check: &'static str, found: impl Display) {
        self.say(State::Ok, check, found);
    }

    fn warn(&mut self, check: &'static str, found: impl Display) {
        self.say(State::Warn, check, found);
    }

    fn fail(&mut self, check: &'static str, found: impl Display) {
        self.say(State::Fail, check, found);
    }

    fn count(&self, state: State) -> usize {
        self.0.iter().filter(|finding| finding.state == state).count()
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Finding { check, state, found }) in self.0.iter().enumerate() {
            let state = match state {
                State::Ok => "ok",
                State::Warn => "warn",
                State::Fail => "FAIL",
            };
            let end = if place == 0 { "" } else { "\n" };
            write!(f, "{end}{state:<5} {check}: {found}")?;
        }
        Ok(())
    }
}

pub(super) async fn run(Arguments { settings, form }: Arguments) -> Result<()> {
    let mut report = Report::default();
    match settings.config() {
        Ok(config) => examine(&config, &mut report).await,
        Err(error) => report.fail("settings", format_args!("{error:#}")),
    }
    form.print(&report.0, &report)?;
    match report.count(State::Fail) {
        0 => Ok(()),
        1 => bail!("one check has failed"),
        failed => bail!("{failed} checks have failed"),
    }
}

async fn examine(config: &Config, report: &mut Report) {
    settings(config, report);
    public::examine(config, report).await;
    around::proxies(config, report);
    around::gateways(config, report).await;
    keys(config, report);
    database(config, report).await;
    server::examine(config, report).await;
    match Installation::open(config).await {
        Ok(installation) => whole(&installation, config, report).await,
        // Most of its causes have been reported by another check already.
        Err(error) if report.count(State::Fail) == 0 => report.fail("start", format_args!("{error:#}")),
        Err(_) => {}
    }
}

/// Checks that are possible only if a server would start.
async fn whole(installation: &Installation, config: &Config, report: &mut Report) {
    if let Err(error) = installation.site(config) {
        report.fail("pages", format_args!("{error:#}"));
    }
    let engine = &installation.engine;
    let examined = [
        ("writes", engine.ready().await.map(|()| report.ok("writes", "the database accepts writes"))),
        ("states", states(engine, report).await),
        ("methods", methods::examine(engine, config, report).await),
        ("clock", dated_ahead(engine, report).await),
        ("nodes", nodes::examine(engine, report).await),
    ];
    for (check, examined) in examined {
        if let Err(fault) = examined {
            report.fail(check, fault);
        }
    }
}

fn settings(config: &Config, report: &mut Report) {
    let doubts = config.setting_doubts();
    match config.refuse_plain_http() {
        Err(error) => report.fail("settings", format_args!("{error:#}")),
        Ok(()) if doubts.is_empty() => report.ok("settings", "they are valid"),
        Ok(()) => {}
    }
    for doubt in doubts {
        report.warn("settings", doubt);
    }
    if let Some(folder) = config.templates.as_deref().filter(|folder| !folder.is_dir()) {
        report.fail("templates", format_args!("template_dir {} is not a folder", folder.display()));
    }
}

fn keys(config: &Config, report: &mut Report) {
    let read = config.key_file().and_then(|path| key_file::read(path).map(|ring| (path, ring)));
    let (path, ring) = match read {
        Ok(read) => read,
        Err(error) => return report.fail("keys", format_args!("{error:#}")),
    };
    let count = ring.ids().count();
    report.ok(
        "keys",
        format_args!("{count} in {}, which other users cannot read; {} seals", path.display(), ring.seals()),
    );
    let folder = |path: &Path| path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
    let beside = match &config.database {
        Some(Database::Sqlite(path)) => folder(path),
        Some(Database::Postgres(_)) | None => None,
    };
    if beside.is_some() && beside == folder(path) {
        report.warn(
            "keys",
            "the key file is in the database's folder, and anyone who copies that folder has every secret: keep \
             it elsewhere",
        );
    }
}

async fn database(config: &Config, report: &mut Report) {
    let opened = match config.database() {
        Ok(database) => config.open_database().await.map(|opened| (database, opened)),
        Err(error) => Err(error),
    };
    let (database, opened) = match opened {
        Ok(opened) => opened,
        Err(error) => return report.fail("database", format_args!("{error:#}")),
    };
    report.ok("schema", "it is up to date");
    restored::examine(&opened, report).await;
    match (opened.engine, database) {
        (OpenedEngine::Sqlite(store), Database::Sqlite(path)) => file(&store, &path, report),
        (OpenedEngine::Postgres(store), _) => {
            match store.findings().await {
                Ok(findings) => findings.iter().for_each(|finding| database_server(finding, report)),
                Err(fault) => report.fail("database", fault),
            }
            clock::compare(&store, report).await;
        }
        (OpenedEngine::Sqlite(_), Database::Postgres(_)) => {}
    }
}

/// Reports what the store found about its PostgreSQL server.
fn database_server(Found { weight, text, .. }: &Found, report: &mut Report) {
    match weight {
        Weight::Fine => report.ok("database", text),
        Weight::Doubt => report.warn("database", text),
        Weight::Failure => report.fail("database", text),
    }
}

fn file(store: &SqliteStore, path: &Path, report: &mut Report) {
    match store.integrity_check() {
        Ok(complaints) if complaints.is_empty() => report.ok("database", "SQLite's integrity check passed"),
        Ok(complaints) => report.fail(
            "database",
            format_args!(
                "it is damaged (SQLite's integrity check: {}): restore a backup",
                complaints.first().map_or("", String::as_str)
            ),
        ),
        Err(fault) => report.fail("database", fault),
    }
    match place::doubt(path) {
        None => report.ok("durability", "on a local disk, synced before each response"),
        Some(doubt) => report.warn("durability", doubt),
    }
    if place::others_can_read(path) {
        report.warn("database", format_args!("other users can read {0}: run `chmod 600 {0}`", path.display()));
    }
}

/// Whether every device state can be unsealed.
async fn states(engine: &Engine, report: &mut Report) -> Result<(), Fault> {
    let seals = engine.count_seals().await?;
    let (ids, first) = (engine.key_ids(), engine.sealing_key());
    for (id, count) in seals.by_key.iter().filter(|(id, _)| !ids.contains(id)) {
        report.fail(
            "states",
            format_args!(
                "{count} devices are sealed by key {id}, which is not in the key file, so their users meet a fault: \
                 put the key back, from your separate copy"
            ),
        );
    }
    let closed = engine.count_closed().await?;
    if closed > 0 {
        report.fail(
            "states",
            format_args!(
                "{closed} devices cannot be unsealed although their keys are in the key file: their rows were changed \
                 outside Countersign; restore a backup, or remove them with `countersign two-factor disable`"
            ),
        );
    }
    let others = |id: &&KeyId| **id != first && ids.contains(id);
    let behind: u64 = seals.by_key.keys().filter(others).filter_map(|id| seals.by_key.get(id)).sum();
    if behind > 0 {
        report.warn(
            "states",
            format_args!(
                "{behind} devices are sealed by a key that is no longer the sealing key: run `countersign keys rotate`"
            ),
        );
    }
    if closed == 0 && seals.by_key.keys().all(|id| ids.contains(id)) && seals.broken == 0 {
        report.ok("states", format_args!("all {} devices can be unsealed", seals.total()));
    }
    if seals.broken > 0 {
        report.fail(
            "states",
            format_args!("the states of {} devices are not sealed data: restore a backup", seals.broken),
        );
    }
    Ok(())
}

/// Whether a clock that was ahead has dated devices: their replay guards reject correct codes until that time.
async fn dated_ahead(engine: &Engine, report: &mut Report) -> Result<(), Fault> {
    let ahead = engine.count_dated_ahead().await?;
    if ahead > 0 {
        report.warn(
            "clock",
            format_args!(
                "{ahead} devices were last used in the future: a server's clock was ahead, or this machine's clock is \
                 behind. Codes from their apps are rejected as `clock-set-back` until that time; if this clock is \
                 right, have their users set them up again"
            ),
        );
    }
    Ok(())
}
