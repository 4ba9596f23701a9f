//! Device cookies.

use countersign_engine::core::{BrowserId, DeviceCookie, DeviceCookieChange};

use super::{Must, Plan};
use crate::{
    row::{Columns, Decoded, FromColumns},
    value::Values,
};

pub(crate) const OF_USER: &str = "
    SELECT user_id, slot, browser, stamp, device_id, created, last_seen
    FROM device_cookie WHERE user_id = $1 ORDER BY slot";
/// Into a slot that is free.
pub(crate) const ADD: &str = "
    INSERT INTO device_cookie (user_id, slot, browser, stamp, device_id, created, last_seen)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (user_id, slot) DO NOTHING";
/// Into the slot of a browser whose place it takes.
pub(crate) const REPLACE: &str = "
    UPDATE device_cookie SET browser = $1, stamp = $2, device_id = $3, created = $4, last_seen = $5
    WHERE user_id = $6 AND slot = $7 AND browser = $8";
pub(crate) const END: &str = "DELETE FROM device_cookie WHERE user_id = $1 AND browser = $2";
pub(crate) const END_ALL: &str = "DELETE FROM device_cookie WHERE user_id = $1";
pub(crate) const END_EVERY: &str = "DELETE FROM device_cookie";

pub(super) fn plan<'b>(plan: &mut Plan<'b>, change: &'b DeviceCookieChange) {
    match change {
        DeviceCookieChange::EndAll { user } => plan.step(Must::Run, END_ALL, vec![user.into()]),
        DeviceCookieChange::End { user, browser } => plan.step(Must::Run, END, vec![user.into(), browser.into()]),
        DeviceCookieChange::Put { cookie, replaces: None } => plan.step(Must::Run, ADD, added(cookie)),
        DeviceCookieChange::Put { cookie, replaces: Some(before) } => {
            plan.step(Must::Run, REPLACE, replaced(cookie, before));
        }
    }
}

fn added(cookie: &DeviceCookie) -> Values<'_> {
    let mut values = vec![(&cookie.user).into(), u32::from(cookie.slot).into()];
    values.extend(kept(cookie));
    values
}

fn replaced<'b>(cookie: &'b DeviceCookie, before: &'b BrowserId) -> Values<'b> {
    let mut values = kept(cookie);
    values.extend([(&cookie.user).into(), u32::from(cookie.slot).into(), before.into()]);
    values
}

fn kept(cookie: &DeviceCookie) -> Values<'_> {
    vec![
        (&cookie.browser).into(),
        cookie.stamp.as_str().into(),
        cookie.device.as_ref().into(),
        cookie.created.into(),
        cookie.last_seen.into(),
    ]
}

impl FromColumns for DeviceCookie {
    fn read(columns: &mut Columns<'_>) -> Decoded<Self> {
        Ok(Self {
            user: columns.id()?,
            slot: columns.number("slot")?,
            browser: columns.id()?,
            stamp: columns.text()?.into(),
            device: columns.id_if_any()?,
            created: columns.time()?,
            last_seen: columns.time()?,
        })
    }
}
