//! Counter-based codes from a hardware token or an app (RFC 4226).
//!
//! Accepts the code of the next counter or of one within the look-ahead window, and consumes that counter and every
//! earlier one. A token that was pressed many times without use is resynchronised with two consecutive codes, which are
//! looked for much further ahead (RFC 4226 §7.4). A wrong code changes nothing.

use countersign_otp::{Algorithm, Code, Digits, Key, hotp};
use serde::{Deserialize, Serialize};

use super::Check;
use crate::{Secret, mark::Mark};

/// How counter-based codes are judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HotpRule {
    /// The look-ahead window for one code.
    pub look_ahead: u8,
    /// The look-ahead window for two consecutive codes.
    pub resync_ahead: u16,
}

impl Default for HotpRule {
    /// Five codes, and a hundred with two consecutive codes.
    fn default() -> Self {
        Self { look_ahead: 5, resync_ahead: 100 }
    }
}

impl HotpRule {
    /// The maximum number of single codes that are accepted at one moment. The odds in SECURITY.md depend on it.
    pub fn most_codes(&self) -> u32 {
        u32::from(self.look_ahead).saturating_add(1)
    }
}

/// The state of a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The shared key.
    #[serde(with = "super::totp::key_text")]
    pub key: Key,
    /// The hash behind the codes.
    #[serde(default, with = "super::totp::algorithm_name")]
    pub algorithm: Algorithm,
    /// How many digits a code has.
    #[serde(default, with = "super::totp::digit_count")]
    pub digits: Digits,
    /// The counter of the next code.
    #[serde(default)]
    pub counter: u64,
    /// The counter of the last accepted code, to distinguish a repeated code from a wrong one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<u64>,
}

impl State {
    /// A token with this key, SHA-1 and six digits, at its first code.
    pub fn new(key: Key) -> Self {
        Self { key, algorithm: Algorithm::default(), digits: Digits::default(), counter: 0, last: None }
    }

    /// A token with this key whose next code is that of `counter`. The caller has to mark the earlier ones as consumed.
    pub fn at(key: Key, algorithm: Algorithm, digits: Digits, counter: u64) -> Self {
        Self { key, algorithm, digits, counter, last: None }
    }

    /// The same token, with its counter at least at that of `other`.
    pub(crate) fn with_counter_of(self, other: &Self) -> Self {
        Self { counter: other.counter, last: other.last, ..self }
    }

    fn find(&self, code: &Code, from: u64, ahead: u64) -> Option<u64> {
        hotp::find(&self.key, code, from..=self.counter.saturating_add(ahead), self.algorithm, self.digits)
    }

    fn is_at(&self, counter: u64, code: &Code) -> bool {
        hotp::value(&self.key, counter, self.algorithm, self.digits).matches(code).into()
    }
}

pub(super) fn check(state: &State, rule: HotpRule, answer: &Secret) -> Check {
    let found = if let Ok(code) = Code::parse(answer.expose(), state.digits) {
        state.find(&code, state.last.unwrap_or(state.counter), rule.look_ahead.into())
    } else if let Ok((first, second)) = Code::parse_pair(answer.expose(), state.digits) {
        let first = state.find(&first, state.counter, rule.resync_ahead.into());
        first.map(|first| first.saturating_add(1)).filter(|next| state.is_at(*next, &second))
    } else {
        return Check::Malformed;
    };
    let Some(counter) = found else { return Check::Wrong };
    let next = State { counter: counter.saturating_add(1), last: Some(counter), ..state.clone() };
    Check::right(Mark::Rising(counter), Some(super::State::Hotp(next)))
}
