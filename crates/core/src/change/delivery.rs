use crate::{Delivery, DeliveryId, Timestamp, delivery::Note};

/// A change to codes that were sent.
#[derive(Clone, Debug)]
pub enum DeliveryChange {
    /// A code is about to be sent. Conflicts if the id is taken.
    Add(Delivery),
    /// Notes how a delivery went, if it is there and this follows what is known of it.
    Note(Note),
    /// Notes that the code of a delivery was entered, if the delivery is there.
    NoteVerified {
        /// The delivery.
        delivery: DeliveryId,
        /// When.
        at: Timestamp,
    },
}

impl DeliveryChange {
    pub(super) fn order(&self) -> (u8, &str) {
        match self {
            Self::Add(delivery) => (0, delivery.id.as_str()),
            Self::Note(note) => (1, note.delivery.as_str()),
            Self::NoteVerified { delivery, .. } => (2, delivery.as_str()),
        }
    }
}
