//! Cookies: reading and setting them.
//!
//! There are six names. A malformed value counts as absent, and so does a name that occurs twice, so that planting a
//! second cookie gains an attacker nothing. Every cookie is `HttpOnly`, for the whole host and no other, and over https
//! `Secure` with the prefix `__Host-`.
//!
//! | name | value | until | `SameSite` |
//! |---|---|---|---|
//! | `countersign` | the session token | the browser closes; the server decides | `Lax` |
//! | `countersign-pending` | a pending login, sealed | the login times out | `Strict` |
//! | `countersign-setup` | a pending setup of a device, sealed | the setup times out | `Strict` |
//! | `countersign-device` | the device cookie, sealed; does not authenticate | 90 days, or as set | `Strict` |
//! | `countersign-form` | a random value that binds forms before a sign-in | the browser closes | `Lax` |
//! | `countersign-notice` | the notice for the next page, as a code | its page shows it, or 10 minutes | `Lax` |

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header::COOKIE};
use cookie::{Cookie, SameSite};
use countersign_engine::{AttemptToken, BrowserToken, SessionToken};

/// The maximum length of a cookie's value, in bytes.
const MAX_SIZE: usize = 4096;

/// The cookies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Name {
    /// The session.
    Session,
    /// A pending login.
    Pending,
    /// A pending setup.
    Setup,
    /// The device cookie.
    Browser,
    /// The random value that binds forms before a sign-in.
    Nonce,
    /// The notice for the next page, as a code.
    Notice,
}

/// The cookie names of this site.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    https: bool,
}

/// The cookies of a request.
#[derive(Debug, Default)]
pub(crate) struct Cookies {
    pub(crate) session: Option<SessionToken>,
    pub(crate) pending: Option<AttemptToken>,
    pub(crate) setup: Option<AttemptToken>,
    pub(crate) browser: Option<BrowserToken>,
    pub(crate) nonce: Option<String>,
    pub(crate) notice: Option<String>,
}

impl Names {
    pub(crate) fn new(https: bool) -> Self {
        Self { https }
    }

    /// The name of this cookie.
    pub(crate) fn of(self, name: Name) -> &'static str {
        match (name, self.https) {
            (Name::Session, true) => "__Host-countersign",
            (Name::Session, false) => "countersign",
            (Name::Pending, true) => "__Host-countersign-pending",
            (Name::Pending, false) => "countersign-pending",
            (Name::Setup, true) => "__Host-countersign-setup",
            (Name::Setup, false) => "countersign-setup",
            (Name::Browser, true) => "__Host-countersign-device",
            (Name::Browser, false) => "countersign-device",
            (Name::Nonce, true) => "__Host-countersign-form",
            (Name::Nonce, false) => "countersign-form",
            (Name::Notice, true) => "__Host-countersign-notice",
            (Name::Notice, false) => "countersign-notice",
        }
    }

    /// Reads the cookies from the headers.
    pub(crate) fn read(self, headers: &HeaderMap) -> Cookies {
        let [session, pending, setup, browser, nonce, notice] =
            [Name::Session, Name::Pending, Name::Setup, Name::Browser, Name::Nonce, Name::Notice]
                .map(|name| only(headers, self.of(name)).filter(|value| value.len() <= MAX_SIZE));
        let attempt = |value: &str| is_token(value).then(|| AttemptToken::new(value));
        Cookies {
            session: session.and_then(SessionToken::parse),
            pending: pending.and_then(attempt),
            setup: setup.and_then(attempt),
            browser: browser.filter(|value| is_token(value)).map(BrowserToken::new),
            nonce: nonce.filter(|value| is_token(value)).map(str::to_owned),
            notice: notice.filter(|value| is_token(value)).map(str::to_owned),
        }
    }

    /// Sets a cookie, for this lifetime or until the browser closes.
    pub(crate) fn give(self, name: Name, value: &str, lasting: Option<Duration>) -> HeaderValue {
        let mut cookie = self.bare(name, value);
        cookie.set_max_age(lasting.and_then(|span| cookie::time::Duration::try_from(span).ok()));
        header(&cookie)
    }

    /// Deletes a cookie.
    pub(crate) fn take(self, name: Name) -> HeaderValue {
        let mut cookie = self.bare(name, "");
        cookie.set_max_age(cookie::time::Duration::ZERO);
        header(&cookie)
    }

    fn bare(self, name: Name, value: &str) -> Cookie<'_> {
        let mut cookie = Cookie::new(self.of(name), value);
        cookie.set_http_only(true);
        cookie.set_path("/");
        cookie.set_same_site(match name {
            Name::Session | Name::Nonce | Name::Notice => SameSite::Lax,
            Name::Pending | Name::Setup | Name::Browser => SameSite::Strict,
        });
        if self.https {
            cookie.set_secure(true);
        }
        cookie
    }
}

fn header(cookie: &Cookie<'_>) -> HeaderValue {
    // Values are tokens of ours, so they contain no character that a header could not have.
    let mut value = HeaderValue::try_from(cookie.to_string()).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

fn is_token(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
}

/// The value of the cookie with this name, if it occurs exactly once. Headers are read as bytes, because cookies of
/// other applications may have any content.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|c| *c == b';'));
    let mut found = pairs.filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    let value = found.next()?;
    if found.next().is_some() { None } else { std::str::from_utf8(value).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Names = Names { https: false };

    fn read(names: Names, lines: &[&[u8]]) -> Cookies {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        names.read(&headers)
    }

    /// Every cookie must be in both tables, and no others.
    #[test]
    fn the_cookies_are_those_that_are_documented() {
        let guide = include_str!("../../countersign/src/guide/sessions.rs");
        let mut names = [Name::Session, Name::Pending, Name::Setup, Name::Browser, Name::Nonce, Name::Notice]
            .map(|name| PLAIN.of(name));
        names.sort_unstable();
        for text in [guide, include_str!("cookies.rs")] {
            let rows = text.lines().filter_map(|line| line.strip_prefix("//! | `")?.split('`').next());
            let mut documented: Vec<_> = rows.collect();
            documented.sort_unstable();
            assert_eq!(documented, names);
        }
    }

    #[test]
    fn cookies_are_found_among_those_of_others() {
        let cookies = read(PLAIN, &[b"a=\xff\xfe; countersign-form=abc;countersign-pending=d_e-f", b"x; =; ;;"]);
        assert_eq!(cookies.nonce.as_deref(), Some("abc"));
        assert_eq!(cookies.pending.unwrap().expose(), "d_e-f");
        assert!(cookies.session.is_none() && cookies.setup.is_none());
    }

    #[test]
    fn what_is_broken_or_twice_there_is_absent() {
        let long = format!("countersign-form={}", "a".repeat(MAX_SIZE + 1));
        for line in [
            &b"countersign-form=a; countersign-form=a"[..],
            b"countersign-form=a; countersign-form=",
            b"countersign-form=",
            b"countersign-form",
            b"countersign-form=\xff",
            b"countersign-form=a b",
            b"countersign-form=\"a\"",
            b"COUNTERSIGN-FORM=a",
            b"xcountersign-form=a",
            b"countersign-forms=a",
            b"countersign=short",
            long.as_bytes(),
        ] {
            let cookies = read(PLAIN, &[line]);
            assert!(cookies.nonce.is_none() && cookies.session.is_none(), "{}", String::from_utf8_lossy(line));
        }
        assert!(read(PLAIN, &[b"countersign-form=a", b"countersign-form=b"]).nonce.is_none());
    }

    #[test]
    fn by_https_only_host_cookies_count() {
        let names = Names { https: true };
        assert!(read(names, &[b"countersign-form=a"]).nonce.is_none());
        assert!(read(names, &[b"__Host-countersign-form=a"]).nonce.is_some());
    }

    #[test]
    fn attributes_are_as_narrow_as_they_can_be() {
        let given = |https, name, lasting| {
            let value = Names { https }.give(name, "v", lasting);
            assert!(value.is_sensitive());
            value.to_str().unwrap().to_owned()
        };
        assert_eq!(given(false, Name::Session, None), "countersign=v; HttpOnly; SameSite=Lax; Path=/");
        assert_eq!(given(true, Name::Session, None), "__Host-countersign=v; HttpOnly; SameSite=Lax; Secure; Path=/");
        assert_eq!(
            given(true, Name::Pending, Some(Duration::from_mins(10))),
            "__Host-countersign-pending=v; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=600"
        );
        assert_eq!(
            PLAIN.take(Name::Setup).to_str().unwrap(),
            "countersign-setup=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0"
        );
    }
}
