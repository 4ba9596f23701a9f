//! What has to be run for a change to come true, and what has to come of it: the same on every database.
//!
//! Each change is one conditional statement, or a few, and the number of rows that each one changes or finds says whether
//! what the change rests on still holds. The first condition that fails decides what becomes of the batch, and whoever
//! runs the steps then takes back what was written before it. What has to differ between databases is chosen here.

mod columns;

use std::collections::BTreeSet;

use countersign_engine::core::{
    Batch, Change, DeliveryStatus, FamilyId, Sealed, SessionKey, Timestamp, UserId, time::CLOCK_TOLERANCE,
};

use self::columns::{
    added, issued, noted, opened, posted, recorded, registered, remembered, replaced, reported, updated,
};
use crate::{
    statements::{
        account, attempt, budget, client, delivery, device, device_cookie, event, lease, node, postgres, restoration,
        session, token, user,
    },
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

/// Every step of a batch, in order: attempts, users' names, accounts, and then the rows.
pub(crate) fn steps(dialect: Dialect, batch: &Batch<Sealed>) -> Result<Vec<Step<'_>>, Unplanned> {
    let mut plan = Plan { dialect, steps: Vec::with_capacity(batch.changes().len()) };
    let changes = batch.changes();
    let (attempts, changes) = begin(changes, |change| matches!(change, Change::SpendAttempt { .. }));
    let (accounts, rest) = begin(changes, |change| {
        matches!(change, Change::MoveFactors { .. } | Change::ExpectFactors { .. } | Change::RemoveAccount { .. })
    });
    attempts.iter().try_for_each(|change| plan.add(change))?;
    if dialect == Dialect::Postgres {
        plan.lock_names(changes);
    }
    accounts.iter().try_for_each(|change| plan.add(change))?;
    if dialect == Dialect::Postgres {
        plan.lock_what_ends(rest);
    }
    rest.iter().try_for_each(|change| plan.add(change))?;
    Ok(plan.steps)
}

/// The first changes, for as long as they are of this kind, and the others.
fn begin(
    changes: &[Change<Sealed>],
    is_first: impl Fn(&Change<Sealed>) -> bool,
) -> (&[Change<Sealed>], &[Change<Sealed>]) {
    changes.split_at(changes.iter().take_while(|change| is_first(change)).count())
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
                self.step(Must::HitOne, account::FIRST, vec![user.into(), preferred.as_ref().into()]);
            }
            Change::MoveFactors { user, seen, preferred } => {
                let values = vec![preferred.as_ref().into(), user.into(), there(*seen)?];
                self.step(Must::HitOne, account::MOVE, values);
            }
            Change::ExpectFactors { user, seen: 0 } => self.step(Must::HitNone, account::THERE, vec![user.into()]),
            Change::ExpectFactors { user, seen } => {
                let statement = self.either(account::AT, postgres::ACCOUNT_AT);
                self.step(Must::HitOne, statement, vec![user.into(), there(*seen)?]);
            }
            Change::RemoveAccount { user } => self.step(Must::Run, account::REMOVE, vec![user.into()]),
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
            Change::CloseRepeat(key) => self.step(Must::HitOne, session::CLOSE_REPEAT, vec![key.into()]),
            change @ (Change::EndSession(_) | Change::EndSessions { .. } | Change::EndSessionsOf { .. }) => {
                self.end_sessions(change);
            }
            Change::OpenSession(session) => self.step(Must::HitOne, session::OPEN, opened(session)),
            Change::TouchSession { key, at } => {
                self.step(Must::Run, session::TOUCH, vec![(*at).into(), key.into()]);
            }
            Change::ExpectClient(client) => {
                let statement = self.either(client::THERE, postgres::CLIENT_THERE);
                self.step(Must::HitOne, statement, vec![client.into()]);
            }
            // The client goes first: that waits for whoever is giving it a token, which then goes as well.
            Change::RemoveClient(client) => {
                self.step(Must::HitOne, client::REMOVE, vec![client.into()]);
                self.in_order(postgres::LOCK_TOKENS_OF_CLIENT, client.into());
                self.step(Must::Run, token::END_OF_CLIENT, vec![client.into()]);
            }
            Change::AddClient(client) => self.step(Must::HitOne, client::ADD, registered(client)),
            Change::RotateClient { client, secret } => {
                self.step(Must::HitOne, client::ROTATE, vec![secret.text().into(), client.into()]);
            }
            change @ (Change::RequireToken(_)
            | Change::EndTokens { .. }
            | Change::EndTokensBut { .. }
            | Change::EndTokensOf { .. }) => self.require_or_end_tokens(change),
            Change::EndToken(ended) => self.step(Must::Run, token::END, vec![ended.into()]),
            Change::OpenToken(made) => self.step(Must::HitOne, token::OPEN, issued(made)),
            Change::TouchToken { token, at } => {
                self.step(Must::Run, token::TOUCH, vec![(*at).into(), token.into()]);
            }
            change @ (Change::LimitTokens { .. } | Change::LimitSetups { .. }) => self.add_limit(change),
            Change::Spend { key, amount, limit, at, window } => {
                self.spend(Charge { key, at: *at, end: at.after(*window) }, *amount, *limit);
            }
            Change::Refund { key, amount, until } => {
                let values = vec![(*amount).into(), key.as_str().into(), (*until).into()];
                self.step(Must::Run, budget::REFUND, values);
            }
            Change::RestartBudget { key, until, beyond } => {
                self.step(Must::Run, budget::RESTART, vec![(*until).into(), key.as_str().into(), (*beyond).into()]);
            }
            Change::PutDeviceCookie { cookie, replaces: None } => {
                self.step(Must::Run, device_cookie::ADD, remembered(cookie));
            }
            Change::PutDeviceCookie { cookie, replaces: Some(before) } => {
                self.step(Must::Run, device_cookie::REPLACE, replaced(cookie, before));
            }
            Change::EndDeviceCookies { user } => self.step(Must::Run, device_cookie::END_ALL, vec![user.into()]),
            Change::EndDeviceCookie { user, browser } => {
                self.step(Must::Run, device_cookie::END, vec![user.into(), browser.into()]);
            }
            Change::RemoveBudgets { name } => {
                // Everything from "name/" up to the next character after the slash.
                let [from, to] = ["/", "0"].map(|next| format!("{name}{next}"));
                self.step(Must::Run, budget::REMOVE, vec![name.as_str().into(), from.into(), to.into()]);
            }
            Change::Record(event) => self.step(Must::HitOne, event::RECORD, recorded(event)),
            Change::AddDelivery(sent) => self.step(Must::HitOne, delivery::ADD, posted(sent)),
            Change::NoteDelivery(note) => self.step(Must::Run, word(note.status), noted(note)),
            Change::NoteVerified { delivery, at } => {
                self.step(Must::Run, delivery::VERIFY, vec![(*at).into(), delivery.into()]);
            }
            Change::SetPassword { user, expected_stamp, stamp, hash, at } => {
                let (hash, stamp, expected) = (hash.expose(), stamp.as_str(), expected_stamp.as_str());
                let values = vec![hash.into(), stamp.into(), (*at).into(), user.into(), expected.into()];
                self.step(Must::HitOne, user::SET_PASSWORD, values);
            }
            change @ (Change::ReportNode(_) | Change::TakeLease { .. } | Change::NoteRestored { .. }) => {
                self.add_of_installation(change);
            }
        }
        Ok(())
    }

    fn end_sessions(&mut self, change: &'b Change<Sealed>) {
        match change {
            Change::EndSession(key) => self.step(Must::Run, session::END, vec![key.into()]),
            Change::EndSessions { user } => self.step(Must::Run, session::END_ALL, vec![user.into()]),
            Change::EndSessionsOf { user, device, but } => {
                let but = but.as_ref().map_or("", SessionKey::as_str);
                self.step(Must::Run, session::END_OF_DEVICE, vec![user.into(), device.into(), but.into()]);
            }
            _ => {}
        }
    }

    /// Counts what the steps before it have made.
    fn add_limit(&mut self, change: &'b Change<Sealed>) {
        match change {
            Change::LimitTokens { user, stamp, at, most } => {
                let credible = at.after(CLOCK_TOLERANCE).into();
                let values = vec![user.into(), stamp.as_str().into(), (*at).into(), credible, (*most).into()];
                self.step(Must::HitOne, token::LIMIT, values);
            }
            Change::LimitSetups { user, most } => {
                self.step(Must::HitOne, device::LIMIT_SETUPS, vec![user.into(), (*most).into()]);
            }
            _ => {}
        }
    }

    /// What is about the whole installation: its nodes, their tasks, its restores.
    fn add_of_installation(&mut self, change: &'b Change<Sealed>) {
        match change {
            Change::ReportNode(node) => self.step(Must::HitOne, node::REPORT, reported(node)),
            Change::NoteRestored { at } => {
                self.step(Must::Run, session::END_EVERY, vec![]);
                self.step(Must::Run, token::END_EVERY, vec![]);
                self.step(Must::Run, device_cookie::END_EVERY, vec![]);
                self.step(Must::HitOne, restoration::NOTE, vec![(*at).into()]);
            }
            Change::TakeLease { name, holder, at, until } => {
                let credible = until.after(CLOCK_TOLERANCE).into();
                let values = vec![name.as_str().into(), holder.into(), (*until).into(), (*at).into(), credible];
                self.step(Must::HitOne, lease::TAKE, values);
            }
            _ => {}
        }
    }

    fn require_or_end_tokens(&mut self, change: &'b Change<Sealed>) {
        match change {
            Change::RequireToken(token) => {
                let statement = self.either(token::THERE, postgres::TOKEN_THERE);
                self.step(Must::HitOne, statement, vec![token.into()]);
            }
            Change::EndTokens { user } => {
                self.in_order(postgres::LOCK_TOKENS, user.into());
                self.step(Must::Run, token::END_ALL, vec![user.into()]);
            }
            Change::EndTokensBut { user, family } => {
                self.in_order(postgres::LOCK_TOKENS, user.into());
                self.step(Must::Run, token::END_BUT_FAMILY, vec![user.into(), family.into()]);
            }
            Change::EndTokensOf { user, device, but } => {
                self.in_order(postgres::LOCK_TOKENS, user.into());
                let but = but.as_ref().map_or("", FamilyId::as_str);
                self.step(Must::Run, token::END_OF_DEVICE, vec![user.into(), device.into(), but.into()]);
            }
            _ => {}
        }
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

    /// Takes rows by this statement before they are removed: the one that removes them takes them in whatever order it finds
    /// them in, and two that find some of the same ones in two orders would wait for each other.
    fn in_order(&mut self, lock: &'static str, whose: Value<'b>) {
        if self.dialect == Dialect::Postgres {
            self.step(Must::Run, lock, vec![whose]);
        }
    }

    /// Locks the names of users, each until the commit, where rows matter that are not there: they cannot be locked. Whoever
    /// makes a user's account row and whoever rests on there being none meet here, and so do those who each make one row more
    /// of which a user may have so many: whoever counts second counts what the first has made.
    fn lock_names(&mut self, changes: &'b [Change<Sealed>]) {
        let names: BTreeSet<&'b UserId> = changes.iter().filter_map(alone_with).collect();
        for user in names {
            self.step(Must::Run, postgres::LOCK_NAME, vec![user.into()]);
        }
    }

    /// Where all of a user's rows are removed, or all that a device had verified, waits first for whoever is adding one on
    /// the strength of a row that ends here. A statement removes what was there when it began; so what somebody else adds
    /// meanwhile would stay, although that deed came first. Devices are locked before sessions, as everywhere.
    fn lock_what_ends(&mut self, changes: &'b [Change<Sealed>]) {
        let ends_all = |change: &Change<Sealed>| {
            matches!(change, Change::RemoveDevices { .. } | Change::EndSessions { .. } | Change::EndSessionsOf { .. })
        };
        if !changes.iter().any(ends_all) {
            return;
        }
        for change in changes {
            match change {
                Change::RemoveDevices { user } => self.step(Must::Run, postgres::LOCK_DEVICES, vec![user.into()]),
                Change::RemoveDevice { device, .. } => self.step(Must::Run, postgres::LOCK_DEVICE, vec![device.into()]),
                Change::UpdateDevice(device) => self.step(Must::Run, postgres::LOCK_DEVICE, vec![(&device.id).into()]),
                Change::EndSessions { user } | Change::EndSessionsOf { user, .. } => {
                    self.step(Must::Run, postgres::LOCK_SESSIONS, vec![user.into()]);
                }
                Change::EndSession(key) => self.step(Must::Run, postgres::SESSION_THERE, vec![key.into()]),
                _ => {}
            }
        }
    }

    fn spend(&mut self, charge: Charge<'b>, amount: u32, limit: u32) {
        if amount > limit {
            self.step(Must::Refuse(charge), budget::UNTIL, vec![charge.key.into(), charge.at.into()]);
        } else {
            let (end, credible) = (charge.end.into(), charge.end.after(CLOCK_TOLERANCE).into());
            let values = vec![charge.key.into(), amount.into(), end, charge.at.into(), credible, limit.into()];
            self.step(Must::Afford(charge), budget::SPEND, values);
        }
    }
}

/// The user of whose rows some may not be made meanwhile by anybody else.
fn alone_with(change: &Change<Sealed>) -> Option<&UserId> {
    match change {
        Change::MoveFactors { user, seen: 0, .. }
        | Change::ExpectFactors { user, seen: 0 }
        | Change::RemoveAccount { user }
        | Change::LimitTokens { user, .. }
        | Change::LimitSetups { user, .. } => Some(user),
        _ => None,
    }
}

/// The statement for a word of the gateway's: its first one, or its last.
fn word(status: DeliveryStatus) -> &'static str {
    if status.follows(DeliveryStatus::Sent) { delivery::NOTE_LAST } else { delivery::NOTE_FIRST }
}

/// The version a row would have to be at. One beyond what a column holds is at no row.
fn there(version: u64) -> Result<Value<'static>, Unplanned> {
    i64::try_from(version).map(Value::Number).map_err(|_| Unplanned::Conflict)
}
