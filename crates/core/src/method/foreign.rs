//! The interface for a host's own method: a kind, a document, and a check behind a port.
//!
//! The document is the method's whole state; it is sealed like every other state. The core keeps the marks, the
//! throttle and the versions, so even a method of ten lines is protected against replay, guessing and races.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Check;
use crate::{Kind, Level, Secret, Timestamp, mark::Mark};

/// The state of a host's own method.
#[derive(Clone, Serialize, Deserialize)]
pub struct State {
    /// Whatever the method keeps.
    pub document: Value,
}

impl Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State([redacted])")
    }
}

/// A method that a host application brings.
pub trait ForeignMethod: Debug + Send + Sync {
    /// The kind of its devices: any name that is not built in.
    fn kind(&self) -> Kind;

    /// Checks one answer. Must be pure: the same document, answer and time give the same result.
    fn check(&self, document: &Value, answer: &Secret, now: Timestamp) -> Word;

    /// The level its devices reach together with a password.
    fn level(&self) -> Level {
        Level::Aal2
    }
}

/// The result of a host's method for one answer.
#[derive(Clone, PartialEq, Debug)]
pub enum Word {
    /// It does not have the form of an answer; nothing is counted.
    Malformed,
    /// It is wrong.
    Wrong,
    /// It is right.
    Right {
        /// The mark that accepting it consumes. The core refuses this mark ever after.
        mark: Mark,
        /// The document afterwards, if it changes.
        next: Option<Value>,
    },
}

pub(super) fn check(method: &dyn ForeignMethod, state: &State, answer: &Secret, now: Timestamp) -> Check {
    match method.check(&state.document, answer, now) {
        Word::Malformed => Check::Malformed,
        Word::Wrong => Check::Wrong,
        Word::Right { mark, next } => {
            Check::right(mark, next.map(|document| super::State::Foreign(State { document })))
        }
    }
}
