use countersign_core::EventChange;

use super::Rows;

impl Rows {
    pub(super) fn change_events(&mut self, change: EventChange) {
        match change {
            EventChange::Record(event) => self.events.push(event),
        }
    }
}
