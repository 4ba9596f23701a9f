//! The tables: their statements, the columns that are written and read, and the steps of each change.
//!
//! The same on every database. Each change is one conditional statement, or a few; the number of rows that each one
//! changes or finds says whether the precondition of the change still holds. The first condition that fails decides the
//! result of the batch, and the store that runs the steps then rolls back what was written before it. Differences
//! between the databases are selected here.
#![deny(clippy::wildcard_enum_match_arm, reason = "a new table has to be met in every list")]

pub(crate) mod account;
pub(crate) mod attempt;
pub(crate) mod budget;
pub(crate) mod client;
pub(crate) mod delivery;
pub(crate) mod device;
pub(crate) mod device_cookie;
pub(crate) mod event;
pub(crate) mod lease;
pub(crate) mod node;
pub(crate) mod restoration;
pub(crate) mod session;
pub(crate) mod token;
pub(crate) mod user;

use std::collections::BTreeSet;

use countersign_engine::core::{Batch, Change, DeviceChange, Sealed, SessionChange, UserId};

pub(crate) use self::budget::Charge;
use crate::{
    statements::postgres,
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
    OneRow,
    /// It finds no row; else the batch conflicts.
    NoRow,
    /// It runs.
    Run,
    /// It changes one row; else a budget is spent.
    Afford(Charge<'b>),
    /// It may come to what it will: a budget is spent.
    Refuse(Charge<'b>),
}

/// What a step has come to.
#[derive(Debug)]
pub(crate) enum Verdict<'b> {
    /// The precondition of the change holds.
    Holds,
    /// Something had moved.
    Conflict,
    /// A budget is spent.
    Overspent(Charge<'b>),
}

/// Why there are no steps.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    /// A change expects a version that no column can hold, so no row has it.
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
            Self::OneRow if rows != 1 => Verdict::Conflict,
            Self::NoRow if rows != 0 => Verdict::Conflict,
            Self::Afford(charge) if rows != 1 => Verdict::Overspent(*charge),
            Self::Refuse(charge) => Verdict::Overspent(*charge),
            Self::OneRow | Self::NoRow | Self::Run | Self::Afford(_) => Verdict::Holds,
        }
    }
}

/// Every step of a batch, in order: attempts, users' names, accounts, and then the rows.
pub(crate) fn steps(dialect: Dialect, batch: &Batch<Sealed>) -> Result<Vec<Step<'_>>, PlanError> {
    let mut plan = Plan { dialect, steps: Vec::with_capacity(batch.changes().len()) };
    let changes = batch.changes();
    let (attempts, changes) = begin(changes, |change| matches!(change, Change::Attempt(_)));
    let (accounts, rest) = begin(changes, |change| matches!(change, Change::Account(_)));
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

/// The steps of a batch as they are collected.
pub(crate) struct Plan<'b> {
    dialect: Dialect,
    steps: Vec<Step<'b>>,
}

impl<'b> Plan<'b> {
    fn add(&mut self, change: &'b Change<Sealed>) -> Result<(), PlanError> {
        match change {
            Change::Attempt(change) => attempt::plan(self, change),
            Change::Account(change) => account::plan(self, change)?,
            Change::Device(change) => device::plan(self, change)?,
            Change::Session(change) => session::plan(self, change),
            Change::Client(change) => client::plan(self, change),
            Change::Token(change) => token::plan(self, change),
            Change::Budget(change) => budget::plan(self, change),
            Change::Event(change) => event::plan(self, change),
            Change::Delivery(change) => delivery::plan(self, change),
            Change::Node(change) => node::plan(self, change),
            Change::Lease(change) => lease::plan(self, change),
            Change::User(change) => user::plan(self, change),
            Change::DeviceCookie(change) => device_cookie::plan(self, change),
            Change::Restoration(change) => restoration::plan(self, change),
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

    /// Takes rows by this statement before they are removed, on PostgreSQL. The statement that removes them takes them in whatever
    /// order it finds them in, and two that find some of the same ones in two orders would wait for each other; and it finds
    /// only rows that were there when it began.
    fn in_order(&mut self, lock: &'static str, whose: Value<'b>) {
        if self.dialect == Dialect::Postgres {
            self.step(Must::Run, lock, vec![whose]);
        }
    }

    /// Locks the names of users, each until the commit, where rows matter that are not there: they cannot be locked. A batch
    /// that makes a user's account row and one that depends on there being none meet here, and so do those that each make one
    /// row more of which a user may have so many: the one that counts second counts what the first has made.
    fn lock_names(&mut self, changes: &'b [Change<Sealed>]) {
        let names: BTreeSet<&'b UserId> = changes.iter().filter_map(locked_name).collect();
        for user in names {
            self.step(Must::Run, postgres::LOCK_NAME, vec![user.into()]);
        }
    }

    /// Where all of a user's rows are removed, or all that a device has verified, waits first for a batch that adds one on
    /// the strength of a row that ends here. A statement removes what was there when it began; so what another batch adds
    /// meanwhile would stay, although that one came first. Devices are locked before sessions, as everywhere.
    fn lock_what_ends(&mut self, changes: &'b [Change<Sealed>]) {
        let ends_all = |change: &Change<Sealed>| {
            matches!(
                change,
                Change::Device(DeviceChange::RemoveAll { .. })
                    | Change::Session(SessionChange::EndAll { .. } | SessionChange::EndVerifiedBy { .. })
            )
        };
        if !changes.iter().any(ends_all) {
            return;
        }
        for change in changes {
            if let Change::Device(change) = change {
                device::lock(self, change);
            } else if let Change::Session(change) = change {
                session::lock(self, change);
            }
        }
    }
}

/// The user of whose rows another batch may not make any until the commit.
fn locked_name(change: &Change<Sealed>) -> Option<&UserId> {
    match change {
        Change::Account(change) => account::depends_on_absence(change),
        Change::Device(change) => device::counts_rows_of(change),
        Change::Token(change) => token::counts_rows_of(change),
        Change::Attempt(_)
        | Change::Session(_)
        | Change::Client(_)
        | Change::Budget(_)
        | Change::Event(_)
        | Change::Delivery(_)
        | Change::Node(_)
        | Change::Lease(_)
        | Change::User(_)
        | Change::DeviceCookie(_)
        | Change::Restoration(_) => None,
    }
}

/// The version that a row has to be at. One beyond what a column holds is at no row.
fn version(expected: u64) -> Result<Value<'static>, PlanError> {
    i64::try_from(expected).map(Value::Number).map_err(|_| PlanError::Conflict)
}

/// The version as a column holds it.
fn storable(version: u64) -> Result<i64, PlanError> {
    i64::try_from(version).map_err(|_| PlanError::TooLarge)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rusqlite::Connection;

    const SOURCES: [&str; 14] = [
        include_str!("table/account.rs"),
        include_str!("table/attempt.rs"),
        include_str!("table/budget.rs"),
        include_str!("table/client.rs"),
        include_str!("table/delivery.rs"),
        include_str!("table/device.rs"),
        include_str!("table/device_cookie.rs"),
        include_str!("table/event.rs"),
        include_str!("table/lease.rs"),
        include_str!("table/node.rs"),
        include_str!("table/restoration.rs"),
        include_str!("table/session.rs"),
        include_str!("table/token.rs"),
        include_str!("table/user.rs"),
    ];

    /// Every statement of the tables.
    fn statements() -> impl Iterator<Item = &'static str> {
        SOURCES
            .iter()
            .flat_map(|source| source.split(": &str = \"").skip(1))
            .map(|text| text.split("\";").next().unwrap())
    }

    #[test]
    fn placeholders_are_numbered_in_the_order_in_which_they_first_appear() {
        for statement in statements() {
            let mut seen = 0;
            for number in statement.split('$').skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()) {
                let number: u32 = number.unwrap().parse().unwrap();
                assert!(number <= seen + 1, "${number} comes too early in {statement}");
                seen = seen.max(number);
            }
        }
    }

    /// Tables of which some statements read every row: what is about all users or clients is for the command line, a restore
    /// empties tables, and there are few nodes and leases. The oldest events are found by their numbers.
    fn may_scan(statement: &str, table: &str) -> bool {
        let is_whole = !statement.contains("WHERE");
        matches!(table, "app_user" | "client" | "session" | "token" | "device_cookie") && is_whole
            || matches!(table, "node" | "lease" | "restoration")
            || table == "event" && statement.contains("ORDER BY id LIMIT")
    }

    #[test]
    fn no_statement_scans_a_table() {
        let connection = Connection::open_in_memory().unwrap();
        for migration in crate::sqlite::migrate::MIGRATIONS {
            connection.execute_batch(migration.text).unwrap();
        }
        let mut names = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
        let tables: BTreeSet<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        // A row lock is PostgreSQL's alone.
        let common: Vec<_> = statements().filter(|statement| !statement.contains(" FOR ")).collect();
        assert!(common.len() > 60, "{} statements", common.len());
        for statement in common {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
            let steps = plan.raw_query().mapped(|row| row.get::<_, String>("detail"));
            for step in steps.map(Result::unwrap) {
                let scanned = step.strip_prefix("SCAN ").map(|rest| rest.split(' ').next().unwrap());
                let scanned = scanned.filter(|name| tables.contains(*name) && !may_scan(statement, name));
                assert!(scanned.is_none(), "{step}: {statement}");
            }
        }
    }
}
