//! Deterministic races.
//!
//! Two cores rarely interleave at the place that matters. A [gate](Gate) makes them: it holds commits back until as many as
//! are expected have arrived, so all of them were decided on the same reading. A [careless](Careless) store forgets what
//! versions are for; a race that still passes on it proves nothing.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use countersign_engine::{
    Fault, Store,
    core::{AccountChange, Batch, Change, ClientChange, DeviceChange, Receipt, Sealed, SessionChange, TokenChange},
    port::hooked::{Hook, Hooked},
};
use tokio::sync::{Barrier, Mutex};

/// Runs `count` tasks at once and returns what came of each.
pub async fn all_at_once<T, F>(count: usize, task: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(task(number))).collect();
    let mut outcomes = Vec::with_capacity(count);
    for task in tasks {
        outcomes.push(task.await.expect("a racing task does not panic"));
    }
    outcomes
}

/// Which changes make a commit count.
type Counted = fn(&Change<Sealed>) -> bool;

/// Holds the first commits with a change that counts back, until as many as are expected have arrived.
#[derive(Debug)]
pub struct Gate {
    counted: Counted,
    expected: usize,
    seen: AtomicUsize,
    barrier: Barrier,
}

impl Gate {
    /// A gate before `store`, for `expected` commits with a change that `counted` picks.
    pub fn before(store: Arc<dyn Store>, expected: usize, counted: Counted) -> Arc<Hooked<Self>> {
        let gate = Self { counted, expected, seen: AtomicUsize::new(0), barrier: Barrier::new(expected) };
        Arc::new(Hooked::new(store, gate))
    }
}

impl Hook for Gate {
    async fn commit(&self, store: &dyn Store, batch: Batch<Sealed>) -> Result<Receipt, Fault> {
        let counts = batch.changes().iter().any(self.counted);
        if counts && self.seen.fetch_add(1, Ordering::SeqCst) < self.expected {
            self.barrier.wait().await;
        }
        store.commit(batch).await
    }
}

/// Writes devices and accounts whatever their version, does not require that a session, a client or a token is still there,
/// and counts nothing: as a program does that reads, changes and saves.
#[derive(Debug, Default)]
pub struct Careless {
    one_by_one: Mutex<()>,
}

impl Careless {
    /// A careless store before `store`.
    pub fn before(store: Arc<dyn Store>) -> Arc<Hooked<Self>> {
        Arc::new(Hooked::new(store, Self::default()))
    }
}

impl Hook for Careless {
    async fn commit(&self, store: &dyn Store, batch: Batch<Sealed>) -> Result<Receipt, Fault> {
        let _one_by_one = self.one_by_one.lock().await;
        let changes = without_versions(store, &batch).await?;
        store.commit(batch.with_changes(changes)).await
    }
}

async fn without_versions(store: &dyn Store, batch: &Batch<Sealed>) -> Result<Vec<Change<Sealed>>, Fault> {
    let has_no_condition = |change: &&Change<Sealed>| {
        !matches!(
            change,
            Change::Session(SessionChange::Require(_))
                | Change::Client(ClientChange::Require(_))
                | Change::Token(TokenChange::Require(_) | TokenChange::LimitPersonal { .. })
                | Change::Device(DeviceChange::LimitSetups { .. })
        )
    };
    let mut changes: Vec<_> = batch.changes().iter().filter(has_no_condition).cloned().collect();
    for change in &mut changes {
        match change {
            Change::Device(DeviceChange::Update(device)) => {
                let now = store.device(&device.id).await?;
                device.version = now.map_or(1, |now| now.version) + 1;
            }
            Change::Device(DeviceChange::Remove { device, expected_version }) => {
                *expected_version = store.device(device).await?.map_or(*expected_version, |now| now.version);
            }
            Change::Account(
                AccountChange::BumpFactorSet { user, expected_version, .. }
                | AccountChange::RequireFactorSet { user, expected_version },
            ) => *expected_version = store.factors(user).await?.account.factors,
            _ => {}
        }
    }
    Ok(changes)
}
