//! Races that do not depend on luck.
//!
//! Two cores rarely interleave at the place that matters. A [gate](Rigged::gate) makes them: it holds commits back until
//! as many as are expected have arrived, so all of them were decided on the same reading. A [careless](Rigged::careless)
//! store forgets what versions are for; a race that still passes on it proves nothing.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use countersign_engine::{
    Fault, Store,
    core::{
        AttemptId, Batch, Budget, Change, Client, ClientId, Delivery, Device, DeviceCookie, DeviceId, Event, Factors,
        Node, Predecessor, Receipt, Sealed, Session, SessionKey, Token, TokenKey, UserId,
    },
    port::Horizon,
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

/// A store that behaves badly on purpose, before a store that behaves well.
#[derive(Debug)]
pub struct Rigged {
    store: Arc<dyn Store>,
    rig: Rig,
}

#[derive(Debug)]
enum Rig {
    Gate { counted: Counted, expected: usize, seen: AtomicUsize, barrier: Barrier },
    Careless { one_by_one: Mutex<()> },
}

impl Rigged {
    /// A gate: holds the first commits with a change that `counted` picks back, until `expected` of them have arrived.
    pub fn gate(store: Arc<dyn Store>, expected: usize, counted: Counted) -> Arc<Self> {
        let rig = Rig::Gate { counted, expected, seen: AtomicUsize::new(0), barrier: Barrier::new(expected) };
        Arc::new(Self { store, rig })
    }

    /// A careless hand: writes devices and accounts whatever their version, does not ask whether a session, a client or a
    /// token is still there, and counts nothing, as one does who reads, changes and saves.
    pub fn careless(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { store, rig: Rig::Careless { one_by_one: Mutex::new(()) } })
    }

    async fn without_versions(&self, batch: &Batch<Sealed>) -> Result<Vec<Change<Sealed>>, Fault> {
        let rests = |change: &&Change<Sealed>| {
            !matches!(
                change,
                Change::ExpectSession(_)
                    | Change::ExpectClient(_)
                    | Change::RequireToken(_)
                    | Change::LimitTokens { .. }
                    | Change::LimitSetups { .. }
            )
        };
        let mut changes: Vec<_> = batch.changes().iter().filter(rests).cloned().collect();
        for change in &mut changes {
            match change {
                Change::UpdateDevice(device) => {
                    let now = self.store.device(&device.id).await?;
                    device.version = now.map_or(1, |now| now.version) + 1;
                }
                Change::RemoveDevice { device, seen } => {
                    *seen = self.store.device(device).await?.map_or(*seen, |now| now.version);
                }
                Change::MoveFactors { user, seen, .. } | Change::ExpectFactors { user, seen } => {
                    *seen = self.store.factors(user).await?.account.factors;
                }
                _ => {}
            }
        }
        Ok(changes)
    }
}

#[async_trait]
impl Store for Rigged {
    async fn commit(&self, batch: Batch<Sealed>) -> Result<Receipt, Fault> {
        match &self.rig {
            Rig::Gate { counted, expected, seen, barrier } => {
                let counts = batch.changes().iter().any(counted);
                if counts && seen.fetch_add(1, Ordering::SeqCst) < *expected {
                    barrier.wait().await;
                }
                self.store.commit(batch).await
            }
            Rig::Careless { one_by_one } => {
                let _one_by_one = one_by_one.lock().await;
                let changes = self.without_versions(&batch).await?;
                self.store.commit(batch.with_changes(changes)).await
            }
        }
    }

    async fn factors(&self, user: &UserId) -> Result<Factors<Sealed>, Fault> {
        self.store.factors(user).await
    }

    async fn device(&self, device: &DeviceId) -> Result<Option<Device<Sealed>>, Fault> {
        self.store.device(device).await
    }

    async fn attempt_spent(&self, attempt: &AttemptId) -> Result<bool, Fault> {
        self.store.attempt_spent(attempt).await
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, Fault> {
        self.store.session(key).await
    }

    async fn session_after(&self, predecessor: &Predecessor) -> Result<Option<Session>, Fault> {
        self.store.session_after(predecessor).await
    }

    async fn sessions(&self, user: &UserId) -> Result<Vec<Session>, Fault> {
        self.store.sessions(user).await
    }

    async fn token(&self, key: &TokenKey) -> Result<Option<Token>, Fault> {
        self.store.token(key).await
    }

    async fn tokens(&self, user: &UserId) -> Result<Vec<Token>, Fault> {
        self.store.tokens(user).await
    }

    async fn client(&self, client: &ClientId) -> Result<Option<Client>, Fault> {
        self.store.client(client).await
    }

    async fn clients(&self) -> Result<Vec<Client>, Fault> {
        self.store.clients().await
    }

    async fn events(&self, user: &UserId, limit: u32) -> Result<Vec<Event>, Fault> {
        self.store.events(user, limit).await
    }

    async fn deliveries(&self, user: &UserId, limit: u32) -> Result<Vec<Delivery>, Fault> {
        self.store.deliveries(user, limit).await
    }

    async fn budget(&self, key: &str) -> Result<Option<Budget>, Fault> {
        self.store.budget(key).await
    }

    async fn device_cookies(&self, user: &UserId) -> Result<Vec<DeviceCookie>, Fault> {
        self.store.device_cookies(user).await
    }

    async fn nodes(&self) -> Result<Vec<Node>, Fault> {
        self.store.nodes().await
    }

    async fn devices_after(&self, cursor: Option<&DeviceId>, limit: u32) -> Result<Vec<Device<Sealed>>, Fault> {
        self.store.devices_after(cursor, limit).await
    }

    async fn purge(&self, horizon: &Horizon) -> Result<u64, Fault> {
        self.store.purge(horizon).await
    }

    async fn ping(&self) -> Result<(), Fault> {
        self.store.ping().await
    }
}
