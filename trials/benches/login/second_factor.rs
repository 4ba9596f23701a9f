//! Second-factor submissions on kept connections, each for a user of its own, with a pending login sealed by the server's
//! key. Every one of them must be accepted.

use std::{sync::Arc, time::Duration};

use countersign_engine::SystemClock;
use countersign_testkit::SoftApp;

use crate::{
    entrance::Entrance,
    load::{self, Limit, Report},
    process::Process,
    seed::{self, Place, Someone},
};

/// A login that waits for its second factor: everything of the request but the code.
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

/// What came of so many submissions, and what each cost the server's processor, in seconds.
pub(crate) struct Round {
    pub(crate) report: Report,
    pub(crate) cpu: f64,
}

/// Where people answer, and by which way.
#[derive(Clone, Copy)]
pub(crate) struct Door<'a> {
    pub(crate) place: &'a Place,
    /// Browsers know them by the first one's address.
    pub(crate) nodes: &'a [Process],
    pub(crate) entrance: Entrance,
}

/// Has each of these people answer at one of the nodes.
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

/// A span in milliseconds.
pub(crate) fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

/// The one in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
