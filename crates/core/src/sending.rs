//! Limits on sending codes: how often, to whom and at what cost.
//!
//! Sending costs money and annoys recipients, and an attacker who knows a password can request codes. So each code is
//! charged to several budgets in the commit that makes it: to its address for a moment (the cooldown); to its user, its
//! address, its region (a calling code or a mail domain) and the total cost for a day; and to a circuit breaker of its
//! region, which is refunded several charges for each verified code, so that it trips if many codes are sent and few
//! are entered. Each charge is a conditional increment, so limits hold across nodes and restarts. This module sends
//! nothing.
//!
//! Two rules keep an attacker from using up the owner's codes. A verified code refunds its charge in the daily counts
//! of its user and its address, up to a ceiling of all codes in a day, which is never refunded. And part of these
//! counts, of the ceilings and of the concurrently valid codes is reserved for browsers with a device cookie in which a
//! device was proved, which also have their own cooldown: an attacker who has only the password can use up only the
//! rest.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    AttemptId, BudgetChange, Change, Delivery, DeliveryChange, DeliveryId, DeliveryStatus, Device, DeviceChange, Kind,
    Refusal, Timestamp,
    admission::Admission,
    flow::Purpose,
    method::{
        State,
        delivered::{MAX_CODES, Refund, SentCode},
    },
    otp::{Code, Digits},
    throttle::Standing,
};

const DAY: Duration = Duration::from_hours(24);
/// The prefix of the budgets that are cooldowns.
const COOLDOWN: &str = "send-cooldown";

/// The limits on sending codes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendingRule {
    /// How many digits a code has.
    pub digits: Digits,
    /// The lifetime of a code; at most 10 minutes by telephone (NIST SP 800-63B-4 §3.1.3.1).
    pub lifetime: Duration,
    /// The minimum time between two codes to one address; zero: none.
    pub cooldown: Duration,
    /// Codes per user and day, not counting verified ones.
    pub per_user: u32,
    /// Codes per user and day in all; at least `per_user`.
    pub per_user_ceiling: u32,
    /// Codes per address and day, not counting verified ones.
    pub per_address: u32,
    /// Codes per address and day in all; at least `per_address`.
    pub per_address_ceiling: u32,
    /// Codes per region (a calling code or a mail domain) and day.
    pub per_region: u32,
    /// When sending to a region stops because codes are not entered.
    pub breaker: Breaker,
    /// The maximum cost of all messages in a day, in thousandths of the currency; `None`: no limit.
    pub spend: Option<u32>,
    /// The prices of messages.
    pub prices: Prices,
    /// Whether codes by e-mail are offered, and to whom.
    pub email: EmailRule,
}

/// A circuit breaker: trips if codes are sent and few are verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breaker {
    /// How many codes may be outstanding without being verified.
    pub allowance: u32,
    /// How many outstanding codes one verified code clears, besides itself.
    pub credit: u32,
    /// How long after its first charge it is empty again.
    pub window: Duration,
}

/// The prices of messages by telephone, in thousandths of a currency. E-mail costs nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Prices {
    /// The price for regions without their own.
    pub usual: u32,
    /// By calling code, with its `+`.
    pub by_region: BTreeMap<String, u32>,
}

/// Whether codes by e-mail are offered. E-mail is not an authenticator (NIST SP 800-63B-4 §3.1.3.1): a session proved
/// by it stays at the first level.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EmailRule {
    /// To no user.
    #[default]
    Off,
    /// To users who have a second factor of the second level.
    Beside,
    /// To every user, even as the only second factor.
    Alone,
}

impl Default for SendingRule {
    /// Six digits, valid for five minutes, one code a minute; per day twenty for a user, ten for an address, five
    /// hundred for a region; including verified ones a hundred for a user and fifty for an address; a breaker at fifty
    /// in an hour. No cost limit, because there are no prices.
    fn default() -> Self {
        Self {
            digits: Digits::SIX,
            lifetime: Duration::from_mins(5),
            cooldown: Duration::from_mins(1),
            per_user: 20,
            per_user_ceiling: 100,
            per_address: 10,
            per_address_ceiling: 50,
            per_region: 500,
            breaker: Breaker { allowance: 50, credit: 2, window: Duration::from_hours(1) },
            spend: None,
            prices: Prices::default(),
            email: EmailRule::Off,
        }
    }
}

impl Prices {
    /// The price of a message by this channel in this region.
    pub fn of(&self, channel: &Kind, region: &str) -> u32 {
        if *channel == Kind::EMAIL {
            return 0;
        }
        self.by_region.get(region).copied().unwrap_or(self.usual)
    }
}

/// The context of a code to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// The device.
    pub device: &'a Device,
    /// The attempt in which it is requested.
    pub attempt: &'a AttemptId,
    /// The purpose of that attempt.
    pub purpose: Purpose,
    /// The limits on sending.
    pub rule: &'a SendingRule,
    /// Whether the device would accept the answer: if not, no code is sent.
    pub admission: Admission<'a>,
    /// Identifies the address in budgets without revealing it.
    pub address_tag: &'a str,
}

/// Whose share of the budgets of the user and of the address a request uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asker {
    /// A session, or a browser with a device cookie in which a device was proved, for a device that its owner has
    /// proved.
    Owner,
    /// Any other request with the right password, and every enrolment: the address could be another person's.
    Stranger,
}

impl Asker {
    fn of(case: &Sending<'_>) -> Self {
        let is_known = case.admission.standing != Standing::Unrecognized;
        if is_known && case.device.is_active() { Self::Owner } else { Self::Stranger }
    }

    /// The share of a limit that this request may use. Strangers leave half of it, rounded down, to the owner; a limit
    /// of one is not shared.
    fn share(self, limit: u32) -> u32 {
        match self {
            Self::Owner => limit,
            Self::Stranger => limit.div_ceil(2),
        }
    }

    /// How many codes may be valid at once when another one is made.
    fn challenges(self) -> usize {
        match self {
            Self::Owner => MAX_CODES,
            Self::Stranger => MAX_CODES / 2,
        }
    }

    /// The cooldown that applies. Owners and strangers have separate ones, so an address gets at most one message more
    /// in the same time.
    fn cooldown(self, address_tag: &str) -> String {
        match self {
            Self::Owner => format!("{COOLDOWN}-owner:{address_tag}"),
            Self::Stranger => format!("{COOLDOWN}:{address_tag}"),
        }
    }
}

/// A code about to be sent: what must be written first, and what is sent then.
#[derive(Debug)]
pub struct Posted {
    /// What must be written.
    pub changes: Vec<Change>,
    /// The device as it will be.
    pub device: Device,
    /// The code.
    pub challenge: SentCode,
}

/// The changes for sending this code. Refused if the device has no address, does not accept answers, or has too many
/// valid codes; the commit checks the budgets.
pub fn send(case: Sending<'_>, code: Code, delivery: DeliveryId, now: Timestamp) -> Result<Posted, Refusal> {
    let Sending { device, attempt, purpose, rule, admission, address_tag: _ } = case;
    let State::Delivered(state) = &device.state.state else { return Err(Refusal::MethodUnknown) };
    admission.check(device, now)?;
    let asker = Asker::of(&case);
    let region = state.to.region().to_owned();
    let price = rule.prices.of(&device.kind, &region);
    let due = charges(&case, &region, price);
    let refunds = due.iter().filter_map(|charge| charge.refund(now)).collect();
    let until = now.after(rule.lifetime);
    let (delivered_by, attempt) = (delivery.clone(), attempt.clone());
    let challenge = SentCode {
        delivery: delivered_by,
        attempt: attempt.clone(),
        purpose: Some(purpose),
        sent: Some(now),
        code,
        until,
        refunds,
    };
    let later = Refusal::SendingLimited { until };
    let mut next = device.clone();
    next.version = next.version.saturating_add(1);
    next.state.state = State::Delivered(state.clone().with(challenge.clone(), asker.challenges(), now).ok_or(later)?);
    let mut changes: Vec<_> = due.into_iter().map(|charge| charge.spend(now)).collect();
    changes.push(Change::Device(DeviceChange::Update(next.clone())));
    changes.push(Change::Delivery(DeliveryChange::Add(Delivery {
        id: delivery,
        user: device.user.clone(),
        device: device.id.clone(),
        channel: device.kind.clone(),
        attempt,
        region,
        price,
        created: now,
        status: DeliveryStatus::Waiting,
        noted: now,
        reference: None,
        reason: None,
        verified: None,
    })));
    Ok(Posted { changes, device: next, challenge })
}

/// The refusal when this budget is used up until `until`.
pub fn overspent(budget: &str, until: Timestamp) -> Refusal {
    if budget.starts_with(COOLDOWN) { Refusal::SendingTooSoon { until } } else { Refusal::SendingLimited { until } }
}

/// The charge of one code to one budget.
struct Charge {
    budget: String,
    amount: u32,
    limit: u32,
    window: Duration,
    /// How much is refunded once the code is verified.
    back: u32,
}

fn charges(case: &Sending<'_>, region: &str, price: u32) -> Vec<Charge> {
    let Sending { device, rule, address_tag, .. } = case;
    let (user, channel, asker) = (&device.user, &device.kind, Asker::of(case));
    let daily = |budget: String, limit| Charge { budget, amount: 1, limit, window: DAY, back: 0 };
    let shared = |budget, limit| daily(budget, asker.share(limit));
    let mut charges = vec![
        Charge { back: 1, ..shared(format!("send-user:{user}"), rule.per_user) },
        shared(format!("send-user-ceiling:{user}"), rule.per_user_ceiling),
        Charge { back: 1, ..shared(format!("send-address:{address_tag}"), rule.per_address) },
        shared(format!("send-address-ceiling:{address_tag}"), rule.per_address_ceiling),
        daily(format!("send-region:{channel}:{region}"), rule.per_region),
        Charge {
            budget: format!("send-breaker:{channel}:{region}"),
            amount: 1,
            limit: rule.breaker.allowance,
            window: rule.breaker.window,
            back: rule.breaker.credit.saturating_add(1),
        },
    ];
    if !rule.cooldown.is_zero() {
        let budget = asker.cooldown(address_tag);
        charges.push(Charge { budget, amount: 1, limit: 1, window: rule.cooldown, back: 1 });
    }
    if let Some(limit) = rule.spend.filter(|_| price > 0) {
        charges.push(Charge { budget: "send-spend".into(), amount: price, limit, window: DAY, back: 0 });
    }
    charges
}

impl Charge {
    fn refund(&self, at: Timestamp) -> Option<Refund> {
        let until = at.after(self.window);
        (self.back > 0).then(|| Refund { budget: self.budget.clone(), amount: self.back, until })
    }

    fn spend(self, at: Timestamp) -> Change {
        let Self { budget, amount, limit, window, .. } = self;
        Change::Budget(BudgetChange::Charge { key: budget, amount, limit, at, window })
    }
}
