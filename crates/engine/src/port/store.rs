//! Where rows are kept.

use std::fmt::Debug;

use async_trait::async_trait;
use countersign_core::{
    AttemptId, Batch, Budget, Client, ClientId, Delivery, Device, DeviceCookie, DeviceId, Event, Factors, Node,
    Predecessor, Receipt, Sealed, Session, SessionKey, Timestamp, Token, TokenKey, UserId,
};

use crate::Fault;

/// What may be forgotten.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retention {
    /// The moment it is: attempts that would have ended by now, tokens that have, budgets that are empty by now, and of
    /// sessions, which stay, the sealed results of calls that could be repeated until now.
    pub now: Timestamp,
    /// Sessions that were last used before this.
    pub sessions_before: Timestamp,
    /// Devices that are not confirmed, and whose enrolment began before this.
    pub enrolments_before: Timestamp,
    /// Events and deliveries from before this; none if nothing is given.
    pub events_before: Option<Timestamp>,
    /// Nodes that last reported before this.
    pub nodes_before: Timestamp,
    /// Sessions that were last used, nodes that last reported and tokens that were made after this: a clock that was ahead
    /// has dated them.
    pub credible_until: Timestamp,
}

/// A few reads by need and one write.
///
/// A store decides nothing and sees no secret: device states come sealed. What it must keep is the meaning of
/// [`Store::commit`]: all of a batch or none of it, each change only if the version it names is still there, durable
/// before the receipt is given. An unknown outcome is a fault and is never retried.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// The account and every device of a user, read as of one moment; an account of version 0 if there is no row.
    /// Devices come oldest first.
    async fn factors(&self, user: &UserId) -> Result<Factors<Sealed>, Fault>;

    /// One device, whoever owns it.
    async fn device(&self, device: &DeviceId) -> Result<Option<Device<Sealed>>, Fault>;

    /// Whether a run of a flow is over.
    async fn attempt_spent(&self, attempt: &AttemptId) -> Result<bool, Fault>;

    /// The session found by the hash of its token.
    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, Fault>;

    /// The session that completed this login attempt or replaced this session, if it is there and says so.
    async fn session_after(&self, predecessor: &Predecessor) -> Result<Option<Session>, Fault>;

    /// Every session row of a user, newest first, ended ones by time included.
    async fn sessions(&self, user: &UserId) -> Result<Vec<Session>, Fault>;

    /// The token found by its hash.
    async fn token(&self, key: &TokenKey) -> Result<Option<Token>, Fault>;

    /// Every token row of a user, the last one made first, ended ones by time included.
    async fn tokens(&self, user: &UserId) -> Result<Vec<Token>, Fault>;

    /// The client of this id.
    async fn client(&self, client: &ClientId) -> Result<Option<Client>, Fault>;

    /// Every client, by its name and then by its id. Both are in the order of their bytes.
    async fn clients(&self) -> Result<Vec<Client>, Fault>;

    /// The latest events of a user, newest first, at most `limit`.
    async fn events(&self, user: &UserId, limit: u32) -> Result<Vec<Event>, Fault>;

    /// The latest deliveries of a user, newest first, at most `limit`.
    async fn deliveries(&self, user: &UserId, limit: u32) -> Result<Vec<Delivery>, Fault>;

    /// The budget of this name, if it was ever charged; its window may be over.
    async fn budget(&self, key: &str) -> Result<Option<Budget>, Fault>;

    /// The device cookies of a user, by their slots, those that are worth nothing any more included.
    async fn device_cookies(&self, user: &UserId) -> Result<Vec<DeviceCookie>, Fault>;

    /// Writes the batch: all or nothing, durable before the answer. The receipt is [`Batch::done`],
    /// [`Batch::conflict`] or [`Batch::overspent`] of this very batch. A store that has no table of users answers a batch
    /// with [`UserChange::SetPassword`](countersign_core::UserChange::SetPassword) with a fault, and writes nothing of it.
    async fn commit(&self, batch: Batch<Sealed>) -> Result<Receipt, Fault>;

    /// Every node that was not forgotten, by its id.
    async fn nodes(&self) -> Result<Vec<Node>, Fault>;

    /// The devices whose ids come after `cursor`, or the first ones; by their ids, at most `limit`. Ids are in the order
    /// of their bytes.
    async fn devices_after(&self, cursor: Option<&DeviceId>, limit: u32) -> Result<Vec<Device<Sealed>>, Fault>;

    /// Forgets what lies before the retention, and returns the number of rows gone. Need not be one transaction. Events are
    /// written in nearly the order of time, and one that is out of it may be forgotten later than others.
    async fn purge(&self, retention: &Retention) -> Result<u64, Fault>;

    /// A fault unless a read works.
    async fn ping(&self) -> Result<(), Fault>;
}
