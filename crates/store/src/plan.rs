//! What has to be run for a change to come true, and what has to come of it: the same on every database.
//!
//! Each change is one conditional statement, or a few, and the number of rows that each one changes or finds says whether
//! what the change rests on still holds. The first condition that fails decides what becomes of the batch, and whoever
//! runs the steps then takes back what was written before it. What has to differ between databases is chosen here.

use countersign_engine::core::{
    Batch, Change, Delivery, DeliveryStatus, Device, Event, Kind, Node, Sealed, Session, Timestamp, Token, UserId,
    delivery::Note, throttle::Throttle,
};

use crate::{
    statements::{account, attempt, budget, delivery, device, event, lease, node, postgres, session, token},
    value::{Value, Values},
};

/// Whose statements are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    /// One writer at a time: what was read stays true until the commit.
    Sqlite,
    /// Many writers at a time, READ COMMITTED: what was read stays true only of a row that is locked.
    Postgres,
}

/// One statement of a batch.
#[derive(Debug)]
pub(crate) struct Step<'b> {
    pub(crate) statement: &'static str,
    pub(crate) values: Values<'b>,
    pub(crate) must: Must<'b>,
}

/// What has to come of a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Must<'b> {
    /// It changes or finds one row; else the batch conflicts.
    HitOne,
    /// It finds no row; else the batch conflicts.
    HitNone,
    /// It runs.
    Run,
    /// It changes one row; else a budget is spent.
    Afford(Charge<'b>),
    /// It may come to what it will: a budget is spent.
    Refuse(Charge<'b>),
}

/// A charge to a budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge<'b> {
    pub(crate) key: &'b str,
    at: Timestamp,
    /// When the budget would be empty again if this were its first charge.
    end: Timestamp,
}

/// What a step has come to.
#[derive(Debug)]
pub(crate) enum Verdict<'b> {
    /// What the change rests on holds.
    Holds,
    /// Something had moved.
    Conflict,
    /// A budget is spent.
    Overspent(Charge<'b>),
}

/// Why there are no steps.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unplanned {
    /// A change rests on a version that no column holds, so on one that no row is at.
    #[error("a version that no row is at")]
    Conflict,
    /// A change writes a version that no column holds.
    #[error("a version is too large to be written")]
    TooLarge,
    /// A change holds what has no text.
    #[error("a value cannot be written as text")]
    Unwritable,
}

impl Must<'_> {
    /// What it means that so many rows were changed or found.
    pub(crate) fn verdict(&self, rows: u64) -> Verdict<'_> {
        match self {
            Self::HitOne if rows != 1 => Verdict::Conflict,
            Self::HitNone if rows != 0 => Verdict::Conflict,
            Self::Afford(charge) if rows != 1 => Verdict::Overspent(*charge),
            Self::Refuse(charge) => Verdict::Overspent(*charge),
            Self::HitOne | Self::HitNone | Self::Run | Self::Afford(_) => Verdict::Holds,
        }
    }
}

impl Charge<'_> {
    /// Reads when the budget will be empty again.
    pub(crate) fn question(&self) -> (&'static str, Values<'_>) {
        (budget::UNTIL, vec![self.key.into(), self.at.into()])
    }

    /// When it will be, by the answer to the question.
    pub(crate) fn until(&self, found: Option<i64>) -> Timestamp {
        found.map_or(self.end, Timestamp::from_millis)
    }
}

/// Every step of a batch, in order.
pub(crate) fn steps(dialect: Dialect, batch: &Batch<Sealed>) -> Result<Vec<Step<'_>>, Unplanned> {
    let mut plan = Plan { dialect, steps: Vec::with_capacity(batch.changes().len()) };
    let is_first = |change: &Change<Sealed>| {
        matches!(change, Change::SpendAttempt { .. } | Change::MoveFactors { .. } | Change::ExpectFactors { .. })
    };
    let changes = batch.changes();
    let (first, rest) = changes.split_at(changes.iter().take_while(|change| is_first(change)).count());
    first.iter().try_for_each(|change| plan.add(change))?;
    if dialect == Dialect::Postgres {
        plan.lock_what_ends(rest);
    }
    rest.iter().try_for_each(|change| plan.add(change))?;
    Ok(plan.steps)
}

struct Plan<'b> {
    dialect: Dialect,
    steps: Vec<Step<'b>>,
}

impl<'b> Plan<'b> {
    fn add(&mut self, change: &'b Change<Sealed>) -> Result<(), Unplanned> {
        match change {
            Change::SpendAttempt { attempt, until } => {
                self.step(Must::HitOne, attempt::SPEND, vec![attempt.into(), (*until).into()]);
            }
            Change::MoveFactors { user, seen: 0, preferred } => {
                self.alone_with(user);
                self.step(Must::HitOne, account::FIRST, vec![user.into(), preferred.as_ref().into()]);
            }
            Change::MoveFactors { user, seen, preferred } => {
                let values = vec![preferred.as_ref().into(), user.into(), there(*seen)?];
                self.step(Must::HitOne, account::MOVE, values);
            }
            Change::ExpectFactors { user, seen: 0 } => {
                self.alone_with(user);
                self.step(Must::HitNone, account::THERE, vec![user.into()]);
            }
            Change::ExpectFactors { user, seen } => {
                let statement = self.either(account::AT, postgres::ACCOUNT_AT);
                self.step(Must::HitOne, statement, vec![user.into(), there(*seen)?]);
            }
            Change::RemoveDevice { device, seen } => {
                self.step(Must::HitOne, device::REMOVE, vec![device.into(), there(*seen)?]);
            }
            Change::RemoveDevices { user } => self.step(Must::Run, device::REMOVE_ALL, vec![user.into()]),
            Change::AddDevice(device) => self.step(Must::HitOne, device::ADD, added(device)?),
            Change::UpdateDevice(device) => self.step(Must::HitOne, device::UPDATE, updated(device)?),
            Change::ExpectSession(key) => {
                let statement = self.either(session::THERE, postgres::SESSION_THERE);
                self.step(Must::HitOne, statement, vec![key.into()]);
            }
            Change::EndSession(key) => self.step(Must::Run, session::END, vec![key.into()]),
            Change::EndSessions { user } => self.step(Must::Run, session::END_ALL, vec![user.into()]),
            Change::OpenSession(session) => self.step(Must::HitOne, session::OPEN, opened(session)),
            Change::TouchSession { key, at } => {
                self.step(Must::Run, session::TOUCH, vec![(*at).into(), key.into()]);
            }
            Change::EndTokens { user } => self.step(Must::Run, token::END_ALL, vec![user.into()]),
            Change::EndTokensOf { user, device } => {
                self.step(Must::Run, token::END_OF_DEVICE, vec![user.into(), device.into()]);
            }
            Change::EndToken(ended) => self.step(Must::Run, token::END, vec![ended.into()]),
            Change::OpenToken(made) => self.step(Must::HitOne, token::OPEN, issued(made)),
            Change::TouchToken { token, at } => {
                self.step(Must::Run, token::TOUCH, vec![(*at).into(), token.into()]);
            }
            Change::Spend { key, amount, limit, at, window } => {
                self.spend(Charge { key, at: *at, end: at.after(*window) }, *amount, *limit);
            }
            Change::Refund { key, amount } => {
                self.step(Must::Run, budget::REFUND, vec![(*amount).into(), key.as_str().into()]);
            }
            Change::Record(event) => self.step(Must::HitOne, event::RECORD, recorded(event)),
            Change::AddDelivery(sent) => self.step(Must::HitOne, delivery::ADD, posted(sent)),
            Change::NoteDelivery(note) => self.step(Must::Run, word(note.status), noted(note)),
            Change::NoteVerified { delivery, at } => {
                self.step(Must::Run, delivery::VERIFY, vec![(*at).into(), delivery.into()]);
            }
            Change::ReportNode(node) => self.step(Must::HitOne, node::REPORT, reported(node)),
            Change::TakeLease { name, holder, at, until } => {
                let values = vec![name.as_str().into(), holder.into(), (*until).into(), (*at).into()];
                self.step(Must::HitOne, lease::TAKE, values);
            }
        }
        Ok(())
    }

    fn step(&mut self, must: Must<'b>, statement: &'static str, values: Values<'b>) {
        self.steps.push(Step { statement, values, must });
    }

    fn either(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
        }
    }

    /// Keeps everybody else from making this user's account row until the commit. A row that is not there cannot be
    /// locked, so whoever makes one and whoever rests on there being none meet at a lock on the name.
    fn alone_with(&mut self, user: &'b UserId) {
        if self.dialect == Dialect::Postgres {
            self.step(Must::Run, postgres::LOCK_NAME, vec![user.into()]);
        }
    }

    /// Where all of a user's rows are removed, waits first for whoever is adding one on the strength of a row that ends
    /// here. A statement removes what was there when it began; so what somebody else adds meanwhile would stay, although
    /// that deed came first.
    fn lock_what_ends(&mut self, changes: &'b [Change<Sealed>]) {
        let ends_all =
            |change: &Change<Sealed>| matches!(change, Change::RemoveDevices { .. } | Change::EndSessions { .. });
        if !changes.iter().any(ends_all) {
            return;
        }
        for change in changes {
            match change {
                Change::RemoveDevices { user } => self.step(Must::Run, postgres::LOCK_DEVICES, vec![user.into()]),
                Change::EndSessions { user } => self.step(Must::Run, postgres::LOCK_SESSIONS, vec![user.into()]),
                Change::EndSession(key) => self.step(Must::Run, postgres::SESSION_THERE, vec![key.into()]),
                _ => {}
            }
        }
    }

    fn spend(&mut self, charge: Charge<'b>, amount: u32, limit: u32) {
        if amount > limit {
            self.step(Must::Refuse(charge), budget::UNTIL, vec![charge.key.into(), charge.at.into()]);
        } else {
            let values = vec![charge.key.into(), amount.into(), charge.end.into(), charge.at.into(), limit.into()];
            self.step(Must::Afford(charge), budget::SPEND, values);
        }
    }
}

fn added(device: &Device<Sealed>) -> Result<Values<'_>, Unplanned> {
    Ok(vec![
        (&device.id).into(),
        (&device.user).into(),
        device.kind.as_str().into(),
        device.name.as_str().into(),
        device.status.as_str().into(),
        storable(device.version)?.into(),
        device.throttle.failures.into(),
        device.throttle.last_failure.into(),
        known_failures(&device.throttle)?.into(),
        device.created.into(),
        device.last_used.into(),
        device.state.0.as_slice().into(),
    ])
}

fn updated(device: &Device<Sealed>) -> Result<Values<'_>, Unplanned> {
    let version = storable(device.version)?;
    Ok(vec![
        device.name.as_str().into(),
        device.status.as_str().into(),
        version.into(),
        device.throttle.failures.into(),
        device.throttle.last_failure.into(),
        known_failures(&device.throttle)?.into(),
        device.last_used.into(),
        device.state.0.as_slice().into(),
        (&device.id).into(),
        version.saturating_sub(1).into(),
    ])
}

/// The failures that came from known browsers, as JSON; no text if there are none.
fn known_failures(throttle: &Throttle) -> Result<Option<String>, Unplanned> {
    if throttle.known.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(&throttle.known).map(Some).map_err(|_| Unplanned::Unwritable)
}

fn opened(session: &Session) -> Values<'_> {
    vec![
        (&session.key).into(),
        (&session.user).into(),
        session.level.as_str().into(),
        session.stamp.as_str().into(),
        session.device.as_ref().into(),
        session.created.into(),
        session.last_seen.into(),
        session.signed_in.into(),
        session.verified.into(),
        session.method.as_ref().map(Kind::as_str).into(),
    ]
}

fn issued(token: &Token) -> Values<'_> {
    vec![
        (&token.id).into(),
        (&token.key).into(),
        (&token.user).into(),
        token.kind.as_str().into(),
        token.name.as_str().into(),
        token.scopes.text().into(),
        token.level.as_str().into(),
        token.stamp.as_str().into(),
        token.device.as_ref().into(),
        token.method.as_ref().map(Kind::as_str).into(),
        token.signed_in.into(),
        token.verified.into(),
        token.created.into(),
        token.expires.into(),
        token.last_used.into(),
        token.client.as_ref().into(),
        token.family.as_ref().into(),
    ]
}

fn recorded(event: &Event) -> Values<'_> {
    vec![
        event.at.into(),
        (&event.user).into(),
        event.kind.as_str().into(),
        event.device.as_ref().into(),
        event.method.as_ref().map(Kind::as_str).into(),
        event.attempt.as_ref().into(),
        event.address.map(|address| address.to_string()).into(),
    ]
}

fn posted(sent: &Delivery) -> Values<'_> {
    vec![
        (&sent.id).into(),
        (&sent.user).into(),
        (&sent.device).into(),
        sent.channel.as_str().into(),
        (&sent.attempt).into(),
        sent.region.as_str().into(),
        sent.price.into(),
        sent.created.into(),
        sent.status.as_str().into(),
        sent.noted.into(),
        sent.reference.as_deref().into(),
        sent.reason.as_deref().into(),
        sent.verified.into(),
    ]
}

/// The statement for a word of the gateway's: its first one, or its last.
fn word(status: DeliveryStatus) -> &'static str {
    if status.follows(DeliveryStatus::Sent) { delivery::NOTE_LAST } else { delivery::NOTE_FIRST }
}

fn noted(note: &Note) -> Values<'_> {
    vec![
        note.status.as_str().into(),
        note.at.into(),
        note.reference.as_deref().into(),
        note.reason.as_deref().into(),
        (&note.delivery).into(),
    ]
}

fn reported(node: &Node) -> Values<'_> {
    vec![
        (&node.id).into(),
        node.started.into(),
        node.seen.into(),
        node.version.as_str().into(),
        node.keys.join(" ").into(),
        node.sealing_since.into(),
    ]
}

/// The version a row would have to be at. One beyond what a column holds is at no row.
fn there(version: u64) -> Result<Value<'static>, Unplanned> {
    i64::try_from(version).map(Value::Number).map_err(|_| Unplanned::Conflict)
}

/// The version as a column holds it.
fn storable(version: u64) -> Result<i64, Unplanned> {
    i64::try_from(version).map_err(|_| Unplanned::TooLarge)
}
