//! Readiness: the store answers reads and accepts writes.
//!
//! With a full disk or a read-only database, every read still works, but no user can sign in. So the check writes a
//! real row through the usual path: at most once a second, however often it is requested.

use std::time::Duration;

use countersign_core::{Batch, BudgetChange, Change, Timestamp, Written};
use tokio::sync::Mutex;

use crate::{Engine, Fault};

/// How long a result is reused.
const HOLDS: Duration = Duration::from_secs(1);
/// The budget that is charged zero. One row serves every node.
const PROBE: &str = "ready";

/// The last result. The lock is held during the check, so that one caller checks and the others wait for the result.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Option<Asked>>);

#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Timestamp,
    ready: bool,
}

impl Engine {
    /// Checks that the store answers and accepts a write.
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
