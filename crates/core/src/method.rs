//! Methods: pure state machines that check an answer.
//!
//! A method's whole memory is its [`State`]. It checks one answer against that state and names the [`Mark`] that
//! accepting it consumes; it never counts failures, never stores marks and never writes: `ruling.rs` does this for all
//! methods alike. To add a method, write its file here and its line in `Methods::check`.

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

/// The state of one device's method, as it is sealed and stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case")]
pub enum State {
    /// Time-based codes.
    Totp(totp::State),
    /// Counter-based codes.
    Hotp(hotp::State),
    /// Codes that are sent.
    Delivered(delivered::State),
    /// One-time passwords that a YubiKey types.
    Yubikey(yubikey::State),
    /// Single-use backup codes.
    BackupCodes(backup_codes::State),
    /// A host's own method.
    Foreign(foreign::State),
}

/// The minimum length in bits of an HOTP or TOTP key that is not weak (RFC 4226 §4, R6).
const STRONG_KEY_BITS: usize = 128;

impl State {
    /// Whether the key is shorter than RFC 4226 requires. Keys made here never are; keys of 80 bits come from older
    /// apps.
    pub fn has_weak_key(&self) -> bool {
        let key = match self {
            Self::Totp(state) => &state.key,
            Self::Hotp(state) => &state.key,
            Self::Delivered(_) | Self::Yubikey(_) | Self::BackupCodes(_) | Self::Foreign(_) => return false,
        };
        key.bits() < STRONG_KEY_BITS
    }
}

/// A method's result for one answer.
#[derive(Debug)]
pub enum Check {
    /// There is no such method here, so the answer cannot be checked.
    Unknown,
    /// The answer does not have the form of a code. It is no guess and not counted.
    Malformed,
    /// The check character does not match: a typo, which is not counted.
    Mistyped,
    /// There is nothing to compare with: no code was sent, or it has expired. Not counted.
    NoCodeSent,
    /// The answer is wrong.
    Wrong,
    /// An outside service has to validate the answer.
    Ask(ValidationRequest),
    /// The answer is correct, unless `mark` is consumed.
    Right {
        /// What accepting it consumes.
        mark: Mark,
        /// The method's state afterwards, if it changes.
        next: Option<State>,
        /// Changes in the same commit.
        changes: Vec<Change>,
    },
}

impl Check {
    /// The answer is correct, unless `mark` is consumed; no other changes.
    fn right(mark: Mark, next: Option<State>) -> Self {
        Self::Right { mark, next, changes: vec![] }
    }
}

/// The methods, with their settings.
#[derive(Clone, Debug, Default)]
pub struct Methods {
    /// How time-based codes are judged.
    pub totp: TotpRule,
    /// How counter-based codes are judged.
    pub hotp: HotpRule,
    /// The host's own methods.
    pub foreign: Vec<Arc<dyn ForeignMethod>>,
}

impl Methods {
    /// Checks an answer that was given in this attempt, for this purpose, with the device's method.
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

    /// Checks the response of a validation service with the device's method.
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

    /// The level that a device of this kind reaches together with a password. E-mail is not an authenticator (NIST SP
    /// 800-63B-4 §3.1.3.1).
    pub fn level(&self, kind: &Kind) -> Level {
        if *kind == Kind::EMAIL {
            return Level::Aal1;
        }
        self.foreign(kind).map_or(Level::Aal2, ForeignMethod::level)
    }

    /// The host's own method of this kind, if there is one. A built-in kind never is.
    pub fn foreign(&self, kind: &Kind) -> Option<&dyn ForeignMethod> {
        self.foreign.iter().map(Arc::as_ref).find(|method| method.kind() == *kind).filter(|_| !kind.is_ours())
    }
}
