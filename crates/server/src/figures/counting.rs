//! Counts the events and outcomes that the engine reports to its observer.

use async_trait::async_trait;
use countersign_engine::{
    Observer,
    core::{Event, EventKind, Kind, Refusal},
    port::Answered,
};
use metrics::{counter, histogram};

/// The label for verifications without a device.
pub(super) const NO_METHOD: &str = "none";

/// An observer that counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counting;

#[async_trait]
impl Observer for Counting {
    async fn after_commit(&self, events: &[&Event]) {
        for event in events {
            counter!("countersign_events_total", "kind" => event.kind.as_str()).increment(1);
            if event.kind == EventKind::SignedIn {
                counter!("countersign_sign_ins_total", "method" => word(event.method.as_ref())).increment(1);
            }
        }
    }

    fn answered(&self, Answered { method, refusal, rounds }: &Answered<'_>) {
        let outcome = refusal.map_or("accepted", Refusal::code);
        counter!("countersign_answers_total", "method" => word(*method), "outcome" => outcome).increment(1);
        histogram!("countersign_answer_rounds").record(f64::from(*rounds));
    }
}

fn word(method: Option<&Kind>) -> String {
    method.map_or(NO_METHOD, Kind::as_str).to_owned()
}
