//! The reads of the port, each one statement.
//!
//! A read runs on the thread that asks, on a connection that cannot write, and sees the database as of one moment. None
//! scans: each finds its rows by a key or an index.

use countersign_engine::core::{
    Account, AttemptId, Budget, Device, DeviceId, Event, Factors, Sealed, Session, SessionKey, UserId,
};
use rusqlite::{Connection, OptionalExtension, Result, ToSql};

use crate::{
    row::{Columns, FromColumns},
    statements::{account, attempt, budget, device, event, schema, session},
};

pub(crate) fn factors(connection: &Connection, user: &UserId) -> Result<Factors<Sealed>> {
    let mut statement = connection.prepare_cached(account::FACTORS)?;
    let mut rows = statement.query([user.as_str()])?;
    let mut factors = Factors { account: Account::new(user.clone()), devices: Vec::new() };
    while let Some(row) = rows.next()? {
        let mut columns = Columns::of(row);
        factors.account.factors = columns.number("factors")?;
        factors.account.preferred = columns.id_if_any()?;
        if !columns.at_null()? {
            factors.devices.push(Device::read(&mut columns)?);
        }
    }
    Ok(factors)
}

pub(crate) fn device(connection: &Connection, device: &DeviceId) -> Result<Option<Device<Sealed>>> {
    one(connection, device::ONE, device.as_str())
}

pub(crate) fn attempt_spent(connection: &Connection, attempt: &AttemptId) -> Result<bool> {
    connection.prepare_cached(attempt::ONE)?.exists([attempt.as_str()])
}

pub(crate) fn session(connection: &Connection, key: &SessionKey) -> Result<Option<Session>> {
    one(connection, session::ONE, key.as_str())
}

pub(crate) fn sessions(connection: &Connection, user: &UserId) -> Result<Vec<Session>> {
    all(connection, session::OF_USER, &[&user.as_str()])
}

pub(crate) fn events(connection: &Connection, user: &UserId, limit: u32) -> Result<Vec<Event>> {
    all(connection, event::OF_USER, &[&user.as_str(), &limit])
}

pub(crate) fn budget(connection: &Connection, key: &str) -> Result<Option<Budget>> {
    one(connection, budget::ONE, key)
}

/// The number of the last migration that was applied.
pub(crate) fn version(connection: &Connection) -> Result<u32> {
    connection.query_row(schema::VERSION, [], |row| row.get(0))
}

/// The row found by `key`, if there is one.
pub(crate) fn one<T: FromColumns>(connection: &Connection, statement: &str, key: &str) -> Result<Option<T>> {
    connection.prepare_cached(statement)?.query_row([key], |row| T::read(&mut Columns::of(row))).optional()
}

/// Every row.
pub(crate) fn all<T: FromColumns>(connection: &Connection, statement: &str, values: &[&dyn ToSql]) -> Result<Vec<T>> {
    connection.prepare_cached(statement)?.query_map(values, |row| T::read(&mut Columns::of(row)))?.collect()
}
