//! The reads of the port, each one statement.
//!
//! A read runs on the thread that asks, on a connection that cannot write, and sees the database as of one moment. None
//! scans: each finds its rows by a key or an index.

use countersign_engine::core::{
    AttemptId, Budget, Client, ClientId, Delivery, Device, DeviceCookie, DeviceId, Event, Factors, Node, Predecessor,
    Sealed, Session, SessionKey, Token, TokenKey, UserId,
};
use rusqlite::{Connection, OptionalExtension, Result, params_from_iter};

use crate::{
    row::{Columns, FromColumns},
    statements::schema,
    table::{
        account::{self, FactorsOf},
        attempt, budget, client, delivery, device, device_cookie, event, node, session, token,
    },
    value::Value,
};

pub(crate) fn factors(connection: &Connection, user: &UserId) -> Result<Factors<Sealed>> {
    let mut statement = connection.prepare_cached(account::FACTORS)?;
    let mut rows = statement.query([user.as_str()])?;
    let mut factors = FactorsOf::new(user);
    while let Some(row) = rows.next()? {
        factors.add(row)?;
    }
    Ok(factors.0)
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

pub(crate) fn session_after(connection: &Connection, predecessor: &Predecessor) -> Result<Option<Session>> {
    one(connection, session::AFTER, predecessor.as_str())
}

pub(crate) fn sessions(connection: &Connection, user: &UserId) -> Result<Vec<Session>> {
    rows(connection, session::OF_USER, &[user.into()])
}

pub(crate) fn token(connection: &Connection, key: &TokenKey) -> Result<Option<Token>> {
    one(connection, token::BY_KEY, key.as_str())
}

pub(crate) fn tokens(connection: &Connection, user: &UserId) -> Result<Vec<Token>> {
    rows(connection, token::OF_USER, &[user.into()])
}

pub(crate) fn client(connection: &Connection, client: &ClientId) -> Result<Option<Client>> {
    one(connection, client::ONE, client.as_str())
}

pub(crate) fn clients(connection: &Connection) -> Result<Vec<Client>> {
    rows(connection, client::ALL, &[])
}

pub(crate) fn events(connection: &Connection, user: &UserId, limit: u32) -> Result<Vec<Event>> {
    rows(connection, event::OF_USER, &[user.into(), limit.into()])
}

pub(crate) fn deliveries(connection: &Connection, user: &UserId, limit: u32) -> Result<Vec<Delivery>> {
    rows(connection, delivery::OF_USER, &[user.into(), limit.into()])
}

pub(crate) fn budget(connection: &Connection, key: &str) -> Result<Option<Budget>> {
    one(connection, budget::ONE, key)
}

pub(crate) fn device_cookies(connection: &Connection, user: &UserId) -> Result<Vec<DeviceCookie>> {
    rows(connection, device_cookie::OF_USER, &[user.into()])
}

pub(crate) fn nodes(connection: &Connection) -> Result<Vec<Node>> {
    rows(connection, node::ALL, &[])
}

/// No id is empty, so every device comes after the empty one.
pub(crate) fn devices_after(
    connection: &Connection,
    cursor: Option<&DeviceId>,
    limit: u32,
) -> Result<Vec<Device<Sealed>>> {
    rows(connection, device::AFTER, &[cursor.map_or("", DeviceId::as_str).into(), limit.into()])
}

/// The number of the last migration that was applied.
pub(crate) fn version(connection: &Connection) -> Result<u32> {
    connection.query_row(schema::VERSION, [], |row| row.get(0))
}

/// The row found by `key`, if there is one.
pub(crate) fn one<T: FromColumns>(connection: &Connection, statement: &str, key: &str) -> Result<Option<T>> {
    connection.prepare_cached(statement)?.query_row([key], |row| Ok(T::read(&mut Columns::of(row))?)).optional()
}

/// Every row.
pub(crate) fn rows<T: FromColumns>(connection: &Connection, statement: &str, values: &[Value<'_>]) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(statement)?;
    statement.query_map(params_from_iter(values), |row| Ok(T::read(&mut Columns::of(row))?))?.collect()
}
