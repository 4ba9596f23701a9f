//! What stands in `Authorization`, if it is a bearer token (RFC 6750 §2.1). Where deux's entrance is offered, `Token`, as its
//! clients write it, means the same.
//!
//! Whoever shows one is known by it alone: cookies of the same request count for nothing, so no page can lend a browser's
//! session to a request that it makes up. One that is not ours, or more than one, opens nothing. Other schemes are the
//! host's own affair.

use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use countersign_engine::BearerToken;

/// The scheme of RFC 6750.
pub(crate) const BEARER: &str = "Bearer";
/// The same, as clients of deux's write it.
pub(crate) const TOKEN: &str = "Token";

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
    /// What these headers show, after one of these schemes.
    pub(crate) fn read(headers: &HeaderMap, schemes: &[&str]) -> Self {
        let values = headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        let mut shown = values.filter_map(|value| after_scheme(value, schemes));
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

/// What stands after one of these schemes, whose letters may be of either case.
fn after_scheme<'v>(value: &'v [u8], schemes: &[&str]) -> Option<&'v [u8]> {
    let is_one = |name: &[u8]| schemes.iter().any(|scheme| name.eq_ignore_ascii_case(scheme.as_bytes()));
    let (name, rest) = value.split_at(value.iter().position(|c| *c == b' ').unwrap_or(value.len()));
    is_one(name).then(|| rest.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&'static str]) -> Bearer {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        Bearer::read(&headers, &[BEARER])
    }

    #[test]
    fn a_bearer_token_is_one_and_ours() {
        const SESSION: &str = "Bearer AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        const PERSONAL: &str = "bEARER  cst_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert!(matches!(read(&[SESSION]), Bearer::Token(BearerToken::Session(_))));
        assert!(matches!(read(&[PERSONAL]), Bearer::Token(BearerToken::Program(_))));
        for void in [&["Bearer"][..], &["Bearer "], &["Bearer x"], &[SESSION, PERSONAL], &[SESSION, SESSION]] {
            assert!(matches!(read(void), Bearer::Void), "{void:?}");
        }
        for absent in [&[][..], &["Basic YTpi"], &["Bearers x"], &["Token x"], &[""]] {
            assert!(!read(absent).is_shown(), "{absent:?}");
        }
    }
    #[test]
    fn another_scheme_counts_where_it_is_named() {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("token x"))]);
        assert!(Bearer::read(&headers, &[BEARER, TOKEN]).is_shown());
        assert!(!Bearer::read(&headers, &[BEARER]).is_shown());
    }
}
