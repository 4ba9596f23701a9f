use countersign_core::{LeaseChange, Timestamp, time::CLOCK_TOLERANCE};

use super::{Rows, Stop};

impl Rows {
    pub(super) fn change_leases(&mut self, change: LeaseChange) -> Result<(), Stop> {
        match change {
            LeaseChange::Take { name, holder, at, until } => {
                let is_held = |end: Timestamp| end > at && end <= until.after(CLOCK_TOLERANCE);
                if self.leases.get(&name).is_some_and(|(other, end)| *other != holder && is_held(*end)) {
                    return Err(Stop::Conflict);
                }
                self.leases.insert(name, (holder, until));
            }
        }
        Ok(())
    }
}
