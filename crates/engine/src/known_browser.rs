//! The browser a request came from, if its user is known by it.
//!
//! Whatever does not open, or is too old, or names somebody else, is simply not known. What stands in the browser's hands
//! is sealed, so nobody can make one up, read in it who else uses the browser, or tell two of them apart.

use countersign_core::{BrowserId, KnownBrowser, UserId};
use data_encoding::BASE64URL_NOPAD;

use crate::{BrowserToken, Engine, advance::Visit, keyring::Use};

/// Nothing longer is given to a browser, in bytes before it is sealed: a cookie has to hold it.
const LONGEST: usize = 2800;

impl Engine {
    /// The name of the browser that this visit came from, if this user is known by it.
    pub(crate) fn browser_of(&self, user: &UserId, visit: &Visit) -> Option<BrowserId> {
        let browser = self.open_browser(visit)?;
        browser.knows(user, self.policy().known_browser, self.now()).then_some(browser.id)
    }

    /// What the browser of this visit is given after a complete sign-in of this user; nothing where browsers are not to be
    /// known.
    pub(crate) fn known_from_now_on(&self, user: &UserId, visit: &Visit) -> Option<BrowserToken> {
        if self.policy().known_browser.is_zero() {
            return None;
        }
        let browser = self.open_browser(visit).unwrap_or_else(|| KnownBrowser::new(self.new_id()));
        let plain = serde_json::to_vec(&browser.with(user, self.now())).ok().filter(|plain| plain.len() <= LONGEST)?;
        let sealed = self.keyring().seal(Use::KnownBrowser, &[], &plain, self.random())?;
        Some(BrowserToken::new(BASE64URL_NOPAD.encode(&sealed)))
    }

    fn open_browser(&self, visit: &Visit) -> Option<KnownBrowser> {
        let sealed = BASE64URL_NOPAD.decode(visit.browser.as_ref()?.expose().as_bytes()).ok()?;
        let plain = self.keyring().open(Use::KnownBrowser, &[], &sealed)?;
        serde_json::from_slice(&plain).ok()
    }
}
