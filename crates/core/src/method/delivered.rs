//! Codes that are sent by text message, call or e-mail: one state machine for three channels.
//!
//! Each code is random and stored with the attempt that requested it: it is valid in that attempt only, until it
//! expires, and once (NIST SP 800-63B-4 §3.1.3). Another code replaces it in the same attempt and does not affect other
//! attempts. If there is no code to compare with, an answer is not counted as wrong.
//!
//! There is one exception: a code that was sent for a sign-in is valid in every sign-in of this user with this device,
//! so that a user who starts again can use it while the cooldown prevents another one. It expires at the same time, and
//! is valid once for all attempts. An answer is compared with one code, so a guess is no likelier to be correct.
//!
//! Sending and its limits are in [`sending`](crate::sending).

use serde::{Deserialize, Serialize};

use super::Check;
use crate::{
    Address, AttemptId, BudgetChange, Change, Config, DeliveryChange, DeliveryId, Secret, Timestamp,
    flow::Purpose,
    mark::{Mark, Marks},
    otp::{Code, Digits},
};

/// The maximum number of valid codes per device, each in its own attempt: twice as many as a cooldown of one minute
/// permits within five minutes, because strangers have half of them.
pub const MAX_CODES: usize = 10;

/// The state of a device that codes are sent to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The address. It never changes: another address is another device.
    pub to: Address,
    /// The codes that were sent and have not expired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    challenges: Vec<SentCode>,
}

/// A code that was sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SentCode {
    /// The delivery that carries it.
    pub delivery: DeliveryId,
    /// The attempt in which it was requested.
    pub attempt: AttemptId,
    /// The purpose of that attempt; `None` in codes stored by older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// When it was sent; `None` in codes stored by older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Timestamp>,
    /// The digits.
    #[serde(with = "code_text")]
    pub code: Code,
    /// When it expires.
    pub until: Timestamp,
    /// The budgets that are refunded once the code is verified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<Refund>,
}

impl SentCode {
    /// Whether the code has not expired, and was not made by a clock that was ahead.
    fn is_good(&self, now: Timestamp) -> bool {
        self.until > now && self.until.is_credible_end(Config::MAX_CODE_TTL, now)
    }

    /// Whether every sign-in may use the code: it was sent for one, by a clock that was not ahead. In its own attempt
    /// the start of the attempt decides.
    fn is_shared(&self, now: Timestamp) -> bool {
        self.purpose == Some(Purpose::Login) && self.sent.is_some_and(|sent| sent.is_credible(now))
    }

    /// What accepting the code consumes.
    fn mark(&self) -> Mark {
        Mark::Once { id: self.delivery.to_string(), until: Some(self.until) }
    }
}

/// A refund of a budget.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refund {
    /// Names the budget.
    pub budget: String,
    /// How much.
    pub amount: u32,
    /// When a window that began with the charge would end: nothing is refunded in a later one.
    #[serde(default = "latest", skip_serializing_if = "is_latest")]
    pub until: Timestamp,
}

/// Refunds stored by older versions apply to any window.
fn latest() -> Timestamp {
    Timestamp::MAX
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_latest(moment: &Timestamp) -> bool {
    *moment == Timestamp::MAX
}

impl State {
    /// A device at this address, to which nothing was sent yet.
    pub fn new(to: Address) -> Self {
        Self { to, challenges: vec![] }
    }

    /// The unexpired code of this attempt, if one was sent.
    pub fn challenge(&self, attempt: &AttemptId, now: Timestamp) -> Option<&SentCode> {
        self.challenges.iter().find(|challenge| challenge.attempt == *attempt && challenge.is_good(now))
    }

    /// The code that an answer in this attempt is compared with, used or not: the attempt's own or, at sign-in, the
    /// last one sent for a sign-in. Unused codes come first.
    fn compared(&self, asked: Asked<'_>, now: Timestamp) -> Option<&SentCode> {
        let own = self.challenge(asked.attempt, now);
        let shared = || {
            let good = self.challenges.iter().rev().filter(move |challenge| challenge.is_good(now));
            good.filter(move |challenge| asked.purpose == Purpose::Login && challenge.is_shared(now))
        };
        let is_unused = |challenge: &&SentCode| !asked.marks.is_spent(&challenge.mark());
        own.filter(is_unused).or_else(|| shared().find(is_unused)).or(own).or_else(|| shared().next())
    }

    /// The valid code of this attempt, if there is one.
    pub fn usable(&self, asked: Asked<'_>, now: Timestamp) -> Option<&SentCode> {
        self.compared(asked, now).filter(|challenge| !asked.marks.is_spent(&challenge.mark()))
    }

    /// The attempts that have an unexpired code, the last one first.
    pub fn attempts(&self, now: Timestamp) -> impl Iterator<Item = &AttemptId> {
        self.challenges.iter().rev().filter(move |challenge| challenge.is_good(now)).map(|challenge| &challenge.attempt)
    }

    /// The code of this delivery, if it has not expired.
    pub fn carried_by(&self, delivery: &DeliveryId, now: Timestamp) -> Option<&SentCode> {
        self.challenges.iter().find(|challenge| challenge.delivery == *delivery && challenge.is_good(now))
    }

    /// The same device without the code of this delivery; `None` if there is none.
    pub fn without(mut self, delivery: &DeliveryId) -> Option<Self> {
        let before = self.challenges.len();
        self.challenges.retain(|challenge| challenge.delivery != *delivery);
        (self.challenges.len() < before).then_some(self)
    }

    /// The same device without the codes that have expired at this time.
    pub(crate) fn without_those_until(mut self, end: Timestamp) -> Self {
        self.challenges.retain(|challenge| challenge.until > end);
        self
    }

    /// The same device with one code more, replacing an earlier one of the same attempt; `None` if `most` others, or
    /// [`MAX_CODES`], are valid now.
    pub fn with(mut self, challenge: SentCode, most: usize, now: Timestamp) -> Option<Self> {
        self.challenges.retain(|other| other.attempt != challenge.attempt && other.is_good(now));
        if self.challenges.len() >= most.min(MAX_CODES) {
            return None;
        }
        self.challenges.push(challenge);
        Some(self)
    }
}

/// The context in which a code is requested.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The attempt.
    pub attempt: &'a AttemptId,
    /// Its purpose.
    pub purpose: Purpose,
    /// The marks of the device.
    pub marks: &'a Marks,
}

pub(super) fn check(state: &State, asked: Asked<'_>, answer: &Secret, now: Timestamp) -> Check {
    let typed = |digits| Code::parse(answer.expose(), digits).ok();
    let Some(challenge) = state.compared(asked, now) else {
        let is_code = [Digits::SIX, Digits::EIGHT].into_iter().any(|digits| typed(digits).is_some());
        return if is_code { Check::NoCodeSent } else { Check::Malformed };
    };
    let Some(code) = typed(challenge.code.digits()) else { return Check::Malformed };
    if !bool::from(code.matches(&challenge.code)) {
        return Check::Wrong;
    }
    let refunds = challenge.refunds.iter().map(|refund| {
        Change::Budget(BudgetChange::Refund { key: refund.budget.clone(), amount: refund.amount, until: refund.until })
    });
    let verified = Change::Delivery(DeliveryChange::NoteVerified { delivery: challenge.delivery.clone(), at: now });
    Check::Right {
        mark: challenge.mark(),
        // The code is kept until it expires, to distinguish a repeated code from a wrong one. It is deleted together
        // with its mark: whatever the clock does, no code is left without its mark.
        next: Some(super::State::Delivered(state.clone().without_those_until(now))),
        changes: refunds.chain([verified]).collect(),
    }
}

mod code_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use zeroize::Zeroizing;

    use super::{Code, Digits};

    pub(super) fn serialize<S: Serializer>(code: &Code, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(code.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Code, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        let digits = u8::try_from(text.len()).ok().and_then(Digits::new);
        digits.and_then(|digits| Code::parse(&text, digits).ok()).ok_or_else(|| D::Error::custom("not a code"))
    }
}
