use crate::{BrowserId, DeviceCookie, UserId};

/// A change to device cookies.
#[derive(Clone, Debug)]
pub enum DeviceCookieChange {
    /// Ends every device cookie of a user.
    EndAll {
        /// Whose.
        user: UserId,
    },
    /// Ends one device cookie of a user, if it is there.
    End {
        /// Whose.
        user: UserId,
        /// Of which browser.
        browser: BrowserId,
    },
    /// Keeps a device cookie in its slot, if the slot is still free or, if so, still that of `replaces`. Never conflicts: no
    /// sign-in fails because its browser was not remembered.
    Put {
        /// The row.
        cookie: DeviceCookie,
        /// The browser whose place it takes.
        replaces: Option<BrowserId>,
    },
}

impl DeviceCookieChange {
    pub(super) fn order(&self) -> (u8, &str) {
        match self {
            Self::EndAll { user } | Self::End { user, .. } => (0, user.as_str()),
            Self::Put { cookie, .. } => (1, cookie.user.as_str()),
        }
    }
}
