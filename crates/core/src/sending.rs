//! How often, to whom and at what cost codes are sent.
//!
//! Sending costs money and patience, and whoever knows a password can ask for it. So each code is charged to several
//! budgets in the commit that makes it: to its address for a moment, which is the cooldown; to its user, its address, its
//! region (a calling code or a mail domain) and to everybody's money for a day; and to a breaker of its region, which gets
//! several charges back for each code that is given back, so that it trips where codes are sent and hardly any comes back.
//! Each charge is a conditional increment, so limits hold across nodes and restarts. Nothing is sent from here.
//!
//! Two things keep the owner of an address from running dry. A verified code gives its charge back to the daily counts of
//! its user and its address, up to a ceiling of all that is sent in a day, which gets nothing back. And part of these counts,
//! of the ceilings and of the codes that are good at once is kept for browsers with a device cookie that proved a device,
//! which also have a cooldown of their own: an attacker who has the password alone uses up the rest and no more.

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
/// Begins the name of the budgets that are cooldowns.
const COOLDOWN: &str = "send-cooldown";

/// How codes are sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendingRule {
    /// How many digits a code has.
    pub digits: Digits,
    /// How long a code is good; 10 minutes at most by telephone (NIST SP 800-63B-4 §3.1.3.1).
    pub lifetime: Duration,
    /// The shortest time between two codes to one address; zero: none.
    pub cooldown: Duration,
    /// Codes that one user may be sent in a day, those not counted that were verified.
    pub per_user: u32,
    /// Codes that one user may be sent in a day in all; at least `per_user`.
    pub per_user_ceiling: u32,
    /// Codes that one address may be sent in a day, those not counted that were verified.
    pub per_address: u32,
    /// Codes that one address may be sent in a day in all; at least `per_address`.
    pub per_address_ceiling: u32,
    /// Codes that one region, a calling code or a mail domain, may be sent in a day.
    pub per_region: u32,
    /// When sending to a region stops because no codes come back.
    pub breaker: Breaker,
    /// What all messages of a day may cost together, in thousandths of the currency; nothing: any sum.
    pub spend: Option<u32>,
    /// What messages cost.
    pub prices: Prices,
    /// Whether codes by e-mail are offered, and to whom.
    pub email: EmailRule,
}

/// Trips where codes are sent and hardly any is given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breaker {
    /// So many codes may be out that did not come back.
    pub allowance: u32,
    /// So many codes that did not come back are made good for by one that did, besides itself.
    pub credit: u32,
    /// How long after its first charge it is empty again.
    pub window: Duration,
}

/// What messages by telephone cost, in thousandths of a currency. Mail costs nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Prices {
    /// Where nothing else is said.
    pub usual: u32,
    /// By calling code, with its `+`.
    pub by_region: BTreeMap<String, u32>,
}

/// Whether codes by e-mail are offered. A mailbox is no authenticator (NIST SP 800-63B-4 §3.1.3.1): whoever proves one
/// stays at the first level.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EmailRule {
    /// To nobody.
    #[default]
    Off,
    /// To whoever has a second factor that counts as one.
    Beside,
    /// To everybody, also as the only one.
    Alone,
}

impl Default for SendingRule {
    /// Six digits for five minutes, one a minute; twenty a day for a user, ten for an address, five hundred for a region;
    /// with the verified ones a hundred for a user and fifty for an address; a breaker at fifty in an hour. No limit in
    /// money, because there are no prices.
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
    /// What a message by this channel costs there.
    pub fn of(&self, channel: &Kind, region: &str) -> u32 {
        if *channel == Kind::EMAIL {
            return 0;
        }
        self.by_region.get(region).copied().unwrap_or(self.usual)
    }
}

/// What a code is to be sent for.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// The device.
    pub device: &'a Device,
    /// The run of the flow that asks for it.
    pub attempt: &'a AttemptId,
    /// What that run is for.
    pub purpose: Purpose,
    /// How codes are sent.
    pub rule: &'a SendingRule,
    /// Whether the device would take the answer: else nothing is sent to it.
    pub admission: Admission<'a>,
    /// Names the address in budgets without telling it.
    pub address_tag: &'a str,
}

/// Who asks for a code, as far as the budgets of the user and of the address are concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asker {
    /// A browser with a device cookie that proved a device, or a session, for a device that its owner has proved.
    Owner,
    /// Anybody else who has the password. So is whoever sets a device up: the address could be another person's.
    Stranger,
}

impl Asker {
    fn of(case: &Sending<'_>) -> Self {
        let is_known = case.admission.standing != Standing::Unrecognized;
        if is_known && case.device.is_active() { Self::Owner } else { Self::Stranger }
    }

    /// The part of a limit that may be used. Strangers leave half of it, rounded down, to the owner; of a limit of one
    /// nothing can be kept.
    fn share(self, limit: u32) -> u32 {
        match self {
            Self::Owner => limit,
            Self::Stranger => limit.div_ceil(2),
        }
    }

    /// So many codes may be good at once when another one is made.
    fn challenges(self) -> usize {
        match self {
            Self::Owner => MAX_CODES,
            Self::Stranger => MAX_CODES / 2,
        }
    }

    /// The cooldown that is waited for. Owners do not wait for strangers: each have their own, so an address gets a
    /// message more in the same span at most.
    fn cooldown(self, address_tag: &str) -> String {
        match self {
            Self::Owner => format!("{COOLDOWN}-owner:{address_tag}"),
            Self::Stranger => format!("{COOLDOWN}:{address_tag}"),
        }
    }
}

/// A code about to be sent: what must be written first, and what is to be sent then.
#[derive(Debug)]
pub struct Posted {
    /// What must be written.
    pub changes: Vec<Change>,
    /// The device as it will be.
    pub device: Device,
    /// What is to be sent.
    pub challenge: SentCode,
}

/// What sending this code writes. Refused where there is nobody to send to, where the device would not listen, and where
/// too many of its codes are good already; whether the budgets allow it, the commit says.
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

/// The refusal that it means when this budget is spent until then.
pub fn overspent(budget: &str, until: Timestamp) -> Refusal {
    if budget.starts_with(COOLDOWN) { Refusal::SendingTooSoon { until } } else { Refusal::SendingLimited { until } }
}

/// What one code is charged to one budget.
struct Charge {
    budget: String,
    amount: u32,
    limit: u32,
    window: Duration,
    /// What the budget gets back once the code has come back.
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
