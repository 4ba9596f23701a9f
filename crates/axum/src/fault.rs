//! The answer when we could not decide: an incident number, and nothing about the cause.
//!
//! The cause goes to the log, with the same number: that of the request, where the server gives requests numbers. It is never a "no" and never a "yes": whatever the request wanted, it
//! has not happened as far as this answer knows, and no session goes out with it.

use std::{any::Any, fmt::Display, time::Duration};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use fluent_bundle::FluentArgs;
use minijinja::context;

use crate::{RequestNumber, page::HTML, site::Site};

/// In the extensions of an answer to a fault: what it tells.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub(crate) number: RequestNumber,
    /// Seconds after which trying again could help.
    pub(crate) retry_after: Option<u64>,
}

/// Gives a fault met on `site` its number, and its cause to the log.
pub(crate) fn note(site: &Site, cause: &dyn Display, retry_after: Option<Duration>) -> Incident {
    let number = RequestNumber::current(&site.engine);
    // Any client can keep a server busy, and whoever is told to come back does.
    let admitted = if retry_after.is_some() { site.log_limits.retryable.admit(site.engine.now()) } else { Some(0) };
    if let Some(left_out) = admitted {
        tracing::error!(incident = number.as_str(), cause = %cause, left_out, "a request could not be decided");
    }
    let seconds = |span: Duration| u64::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
    Incident { number, retry_after: retry_after.map(seconds) }
}

/// The answer to a fault met on `site`.
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

/// A line of text in the place of the page for faults.
fn unrendered(site: &Site, incident: &str, error: &dyn Display) -> String {
    tracing::error!(incident, %error, "the page for faults could not be rendered");
    format!("{}\n", site.templates().texts().say("incident", &FluentArgs::from_iter([("number", incident)])))
}

/// The answer to a panic in a handler.
pub(crate) fn panicked(site: &Site, panic: &(dyn Any + Send)) -> Response {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word");
    answer(site, &format!("a handler panicked: {said}"), None)
}

/// The answer of an extractor on a route that [`Countersign::protect`](crate::Countersign::protect) does not cover.
pub(crate) fn unprotected() -> StatusCode {
    tracing::error!("a route takes a guard of Countersign, but is not under its layer");
    StatusCode::SERVICE_UNAVAILABLE
}
