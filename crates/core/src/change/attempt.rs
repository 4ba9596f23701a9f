use crate::{AttemptId, Timestamp};

/// A change to the attempts that are closed.
#[derive(Clone, Debug)]
pub enum AttemptChange {
    /// Closes an attempt: it may complete once. Conflicts if it is closed already.
    Close {
        /// The attempt.
        attempt: AttemptId,
        /// When the attempt would have expired, so that the row may be purged.
        until: Timestamp,
    },
}

impl AttemptChange {
    pub(super) fn order(&self) -> (u8, &str) {
        match self {
            Self::Close { attempt, .. } => (0, attempt.as_str()),
        }
    }
}
