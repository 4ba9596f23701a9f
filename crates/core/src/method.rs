//! Methods: pure state machines that look at an answer.
//!
//! A method's whole memory is its [`State`]. It checks one answer against that memory and names the [`Mark`] that
//! accepting uses up; it never counts failures, never remembers marks and never writes: `ruling.rs` does, for every
//! method alike. To add a method, write its file here and its line in `Methods::check`.

pub mod backup_codes;
pub mod foreign;
pub mod totp;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Device, Kind, Level, Secret, Timestamp, mark::Mark};

use self::{foreign::ForeignMethod, totp::TotpRule};

/// The memory of one device's method, as it is sealed and stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case")]
pub enum State {
    /// Time-based codes.
    Totp(totp::State),
    /// Single-use codes on paper.
    BackupCodes(backup_codes::State),
    /// A host's own method.
    Foreign(foreign::State),
}

/// What a method says of one answer.
#[derive(Debug)]
pub enum Check {
    /// There is no such method here, so nobody can say.
    Unknown,
    /// It does not have the form of an answer: nobody guesses like that, so it costs nothing.
    Malformed,
    /// It carries a check character that does not fit: a slip, which costs nothing.
    Mistyped,
    /// It is wrong.
    Wrong,
    /// It is right, unless `mark` is spent.
    Right {
        /// What accepting it uses up.
        mark: Mark,
        /// The method's memory afterwards, if it changes.
        next: Option<State>,
    },
}

/// The methods there are, with their settings.
#[derive(Clone, Debug, Default)]
pub struct Methods {
    /// How time-based codes are judged.
    pub totp: TotpRule,
    /// The host's own methods.
    pub foreign: Vec<Arc<dyn ForeignMethod>>,
}

impl Methods {
    /// Has the device's method look at the answer.
    pub(crate) fn check(&self, device: &Device, answer: &Secret, now: Timestamp) -> Check {
        match &device.state.state {
            State::Totp(state) => totp::check(state, self.totp, answer, now),
            State::BackupCodes(state) => backup_codes::check(state, answer),
            State::Foreign(state) => {
                self.foreign(&device.kind).map_or(Check::Unknown, |method| foreign::check(method, state, answer, now))
            }
        }
    }

    /// The level a device of this kind reaches together with a password.
    pub fn level(&self, kind: &Kind) -> Level {
        self.foreign(kind).map_or(Level::Aal2, ForeignMethod::level)
    }

    /// The host's own method of this kind, if there is one. A kind of ours is never a host's.
    pub fn foreign(&self, kind: &Kind) -> Option<&dyn ForeignMethod> {
        self.foreign.iter().map(Arc::as_ref).find(|method| method.kind() == *kind).filter(|_| !kind.is_ours())
    }
}
