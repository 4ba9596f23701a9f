//! The account row of a user.
//!
//! Some rules are about a user's set of devices rather than about one device. A commit that changes the set, or that
//! depends on it ("this user has no second factor"), includes the expected `factors` version (optimistic locking), so
//! two such commits cannot both succeed.

use crate::{DeviceId, Timestamp, UserId};

/// What is known of a user's set of devices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The user.
    pub user: UserId,
    /// The version of the set: incremented with every change; 0 while there is no row.
    pub factors: u64,
    /// The default device.
    pub preferred: Option<DeviceId>,
    /// When the database was last restored from a backup, if ever: the same for every user, and read with each. See
    /// [`restored`](crate::restored).
    pub restored: Option<Timestamp>,
}

impl Account {
    /// The account of a user who has never had a device.
    pub fn new(user: UserId) -> Self {
        Self { user, factors: 0, preferred: None, restored: None }
    }
}
