use crate::Timestamp;

/// A change to what is known of restores from a backup.
#[derive(Clone, Debug)]
pub enum RestorationChange {
    /// The database has just been restored from a backup: ends every session, token and device cookie, and has the moment told
    /// with every account.
    Note {
        /// The moment. It takes the place of an earlier one.
        at: Timestamp,
    },
}

impl RestorationChange {
    pub(super) fn order(&self) -> (u8, &str) {
        match self {
            Self::Note { .. } => (0, ""),
        }
    }
}
