//! Metrics of a running server, in the format of Prometheus.
//!
//! They are served on a listener of their own, which is off unless it is set and is never the one that browsers reach.
//! A label has few values: a method, a route's template, a status, a code. No metric names a user, an IP address or a
//! request's path. Without the listener, nothing is counted.

mod counting;
mod known;
mod measured;

use std::{
    fmt, future,
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use countersign_axum::Refused;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::{net::TcpListener, task::JoinHandle, time};

pub(crate) use self::{
    counting::Counting,
    measured::{MeasuredLookup, Metrics},
};
use crate::listen;

/// The bounds of the histograms, in seconds.
const BOUNDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// The bounds of the histogram for the number of times an answer is judged.
const ROUNDS: [f64; 7] = [1.0, 2.0, 3.0, 5.0, 10.0, 50.0, 1000.0];
/// How often the histograms are compacted while no client reads them.
const UPKEEP: Duration = Duration::from_secs(30);
/// The maximum number of connections for metrics: there are few clients.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);

/// The content type, with the version of the text format.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether metrics are served: otherwise a request has no cost for them.
static WANTED: AtomicBool = AtomicBool::new(false);

/// Values that are read when metrics are requested, instead of being counted as they change.
#[derive(Clone, Default)]
pub(crate) struct Gauges {
    looks: Vec<Arc<dyn Fn() + Send + Sync>>,
}

impl Gauges {
    /// Registers `look`, which sets its gauges before each reading.
    pub(crate) fn add(&mut self, look: impl Fn() + Send + Sync + 'static) {
        self.looks.push(Arc::new(look));
    }
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauges").field("looks", &self.looks.len()).finish()
    }
}

/// The state of the metrics route.
#[derive(Clone)]
struct Reading {
    handle: PrometheusHandle,
    gauges: Gauges,
}

/// Starts counting, and serves metrics at this IP address and port until the task is dropped.
pub(crate) async fn serve(bind: SocketAddr, gauges: Gauges) -> Result<JoinHandle<()>> {
    let listener = TcpListener::bind(bind).await;
    let listener = listener.with_context(|| format!("could not listen on {bind} for metrics: change metrics_bind"))?;
    let address = listener.local_addr()?;
    let handle = count()?;
    let reading = Reading { handle: handle.clone(), gauges };
    let router = Router::new().route("/metrics", get(read)).with_state(reading);
    tracing::info!(%address, "serving metrics");
    Ok(tokio::spawn(async move {
        let upkeep = async {
            loop {
                time::sleep(UPKEEP).await;
                handle.run_upkeep();
            }
        };
        tokio::select! {
            () = upkeep => {}
            () = listen::serve(listener, |_| router.clone(), CONNECTIONS, future::pending(), future::ready(())) => {}
        }
    }))
}

async fn read(State(Reading { handle, gauges }): State<Reading>) -> impl IntoResponse {
    for look in &gauges.looks {
        look();
    }
    ([(header::CONTENT_TYPE, FORMAT)], handle.render())
}

fn count() -> Result<PrometheusHandle> {
    let rounds = metrics_exporter_prometheus::Matcher::Full("countersign_answer_rounds".into());
    let builder = PrometheusBuilder::new()
        .set_buckets(&BOUNDS)
        .and_then(|builder| builder.set_buckets_for_metric(rounds, &ROUNDS));
    let recorder = builder.context("could not make the histograms")?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| anyhow!("there is another metrics recorder"))?;
    WANTED.store(true, Ordering::Relaxed);
    describe();
    known::register();
    gauge!("countersign_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// Counts a request that has been answered.
pub(crate) fn count_request(
    method: &'static str,
    route: &str,
    status: u16,
    duration: Duration,
    refused: Option<&Refused>,
) {
    if !WANTED.load(Ordering::Relaxed) {
        return;
    }
    let route = || route.to_owned();
    counter!("countersign_requests_total", "method" => method, "route" => route(), "status" => status.to_string())
        .increment(1);
    histogram!("countersign_request_seconds", "route" => route()).record(duration);
    if let Some(Refused(code)) = refused {
        counter!("countersign_refusals_total", "code" => *code).increment(1);
    }
}

fn describe() {
    describe_gauge!("countersign_build_info", "1, with the version of this server");
    describe_counter!("countersign_requests_total", "Requests answered, by method, route and status");
    describe_histogram!("countersign_request_seconds", Unit::Seconds, "Duration of requests, by route");
    describe_counter!("countersign_refusals_total", "Refused requests, by the code of the refusal");
    describe_counter!("countersign_sign_ins_total", "Sign-ins, by the method of the second factor, or none");
    describe_counter!("countersign_events_total", "Recorded events, by kind");
    describe_counter!("countersign_answers_total", "Answers for a device, by its method and outcome");
    describe_histogram!("countersign_answer_rounds", "How often an answer was judged until its commit met no conflict");
    describe_counter!("countersign_commits_total", "Commits, by outcome: done, conflict, overspent, fault");
    describe_histogram!("countersign_commit_seconds", Unit::Seconds, "Duration of commits until they are durable");
    describe_counter!("countersign_store_faults_total", "Failed operations of the database, by operation");
    describe_counter!("countersign_writer_groups_total", "Transactions of the writer, each with one fsync (SQLite)");
    describe_counter!("countersign_writer_members_total", "Operations in all transactions of the writer (SQLite)");
    describe_gauge!("countersign_writer_waiting", "Operations that wait for the writer (SQLite)");
    describe_gauge!("countersign_pool_open", "Open connections to the database (PostgreSQL)");
    describe_gauge!("countersign_pool_idle", "Idle connections to the database (PostgreSQL)");
    describe_gauge!("countersign_pool_most", "Maximum number of connections to the database (PostgreSQL)");
    describe_gauge!("countersign_pool_waiting", "Callers that wait for a connection (PostgreSQL)");
    describe_gauge!("countersign_hashing_waiting", "Passwords that wait to be hashed");
    describe_gauge!("countersign_hashing_threads", "Running threads that hash passwords");
}
