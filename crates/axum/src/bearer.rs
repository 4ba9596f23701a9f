//! What stands in `Authorization`, if it is a bearer token (RFC 6750 §2.1).
//!
//! Whoever shows one is known by it alone: cookies of the same request count for nothing, so no page can lend a browser's
//! session to a request that it makes up. One that is not ours, or more than one, opens nothing. Other schemes are the
//! host's own affair.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use countersign_engine::BearerToken;

/// What a request shows.
#[derive(Debug)]
pub(crate) enum Bearer {
    /// No bearer token.
    Absent,
    /// Something in the place of one.
    Void,
    /// One that has the form of ours.
    Token(BearerToken),
}

impl Bearer {
    /// What these headers show.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut shown = headers.get_all(AUTHORIZATION).iter().filter_map(|value| after_scheme(value.as_bytes()));
        match (shown.next(), shown.next()) {
            (None, _) => Self::Absent,
            (Some(text), None) => {
                let token = std::str::from_utf8(text).ok().and_then(BearerToken::parse);
                token.map_or(Self::Void, Self::Token)
            }
            (Some(_), Some(_)) => Self::Void,
        }
    }

    /// Whether there is one, good or bad.
    pub(crate) fn is_shown(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

/// What stands after `Bearer`, whose letters may be of either case.
fn after_scheme(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer";
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    let ends = rest.first().is_none_or(|c| *c == b' ');
    (scheme.eq_ignore_ascii_case(SCHEME) && ends).then(|| rest.trim_ascii())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(values: &[&'static str]) -> Bearer {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        Bearer::read(&headers)
    }

    #[test]
    fn a_bearer_token_is_one_and_ours() {
        const SESSION: &str = "Bearer AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        const PERSONAL: &str = "bEARER  cst_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert!(matches!(read(&[SESSION]), Bearer::Token(BearerToken::Session(_))));
        assert!(matches!(read(&[PERSONAL]), Bearer::Token(BearerToken::Personal(_))));
        for void in [&["Bearer"][..], &["Bearer "], &["Bearer x"], &[SESSION, PERSONAL], &[SESSION, SESSION]] {
            assert!(matches!(read(void), Bearer::Void), "{void:?}");
        }
        for absent in [&[][..], &["Basic YTpi"], &["Bearers x"], &["Token x"], &[""]] {
            assert!(!read(absent).is_shown(), "{absent:?}");
        }
    }
}
