//! A store that fails when it is told to.
//!
//! One call, counted from when it was armed, ends in a fault: before it took effect, or after it did and nobody heard of it. Or
//! every commit does, as on a full disk.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use countersign_engine::{
    Fault, Store,
    core::{
        AttemptId, Batch, Budget, Client, ClientId, Delivery, Device, DeviceCookie, DeviceId, Event, Factors, Node,
        Predecessor, Receipt, Sealed, Session, SessionKey, Token, TokenKey, UserId,
    },
    port::Horizon,
};

/// When a call fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fails {
    /// Before it took effect: nothing was read or written.
    Before,
    /// After it took effect: it was read or written, and the answer was lost.
    After,
}

/// A store before which calls fail.
#[derive(Debug)]
pub struct Failing {
    store: Arc<dyn Store>,
    calls: AtomicUsize,
    armed: Mutex<Option<(usize, Fails)>>,
    read_only: AtomicBool,
}

impl Failing {
    /// Before `store`; nothing fails until it is armed.
    pub fn before(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { store, calls: AtomicUsize::new(0), armed: Mutex::default(), read_only: AtomicBool::new(false) })
    }

    /// Counts from now on, and fails at the call of this number, beginning with 0, if one is given.
    pub fn arm(&self, at: Option<(usize, Fails)>) {
        self.calls.store(0, Ordering::SeqCst);
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// From now on every commit fails, as on a full disk, or none does.
    pub fn set_read_only(&self, read_only: bool) {
        self.read_only.store(read_only, Ordering::SeqCst);
    }

    /// How many calls there were since it was armed.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn through<T>(&self, call: impl Future<Output = Result<T, Fault>> + Send) -> Result<T, Fault> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let armed = *self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        match armed.filter(|(at, _)| *at == number) {
            Some((_, Fails::Before)) => Err(Fault::new("fail on purpose, before")),
            Some((_, Fails::After)) => call.await.and(Err(Fault::new("fail on purpose, after"))),
            None => call.await,
        }
    }
}

#[async_trait]
impl Store for Failing {
    async fn factors(&self, user: &UserId) -> Result<Factors<Sealed>, Fault> {
        self.through(self.store.factors(user)).await
    }

    async fn device(&self, device: &DeviceId) -> Result<Option<Device<Sealed>>, Fault> {
        self.through(self.store.device(device)).await
    }

    async fn attempt_spent(&self, attempt: &AttemptId) -> Result<bool, Fault> {
        self.through(self.store.attempt_spent(attempt)).await
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, Fault> {
        self.through(self.store.session(key)).await
    }

    async fn session_after(&self, predecessor: &Predecessor) -> Result<Option<Session>, Fault> {
        self.through(self.store.session_after(predecessor)).await
    }

    async fn sessions(&self, user: &UserId) -> Result<Vec<Session>, Fault> {
        self.through(self.store.sessions(user)).await
    }

    async fn token(&self, key: &TokenKey) -> Result<Option<Token>, Fault> {
        self.through(self.store.token(key)).await
    }

    async fn tokens(&self, user: &UserId) -> Result<Vec<Token>, Fault> {
        self.through(self.store.tokens(user)).await
    }

    async fn client(&self, client: &ClientId) -> Result<Option<Client>, Fault> {
        self.through(self.store.client(client)).await
    }

    async fn clients(&self) -> Result<Vec<Client>, Fault> {
        self.through(self.store.clients()).await
    }

    async fn events(&self, user: &UserId, limit: u32) -> Result<Vec<Event>, Fault> {
        self.through(self.store.events(user, limit)).await
    }

    async fn deliveries(&self, user: &UserId, limit: u32) -> Result<Vec<Delivery>, Fault> {
        self.through(self.store.deliveries(user, limit)).await
    }

    async fn budget(&self, key: &str) -> Result<Option<Budget>, Fault> {
        self.through(self.store.budget(key)).await
    }

    async fn commit(&self, batch: Batch<Sealed>) -> Result<Receipt, Fault> {
        if self.read_only.load(Ordering::SeqCst) {
            return Err(Fault::new("write to a full disk"));
        }
        self.through(self.store.commit(batch)).await
    }

    async fn device_cookies(&self, user: &UserId) -> Result<Vec<DeviceCookie>, Fault> {
        self.through(self.store.device_cookies(user)).await
    }

    async fn nodes(&self) -> Result<Vec<Node>, Fault> {
        self.through(self.store.nodes()).await
    }

    async fn devices_after(&self, cursor: Option<&DeviceId>, limit: u32) -> Result<Vec<Device<Sealed>>, Fault> {
        self.through(self.store.devices_after(cursor, limit)).await
    }

    async fn purge(&self, horizon: &Horizon) -> Result<u64, Fault> {
        self.through(self.store.purge(horizon)).await
    }

    async fn ping(&self) -> Result<(), Fault> {
        self.through(self.store.ping()).await
    }
}
