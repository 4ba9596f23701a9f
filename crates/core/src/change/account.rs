use crate::{DeviceId, UserId};

/// A change to a user's factor set.
#[derive(Clone, Debug)]
pub enum AccountChange {
    /// The factor set changes. Conflicts unless its version is `expected_version`; 0 means that there is no row yet.
    BumpFactorSet {
        /// Whose factor set.
        user: UserId,
        /// The version that was read; the row will have the next one.
        expected_version: u64,
        /// The default device from now on.
        preferred: Option<DeviceId>,
    },
    /// The batch depends on the factor set. Conflicts unless its version is `expected_version`.
    RequireFactorSet {
        /// Whose factor set.
        user: UserId,
        /// The version that was read; 0 means that there is no row.
        expected_version: u64,
    },
    /// Removes a user's row, if there is one: the version of the factor set starts at 0 again.
    Remove {
        /// The user.
        user: UserId,
    },
}

impl AccountChange {
    pub(super) fn order(&self) -> (u8, &str) {
        match self {
            Self::BumpFactorSet { user, .. } | Self::RequireFactorSet { user, .. } | Self::Remove { user } => {
                (0, user.as_str())
            }
        }
    }
}
