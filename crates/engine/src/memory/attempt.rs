use countersign_core::AttemptChange;

use super::{Rows, Stop, fresh};

impl Rows {
    pub(super) fn change_attempts(&mut self, change: AttemptChange) -> Result<(), Stop> {
        match change {
            AttemptChange::Close { attempt, until } => fresh(self.attempts.insert(attempt, until)),
        }
    }
}
