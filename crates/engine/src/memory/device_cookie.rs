use countersign_core::DeviceCookieChange;

use super::Rows;

impl Rows {
    pub(super) fn change_device_cookies(&mut self, change: DeviceCookieChange) {
        match change {
            DeviceCookieChange::EndAll { user } => self.device_cookies.retain(|_, cookie| cookie.user != user),
            DeviceCookieChange::End { user, browser } => {
                self.device_cookies.retain(|_, cookie| cookie.user != user || cookie.browser != browser);
            }
            DeviceCookieChange::Put { cookie, replaces } => {
                let slot = (cookie.user.clone(), cookie.slot);
                if self.device_cookies.get(&slot).map(|row| &row.browser) == replaces.as_ref() {
                    self.device_cookies.insert(slot, cookie);
                }
            }
        }
    }
}
