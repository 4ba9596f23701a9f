//! The one row every user has.
//!
//! Some rules are about a user's set of devices rather than about one device. Whoever changes the set, and whoever rests
//! a decision on it ("this user has no second factor"), names the `factors` version in the same commit, so two such
//! actions cannot both come true.

use crate::{DeviceId, Timestamp, UserId};

/// What is known of a user's set of devices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Whose row it is.
    pub user: UserId,
    /// Moves by one with every change of the set; 0 while there is no row.
    pub factors: u64,
    /// The device that is asked first.
    pub preferred: Option<DeviceId>,
    /// When the database was last restored from a backup, if ever: the same for every user, and read with each. See
    /// [`restored`](crate::restored).
    pub restored: Option<Timestamp>,
}

impl Account {
    /// The account of a user who never had a device.
    pub fn new(user: UserId) -> Self {
        Self { user, factors: 0, preferred: None, restored: None }
    }
}
