//! Judge, commit, settle: the replay guard.
//!
//! [`judge`] checks one answer for one device and returns a [`Ruling`]: the changes that must be written for it to
//! count, and a hidden outcome. The caller commits the batch and passes the store's [`Receipt`] back; only
//! [`Ruling::settle`] reveals the outcome, and only it makes a [`Verified`]. If a code is accepted in two processes at
//! once, one of them loses, because both batches expect the same version of the device (compare-and-swap).
//!
//! ```text
//!              locked, disabled, expired, malformed ──▶ refused, nothing to write
//! judge ──────▶ wrong ──▶ refused, one failure more (at the cap: disabled; a device never proved goes; in a session:
//!                         no failure of the device's, and at five the session ends)
//!              right, mark spent ──▶ refused as used, no failure counted
//!              right, mark fresh ──▶ verified, mark spent, failures forgotten
//!              a service knows ──▶ one failure more, and a request ──reply──▶ judge_response ──▶ as above, or the
//!                                                                              failure is taken back
//! ```

use std::net::IpAddr;

use crate::{
    Account, AccountChange, AttemptId, Batch, Change, Device, DeviceChange, DeviceId, Event, EventChange, EventKind,
    Kind, Level, Receipt, Refusal, Secret, SessionChange, Status, Timestamp, UserId, Written,
    admission::Admission,
    flow::{Purpose, step_up::SessionFailures},
    mark::Mark,
    method::{
        Check, Methods,
        validation::{self, ValidationRequest, ValidationResponse},
    },
    throttle::Throttle,
};

/// What is to be judged: one device, in one attempt, under the current settings.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The device that is asked. No other device is affected, whatever the answer.
    pub device: &'a Device,
    /// The account of its user: disabling a device changes the set.
    pub account: &'a Account,
    /// The attempt in which it is asked.
    pub attempt: &'a AttemptId,
    /// The purpose of that attempt.
    pub purpose: Purpose,
    /// Whether the device accepts an answer now.
    pub admission: Admission<'a>,
    /// The session in which it is asked, if it verifies its owner in one: failures are counted there and not on the
    /// device.
    pub session: Option<SessionFailures<'a>>,
    /// The methods and their settings.
    pub methods: &'a Methods,
    /// Which devices may answer: active ones to verify their owner, enrolling ones to be confirmed.
    pub stage: Status,
    /// The client's IP address, for the event.
    pub address: Option<IpAddr>,
}

/// Judges one answer. Pure: the same case, answer and time give the same ruling. A correct answer makes the device
/// active and consumes its mark, so the code that confirmed a device is never accepted again.
pub fn judge(case: Case<'_>, answer: &Secret, now: Timestamp) -> Ruling {
    let device = case.device;
    if let Some(refusal) = closed(&case, now) {
        return Ruling::refused(refusal, vec![]);
    }
    if let Some(session) = case.session.filter(SessionFailures::are_used_up) {
        return Ruling::refused(Refusal::SignInNeeded, ended(&case, session, now));
    }
    match case.methods.check(device, (case.attempt, case.purpose), answer, now) {
        Check::Unknown => Ruling::refused(Refusal::MethodUnknown, vec![]),
        Check::Malformed => Ruling::refused(Refusal::CodeMalformed, vec![]),
        Check::Mistyped => Ruling::refused(Refusal::CodeMistyped, vec![]),
        Check::NoCodeSent => Ruling::refused(Refusal::NoCodeSent, vec![]),
        Check::Wrong => wrong(&case, failed(&case, now), case.session.map(|session| session.charge(now)), now),
        Check::Ask(request) => ask(&case, request, now),
        // Nothing is written: replaying a code repeatedly must not cost rows or disk syncs.
        Check::Right { mark, .. } if device.state.marks.is_spent(&mark) => Ruling::refused(used(device, now), vec![]),
        Check::Right { mark, next, changes } => right(&case, mark, next, changes, now),
    }
}

/// Judges the response of a validation service, on the current row of the device. The failure charged for the request
/// stands if the answer is wrong, and is refunded if it is correct, was used before, or could not be checked. A
/// response to a request that this device did not send, or that was answered already, is refused.
pub fn judge_response(
    case: Case<'_>,
    request: &ValidationRequest,
    reply: &ValidationResponse,
    now: Timestamp,
) -> Ruling {
    let mut device = next_version(case.device);
    let was_open = validation::close(&mut device.state, request);
    if device.status != case.stage || !was_open {
        return Ruling::refused(Refusal::AttemptExpired, vec![]);
    }
    if *reply == ValidationResponse::Wrong {
        return wrong(&case, device, None, now);
    }
    device.throttle = device.throttle.forgiven(case.admission.standing);
    let refund = case.session.map(SessionFailures::refund);
    let forgiven = |device| refund.into_iter().chain([Change::Device(DeviceChange::Update(device))]).collect();
    match (reply, Methods::take(&device, request, reply, now)) {
        (ValidationResponse::Unavailable, _) => Ruling::refused(Refusal::MethodUnavailable, forgiven(device)),
        (_, Check::Right { mark, next, changes }) if !device.state.marks.is_spent(&mark) => {
            let case = Case { device: &Device { version: case.device.version, ..device }, ..case };
            right(&case, mark, next, changes, now)
        }
        _ => Ruling::refused(Refusal::CodeUsed, forgiven(device)),
    }
}

/// Counts a different answer to a closed attempt as wrong, whatever it is. If the device accepts no answer now, nothing
/// is counted.
pub fn judge_different(case: Case<'_>, now: Timestamp) -> Ruling {
    if let Some(refusal) = closed(&case, now) {
        return Ruling::refused(refusal, vec![]);
    }
    wrong(&case, failed(&case, now), case.session.map(|session| session.charge(now)), now)
}

/// Why the device does not check the answer, if it does not.
fn closed(case: &Case<'_>, now: Timestamp) -> Option<Refusal> {
    match case.device.status {
        // No code of an expired key is compared, so the refusal does not reveal whether it is correct.
        status if status == case.stage && case.device.state.is_expired(now) => Some(Refusal::DeviceExpired),
        status if status == case.stage => case.admission.check(case.device, now).err(),
        Status::Disabled => Some(Refusal::DeviceDisabled),
        Status::Active | Status::Enrolling => Some(Refusal::DeviceUnknown),
    }
}

/// The refusal of a correct answer that was used before, or lies before one that was. If a clock that was ahead dated
/// the last use, the refusal names the clock.
fn used(device: &Device, now: Timestamp) -> Refusal {
    let is_credible = device.last_used.is_none_or(|used| used.is_credible(now));
    if is_credible { Refusal::CodeUsed } else { Refusal::ClockSetBack }
}

/// The device with one failure more, if failures are counted on the device.
fn failed(case: &Case<'_>, now: Timestamp) -> Device {
    let mut device = next_version(case.device);
    device.throttle = device.throttle.failed(case.admission.standing, now);
    device
}

/// Charges the request as a failure, and keeps its nonce. If that failure would disable the device, other devices treat
/// it as disabled from now on.
fn ask(case: &Case<'_>, request: ValidationRequest, now: Timestamp) -> Ruling {
    let mut device = failed(case, now);
    validation::keep(&mut device.state, &request, case.admission.standing);
    let disables = case.admission.disables(&device, device.throttle.failures);
    let moved = (case.stage == Status::Active && disables && case.session.is_none()).then(|| moved(case));
    let charge = case.session.map(|session| session.charge(now));
    let changes = moved.into_iter().chain(charge).chain([Change::Device(DeviceChange::Update(device))]).collect();
    Ruling { batch: Batch::new(changes), outcome: Outcome::Asked(request) }
}

/// A wrong answer, which `device` counts already; in a session, `charge` counts it there unless that was done.
fn wrong(case: &Case<'_>, mut device: Device, charge: Option<Change>, now: Timestamp) -> Ruling {
    let refused = Change::Event(EventChange::Record(event(case, EventKind::AnswerRefused, now)));
    if let Some(session) = case.session {
        // The device's version changes, so that concurrent answers are judged one after the other.
        let is_last = session.and_one_more(charge.as_ref()).are_used_up();
        let mut changes: Vec<_> =
            [refused, Change::Device(DeviceChange::Update(device))].into_iter().chain(charge).collect();
        if !is_last {
            return Ruling::refused(Refusal::CodeWrong, changes);
        }
        changes.extend(ended(case, session, now));
        return Ruling::refused(Refusal::SignInNeeded, changes);
    }
    if !case.admission.disables(&device, device.throttle.failures) {
        return Ruling::refused(Refusal::CodeWrong, vec![refused, Change::Device(DeviceChange::Update(device))]);
    }
    if case.stage == Status::Enrolling {
        // A device that was never proved is removed, and its enrolment with it.
        let removal = Change::Device(DeviceChange::Remove { device: device.id, expected_version: case.device.version });
        return Ruling::refused(Refusal::AttemptExpired, vec![refused, removal]);
    }
    device.status = Status::Disabled;
    let disabled = Change::Event(EventChange::Record(event(case, EventKind::DeviceDisabled, now)));
    Ruling::refused(
        Refusal::DeviceDisabled,
        vec![refused, disabled, moved(case), Change::Device(DeviceChange::Update(device))],
    )
}

/// Ends a session in which too many answers were wrong.
fn ended(case: &Case<'_>, session: SessionFailures<'_>, now: Timestamp) -> Vec<Change> {
    let event = event(case, EventKind::SessionEnded, now);
    vec![Change::Session(SessionChange::End(session.session.key.clone())), Change::Event(EventChange::Record(event))]
}

/// Changes the version of the factor set, so that concurrent decisions about it are made again.
fn moved(case: &Case<'_>) -> Change {
    let Account { user, factors, preferred, .. } = case.account.clone();
    Change::Account(AccountChange::BumpFactorSet { user, expected_version: factors, preferred })
}

fn right(
    case: &Case<'_>,
    mark: Mark,
    next: Option<crate::method::State>,
    mut changes: Vec<Change>,
    now: Timestamp,
) -> Ruling {
    let mut device = next_version(case.device);
    device.status = Status::Active;
    device.state.setup_session = None;
    device.throttle = Throttle::default();
    device.last_used = Some(now);
    device.state.marks.spend(mark, now);
    if let Some(state) = next {
        device.state.state = state;
    }
    let proof = Verified {
        user: device.user.clone(),
        device: device.id.clone(),
        kind: device.kind.clone(),
        level: case.methods.level(&device.kind),
        attempt: case.attempt.clone(),
        at: now,
    };
    changes.push(Change::Device(DeviceChange::Update(device)));
    Ruling { batch: Batch::new(changes), outcome: Outcome::Verified(proof) }
}

fn next_version(device: &Device) -> Device {
    let mut next = device.clone();
    next.version = next.version.saturating_add(1);
    next
}

fn event(case: &Case<'_>, kind: EventKind, now: Timestamp) -> Event {
    Event {
        device: Some(case.device.id.clone()),
        method: Some(case.device.kind.clone()),
        attempt: Some(case.attempt.clone()),
        address: case.address,
        ..Event::new(now, case.device.user.clone(), kind)
    }
}

/// A decision that has no effect until its batch is written.
#[derive(Debug)]
#[must_use = "a ruling counts only after its batch was committed and its receipt settled"]
pub struct Ruling {
    batch: Batch,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Verified(Verified),
    Asked(ValidationRequest),
    Refused(Refusal),
}

impl Ruling {
    fn refused(refusal: Refusal, changes: Vec<Change>) -> Self {
        Self { batch: Batch::new(changes), outcome: Outcome::Refused(refusal) }
    }

    /// The pending proof, if the answer was correct.
    pub fn draft(&self) -> Option<Draft<'_>> {
        match &self.outcome {
            Outcome::Verified(proof) => Some(Draft(proof)),
            Outcome::Asked(_) | Outcome::Refused(_) => None,
        }
    }

    /// Adds changes that are written together with a proof: the session, the closing of the attempt, the event. A
    /// refusal includes none of them.
    pub fn if_verified(self, changes: Vec<Change>) -> Self {
        match self {
            Self { batch, outcome: outcome @ Outcome::Verified(_) } => Self { batch: batch.with(changes), outcome },
            refused => refused,
        }
    }

    /// The batch that must be written for this ruling to count.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Returns a refusal that has nothing to write; any other ruling is returned unchanged.
    pub fn settle_unwritten(self) -> Result<Refusal, Self> {
        match self.outcome {
            Outcome::Refused(refusal) if self.batch.is_empty() => Ok(refusal),
            outcome => Err(Self { batch: self.batch, outcome }),
        }
    }

    /// Reveals the outcome, if the receipt says that this ruling's own batch was written. A receipt of another batch is
    /// not accepted.
    pub fn settle(self, receipt: &Receipt) -> Settled {
        if !self.batch.is_settled_by(receipt) || *receipt.written() != Written::Done {
            return Settled::Again;
        }
        match self.outcome {
            Outcome::Verified(proof) => Settled::Verified(proof),
            Outcome::Asked(request) => Settled::Ask(request),
            Outcome::Refused(refusal) => Settled::Refused(refusal),
        }
    }
}

/// A pending proof, for callers that add changes to its batch. It proves nothing.
#[derive(Debug)]
pub struct Draft<'a>(&'a Verified);

impl Draft<'_> {
    /// The device that would be proved.
    pub fn device(&self) -> &DeviceId {
        &self.0.device
    }

    /// Its method.
    pub fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// The level that would be reached together with a password.
    pub fn level(&self) -> Level {
        self.0.level
    }
}

/// The settled result of a ruling.
#[derive(Debug)]
pub enum Settled {
    /// The answer was correct, and its mark is consumed.
    Verified(Verified),
    /// The answer was refused, and the failure is written.
    Refused(Refusal),
    /// A validation service has to be asked, and the charge for it is written.
    Ask(ValidationRequest),
    /// A version conflict; nothing was written: reload and judge again.
    Again,
}

/// The proof that a user possesses a device. Only [`Ruling::settle`] makes one.
#[derive(Debug)]
pub struct Verified {
    user: UserId,
    device: DeviceId,
    kind: Kind,
    level: Level,
    attempt: AttemptId,
    at: Timestamp,
}

impl Verified {
    /// The user.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The device that was proved.
    pub fn device(&self) -> &DeviceId {
        &self.device
    }

    /// Its method.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The level reached together with a password.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The attempt in which it was proved.
    pub fn attempt(&self) -> &AttemptId {
        &self.attempt
    }

    /// When it was proved.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}
