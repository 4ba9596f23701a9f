//! Device cookies: browsers in which a user has signed in before (OWASP, "Device cookies").
//!
//! An attacker who knows a user name can cause failed sign-ins, and one who knows the password can cause failures of
//! the second factor; neither may lock the owner out. So a browser is given a random id at a complete sign-in, and from
//! then on its failures are counted apart from those of other browsers. A device cookie is never a factor and never
//! grants access. Its effect depends on what was proved:
//!
//! | proved at the sign-in | wrong passwords | wrong answers of devices |
//! |---|---|---|
//! | a device | counted apart, by browser | counted apart, all such browsers together |
//! | the password alone | counted apart, by browser | counted with unrecognized browsers |
//!
//! The store keeps a row for each, so that they can be invalidated: by a change of password (the stamp in the row), the
//! first device, the removal of all devices, and a deactivation. A user has at most [`MAX_BROWSERS`]; beyond that, a
//! browser that proved only the password gets none, and one that proved a device replaces the least useful.
//! (NIST SP 800-63B-4 §3.2.2 allows such signs; the hard cap on failures in a row counts all of them.)

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{BrowserId, Change, DeviceCookieChange, DeviceId, Timestamp, UserId};

/// The maximum number of device cookies of a user.
pub const MAX_BROWSERS: u8 = 16;

/// The maximum number of users in one browser's cookie; the one whose sign-in is oldest is dropped.
const MAX_USERS: usize = 8;

/// How much the recorded last sign-in may lag behind.
const TOUCH_EVERY: Duration = Duration::from_hours(24);

/// One browser of one user, as the store keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceCookie {
    /// The user.
    pub user: UserId,
    /// The slot among the user's device cookies, from 0; less than [`MAX_BROWSERS`].
    pub slot: u8,
    /// The random id that the browser presents.
    pub browser: BrowserId,
    /// The user's credential stamp at the sign-in: the row is invalid once the stamp changes.
    pub stamp: String,
    /// The device that was proved; `None` if the password alone was.
    pub device: Option<DeviceId>,
    /// When the user first signed in there.
    pub created: Timestamp,
    /// When the user last signed in there, to within a day.
    pub last_seen: Timestamp,
}

/// The conditions under which a row is valid.
#[derive(Clone, Copy, Debug)]
pub struct Validity<'a> {
    /// The user's credential stamp.
    pub stamp: &'a str,
    /// How long after the last sign-in it is valid.
    pub lifetime: Duration,
    /// The current time.
    pub now: Timestamp,
}

impl DeviceCookie {
    /// Whether the row is valid.
    pub fn is_valid(&self, under: Validity<'_>) -> bool {
        let Validity { stamp, lifetime, now } = under;
        self.stamp == stamp && self.last_seen.is_credible(now) && now < self.last_seen.after(lifetime)
    }

    /// The order of replacement: the least useful first.
    fn usefulness(&self) -> (bool, bool, Timestamp) {
        (self.device.is_some(), self.last_seen > self.created, self.last_seen)
    }
}

/// A complete sign-in in a browser.
#[derive(Clone, Debug)]
pub struct CompleteSignIn<'a> {
    /// The user.
    pub user: &'a UserId,
    /// The browser's id for this user: the one it presented, if that is valid, or a new one.
    pub browser: &'a BrowserId,
    /// The device that was proved, if one was.
    pub device: Option<&'a DeviceId>,
}

/// The changes that make the browser recognized: empty if the row is up to date. `None` if it stays unrecognized,
/// because more useful browsers have all slots.
pub fn remember(rows: &[DeviceCookie], done: &CompleteSignIn<'_>, under: Validity<'_>) -> Option<Vec<Change>> {
    let CompleteSignIn { user, browser, device } = done;
    let row = |slot, created| DeviceCookie {
        user: (*user).clone(),
        slot,
        browser: (*browser).clone(),
        stamp: under.stamp.to_owned(),
        device: device.cloned(),
        created,
        last_seen: under.now,
    };
    let put = |cookie, replaces: Option<&DeviceCookie>| {
        vec![Change::DeviceCookie(DeviceCookieChange::Put {
            cookie,
            replaces: replaces.map(|row| row.browser.clone()),
        })]
    };
    if let Some(own) = rows.iter().find(|row| row.browser == **browser && row.is_valid(under)) {
        let is_kept = own.last_seen > own.created;
        if is_kept && own.device.is_some() >= device.is_some() && own.last_seen.is_within(TOUCH_EVERY, under.now) {
            return Some(vec![]);
        }
        // A device that was proved once in this browser stays recorded while the row is valid.
        let next = row(own.slot, own.created.min(under.now));
        return Some(put(DeviceCookie { device: next.device.clone().or(own.device.clone()), ..next }, Some(own)));
    }
    let free = (0..MAX_BROWSERS).find(|slot| rows.iter().all(|row| row.slot != *slot));
    if let Some(slot) = free {
        return Some(put(row(slot, under.now), None));
    }
    let over = rows.iter().find(|row| !row.is_valid(under));
    let least = || rows.iter().min_by_key(|row| row.usefulness()).filter(|_| device.is_some());
    let replaced = over.or_else(least)?;
    Some(put(row(replaced.slot, under.now), Some(replaced)))
}

/// The content of the sealed cookie: a separate id for each user who has signed in there, so that an attacker who
/// plants a cookie in a victim's browser does not know the id that the victim's sign-in creates.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct DeviceCookies {
    /// The users who have signed in, the latest first.
    ids: Vec<(UserId, BrowserId)>,
}

impl DeviceCookies {
    /// The id for this user.
    pub fn of(&self, user: &UserId) -> Option<&BrowserId> {
        self.ids.iter().find(|(owner, _)| owner == user).map(|(_, id)| id)
    }

    /// The same cookies with this id for this user.
    #[must_use]
    pub fn with(mut self, user: &UserId, id: BrowserId) -> Self {
        self.ids.retain(|(owner, _)| owner != user);
        self.ids.insert(0, (user.clone(), id));
        self.ids.truncate(MAX_USERS);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
    const LIFETIME: Duration = Duration::from_hours(90 * 24);
    const UNDER: Validity<'_> = Validity { stamp: "stamp", lifetime: LIFETIME, now: NOW };

    fn row(slot: u8, device: Option<&str>) -> DeviceCookie {
        DeviceCookie {
            user: UserId::new("ada"),
            slot,
            browser: BrowserId::new(format!("browser {slot}")),
            stamp: "stamp".into(),
            device: device.map(DeviceId::new),
            created: NOW.before(Duration::from_hours(2)),
            last_seen: NOW.before(Duration::from_hours(1)),
        }
    }

    /// The row that a sign-in in this browser writes, and the row it replaces.
    fn put(rows: &[DeviceCookie], browser: &str, device: Option<&str>) -> Option<(DeviceCookie, Option<BrowserId>)> {
        let (user, browser, device) = (UserId::new("ada"), BrowserId::new(browser), device.map(DeviceId::new));
        let done = CompleteSignIn { user: &user, browser: &browser, device: device.as_ref() };
        match remember(rows, &done, UNDER)?.pop() {
            Some(Change::DeviceCookie(DeviceCookieChange::Put { cookie, replaces })) => Some((cookie, replaces)),
            _ => None,
        }
    }

    #[test]
    fn t105_a_row_is_worth_something_under_its_stamp_in_its_time_by_a_right_clock() {
        assert!(row(0, None).is_valid(UNDER));
        assert!(!row(0, None).is_valid(Validity { stamp: "another", ..UNDER }));
        assert!(!row(0, None).is_valid(Validity { lifetime: Duration::from_hours(1), ..UNDER }));
        let ahead = DeviceCookie { last_seen: NOW.after(Duration::from_secs(61)), ..row(0, None) };
        assert!(!ahead.is_valid(UNDER));
    }

    #[test]
    fn t105_places_are_bounded_and_the_password_alone_never_takes_one_that_is_taken() {
        let mut rows = vec![];
        for slot in 0..MAX_BROWSERS {
            let (cookie, replaces) = put(&rows, &format!("browser {slot}"), None).unwrap();
            assert_eq!((cookie.slot, replaces), (slot, None));
            rows.push(row(slot, (slot % 2 == 0).then_some("app")));
        }
        assert_eq!(put(&rows, "new", None), None);
        let (cookie, replaces) = put(&rows, "new", Some("app")).unwrap();
        assert_eq!((cookie.slot, replaces), (1, Some(BrowserId::new("browser 1"))), "in the place of a password alone");
        rows[4].stamp = "old".into();
        let (cookie, replaces) = put(&rows, "new", None).unwrap();
        assert_eq!((cookie.slot, replaces), (4, Some(BrowserId::new("browser 4"))), "what is worth nothing is free");
    }

    #[test]
    fn t105_of_browsers_that_proved_a_device_the_one_that_never_came_back_goes_first() {
        let mut rows: Vec<_> = (0..MAX_BROWSERS).map(|slot| row(slot, Some("app"))).collect();
        rows[3].created = NOW.before(Duration::from_hours(40));
        rows[3].last_seen = NOW.before(Duration::from_hours(30));
        assert_eq!(put(&rows, "new", Some("app")).unwrap().0.slot, 3);
        rows[7].created = rows[7].last_seen;
        assert_eq!(put(&rows, "new", Some("app")).unwrap().0.slot, 7);
    }

    #[test]
    fn a_browser_that_comes_back_is_written_once_a_day_and_keeps_what_it_proved() {
        let known = row(0, Some("app"));
        assert_eq!(put(std::slice::from_ref(&known), "browser 0", Some("app")), None);
        let day = DeviceCookie { last_seen: NOW.before(Duration::from_hours(25)), ..known.clone() };
        let day = DeviceCookie { created: day.last_seen.before(Duration::from_hours(1)), ..day };
        let (cookie, replaces) = put(std::slice::from_ref(&day), "browser 0", None).unwrap();
        assert_eq!((cookie.device, cookie.last_seen), (Some(DeviceId::new("app")), NOW));
        assert_eq!((cookie.created, replaces), (day.created, Some(BrowserId::new("browser 0"))));
        let over = DeviceCookie { stamp: "old".into(), ..known };
        let (cookie, _) = put(&[over], "browser 0", None).unwrap();
        assert_eq!(cookie.device, None, "what was proved before a change of password counts for nothing");
        let (cookie, _) = put(&[row(0, None)], "browser 0", Some("app")).unwrap();
        assert_eq!(cookie.device, Some(DeviceId::new("app")));
    }

    #[test]
    fn a_browser_has_an_id_for_each_user_and_forgets_the_one_who_was_not_here_for_longest() {
        let users: Vec<_> = (0..=MAX_USERS).map(|number| UserId::new(number.to_string())).collect();
        let cookies = users.iter().fold(DeviceCookies::default(), |cookies, user| {
            let id = |user: &UserId| BrowserId::new(format!("of {user}"));
            cookies.with(user, id(user)).with(&users[0], id(&users[0]))
        });
        let known: Vec<_> = users.iter().filter_map(|user| cookies.of(user)).collect();
        assert_eq!((known.len(), cookies.of(&users[1])), (MAX_USERS, None));
        assert_eq!(cookies.of(&users[0]).map(ToString::to_string), Some("of 0".into()));
    }
}
