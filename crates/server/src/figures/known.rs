//! The counters that exist from the start, at 0, with every label value that is known beforehand.
//!
//! A counter that appears only when something has happened hides its first increase: `rate()` and `increase()` see a figure
//! that was never 0, and an alert on it says nothing. Requests are the exception: their routes and statuses are known only
//! once they are asked for.

use countersign_engine::{
    core::{EventKind, Kind, Refusal},
    port::hooked::OPERATIONS,
};
use metrics::counter;

use super::counting::NO_METHOD;

/// The outcomes of a commit.
const COMMITS: [&str; 4] = ["done", "conflict", "overspent", "fault"];

/// Every refusal that an answer for a device can meet.
const ANSWERS: [Refusal; 14] = [
    Refusal::CodeMalformed,
    Refusal::CodeMistyped,
    Refusal::CodeWrong,
    Refusal::CodeUsed,
    Refusal::ClockSetBack,
    Refusal::NothingSent,
    Refusal::MethodUnavailable,
    Refusal::MethodUnknown,
    Refusal::DeviceDisabled,
    Refusal::DeviceExpired,
    Refusal::DeviceUnknown,
    Refusal::BrowserUnknown,
    Refusal::AttemptOver,
    Refusal::SignInNeeded,
];

/// Makes them exist.
pub(super) fn register() {
    for kind in EventKind::ALL {
        counter!("countersign_events_total", "kind" => kind.as_str()).increment(0);
    }
    for refusal in Refusal::ALL {
        counter!("countersign_refusals_total", "code" => refusal.code()).increment(0);
    }
    for outcome in COMMITS {
        counter!("countersign_commits_total", "outcome" => outcome).increment(0);
    }
    for operation in OPERATIONS {
        counter!("countersign_store_faults_total", "operation" => *operation).increment(0);
    }
    let methods: Vec<String> = Kind::OURS.iter().map(|kind| kind.as_str().to_owned()).collect();
    for method in methods.iter().map(String::as_str).chain([NO_METHOD]) {
        counter!("countersign_sign_ins_total", "method" => method.to_owned()).increment(0);
        for outcome in outcomes() {
            counter!("countersign_answers_total", "method" => method.to_owned(), "outcome" => outcome).increment(0);
        }
    }
}

/// What can become of an answer. A lock carries a time, which no label has.
fn outcomes() -> impl Iterator<Item = &'static str> {
    let refused = ANSWERS.iter().map(Refusal::code);
    refused.chain(["accepted", "device-locked", "too-many-failures"])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_outcome_is_accepted_or_the_code_of_a_refusal() {
        let codes: BTreeSet<_> = Refusal::ALL.iter().map(Refusal::code).collect();
        let unknown: Vec<_> = outcomes().filter(|outcome| !codes.contains(outcome)).collect();
        assert_eq!(unknown, ["accepted"]);
    }
}
