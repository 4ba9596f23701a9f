use countersign_core::{Delivery, DeliveryChange, DeliveryId, delivery::Note};

use super::{Rows, Stop};

impl Rows {
    pub(super) fn change_deliveries(&mut self, change: DeliveryChange) -> Result<(), Stop> {
        match change {
            DeliveryChange::Add(delivery) => {
                if self.delivery(&delivery.id).is_some() {
                    return Err(Stop::Conflict);
                }
                self.deliveries.push(delivery);
            }
            DeliveryChange::Note(Note { delivery, status, reference, reason, at }) => {
                if let Some(sent) = self.delivery(&delivery).filter(|sent| status.follows(sent.status)) {
                    sent.status = status;
                    sent.noted = at;
                    sent.reference = reference.or(sent.reference.take());
                    sent.reason = reason;
                }
            }
            DeliveryChange::NoteVerified { delivery, at } => {
                if let Some(sent) = self.delivery(&delivery) {
                    sent.verified = sent.verified.or(Some(at));
                }
            }
        }
        Ok(())
    }

    fn delivery(&mut self, id: &DeliveryId) -> Option<&mut Delivery> {
        self.deliveries.iter_mut().find(|sent| sent.id == *id)
    }
}
