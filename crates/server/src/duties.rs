//! The background tasks of a running server: it reports that it runs, reads its key file again when the file has
//! changed, compares its clock with the database server's, watches the database's file, and purges expired data in turn
//! with the other nodes. At SIGHUP it reads keys and templates again.
//!
//! No background task can stop the server. Keys or templates that cannot be used are logged, and those in use stay in
//! use.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use countersign_axum::Countersign;
use countersign_engine::{Engine, KeyId, Running, core::time::CLOCK_TOLERANCE};
use countersign_gateway::Texts;
use countersign_store::{OpenedEngine, PostgresStore, SqliteStore};
use tokio::{sync::Notify, task, time};

use crate::{
    clock::{self, Apart},
    key_file,
    reload::Reloads,
    wire::Installation,
};

/// How often the key file is checked. A change is applied when the file has been unchanged for as long.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the clock is compared with the database server's.
const COMPARE_EVERY: Duration = Duration::from_mins(1);
/// How often a missing or replaced database file is logged.
const COMPLAIN_EVERY: Duration = Duration::from_mins(1);

/// Runs all tasks until it is dropped.
pub(crate) async fn perform(
    installation: Installation,
    site: Countersign,
    running: Running,
    key_file: PathBuf,
    mut reloads: Reloads,
) {
    let Installation { engine, database, message_texts, .. } = &installation;
    let watch = async {
        match database {
            OpenedEngine::Postgres(store) => keep_time(store).await,
            OpenedEngine::Sqlite(store) => watch_file(store).await,
        }
    };
    let reread = Notify::new();
    let reload = async {
        loop {
            reloads.next().await;
            tracing::info!("SIGHUP: reading keys and templates again");
            reread.notify_one();
            let (site, message_texts) = (site.clone(), Arc::clone(message_texts));
            // Reading files and parsing templates would block a thread that answers requests. A panic has been logged
            // already.
            let _ = task::spawn_blocking(move || read_templates(&site, &message_texts)).await;
        }
    };
    tokio::join!(
        watch,
        reload,
        look_for_other_keys(engine),
        keep_keys(engine, &running, &key_file, &reread),
        engine.housekeeping_of(&running)
    );
}

/// Reads the templates and texts of pages and of messages again.
fn read_templates(site: &Countersign, message_texts: &Texts) {
    let pages = site.reload().context("could not reload the templates of pages");
    let messages = message_texts.reload().context("could not reload the templates of messages");
    for error in [pages, messages].into_iter().filter_map(Result::err) {
        tracing::error!("{error:#}; the templates that were in use stay in use");
    }
}

/// Checks at intervals whether the database's file is still in its place.
async fn watch_file(store: &SqliteStore) {
    loop {
        match store.check_place() {
            Ok(()) => time::sleep(LOOK_EVERY).await,
            Err(fault) => {
                tracing::error!(%fault, "the database's file is not in its place");
                time::sleep(COMPLAIN_EVERY).await;
            }
        }
    }
}

/// Logs an error if there are devices that are sealed by keys which this node does not have. It reads every device.
async fn look_for_other_keys(engine: &Engine) {
    let ids = engine.key_ids();
    match engine.count_seals().await {
        Ok(seals) => {
            for (key, devices) in seals.by_key.iter().filter(|(key, _)| !ids.contains(key)) {
                tracing::error!(
                    %key,
                    devices,
                    "devices are sealed by a key that is not in the key file: their users meet faults; restore the \
                     right key file"
                );
            }
        }
        Err(fault) => tracing::warn!(%fault, "could not check which keys have sealed the devices"),
    }
}

/// Compares this machine's clock with the database server's at intervals.
async fn keep_time(store: &PostgresStore) {
    loop {
        match clock::apart(store).await {
            Ok(Apart { span, way }) if span > CLOCK_TOLERANCE => tracing::error!(
                seconds = span.as_secs(),
                "this machine's clock is {:.0} s {way} the database server's: codes, locks and sessions are judged by \
                 a clock that is wrong on one of the two; run a time service on both",
                span.as_secs_f64()
            ),
            Ok(_) => {}
            Err(fault) => tracing::debug!(%fault, "could not read the database server's clock"),
        }
        time::sleep(COMPARE_EVERY).await;
    }
}

/// Checks the key file at intervals, and at once when it is notified. Different keys are reported at once: a command
/// that changes keys waits for that.
async fn keep_keys(engine: &Engine, running: &Running, path: &Path, reread: &Notify) {
    let (mut read, mut seen) = (None, None);
    loop {
        let told = time::timeout(LOOK_EVERY, reread.notified()).await.is_ok();
        let now = Stamp::of(path);
        let settled = told || (seen == Some(now) && read != Some(now));
        seen = Some(now);
        if settled {
            read = Some(now);
            if take_over(engine, path) {
                if let Err(fault) = engine.report(running).await {
                    tracing::warn!(%fault, "could not report that this node runs");
                }
                engine.complain_about_keys(running).await;
                look_for_other_keys(engine).await;
            }
        }
    }
}

/// Reads the keys again, and returns whether they have changed.
fn take_over(engine: &Engine, path: &Path) -> bool {
    let keyring = match key_file::read(path) {
        Ok(keyring) => keyring,
        Err(error) => {
            tracing::error!("{error:#}; the keys that were in use stay in use");
            return false;
        }
    };
    let ids: Vec<KeyId> = keyring.ids().collect();
    if ids == engine.key_ids() {
        return false;
    }
    engine.replace_keys(keyring);
    tracing::info!(keys = ?ids, "the keys have changed; the first one seals");
    true
}

/// A file's metadata, by which a change is noticed without reading the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stamp(Option<(u64, Option<SystemTime>, u64)>);

impl Stamp {
    fn of(path: &Path) -> Self {
        Self(fs::metadata(path).ok().map(|file| (file.len(), file.modified().ok(), inode(&file))))
    }
}

#[cfg(unix)]
fn inode(file: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}
