//! Counted codes from a hardware token or an app (RFC 4226).
//!
//! Accepts the code of the next counter or of one a few presses ahead, and uses up that counter and every earlier one. A
//! token that was pressed too often in somebody's pocket comes back with two codes in a row, typed one after the other,
//! which are looked for much further ahead (RFC 4226 §7.4). A wrong code moves nothing.

use countersign_otp::{Algorithm, Code, Digits, Key, hotp};
use serde::{Deserialize, Serialize};

use super::Check;
use crate::{Secret, mark::Mark};

/// How counted codes are judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HotpRule {
    /// So many presses that nobody typed are passed over.
    pub look_ahead: u8,
    /// So many are passed over for two codes in a row.
    pub resync_ahead: u16,
}

impl Default for HotpRule {
    /// Five presses, and a hundred with two codes in a row.
    fn default() -> Self {
        Self { look_ahead: 5, resync_ahead: 100 }
    }
}

impl HotpRule {
    /// The most codes that are accepted at one moment, one at a time. The odds in SECURITY.md rest on it.
    pub fn most_codes(&self) -> u32 {
        u32::from(self.look_ahead).saturating_add(1)
    }
}

/// The memory of a token.
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
    /// The counter of the code that was accepted last, to tell that code from a wrong one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<u64>,
}

impl State {
    /// A token with this key that shows six digits by SHA-1, at its first press.
    pub fn new(key: Key) -> Self {
        Self { key, algorithm: Algorithm::default(), digits: Digits::default(), counter: 0, last: None }
    }

    /// A token with this key whose next code is the one of `counter`. What lies below is for the caller to mark as spent.
    pub fn at(key: Key, algorithm: Algorithm, digits: Digits, counter: u64) -> Self {
        Self { key, algorithm, digits, counter, last: None }
    }

    /// The same token, counted as far as `other` is.
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
