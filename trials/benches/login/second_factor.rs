//! Second-factor submissions: a form on a kept connection, for a user of its own, with a pending login sealed by the
//! server's key. Every one of them must be accepted.

use std::{sync::Arc, time::Duration};

use countersign_engine::{Clock, SystemClock};
use countersign_testkit::SoftApp;

use crate::{
    load::{self, Limit, Report},
    process::Process,
    seed::{self, Place, Someone},
};

/// A login that waits for its second factor: everything of the request but the code.
struct Waiting {
    address: String,
    pending: String,
    form: String,
    device: String,
    app: SoftApp,
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

/// Has each of these people answer at one of the nodes, which browsers know by the first one's address.
pub(crate) async fn run(
    place: &Place,
    nodes: &[Process],
    connections: usize,
    people: &[Someone],
    limit: Limit,
) -> Round {
    let waiting = requests(place, &nodes[0].address, people).await;
    let used = || nodes.iter().map(Process::cpu).sum::<f64>();
    let before = used();
    let request = move |number: usize| {
        let Waiting { address, pending, form, device, app } = &waiting[number];
        second_factor(address, pending, form, device, &app.code_at(SystemClock.now()))
    };
    let addresses: Vec<_> = nodes.iter().map(|node| node.address.clone()).collect();
    let report = load::run(&addresses, connections, limit, request, |answer| answer.status == 303).await;
    assert_eq!(report.refused, 0, "every submission is accepted");
    Round { report, cpu: (used() - before) / report.done as f64 }
}

fn second_factor(address: &str, pending: &str, form: &str, device: &str, code: &str) -> Vec<u8> {
    let body = format!("form={form}&device={device}&code={code}");
    format!(
        "POST /account/login/second-factor HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Cookie: countersign-pending={pending}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
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
