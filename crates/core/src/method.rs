//! Methods: pure state machines that look at an answer.
//!
//! A method's whole memory is its [`State`]. It checks one answer against that memory and names the [`Mark`] that
//! accepting uses up; it never counts failures, never remembers marks and never writes: `ruling.rs` does, for every
//! method alike. To add a method, write its file here and its line in `Methods::check`.

pub mod backup_codes;
pub mod delivered;
pub mod foreign;
pub mod hotp;
pub mod totp;
pub mod validation;
pub mod yubikey;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{AttemptId, Change, Device, Kind, Level, Secret, Timestamp, flow::Purpose, mark::Mark};

use self::{
    foreign::ForeignMethod,
    hotp::HotpRule,
    totp::TotpRule,
    validation::{ValidationRequest, ValidationResponse},
};

/// The memory of one device's method, as it is sealed and stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case")]
pub enum State {
    /// Time-based codes.
    Totp(totp::State),
    /// Counted codes.
    Hotp(hotp::State),
    /// Codes that are sent.
    Delivered(delivered::State),
    /// One-time passwords that a YubiKey types.
    Yubikey(yubikey::State),
    /// Single-use codes on paper.
    BackupCodes(backup_codes::State),
    /// A host's own method.
    Foreign(foreign::State),
}

/// The fewest bits of an HOTP or TOTP key that is not weak (RFC 4226 §4, R6).
const STRONG_KEY_BITS: usize = 128;

impl State {
    /// Whether the key behind the codes is shorter than RFC 4226 asks for. Keys that are made here never are; keys of 80 bits
    /// come from older apps.
    pub fn has_weak_key(&self) -> bool {
        let key = match self {
            Self::Totp(state) => &state.key,
            Self::Hotp(state) => &state.key,
            Self::Delivered(_) | Self::Yubikey(_) | Self::BackupCodes(_) | Self::Foreign(_) => return false,
        };
        key.bits() < STRONG_KEY_BITS
    }
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
    /// There is nothing to compare it with: no code was sent, or the one that was is over. It costs nothing.
    NoCodeSent,
    /// It is wrong.
    Wrong,
    /// Somebody else knows.
    Ask(ValidationRequest),
    /// It is right, unless `mark` is spent.
    Right {
        /// What accepting it uses up.
        mark: Mark,
        /// The method's memory afterwards, if it changes.
        next: Option<State>,
        /// What comes true together with it.
        changes: Vec<Change>,
    },
}

impl Check {
    /// It is right, unless `mark` is spent, and nothing else hangs on it.
    fn right(mark: Mark, next: Option<State>) -> Self {
        Self::Right { mark, next, changes: vec![] }
    }
}

/// The methods there are, with their settings.
#[derive(Clone, Debug, Default)]
pub struct Methods {
    /// How time-based codes are judged.
    pub totp: TotpRule,
    /// How counted codes are judged.
    pub hotp: HotpRule,
    /// The host's own methods.
    pub foreign: Vec<Arc<dyn ForeignMethod>>,
}

impl Methods {
    /// Has the device's method look at an answer that was given in this attempt, for this purpose.
    pub(crate) fn check(
        &self,
        device: &Device,
        (attempt, purpose): (&AttemptId, Purpose),
        answer: &Secret,
        now: Timestamp,
    ) -> Check {
        match &device.state.state {
            State::Totp(state) => totp::check(state, self.totp, answer, now),
            State::Hotp(state) => hotp::check(state, self.hotp, answer),
            State::Delivered(state) => {
                let asked = delivered::Asked { attempt, purpose, marks: &device.state.marks };
                delivered::check(state, asked, answer, now)
            }
            State::Yubikey(state) => yubikey::check(state, answer, || validation::nonce(attempt, device.version)),
            State::BackupCodes(state) => backup_codes::check(state, answer),
            State::Foreign(state) => {
                self.foreign(&device.kind).map_or(Check::Unknown, |method| foreign::check(method, state, answer, now))
            }
        }
    }

    /// Has the device's method look at what a service said of an answer.
    pub(crate) fn take(
        device: &Device,
        request: &ValidationRequest,
        reply: &ValidationResponse,
        now: Timestamp,
    ) -> Check {
        match &device.state.state {
            State::Yubikey(state) => yubikey::take(state, request, reply, now),
            _ => Check::Unknown,
        }
    }

    /// The level a device of this kind reaches together with a password. A mailbox is no authenticator (NIST SP 800-63B-4
    /// §3.1.3.1).
    pub fn level(&self, kind: &Kind) -> Level {
        if *kind == Kind::EMAIL {
            return Level::Aal1;
        }
        self.foreign(kind).map_or(Level::Aal2, ForeignMethod::level)
    }

    /// The host's own method of this kind, if there is one. A kind of ours is never a host's.
    pub fn foreign(&self, kind: &Kind) -> Option<&dyn ForeignMethod> {
        self.foreign.iter().map(Arc::as_ref).find(|method| method.kind() == *kind).filter(|_| !kind.is_ours())
    }
}
