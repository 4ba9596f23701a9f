//! Logs: one line for each request, and whatever else has to be told.
//!
//! Every line that belongs to a request carries the request's number, the one that a page about a fault shows. The last
//! line says the method, the route that matched, the status, and how long it took. No line says a path as it was asked for, a query, a body, a cookie, a code or a name: what is not written cannot leak, and nobody can
//! forge a line with what they send.

use std::io::{self, IsTerminal as _};

use anyhow::{Context as _, Result};
use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use countersign_axum::RequestNumber;
use countersign_engine::{Engine, Stopwatch};
use tracing::Instrument as _;
use tracing_subscriber::EnvFilter;

use crate::{config::LogFormat, figures};

/// Whose words are never logged, whatever is asked for: they tell the telephone numbers that they look at.
const QUIET: [&str; 1] = ["rlibphonenumber=off"];

/// What to log, as in `info` or `warn,countersign=debug`.
pub(crate) fn filter(text: &str) -> Result<EnvFilter> {
    let filter = EnvFilter::builder().parse(text).ok();
    let filter =
        filter.context("it has to be a level or a list of them, as in info or warn,countersign_server=debug")?;
    QUIET.iter().try_fold(filter, |filter, quiet| Ok(filter.add_directive(quiet.parse()?)))
}

/// Begins to log, to the standard error.
pub(crate) fn start(log: &str, format: LogFormat) -> Result<()> {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter(log)?)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    let started = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).try_init(),
    };
    started.map_err(|cause| anyhow::anyhow!("could not start to log: {cause}"))
}

/// Gives the request its number, and writes its line and counts it when it has been answered.
pub(crate) async fn request_line(State(engine): State<Engine>, request: Request, next: Next) -> Response {
    let number = RequestNumber::draw(&engine);
    let span = tracing::info_span!("request", id = %number);
    let answered = async {
        let method = known(request.method());
        let route = request.extensions().get::<MatchedPath>().cloned();
        let watch = Stopwatch::start();
        let response = next.run(request).await;
        let duration = watch.elapsed();
        let route = route.as_ref().map_or("-", MatchedPath::as_str);
        let status = response.status().as_u16();
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(method, route, status, duration_ms, "answered");
        figures::count_request(method, route, status, duration, response.extensions().get());
        response
    };
    number.during(answered).instrument(span).await
}

/// The method's name, if HTTP has one of that name: anybody can invent others.
fn known(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    known.into_iter().find(|name| method == name).unwrap_or("-")
}
