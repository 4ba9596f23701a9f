//! Logs: one line for each request, and lines for other events.
//!
//! Every line of a request has the request's number, which a page about a fault shows as the incident. The last line
//! has the method, the route that matched, the status and the duration. No line has the requested path, a query, a
//! body, a cookie, a code or a name: what is not logged cannot leak, and no client can forge a line with what it sends.
//! Lines about failed requests are limited per IP address and network.

use std::{
    io::{self, IsTerminal as _},
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context as _, Result};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use countersign_axum::{Countersign, RequestNumber};
use countersign_engine::{IpRateLimit, Stopwatch};
use tracing::Instrument as _;
use tracing_subscriber::EnvFilter;

use crate::{config::LogFormat, figures};

/// Modules that are never logged, whatever the setting: they log the phone numbers that they parse.
const QUIET: [&str; 1] = ["rlibphonenumber=off"];

/// What to log, such as `info` or `warn,countersign=debug`.
pub(crate) fn filter(text: &str) -> Result<EnvFilter> {
    let filter = EnvFilter::builder().parse(text).ok();
    let filter =
        filter.context("it must be a level or a list of them, such as info or warn,countersign_server=debug")?;
    QUIET.iter().try_fold(filter, |filter, quiet| Ok(filter.add_directive(quiet.parse()?)))
}

/// Starts logging to the standard error.
pub(crate) fn start(log: &str, format: LogFormat) -> Result<()> {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter(log)?)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        // If the standard error cannot be written, reporting that there would panic.
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).try_init(),
    };
    started.map_err(|cause| anyhow::anyhow!("could not start logging: {cause}"))
}

/// The maximum number of lines about failed requests of one IPv4 address within ten seconds.
const MAX_FAILED_LINES: u32 = 40;

/// Writes the lines of requests.
#[derive(Debug)]
pub(crate) struct RequestLog {
    site: Countersign,
    failed: IpRateLimit,
    left_out: AtomicU64,
}

impl RequestLog {
    pub(crate) fn new(site: Countersign) -> Arc<Self> {
        Arc::new(Self { site, failed: IpRateLimit::default(), left_out: AtomicU64::new(0) })
    }

    /// Whether the line about a response with this status may be written. The next one reports how many were left out.
    fn admits(&self, status: StatusCode, ip: Option<IpAddr>) -> bool {
        let failed = status.is_client_error() || status.is_server_error();
        let full = |ip| self.failed.enter(ip, MAX_FAILED_LINES, self.site.engine().now()).is_err();
        if failed && ip.is_some_and(full) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            tracing::warn!(left_out, "lines about failed requests were left out: too many from one network");
        }
        true
    }
}

/// Gives the request its number. When it has been answered, writes its line and counts it.
pub(crate) async fn request_line(State(log): State<Arc<RequestLog>>, request: Request, next: Next) -> Response {
    let number = RequestNumber::draw(log.site.engine());
    let span = tracing::info_span!("request", id = %number);
    let answered = async {
        let method = known(request.method());
        let route = request.extensions().get::<MatchedPath>().cloned();
        let ip = log.site.remote_ip(&request);
        let watch = Stopwatch::start();
        let response = next.run(request).await;
        let duration = watch.elapsed();
        let route = route.as_ref().map_or("-", MatchedPath::as_str);
        let admitted = log.admits(response.status(), ip);
        let status = response.status().as_u16();
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        if admitted {
            tracing::info!(method, route, status, duration_ms, "answered");
        }
        figures::count_request(method, route, status, duration, response.extensions().get());
        response
    };
    number.during(answered).instrument(span).await
}

/// The method's name, if it is a standard one: clients can invent others.
fn known(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    known.into_iter().find(|name| method == name).unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use countersign_axum::{Origins, Settings};
    use countersign_testkit::World;

    use super::*;

    #[test]
    fn t137_failed_requests_of_one_address_have_a_bounded_number_of_lines() {
        let world = World::new();
        let settings = Settings::new(Origins::Loopback { port: 8000 });
        let log = RequestLog::new(Countersign::new(world.engine.clone(), settings).unwrap());
        let [client, other] = ["192.0.2.1", "192.0.2.2"].map(|ip| Some(ip.parse().unwrap()));
        for status in [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE, StatusCode::NOT_FOUND] {
            assert_eq!((0..1000).filter(|_| log.admits(status, client)).count(), 40, "{status}");
            assert_eq!(log.left_out.load(Ordering::Relaxed), 960, "the next line says so");
            assert!(log.admits(StatusCode::OK, client) && log.admits(status, other));
            assert_eq!(log.left_out.load(Ordering::Relaxed), 0, "once");
            world.pass(10);
        }
    }
}
