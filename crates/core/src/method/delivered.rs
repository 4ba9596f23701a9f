//! Codes that are sent: by text message, by call, by e-mail. One machine, three channels.
//!
//! A code is drawn at random for each challenge and remembered with the attempt that asked for it: it is good in that
//! attempt only, until its time is over, and once (NIST SP 800-63B-4 §3.1.3). Another code takes its place in the same
//! attempt and touches no other attempt's. Where there is no code to compare with, an answer is not wrong and costs nothing.
//!
//! There is one exception: a code that was sent for a sign-in is good in every sign-in of this user with this device, so that
//! a user who starts again is not left without the code in their hand while the cooldown lets no other one be sent. It is
//! good for as long as it would have been, and once for all attempts. An answer is compared with one code, so a guess is no
//! likelier to be right.
//!
//! Nothing is sent from here, and nothing counts how much was sent: [`sending`](crate::sending) does.

use serde::{Deserialize, Serialize};

use super::Check;
use crate::{
    Address, AttemptId, BudgetChange, Change, Config, DeliveryChange, DeliveryId, Secret, Timestamp,
    flow::Purpose,
    mark::{Mark, Marks},
    otp::{Code, Digits},
};

/// So many codes of one device may be good at once, each in a run of its own: twice as many as one cooldown a minute lets be
/// good for five minutes, because strangers have half of them.
pub const MAX_CODES: usize = 10;

/// The memory of a device that codes are sent to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Where they are sent. It never changes: another address is another device.
    pub to: Address,
    /// The codes that were sent and are not over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    challenges: Vec<SentCode>,
}

/// A code that was sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SentCode {
    /// The delivery that carries it.
    pub delivery: DeliveryId,
    /// The run of the flow that asked for it.
    pub attempt: AttemptId,
    /// What that attempt is for; `None` in a code that was stored before this was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// When it was sent; `None` in a code that was stored before this was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Timestamp>,
    /// The digits.
    #[serde(with = "code_text")]
    pub code: Code,
    /// When it is over.
    pub until: Timestamp,
    /// The budgets that get something back once the code has come back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<Refund>,
}

impl SentCode {
    /// Whether the code is not over, and was not made by a clock that was ahead.
    fn is_good(&self, now: Timestamp) -> bool {
        self.until > now && self.until.is_credible_end(Config::MAX_CODE_TTL, now)
    }

    /// Whether every sign-in may use the code: it was sent for one, by a clock that was not ahead. In its own attempt the moment of
    /// the attempt says so.
    fn is_shared(&self, now: Timestamp) -> bool {
        self.purpose == Some(Purpose::Login) && self.sent.is_some_and(|sent| sent.is_credible(now))
    }

    /// What accepting the code uses up.
    fn mark(&self) -> Mark {
        Mark::Once { id: self.delivery.to_string(), until: Some(self.until) }
    }
}

/// What a budget gets back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refund {
    /// Names the budget.
    pub budget: String,
    /// How much.
    pub amount: u32,
    /// When a window that began with the charge would end: from a later one nothing is given back.
    #[serde(default = "latest", skip_serializing_if = "is_latest")]
    pub until: Timestamp,
}

/// What was written before refunds were bound to their window comes from whatever window there is.
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

    /// The code of this run, if one was sent that is not over.
    pub fn challenge(&self, attempt: &AttemptId, now: Timestamp) -> Option<&SentCode> {
        self.challenges.iter().find(|challenge| challenge.attempt == *attempt && challenge.is_good(now))
    }

    /// The code that an answer in this attempt is compared with, whether or not it has been used: the attempt's own or, at
    /// sign-in, the last one that was sent for a sign-in. One that has not been used comes first.
    fn compared(&self, asked: Asked<'_>, now: Timestamp) -> Option<&SentCode> {
        let own = self.challenge(asked.attempt, now);
        let shared = || {
            let good = self.challenges.iter().rev().filter(move |challenge| challenge.is_good(now));
            good.filter(move |challenge| asked.purpose == Purpose::Login && challenge.is_shared(now))
        };
        let is_unused = |challenge: &&SentCode| !asked.marks.is_spent(&challenge.mark());
        own.filter(is_unused).or_else(|| shared().find(is_unused)).or(own).or_else(|| shared().next())
    }

    /// The code that is good in this attempt, if one is.
    pub fn usable(&self, asked: Asked<'_>, now: Timestamp) -> Option<&SentCode> {
        self.compared(asked, now).filter(|challenge| !asked.marks.is_spent(&challenge.mark()))
    }

    /// The runs that have a code which is not over, the last one first.
    pub fn attempts(&self, now: Timestamp) -> impl Iterator<Item = &AttemptId> {
        self.challenges.iter().rev().filter(move |challenge| challenge.is_good(now)).map(|challenge| &challenge.attempt)
    }

    /// The code that this delivery carries, if it is not over.
    pub fn carried_by(&self, delivery: &DeliveryId, now: Timestamp) -> Option<&SentCode> {
        self.challenges.iter().find(|challenge| challenge.delivery == *delivery && challenge.is_good(now))
    }

    /// The same device without the code that this delivery would have carried; `None` if there is none.
    pub fn without(mut self, delivery: &DeliveryId) -> Option<Self> {
        let before = self.challenges.len();
        self.challenges.retain(|challenge| challenge.delivery != *delivery);
        (self.challenges.len() < before).then_some(self)
    }

    /// The same device without the codes that are over by this moment.
    pub(crate) fn without_those_until(mut self, end: Timestamp) -> Self {
        self.challenges.retain(|challenge| challenge.until > end);
        self
    }

    /// The same device with one challenge more, in the place of an earlier one of the same run; `None` if `most` others, or
    /// [`MAX_CODES`], are good at this moment.
    pub fn with(mut self, challenge: SentCode, most: usize, now: Timestamp) -> Option<Self> {
        self.challenges.retain(|other| other.attempt != challenge.attempt && other.is_good(now));
        if self.challenges.len() >= most.min(MAX_CODES) {
            return None;
        }
        self.challenges.push(challenge);
        Some(self)
    }
}

/// Where a code is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The attempt.
    pub attempt: &'a AttemptId,
    /// What it is for.
    pub purpose: Purpose,
    /// What the device has accepted.
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
        // The challenge stays until it is over, so that its code is told from a wrong one if it comes again. It goes with the
        // mark that says so: whatever the clock does, no code is left without its mark.
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
