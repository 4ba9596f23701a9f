//! Where rows are kept.

use std::fmt::Debug;

use async_trait::async_trait;
use countersign_core::{
    AttemptId, Batch, Budget, Device, DeviceId, Event, Factors, Receipt, Sealed, Session, SessionKey, Timestamp, UserId,
};

use crate::Fault;

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

    /// Every session row of a user, newest first, ended ones by time included.
    async fn sessions(&self, user: &UserId) -> Result<Vec<Session>, Fault>;

    /// The latest events of a user, newest first, at most `limit`.
    async fn events(&self, user: &UserId, limit: u32) -> Result<Vec<Event>, Fault>;

    /// The budget of this name, if it was ever charged; its window may be over.
    async fn budget(&self, key: &str) -> Result<Option<Budget>, Fault>;

    /// Writes the batch: all or nothing, durable before the answer. The receipt is [`Batch::done`],
    /// [`Batch::conflict`] or [`Batch::overspent`] of this very batch.
    async fn commit(&self, batch: Batch<Sealed>) -> Result<Receipt, Fault>;

    /// Forgets sessions that were last used before `sessions_before`, attempts that would have ended by `now`, budgets
    /// that are empty by then, and devices whose enrolment began before `enrolments_before`. Returns the number of rows
    /// gone. Need not be one transaction.
    async fn purge(
        &self,
        now: Timestamp,
        sessions_before: Timestamp,
        enrolments_before: Timestamp,
    ) -> Result<u64, Fault>;

    /// A fault unless a read works.
    async fn ping(&self) -> Result<(), Fault>;
}
