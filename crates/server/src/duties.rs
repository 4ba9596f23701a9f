//! What a running server does besides answering: it reports itself, reads its key file again when that has changed, compares
//! its clock with the database server's, and takes its turn at forgetting what is over.
//!
//! None of it can stop the server. A key file that cannot be used is told, and the keys that were in use stay in use.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use countersign_engine::{Engine, KeyId, Running, core::time::CLOCK_TOLERANCE};
use countersign_store::{OpenedEngine, PostgresStore};
use tokio::time;

use crate::{
    clock::{self, Apart},
    key_file,
};

/// How often the key file is looked at. A change is taken over when it has been there unchanged for as long.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the clock is compared with the database server's.
const COMPARE_EVERY: Duration = Duration::from_mins(1);

/// Does all of it until it is dropped.
pub(crate) async fn perform(engine: Engine, key_file: PathBuf, database: OpenedEngine) {
    let running = engine.start_node(env!("CARGO_PKG_VERSION"));
    let clock = async {
        if let OpenedEngine::Postgres(store) = &database {
            keep_time(store).await;
        }
    };
    tokio::join!(clock, keep_keys(&engine, &running, &key_file), engine.housekeeping_of(&running));
}

/// Compares this machine's clock with the database server's, now and again and again.
async fn keep_time(store: &PostgresStore) {
    loop {
        match clock::apart(store).await {
            Ok(Apart { span, way }) if span > CLOCK_TOLERANCE => tracing::error!(
                seconds = span.as_secs(),
                "this machine's clock is {:.0} s {way} the database server's: codes, locks and sessions go by a clock that is \
                 wrong on one of the two; run a time service on both",
                span.as_secs_f64()
            ),
            Ok(_) => {}
            Err(fault) => tracing::debug!(%fault, "the database server's clock was not read"),
        }
        time::sleep(COMPARE_EVERY).await;
    }
}

/// Looks at the key file again and again. Other keys are reported at once: whoever changes keys waits for that.
async fn keep_keys(engine: &Engine, running: &Running, path: &Path) {
    let (mut read, mut seen) = (None, None);
    loop {
        time::sleep(LOOK_EVERY).await;
        let now = Stamp::of(path);
        let settled = seen == Some(now) && read != Some(now);
        seen = Some(now);
        if settled {
            read = Some(now);
            if take_over(engine, path)
                && let Err(fault) = engine.report(running).await
            {
                tracing::warn!(%fault, "could not report that this node runs");
            }
        }
    }
}

/// Reads the keys again; whether they are others now.
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

/// What a file shows of itself without being read.
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
