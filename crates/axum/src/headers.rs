//! Headers that every answer carries.
//!
//! A handler that has set one of them itself keeps its own; what nobody thought of gets the strict value. Pages load
//! nothing but this site's style sheet and images, run no script unless they say so, stand in no frame, and are not kept
//! by any cache.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
        X_FRAME_OPTIONS,
    },
};

/// What a page may load that runs no script.
const QUIET: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);

/// What a page may load that runs a script of this site.
pub(crate) const WITH_SCRIPT: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'",
);

/// For files whose name changes with what is in them.
pub(crate) const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const DENY: HeaderValue = HeaderValue::from_static("DENY");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
const TWO_YEARS: HeaderValue = HeaderValue::from_static("max-age=63072000");
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Adds what is not there yet. Referrers stay within the site; "none" would also take away the `Origin` of forms.
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
