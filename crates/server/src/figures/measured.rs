//! A store, measured: how long commits take and what comes of them, and which operations fail.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_engine::{
    Fault, Owners, Stopwatch, Store, User,
    core::{
        AttemptId, Batch, Budget, Client, ClientId, Delivery, Device, DeviceCookie, DeviceId, Event, Factors, Node,
        Predecessor, Receipt, Sealed, Session, SessionKey, Token, TokenKey, UserId, Written,
    },
    port::Horizon,
};
use metrics::{counter, histogram};

/// Every operation whose failures are counted.
pub(super) const OPERATIONS: [&str; 19] = [
    "factors",
    "device",
    "attempt_spent",
    "session",
    "session_after",
    "sessions",
    "token",
    "tokens",
    "client",
    "clients",
    "events",
    "deliveries",
    "commit",
    "budget",
    "device_cookies",
    "nodes",
    "devices_after",
    "purge",
    "ping",
];

/// A port to the database, whose commits are timed and whose failures are counted. What it answers is the inner one's
/// answer.
#[derive(Debug)]
pub(crate) struct Measured<P: ?Sized> {
    inner: Arc<P>,
}

impl<P: ?Sized> Measured<P> {
    pub(crate) fn new(inner: Arc<P>) -> Self {
        Self { inner }
    }
}

/// The same answer, counted if it is a fault.
fn counted<T>(operation: &'static str, answer: Result<T, Fault>) -> Result<T, Fault> {
    if answer.is_err() {
        counter!("countersign_store_faults_total", "operation" => operation).increment(1);
    }
    answer
}

#[async_trait]
impl Store for Measured<dyn Store> {
    async fn factors(&self, user: &UserId) -> Result<Factors<Sealed>, Fault> {
        counted("factors", self.inner.factors(user).await)
    }

    async fn device(&self, device: &DeviceId) -> Result<Option<Device<Sealed>>, Fault> {
        counted("device", self.inner.device(device).await)
    }

    async fn attempt_spent(&self, attempt: &AttemptId) -> Result<bool, Fault> {
        counted("attempt_spent", self.inner.attempt_spent(attempt).await)
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, Fault> {
        counted("session", self.inner.session(key).await)
    }

    async fn session_after(&self, predecessor: &Predecessor) -> Result<Option<Session>, Fault> {
        counted("session_after", self.inner.session_after(predecessor).await)
    }

    async fn sessions(&self, user: &UserId) -> Result<Vec<Session>, Fault> {
        counted("sessions", self.inner.sessions(user).await)
    }

    async fn token(&self, key: &TokenKey) -> Result<Option<Token>, Fault> {
        counted("token", self.inner.token(key).await)
    }

    async fn tokens(&self, user: &UserId) -> Result<Vec<Token>, Fault> {
        counted("tokens", self.inner.tokens(user).await)
    }

    async fn client(&self, client: &ClientId) -> Result<Option<Client>, Fault> {
        counted("client", self.inner.client(client).await)
    }

    async fn clients(&self) -> Result<Vec<Client>, Fault> {
        counted("clients", self.inner.clients().await)
    }

    async fn events(&self, user: &UserId, limit: u32) -> Result<Vec<Event>, Fault> {
        counted("events", self.inner.events(user, limit).await)
    }

    async fn deliveries(&self, user: &UserId, limit: u32) -> Result<Vec<Delivery>, Fault> {
        counted("deliveries", self.inner.deliveries(user, limit).await)
    }

    async fn commit(&self, batch: Batch<Sealed>) -> Result<Receipt, Fault> {
        let watch = Stopwatch::start();
        let receipt = self.inner.commit(batch).await;
        histogram!("countersign_commit_seconds").record(watch.elapsed());
        let outcome = match receipt.as_ref().map(Receipt::written) {
            Ok(Written::Done) => "done",
            Ok(Written::Conflict) => "conflict",
            Ok(Written::Overspent { .. }) => "overspent",
            Err(_) => "fault",
        };
        counter!("countersign_commits_total", "outcome" => outcome).increment(1);
        counted("commit", receipt)
    }

    async fn budget(&self, key: &str) -> Result<Option<Budget>, Fault> {
        counted("budget", self.inner.budget(key).await)
    }

    async fn device_cookies(&self, user: &UserId) -> Result<Vec<DeviceCookie>, Fault> {
        counted("device_cookies", self.inner.device_cookies(user).await)
    }

    async fn nodes(&self) -> Result<Vec<Node>, Fault> {
        counted("nodes", self.inner.nodes().await)
    }

    async fn devices_after(&self, cursor: Option<&DeviceId>, limit: u32) -> Result<Vec<Device<Sealed>>, Fault> {
        counted("devices_after", self.inner.devices_after(cursor, limit).await)
    }

    async fn purge(&self, horizon: &Horizon) -> Result<u64, Fault> {
        counted("purge", self.inner.purge(horizon).await)
    }

    async fn ping(&self) -> Result<(), Fault> {
        counted("ping", self.inner.ping().await)
    }
}

#[async_trait]
impl Owners for Measured<dyn Owners> {
    async fn session(&self, key: &SessionKey) -> Result<Option<(Session, User)>, Fault> {
        counted("session", self.inner.session(key).await)
    }

    async fn token(&self, key: &TokenKey) -> Result<Option<(Token, User)>, Fault> {
        counted("token", self.inner.token(key).await)
    }
}
