use crate::Event;

/// A change to events: they are only ever added.
#[derive(Clone, Debug)]
pub enum EventChange {
    /// Records an event.
    Record(Event),
}

impl EventChange {
    pub(super) fn order(&self) -> (u8, &str) {
        match self {
            Self::Record(event) => (0, event.user.as_str()),
        }
    }
}
