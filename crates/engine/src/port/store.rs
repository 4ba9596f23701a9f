//! The store port: reads and one atomic write.

use std::fmt::Debug;

use async_trait::async_trait;
use countersign_core::{
    AttemptId, Batch, Budget, Client, ClientId, Delivery, Device, DeviceCookie, DeviceId, Event, Factors, Node,
    Predecessor, Receipt, Sealed, Session, SessionKey, Timestamp, Token, TokenKey, UserId,
};

use crate::Fault;

/// What may be purged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retention {
    /// The current time. Purges expired attempts and tokens, budgets whose window has ended, and the sealed results of
    /// calls that can no longer be repeated; their sessions stay.
    pub now: Timestamp,
    /// Purges sessions last used before this.
    pub sessions_before: Timestamp,
    /// Purges unconfirmed devices whose enrolment began before this.
    pub enrolments_before: Timestamp,
    /// Purges events and deliveries from before this; none if `None`.
    pub events_before: Option<Timestamp>,
    /// Purges nodes that last reported before this.
    pub nodes_before: Timestamp,
    /// Purges sessions last used, nodes last seen and tokens made after this: they were dated by a clock that was
    /// ahead.
    pub credible_until: Timestamp,
}

/// Reads, and one atomic write.
///
/// A store decides nothing and sees no secret: device states arrive sealed. It must implement [`Store::commit`]
/// exactly: all of a batch or none of it, each change only if the version it expects is still current
/// (compare-and-swap), durable before the receipt is returned. An unknown outcome is a fault and is never retried.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// The account and all devices of a user, read as of one moment; an account of version 0 if there is no row.
    /// Devices are sorted oldest first.
    async fn factors(&self, user: &UserId) -> Result<Factors<Sealed>, Fault>;

    /// One device, whichever user owns it.
    async fn device(&self, device: &DeviceId) -> Result<Option<Device<Sealed>>, Fault>;

    /// Whether an attempt is closed.
    async fn attempt_spent(&self, attempt: &AttemptId) -> Result<bool, Fault>;

    /// The session with this hash of its token.
    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, Fault>;

    /// The session that completed this login attempt or replaced this session, if it exists and records that.
    async fn session_after(&self, predecessor: &Predecessor) -> Result<Option<Session>, Fault>;

    /// All session rows of a user, newest first, including expired ones.
    async fn sessions(&self, user: &UserId) -> Result<Vec<Session>, Fault>;

    /// The token with this hash.
    async fn token(&self, key: &TokenKey) -> Result<Option<Token>, Fault>;

    /// All token rows of a user, newest first, including expired ones.
    async fn tokens(&self, user: &UserId) -> Result<Vec<Token>, Fault>;

    /// The client with this id.
    async fn client(&self, client: &ClientId) -> Result<Option<Client>, Fault>;

    /// All clients, by name and then by id, both in byte order.
    async fn clients(&self) -> Result<Vec<Client>, Fault>;

    /// The latest events of a user, newest first, at most `limit`.
    async fn events(&self, user: &UserId, limit: u32) -> Result<Vec<Event>, Fault>;

    /// The latest deliveries of a user, newest first, at most `limit`.
    async fn deliveries(&self, user: &UserId, limit: u32) -> Result<Vec<Delivery>, Fault>;

    /// The budget with this name, if it was ever charged; its window may have ended.
    async fn budget(&self, key: &str) -> Result<Option<Budget>, Fault>;

    /// The device cookies of a user, by slot, including those that are no longer valid.
    async fn device_cookies(&self, user: &UserId) -> Result<Vec<DeviceCookie>, Fault>;

    /// Writes the batch: all or nothing, durable before it returns. The receipt is [`Batch::done`], [`Batch::conflict`]
    /// or [`Batch::overspent`] of this very batch. A store without a table of users returns a fault for a batch with
    /// [`UserChange::SetPassword`](countersign_core::UserChange::SetPassword), and writes nothing of it.
    async fn commit(&self, batch: Batch<Sealed>) -> Result<Receipt, Fault>;

    /// All nodes that were not purged, by id.
    async fn nodes(&self) -> Result<Vec<Node>, Fault>;

    /// At most `limit` devices in byte order of their ids: those after `cursor`, or the first ones.
    async fn devices_after(&self, cursor: Option<&DeviceId>, limit: u32) -> Result<Vec<Device<Sealed>>, Fault>;

    /// Purges the rows that `retention` no longer keeps, and returns their number. Need not be one transaction. Events
    /// are written nearly in order of time; one that is out of order may be purged later.
    async fn purge(&self, retention: &Retention) -> Result<u64, Fault>;

    /// Checks that a read works.
    async fn ping(&self) -> Result<(), Fault>;
}
