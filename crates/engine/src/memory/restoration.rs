use countersign_core::RestorationChange;

use super::Rows;

impl Rows {
    pub(super) fn change_restoration(&mut self, change: &RestorationChange) {
        match change {
            RestorationChange::Note { at } => {
                self.sessions.clear();
                self.tokens.clear();
                self.device_cookies.clear();
                self.restored = Some(*at);
            }
        }
    }
}
