//! The report of schemathesis: every request that it made, and its conclusions.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use serde_json::Value;

/// The response to one request.
struct Answered {
    /// Method and path, as in the description.
    operation: String,
    status: u64,
    /// Whether the request used values of an earlier response.
    is_chained: bool,
}

/// One report, or several.
pub(crate) struct Report {
    answered: Vec<Answered>,
    summary: Vec<Value>,
}

/// An operation of the API.
pub(crate) struct Described {
    /// Method and path.
    pub(crate) name: String,
    pub(crate) asks_for_session: bool,
}

/// The operations of a description.
pub(crate) fn operations(description: &Value) -> Vec<Described> {
    let paths = description["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(move |(method, operation)| Described {
            name: format!("{} {path}", method.to_uppercase()),
            asks_for_session: operation["security"].as_array().is_some_and(|ways| !ways.is_empty()),
        })
    });
    operations.collect()
}

impl Report {
    pub(crate) fn read(summary: &Path, events: &Path) -> Self {
        let events = fs::read_to_string(events).unwrap();
        let finished = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let answered = finished.flat_map(|event| answered(&event["ScenarioFinished"]["recorder"])).collect();
        let summary = serde_json::from_str(&fs::read_to_string(summary).unwrap()).unwrap();
        Self { answered, summary: vec![summary] }
    }

    pub(crate) fn of_all(runs: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self { answered: vec![], summary: vec![] };
        for run in runs {
            all.answered.extend(run.answered);
            all.summary.extend(run.summary);
        }
        all
    }

    /// Whether nothing was found and no error occurred.
    pub(crate) fn is_clean(&self) -> bool {
        self.summary.iter().all(|summary| {
            let counted = |name: &str| summary["test_cases"][name].as_u64().unwrap();
            let nothing = ["failures", "errors"].iter().all(|list| summary[list].as_array().unwrap().is_empty());
            nothing && counted("with_failures") == 0 && counted("errored") == 0
        })
    }

    /// The number of answered requests.
    pub(crate) fn cases(&self) -> usize {
        self.answered.len()
    }

    /// The number of answered requests that used values of an earlier response.
    pub(crate) fn chained(&self) -> usize {
        self.answered.iter().filter(|answered| answered.is_chained).count()
    }

    /// How often this operation returned each status.
    pub(crate) fn statuses(&self, operation: &str) -> BTreeMap<u64, usize> {
        let mut statuses = BTreeMap::new();
        for answered in self.answered.iter().filter(|answered| answered.operation == operation) {
            *statuses.entry(answered.status).or_default() += 1;
        }
        statuses
    }

    /// The share of all requests with this response, from 0 to 1.
    pub(crate) fn share(&self, status: u64) -> f64 {
        let count = |requests: usize| f64::from(u32::try_from(requests).unwrap());
        let with_it = self.answered.iter().filter(|answered| answered.status == status);
        count(with_it.count()) / count(self.cases())
    }
}

/// The requests of one scenario. A request without a response is an error.
fn answered(recorder: &Value) -> Vec<Answered> {
    let interactions = recorder["interactions"].as_object().into_iter().flatten();
    let one = |(id, interaction): (&String, &Value)| {
        let case = &recorder["cases"][id];
        Some(Answered {
            operation: format!("{} {}", case["value"]["method"].as_str()?, case["value"]["path"].as_str()?),
            status: interaction["response"]["status_code"].as_u64()?,
            is_chained: case["is_transition_applied"] == true,
        })
    };
    interactions.filter_map(one).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut statuses = BTreeMap::<u64, usize>::new();
        for answered in &self.answered {
            *statuses.entry(answered.status).or_default() += 1;
        }
        write!(f, "{} requests, {} of them chained: {statuses:?}", self.cases(), self.chained())
    }
}
