//! Security headers of every response.
//!
//! A header that a handler sets itself is kept; all others get the strict value. Pages load only this site's style
//! sheet and images, run no script unless they need this site's own, cannot be framed and are not cached.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
        X_FRAME_OPTIONS,
    },
};

/// The Content-Security-Policy of a page without script.
const QUIET: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);

/// The Content-Security-Policy of a page with this site's script.
pub(crate) const WITH_SCRIPT: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'",
);

/// For files whose URL changes with their content.
pub(crate) const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const DENY: HeaderValue = HeaderValue::from_static("DENY");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
const TWO_YEARS: HeaderValue = HeaderValue::from_static("max-age=63072000");
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Adds the missing headers. Referrers stay within the site; `no-referrer` would also remove the `Origin` of forms.
pub(crate) fn harden(headers: &mut HeaderMap, https: bool) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, QUIET),
        (X_CONTENT_TYPE_OPTIONS, NOSNIFF),
        (X_FRAME_OPTIONS, DENY),
        (REFERRER_POLICY, SAME_ORIGIN),
        (OPENER, SAME_ORIGIN),
        (RESOURCE, SAME_ORIGIN),
        (CACHE_CONTROL, NO_STORE),
    ] {
        headers.entry(name).or_insert(value);
    }
    if https {
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(TWO_YEARS);
    }
}
