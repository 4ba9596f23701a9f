//! Second-factor submissions on kept connections, each for another user, with a pending login sealed by the server's
//! key. All of them must be accepted.

use std::{sync::Arc, time::Duration};

use countersign_engine::SystemClock;
use countersign_testkit::SoftApp;

use crate::{
    entrance::Entrance,
    load::{self, Limit, Report},
    process::Process,
    seed::{self, Place, Someone},
};

/// A pending login: the whole request except the code.
pub(crate) struct Waiting {
    pub(crate) address: String,
    pub(crate) pending: String,
    pub(crate) form: String,
    pub(crate) device: String,
    pub(crate) app: SoftApp,
}

async fn requests(place: &Place, public: &str, people: &[Someone]) -> Vec<Waiting> {
    let engine = seed::engine(place, Arc::new(SystemClock));
    let names = people.iter().map(|someone| someone.name.clone()).collect();
    let tokens = seed::pending(&engine, names).await;
    let waiting = tokens.iter().zip(people).map(|(token, someone)| Waiting {
        address: public.to_owned(),
        pending: token.expose().to_owned(),
        form: engine.tag(&["form", "pending", token.expose()]),
        device: someone.device.to_string(),
        app: someone.app.clone(),
    });
    waiting.collect()
}

/// The result of these submissions, and the server's processor time for each, in seconds.
pub(crate) struct Round {
    pub(crate) report: Report,
    pub(crate) cpu: f64,
}

/// The nodes and the front end that submissions are sent to.
#[derive(Clone, Copy)]
pub(crate) struct Door<'a> {
    pub(crate) place: &'a Place,
    /// Browsers reach them by the first one's address.
    pub(crate) nodes: &'a [Process],
    pub(crate) entrance: Entrance,
}

/// Submits an answer of each of these users at one of the nodes.
pub(crate) async fn run(door: Door<'_>, connections: usize, people: &[Someone], limit: Limit) -> Round {
    let Door { place, nodes, entrance } = door;
    let waiting = requests(place, &nodes[0].address, people).await;
    let used = || nodes.iter().map(Process::cpu).sum::<f64>();
    let before = used();
    let request = move |number: usize| entrance.second_factor(&waiting[number]);
    let addresses: Vec<_> = nodes.iter().map(|node| node.address.clone()).collect();
    let report = load::run(&addresses, connections, limit, request, entrance.accepts()).await;
    assert_eq!(report.refused, 0, "every submission is accepted");
    Round { report, cpu: (used() - before) / report.done as f64 }
}

/// A duration in milliseconds.
pub(crate) fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

/// The median.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
