use crate::{Secret, Timestamp, UserId};

/// A change to the users of the stand-alone server. A store that has no table of users answers with a fault and writes
/// nothing of the batch.
#[derive(Clone, Debug)]
pub enum UserChange {
    /// Sets a user's password. Conflicts unless the user is there and the credential stamp is `expected_stamp`.
    SetPassword {
        /// The user.
        user: UserId,
        /// The credential stamp that was read.
        expected_stamp: String,
        /// The stamp from now on.
        stamp: String,
        /// The hash of the password, with its parameters.
        hash: Secret,
        /// When the password was set.
        at: Timestamp,
    },
}

impl UserChange {
    pub(super) fn order(&self) -> (u8, &str) {
        match self {
            Self::SetPassword { user, .. } => (0, user.as_str()),
        }
    }
}
