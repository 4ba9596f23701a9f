//! The device cookie of a visit, and what a browser is given after a complete sign-in.
//!
//! What a browser shows is sealed, so nobody can make one up, read in it who else uses the browser, or tell two of them
//! apart; what it is worth, a row in the store says. A cookie that does not open, whose row is gone or worth nothing by
//! now, or that names somebody else, is simply no cookie.

use countersign_core::{
    Batch, BrowserId, Change, DeviceCookie, DeviceCookieChange, DeviceCookies, DeviceId,
    device_cookie::{CompleteSignIn, Validity, remember},
    throttle::Standing,
};
use data_encoding::BASE64URL_NOPAD;

use crate::{
    BrowserToken, Engine, Fault, User,
    flow::{DeviceCookieSupport, RequestContext},
    keyring::Use,
};

/// Nothing longer is given to a browser, in bytes before it is sealed: a cookie has to hold it.
const MAX_BYTES: usize = 2800;

/// The browser that a visit came from: its row, if it has one that is worth something.
#[derive(Debug, Default)]
pub(crate) struct Browser(Option<DeviceCookie>);

impl Browser {
    /// The id of the browser, if it has a device cookie of its user's, whatever was proved there.
    pub(crate) fn id(&self) -> Option<&BrowserId> {
        self.0.as_ref().map(|row| &row.browser)
    }

    /// What the throttle of devices makes of it: only where a device was proved it is no stranger's.
    pub(crate) fn standing(&self) -> Standing {
        let proved = self.0.as_ref().is_some_and(|row| row.device.is_some());
        if proved { Standing::Recognized } else { Standing::Unrecognized }
    }
}

/// What a browser keeps from now on, and what has to be written for it to be worth something.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    pub(crate) token: Option<BrowserToken>,
    pub(crate) changes: Vec<Change>,
}

impl Engine {
    /// The browser that this visit of this user came from.
    pub(crate) async fn browser(&self, user: &User, context: &RequestContext) -> Result<Browser, Fault> {
        let Some(id) = self.shown(user, context) else { return Ok(Browser::default()) };
        let rows = self.device_cookies_of(user).await?;
        Ok(Browser(rows.into_iter().find(|row| row.browser == id && row.is_valid(self.validity(user)))))
    }

    /// Every row of this user. One that a clock which was ahead has dated is ended here, so that it is not believed later.
    async fn device_cookies_of(&self, user: &User) -> Result<Vec<DeviceCookie>, Fault> {
        let rows = self.store().device_cookies(&user.id).await?;
        let now = self.now();
        let (rows, ahead): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.last_seen.is_credible(now));
        if !ahead.is_empty() {
            let end = |row: DeviceCookie| {
                Change::DeviceCookie(DeviceCookieChange::End { user: row.user, browser: row.browser })
            };
            self.commit(&Batch::new(ahead.into_iter().map(end).collect())).await?;
        }
        Ok(rows)
    }

    /// What the browser of this visit is given after a complete sign-in of this user, in which `device` was proved, if one
    /// was; nothing where the lifetime of device cookies is zero, and where the browser is to stay a stranger's.
    pub(crate) async fn remember(
        &self,
        user: &User,
        device: Option<&DeviceId>,
        context: &RequestContext,
    ) -> Result<Remembered, Fault> {
        if !self.is_wanted(context) {
            return Ok(Remembered::default());
        }
        let rows = self.device_cookies_of(user).await?;
        Ok(self.remembered(user, device, context, &rows))
    }

    /// The same, where these are the rows of the user.
    pub(crate) fn remembered(
        &self,
        user: &User,
        device: Option<&DeviceId>,
        context: &RequestContext,
        rows: &[DeviceCookie],
    ) -> Remembered {
        if !self.is_wanted(context) {
            return Remembered::default();
        }
        // An id whose row is worth nothing any more is not taken over: whoever has a copy of the cookie would be recognised again.
        let counts = |id: &BrowserId| rows.iter().any(|row| row.browser == *id && row.is_valid(self.validity(user)));
        let shown = self.shown(user, context).filter(counts);
        let id = shown.unwrap_or_else(|| self.new_id());
        let done = CompleteSignIn { user: &user.id, browser: &id, device };
        let Some(changes) = remember(rows, &done, self.validity(user)) else { return Remembered::default() };
        let cookies = self.open_cookies(context).unwrap_or_default().with(&user.id, id);
        let token = serde_json::to_vec(&cookies).ok().filter(|plain| plain.len() <= MAX_BYTES).and_then(|plain| {
            let sealed = self.keyring().seal(Use::DeviceCookie, &[], &plain, self.random())?;
            Some(BrowserToken::new(BASE64URL_NOPAD.encode(&sealed)))
        });
        // A row that no browser can show would only take a place.
        if token.is_some() { Remembered { token, changes } } else { Remembered::default() }
    }

    fn is_wanted(&self, context: &RequestContext) -> bool {
        context.device_cookie == DeviceCookieSupport::Kept && !self.config().device_cookie_lifetime.is_zero()
    }

    fn validity<'a>(&self, user: &'a User) -> Validity<'a> {
        Validity { stamp: &user.stamp, lifetime: self.config().device_cookie_lifetime, now: self.now() }
    }

    /// The id that the browser shows for this user.
    fn shown(&self, user: &User, context: &RequestContext) -> Option<BrowserId> {
        self.open_cookies(context)?.of(&user.id).cloned()
    }

    fn open_cookies(&self, context: &RequestContext) -> Option<DeviceCookies> {
        if self.config().device_cookie_lifetime.is_zero() {
            return None;
        }
        let sealed = BASE64URL_NOPAD.decode(context.browser.as_ref()?.expose().as_bytes()).ok()?;
        let plain = self.keyring().open(Use::DeviceCookie, &[], &sealed)?;
        serde_json::from_slice(&plain).ok()
    }
}
