//! Redirects, which lead only to paths on this site.
//!
//! [`LocalPath`] is the only type that a redirect takes, and [`LocalPath::parse`] is the only place that parses a
//! `next`. It rejects everything that a browser, a proxy or a careless host might read as another site, so `next` needs
//! no second check (open redirect).

use std::fmt;

use axum::{
    http::{HeaderValue, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};

/// A path on this site, with an optional query and fragment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalPath(Box<str>);

impl LocalPath {
    /// The maximum length of a path, in bytes.
    pub const MAX_LENGTH: usize = 2048;

    /// Parses `text`, if all known URL parsers read it as a path on this site.
    ///
    /// It starts with exactly one slash; it is printable ASCII without backslashes; its percent-encodings are complete,
    /// and none of them is a control character, nor a slash at the start; it has no `..` segment.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('/')?;
        let plain = text.len() <= Self::MAX_LENGTH && text.bytes().all(|c| c.is_ascii_graphic() && c != b'\\');
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        let slash = rest.starts_with('/') || escaped(rest).is_some_and(|c| matches!(c, b'/' | b'\\'));
        (plain && !slash && escapes_are_harmless(text) && !path.split('/').any(climbs)).then(|| Self(text.into()))
    }

    /// Parses `text`, if pages can be mounted at it: one or more segments of letters, digits, `-`, `_` and `.`, without
    /// a trailing slash.
    pub fn plain(text: &str) -> Option<Self> {
        let is_plain = |c: u8| c.is_ascii_alphanumeric() || b"-_./".contains(&c);
        let is_whole = |segment: &str| !matches!(segment, "" | "." | "..");
        let inner = text.strip_prefix('/')?;
        (text.bytes().all(is_plain) && inner.split('/').all(is_whole)).then(|| Self(text.into()))
    }

    /// Whether it fits into a sealed cookie with the other values in it.
    pub(crate) fn is_short(&self) -> bool {
        const SHORT: usize = 900;
        self.0.len() <= SHORT
    }

    /// A path from a constant.
    pub(crate) fn own(text: String) -> Self {
        Self(text.into())
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path with these fields as its query; fields without a value are omitted.
    #[must_use]
    pub(crate) fn with(&self, fields: &[(&str, Option<&str>)]) -> Self {
        let fields: Vec<_> = fields.iter().filter_map(|(name, value)| value.map(|value| (*name, value))).collect();
        match serde_html_form::to_string(&fields) {
            Ok(query) if !query.is_empty() => Self(format!("{}?{query}", self.0).into()),
            _ => self.clone(),
        }
    }

    /// The path without query and fragment.
    pub(crate) fn path(&self) -> &str {
        self.0.split(['?', '#']).next().unwrap_or_default()
    }
}

impl fmt::Display for LocalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Redirects with a GET (303), whatever the method was.
impl IntoResponse for LocalPath {
    fn into_response(self) -> Response {
        let Ok(location) = HeaderValue::from_str(&self.0) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
    }
}

/// The byte of the percent-encoding at the start of `text`.
fn escaped(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    digits.bytes().all(|c| c.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
}

fn escapes_are_harmless(text: &str) -> bool {
    let mut escapes = text.match_indices('%').map(|(at, _)| text.get(at..).and_then(escaped));
    escapes.all(|escape| escape.is_some_and(|c| !c.is_ascii_control()))
}

/// Whether a browser reads this segment as `.` or `..`, encoded or not.
fn climbs(segment: &str) -> bool {
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    plain == "." || plain == ".."
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOSTILE: &[&str] = &[
        "",
        " ",
        "a",
        "secret",
        "?next=/",
        "#top",
        "//",
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/\\/evil.example",
        "/a\\..\\\\evil.example",
        "http://evil.example",
        "https://evil.example/secret",
        "HTTPS://evil.example",
        "https:evil.example",
        "https:/evil.example",
        "http:///evil.example",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "mailto:a@evil.example",
        "evil.example/secret",
        "@evil.example",
        " //evil.example",
        " /secret",
        "/secret ",
        "/ /evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r/evil.example",
        "\t//evil.example",
        "\u{0}//evil.example",
        "/\u{0}",
        "/a\u{7f}b",
        "/secret\r\nSet-Cookie: a=b",
        "/%0d%0aSet-Cookie:%20a=b",
        "/a?b=%0a",
        "/a%00",
        "/%2f/evil.example",
        "/%2Fevil.example",
        "/%5cevil.example",
        "/%5C%5Cevil.example",
        "%2f%2fevil.example",
        "/..//evil.example",
        "/.//evil.example",
        "/a/..//evil.example",
        "/%2e%2e//evil.example",
        "/.%2E//evil.example",
        "/%2e//evil.example",
        "/a/../../b",
        "/%",
        "/%z",
        "/%2",
        "/%+f",
        "/%-1",
        "/é",
        "/\u{ff0f}evil.example",
        "\u{ff0f}\u{ff0f}evil.example",
        "\u{2044}\u{2044}evil.example",
        "/\u{202e}",
        "\u{feff}//evil.example",
        "/\u{a0}/evil.example",
    ];

    #[test]
    fn a_plain_path_is_one_that_pages_may_be_put_below() {
        for path in ["/account", "/a/b-c_d.e"] {
            assert!(LocalPath::plain(path).is_some(), "{path}");
        }
        for path in ["", "/", "account", "/account/", "//a", "/a//b", "/a/../b", "/{a}", "/a b", "/é", "/a?b"] {
            assert!(LocalPath::plain(path).is_none(), "{path}");
        }
    }

    #[test]
    fn nothing_hostile_is_a_path_on_this_site() {
        assert!(HOSTILE.len() >= 40);
        for text in HOSTILE {
            assert_eq!(LocalPath::parse(text), None, "{text:?}");
        }
        assert_eq!(LocalPath::parse(&format!("/{}", "a".repeat(LocalPath::MAX_LENGTH))), None);
    }

    #[test]
    fn what_a_site_has_is() {
        for text in [
            "/",
            "/secret",
            "/a/b/c",
            "/a//b",
            "/a?b=c&d=%2F%2Fe",
            "/a#b",
            "/a?b=https://example.org/",
            "/a:b@c",
            "/a%20b",
            "/...",
            "/.well-known/x",
            "/files/a%2Fb",
        ] {
            assert_eq!(LocalPath::parse(text).map(|path| path.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_query_is_escaped() {
        let path = LocalPath::own("/login".into()).with(&[("next", Some("/a?b=c&d")), ("why", None)]);
        assert_eq!(path.as_str(), "/login?next=%2Fa%3Fb%3Dc%26d");
        assert_eq!(path.path(), "/login");
    }

    /// Parses a reference as the URL standard does, against the base `https://site.example/account/login`, as far as it
    /// matters here: spaces at the ends, tabs and newlines are removed, a backslash is a slash, and two slashes start a
    /// host.
    fn leaves(text: &str) -> bool {
        let trimmed = text.trim_matches(|c: char| c <= ' ');
        let read: String = trimmed.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
        let read = read.replace('\\', "/");
        let scheme = read.split_once(':').is_some_and(|(scheme, _)| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        });
        scheme || read.starts_with("//")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn no_path_leaves_the_site(text in r"[/\\.%25fFcCeE:@?#a\t\n\r \x00-\x7f\u{ff0f}]{0,12}") {
            if let Some(path) = LocalPath::parse(&text) {
                prop_assert!(!leaves(path.as_str()), "{text:?}");
                prop_assert!(path.as_str().starts_with('/') && HeaderValue::from_str(path.as_str()).is_ok());
                let once = text.replace("%2f", "/").replace("%2F", "/").replace("%5c", "\\").replace("%5C", "\\");
                prop_assert!(!leaves(&once), "unescaped: {text:?}");
            }
        }
    }
}
