//! The response to a fault: an incident number, and nothing about the cause.
//!
//! The log has the cause under the same number, which is the request's number where the server assigns one. The
//! response neither accepts nor refuses the request and contains no session.

use std::{any::Any, fmt::Display, time::Duration};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use fluent_bundle::FluentArgs;
use minijinja::context;

use crate::{RequestNumber, page::HTML, site::Site};

/// In the extensions of the response to a fault: its incident number.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub(crate) number: RequestNumber,
    /// Seconds to wait before the next attempt.
    pub(crate) retry_after: Option<u64>,
}

/// Assigns an incident number to a fault and logs its cause.
pub(crate) fn note(site: &Site, cause: &dyn Display, retry_after: Option<Duration>) -> Incident {
    let number = RequestNumber::current(&site.engine);
    // Any client can keep a server busy, and clients that are told to retry do so: the lines are limited.
    let admitted = if retry_after.is_some() { site.log_limits.retryable.admit(site.engine.now()) } else { Some(0) };
    if let Some(left_out) = admitted {
        tracing::error!(incident = number.as_str(), cause = %cause, left_out, "request failed");
    }
    let seconds = |span: Duration| u64::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
    Incident { number, retry_after: retry_after.map(seconds) }
}

/// The response to a fault.
pub(crate) fn answer(site: &Site, cause: &dyn Display, retry_after: Option<Duration>) -> Response {
    let noted = note(site, cause, retry_after);
    let incident = noted.number.as_str();
    let context = context! { user => (), problem => (), why => (), incident => incident };
    let page = site.templates().render("fault.html", context);
    let html = page.map_or_else(|error| unrendered(site, incident, &error), |(html, _)| html);
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, HTML)], html).into_response();
    if let Some(seconds) = noted.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response.extensions_mut().insert(noted);
    response
}

/// A line of text, if the page for faults cannot be rendered.
fn unrendered(site: &Site, incident: &str, error: &dyn Display) -> String {
    tracing::error!(incident, %error, "could not render the page for faults");
    format!("{}\n", site.templates().texts().say("incident", &FluentArgs::from_iter([("number", incident)])))
}

/// The response to a panic in a handler.
pub(crate) fn panicked(site: &Site, panic: &(dyn Any + Send)) -> Response {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word");
    answer(site, &format!("a handler panicked: {said}"), None)
}

/// The response of an extractor on a route that [`Countersign::protect`](crate::Countersign::protect) does not cover.
pub(crate) fn unprotected() -> StatusCode {
    tracing::error!("request failed: the route has a guard of Countersign, but is not under its layer");
    StatusCode::SERVICE_UNAVAILABLE
}
