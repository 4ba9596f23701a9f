//! Whether this node can serve: the store answers, and takes what is written.
//!
//! A disk that is full and a database that takes no writes still answer every read, and then nobody can sign in. So a real
//! row is written, through the one way that everything is written: at most once a second, however often anybody asks.

use std::time::Duration;

use countersign_core::{Batch, BudgetChange, Change, Timestamp, Written};
use tokio::sync::Mutex;

use crate::{Engine, Fault};

/// How long an answer holds.
const HOLDS: Duration = Duration::from_secs(1);
/// The budget that is charged nothing. One row serves every node.
const PROBE: &str = "ready";

/// The last answer. The lock is held while the store is asked, so that one caller asks and the others wait for the answer.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Option<Asked>>);

#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Timestamp,
    ready: bool,
}

impl Engine {
    /// A fault unless the store answers and takes what is written.
    pub async fn ready(&self) -> Result<(), Fault> {
        let mut last = self.readiness().0.lock().await;
        let now = self.now();
        if let Some(asked) = last.filter(|asked| asked.at.is_within(HOLDS, now) && asked.at <= now) {
            return if asked.ready { Ok(()) } else { Err(Fault::busy("write to the store a moment ago", HOLDS)) };
        }
        let written = self.write_probe(now).await;
        *last = Some(Asked { at: self.now(), ready: written.is_ok() });
        written
    }

    async fn write_probe(&self, at: Timestamp) -> Result<(), Fault> {
        self.store().ping().await?;
        let probe =
            Change::Budget(BudgetChange::Charge { key: PROBE.into(), amount: 0, limit: u32::MAX, at, window: HOLDS });
        match self.commit(&Batch::new(vec![probe])).await?.written() {
            Written::Done => Ok(()),
            Written::Conflict | Written::Overspent { .. } => Err(Fault::new("write to the store")),
        }
    }
}
