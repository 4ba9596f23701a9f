//! The bearer token in `Authorization` (RFC 6750 §2.1). Where the front end for deux's clients is offered, the scheme
//! `Token`, which these clients use, means the same.
//!
//! A request with a bearer token is authenticated by it alone and its cookies are ignored, so no page can lend a
//! browser's session to a request that it forges. A request with a malformed token, or more
//! than one, is unauthenticated. Other schemes are left to the host.

use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use countersign_engine::BearerToken;

/// The scheme of RFC 6750.
pub(crate) const BEARER: &str = "Bearer";
/// The scheme of deux's clients.
pub(crate) const TOKEN: &str = "Token";

/// The bearer token of a request.
#[derive(Debug)]
pub(crate) enum Bearer {
    /// No bearer token.
    Absent,
    /// A malformed token, or several.
    Void,
    /// A well-formed token.
    Token(BearerToken),
}

impl Bearer {
    /// Reads the token after one of these schemes from the headers.
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

    /// Whether there is a token, well-formed or not.
    pub(crate) fn is_shown(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

/// The value after one of these schemes, which are case-insensitive.
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
