//! The device cookie of a request, and the one a browser is given after a complete sign-in.
//!
//! The cookie is sealed: it cannot be forged, it does not show who else uses the browser, and two cookies cannot be
//! linked. Whether it is valid is decided by a row in the store. A cookie that cannot be unsealed, whose row is gone or
//! no longer valid, or that names another user, is treated as no cookie.

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

/// The maximum size of a device cookie, in bytes before it is sealed.
const MAX_BYTES: usize = 2800;

/// The browser that a request came from: its row, if it has a valid one.
#[derive(Debug, Default)]
pub(crate) struct Browser(Option<DeviceCookie>);

impl Browser {
    /// The id of the browser, if it has a device cookie of this user, whether or not a device was proved there.
    pub(crate) fn id(&self) -> Option<&BrowserId> {
        self.0.as_ref().map(|row| &row.browser)
    }

    /// The standing for the throttle of devices: recognized only if a device was proved in this browser.
    pub(crate) fn standing(&self) -> Standing {
        let proved = self.0.as_ref().is_some_and(|row| row.device.is_some());
        if proved { Standing::Recognized } else { Standing::Unrecognized }
    }
}

/// The device cookie to set, and the changes that make it valid.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    pub(crate) token: Option<BrowserToken>,
    pub(crate) changes: Vec<Change>,
}

impl Engine {
    /// The browser that this request of this user came from.
    pub(crate) async fn browser(&self, user: &User, context: &RequestContext) -> Result<Browser, Fault> {
        let Some(id) = self.shown(user, context) else { return Ok(Browser::default()) };
        let rows = self.device_cookies_of(user).await?;
        Ok(Browser(rows.into_iter().find(|row| row.browser == id && row.is_valid(self.validity(user)))))
    }

    /// Every row of this user. A row dated by a clock that was ahead is invalidated here, so that it is not accepted
    /// later.
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

    /// The device cookie after a complete sign-in of this user, in which `device` was proved, if one was. Empty if the
    /// lifetime of device cookies is zero, and if the browser is to stay unrecognized.
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

    /// The same, with the rows of the user given.
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
        // An id whose row is no longer valid is not reused: a copy of the old cookie would be recognized again.
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
        // A row that no browser can present would only take up a slot.
        if token.is_some() { Remembered { token, changes } } else { Remembered::default() }
    }

    fn is_wanted(&self, context: &RequestContext) -> bool {
        context.device_cookie == DeviceCookieSupport::Kept && !self.config().device_cookie_lifetime.is_zero()
    }

    fn validity<'a>(&self, user: &'a User) -> Validity<'a> {
        Validity { stamp: &user.stamp, lifetime: self.config().device_cookie_lifetime, now: self.now() }
    }

    /// The id that the browser presents for this user.
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
