//! A connection pooler between us and the server, such as PgBouncer.
//!
//! A pooler that keeps whole sessions together (`pool_mode = session`) is supported. One that gives a client another
//! session with each transaction (`transaction`, `statement`) is refused: prepared statements, time-outs and the
//! durability of commits belong to a session, so statements would fail, or an accepted code could become valid again
//! after a power failure.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::{
    PostgresPlace, connecting,
    error::{BY_TRANSACTION, failed},
};
use crate::{
    StoreError,
    statements::postgres::{BACKEND, BEGIN},
};

/// How long a pooler may take that has no other session to give.
const MAX_WAIT: Duration = Duration::from_secs(3);

/// An error if the server's process behind this connection changes as soon as another connection is in a transaction.
pub(super) async fn refuse_by_transaction(own: &Client, place: &PostgresPlace) -> Result<(), StoreError> {
    let asking = |error: Error| failed("look at the database server", error.into());
    let before = backend(own).await.map_err(asking)?;
    // A server without room for another connection says nothing about poolers.
    let Ok((other, carrier)) = connecting::connect(place).await else { return Ok(()) };
    // A pooler that has given the session back by now gives it to this transaction.
    let after = match other.batch_execute(BEGIN).await {
        Ok(()) => timeout(MAX_WAIT, backend(own)).await.ok().transpose().map_err(asking)?,
        // One that pools by statement allows no transaction at all.
        Err(error) if error.as_db_error().is_some() => None,
        Err(error) => return Err(asking(error)),
    };
    carrier.abort();
    if after == Some(before) { Ok(()) } else { Err(StoreError::Unfit { place: String::new(), why: BY_TRANSACTION }) }
}

/// The process that answers, asked without a prepared statement.
async fn backend(client: &Client) -> Result<Option<String>, Error> {
    let rows = client.simple_query(BACKEND).await?;
    Ok(rows.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
