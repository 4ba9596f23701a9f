//! Writing one batch.
//!
//! Each change is one conditional statement, and the number of rows it changed says whether what the change rests on
//! still held. The first condition that fails stops the batch; whoever called then takes back what was written before it.
//! Nothing is read and then written on the strength of it but inside the writer's own transaction.

use countersign_engine::core::{
    AttemptId, Batch, Change, Device, DeviceId, Event, Kind, Receipt, Sealed, Session, SessionKey, Timestamp, UserId,
};
use rusqlite::{Connection, OptionalExtension, Params, params};

use super::writer::Outcome;
use crate::statements::{account, attempt, budget, device, event, session};

/// Why a batch is not written.
enum Stop {
    Conflict,
    Overspent(String, Timestamp),
    Broken(rusqlite::Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Broken(error)
    }
}

type Written = Result<(), Stop>;

/// Applies every change, or says which receipt the batch gets instead.
pub(crate) fn write(connection: &Connection, batch: &Batch<Sealed>) -> rusqlite::Result<Outcome<Receipt>> {
    let transaction = Transaction(connection);
    match batch.changes().iter().try_for_each(|change| transaction.apply(change)) {
        Ok(()) => Ok(Outcome::Keep(batch.done())),
        Err(Stop::Conflict) => Ok(Outcome::Undo(batch.conflict())),
        Err(Stop::Overspent(key, until)) => Ok(Outcome::Undo(batch.overspent(key, until))),
        Err(Stop::Broken(error)) => Err(error),
    }
}

/// The writer's running transaction.
struct Transaction<'c>(&'c Connection);

impl Transaction<'_> {
    fn apply(&self, change: &Change<Sealed>) -> Written {
        match change {
            Change::SpendAttempt { attempt, until } => {
                self.one_row(attempt::SPEND, params![attempt.as_str(), until.as_millis()])
            }
            Change::MoveFactors { user, seen, preferred } => self.move_factors(user, *seen, preferred.as_ref()),
            Change::ExpectFactors { user, seen } => self.expect_factors(user, *seen),
            Change::RemoveDevice { device, seen } => {
                self.one_row(device::REMOVE, params![device.as_str(), there(*seen)?])
            }
            Change::RemoveDevices { user } => self.any_rows(device::REMOVE_ALL, [user.as_str()]),
            Change::AddDevice(device) => self.add_device(device),
            Change::UpdateDevice(device) => self.update_device(device),
            Change::ExpectSession(key) => self.expect_session(key),
            Change::EndSession(key) => self.any_rows(session::END, [key.as_str()]),
            Change::EndSessions { user } => self.any_rows(session::END_ALL, [user.as_str()]),
            Change::OpenSession(session) => self.open_session(session),
            Change::TouchSession { key, at } => self.any_rows(session::TOUCH, params![at.as_millis(), key.as_str()]),
            Change::Spend { key, amount, limit, at, window } => {
                self.spend(&Charge { key, amount: *amount, limit: *limit, at: *at, end: at.after(*window) })
            }
            Change::Refund { key, amount } => self.any_rows(budget::REFUND, params![amount, key]),
            Change::Record(event) => self.record(event),
        }
    }

    fn move_factors(&self, user: &UserId, seen: u64, preferred: Option<&DeviceId>) -> Written {
        let preferred = preferred.map(DeviceId::as_str);
        match seen {
            0 => self.one_row(account::FIRST, params![user.as_str(), preferred]),
            seen => self.one_row(account::MOVE, params![preferred, user.as_str(), there(seen)?]),
        }
    }

    fn expect_factors(&self, user: &UserId, seen: u64) -> Written {
        let mut statement = self.0.prepare_cached(account::VERSION)?;
        let version: Option<i64> = statement.query_row([user.as_str()], |row| row.get(0)).optional()?;
        if version.unwrap_or(0) == there(seen)? { Ok(()) } else { Err(Stop::Conflict) }
    }

    fn expect_session(&self, key: &SessionKey) -> Written {
        if self.0.prepare_cached(session::THERE)?.exists([key.as_str()])? { Ok(()) } else { Err(Stop::Conflict) }
    }

    fn add_device(&self, device: &Device<Sealed>) -> Written {
        self.one_row(
            device::ADD,
            params![
                device.id.as_str(),
                device.user.as_str(),
                device.kind.as_str(),
                device.name.as_str(),
                device.status.as_str(),
                storable(device.version)?,
                device.throttle.failures,
                device.throttle.last_failure.map(Timestamp::as_millis),
                device.created.as_millis(),
                device.last_used.map(Timestamp::as_millis),
                device.state.0,
            ],
        )
    }

    fn update_device(&self, device: &Device<Sealed>) -> Written {
        let version = storable(device.version)?;
        self.one_row(
            device::UPDATE,
            params![
                device.name.as_str(),
                device.status.as_str(),
                version,
                device.throttle.failures,
                device.throttle.last_failure.map(Timestamp::as_millis),
                device.last_used.map(Timestamp::as_millis),
                device.state.0,
                device.id.as_str(),
                version.saturating_sub(1),
            ],
        )
    }

    fn open_session(&self, session: &Session) -> Written {
        self.one_row(
            session::OPEN,
            params![
                session.key.as_str(),
                session.user.as_str(),
                session.level.as_str(),
                session.stamp,
                session.device.as_ref().map(DeviceId::as_str),
                session.created.as_millis(),
                session.last_seen.as_millis(),
                session.signed_in.as_millis(),
                session.verified.map(Timestamp::as_millis),
            ],
        )
    }

    fn spend(&self, charge: &Charge<'_>) -> Written {
        let Charge { key, amount, limit, at, end } = *charge;
        let values = params![key, amount, end.as_millis(), at.as_millis(), limit];
        if amount <= limit && self.rows(budget::SPEND, values)? == 1 {
            return Ok(());
        }
        let mut statement = self.0.prepare_cached(budget::UNTIL)?;
        let until = statement.query_row(params![key, at.as_millis()], |row| row.get(0)).optional()?;
        Err(Stop::Overspent(key.to_owned(), until.map_or(end, Timestamp::from_millis)))
    }

    fn record(&self, event: &Event) -> Written {
        self.one_row(
            event::RECORD,
            params![
                event.at.as_millis(),
                event.user.as_str(),
                event.kind.as_str(),
                event.device.as_ref().map(DeviceId::as_str),
                event.method.as_ref().map(Kind::as_str),
                event.attempt.as_ref().map(AttemptId::as_str),
                event.address.map(|address| address.to_string()),
            ],
        )
    }

    /// Runs a statement that has to change its row.
    fn one_row(&self, statement: &str, values: impl Params) -> Written {
        if self.rows(statement, values)? == 1 { Ok(()) } else { Err(Stop::Conflict) }
    }

    /// Runs a statement that may find nothing to do.
    fn any_rows(&self, statement: &str, values: impl Params) -> Written {
        self.rows(statement, values).map(drop)
    }

    fn rows(&self, statement: &str, values: impl Params) -> Result<usize, Stop> {
        Ok(self.0.prepare_cached(statement)?.execute(values)?)
    }
}

/// A charge to a budget.
struct Charge<'a> {
    key: &'a str,
    amount: u32,
    limit: u32,
    at: Timestamp,
    /// When the budget would be empty again if this were its first charge.
    end: Timestamp,
}

/// The version a row would have to be at. One beyond what a column holds is at no row.
fn there(version: u64) -> Result<i64, Stop> {
    i64::try_from(version).map_err(|_| Stop::Conflict)
}

/// The version as a column holds it.
fn storable(version: u64) -> rusqlite::Result<i64> {
    i64::try_from(version).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
