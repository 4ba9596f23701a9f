//! The connection pool: a bounded number of connections, a bounded wait, and no waiting while the database is down.
//!
//! A dead connection is noticed when it is taken and never handed out. If a new one cannot be made, the next callers
//! get the error at once for a short time, instead of each waiting for a time-out; so the first caller after the
//! database is back is served.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use countersign_engine::Fault;
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Metrics, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
};
use tokio::time::Instant;
use tokio_postgres::{Error, NoTls, Row, Statement, types::ToSql};

use super::{
    PoolStats, PostgresError, PostgresPlace, RETRY_AFTER, connecting::Connecting, durability::Durability,
    error::failed, pipeline::in_order, place::Encryption,
};
use crate::{
    StoreError,
    statements::postgres::{FOOTING, SYNC, TIME_OUTS},
    value::Value,
};

/// How long a caller waits for a connection that others use.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// How long it may take to make one, from the first packet to the last check.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long no new connection is tried after a failure.
const PAUSE: Duration = Duration::from_millis(250);

/// The pool.
pub(super) struct Connections {
    pool: Pool,
    durability: Arc<Durability>,
    /// The location of the database, without credentials.
    place: String,
    /// When a connection may be made again, after it could not be.
    away_until: Mutex<Option<Instant>>,
}

impl Connections {
    /// A pool that holds no connection yet.
    pub(super) fn new(place: &PostgresPlace) -> Result<Self, StoreError> {
        let config = place.config();
        let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match place.encryption()? {
            Encryption::None => Manager::from_connect(config, Connecting(NoTls), how),
            Encryption::Tls(tls) => Manager::from_connect(config, Connecting(tls), how),
        };
        let durability = Arc::new(Durability::default());
        let (at_first, again) = (Arc::clone(&durability), Arc::clone(&durability));
        let pool = Pool::builder(manager)
            .max_size(place.connections())
            .wait_timeout(Some(MAX_WAIT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(move |client, _| {
                let durability = Arc::clone(&at_first);
                Box::pin(async move { check_server(client, &durability).await })
            }))
            .pre_recycle(Hook::async_fn(move |client, metrics| {
                let durability = Arc::clone(&again);
                Box::pin(async move { follow(client, metrics, &durability).await })
            }))
            .build()
            .map_err(|error| failed("set up connections to the database", PostgresError::saying(error.to_string())))?;
        Ok(Self { pool, durability, place: place.to_string(), away_until: Mutex::default() })
    }

    /// The first connection, whose failure is reported to the operator who starts the program.
    pub(super) async fn first(&self) -> Result<Connection, StoreError> {
        self.pool.get().await.map(Connection).map_err(|error| failed("connect to the database", plain(error)))
    }

    /// A connection, or a fault that says when to come back.
    pub(super) async fn take(&self, doing: &'static str) -> Result<Connection, Fault> {
        if self.is_away() {
            let away = PostgresError::unreachable("the database was away a moment ago").of_place(&self.place);
            return Err(Fault::because(doing, away).again_after(RETRY_AFTER));
        }
        match self.pool.get().await {
            Ok(object) => {
                let connection = Connection(object);
                self.look_again(&connection).await;
                Ok(connection)
            }
            Err(error) => {
                if !matches!(error, PoolError::Timeout(TimeoutType::Wait)) {
                    self.note_away();
                }
                Err(Fault::because(doing, plain(error).of_place(&self.place)).again_after(RETRY_AFTER))
            }
        }
    }

    /// Once a minute, asks the server how durable it wants commits to be by now. A question that fails changes nothing: the
    /// level stays, and the caller that took the connection finds out what is wrong with it.
    async fn look_again(&self, connection: &Connection) {
        if !self.durability.is_due(Instant::now()) {
            return;
        }
        if let Err(cause) = self.raise(connection).await {
            tracing::debug!(cause = %PostgresError::from(cause), "checking the durability of commits failed");
        }
    }

    async fn raise(&self, connection: &Connection) -> Result<(), Error> {
        let rows = connection.query(SYNC, &[]).await?;
        let Some(row) = rows.first() else { return Ok(()) };
        let level = self.durability.found(row.try_get(0)?, Instant::now());
        connection.batch_execute(level.statement()).await
    }

    pub(super) fn stats(&self) -> PoolStats {
        let status = self.pool.status();
        PoolStats { open: status.size, idle: status.available, most: status.max_size, waiting: status.waiting }
    }

    /// Whether a connection could not be made a moment ago, and none is left over from before.
    fn is_away(&self) -> bool {
        let until = *self.away_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until) && self.pool.status().available == 0
    }

    fn note_away(&self) {
        let until = Instant::now().checked_add(PAUSE);
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stats().fmt(f)
    }
}

/// A connection that is one's own for a while.
#[derive(Debug)]
pub(super) struct Connection(Object);

impl Connection {
    /// Runs a statement and returns how many rows it has changed or found.
    pub(super) async fn execute(&self, statement: &'static str, values: &[Value<'_>]) -> Result<u64, Error> {
        let statement = self.0.prepare_cached(statement).await?;
        self.0.execute_raw(&statement, values).await
    }

    /// Runs a statement and returns its rows.
    pub(super) async fn query(&self, statement: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        let statement = self.0.prepare_cached(statement).await?;
        let values: Vec<_> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        self.0.query(&statement, &values).await
    }

    /// The statements of these texts, prepared all at once if they are not yet.
    pub(super) async fn prepare(&self, texts: impl Iterator<Item = &'static str>) -> Result<Vec<Statement>, Error> {
        in_order(texts.map(|text| self.0.prepare_cached(text))).await.into_iter().collect()
    }

    /// Runs a prepared statement.
    pub(super) async fn run(&self, statement: &Statement, values: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        self.0.execute(statement, values).await
    }

    /// Runs statements that take no values.
    pub(super) async fn batch_execute(&self, statements: &str) -> Result<(), Error> {
        self.0.batch_execute(statements).await
    }

    /// What there is to be asked of it without a prepared statement.
    pub(super) fn client(&self) -> &tokio_postgres::Client {
        &self.0
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Closes the connection, whatever is under way on it.
    pub(super) fn give_up(self) {
        drop(Object::take(self.0));
    }
}

/// Refuses a server that does not keep what it has committed, or that is a standby; and sees to it that our commits are
/// waited for, whatever the server's configuration comes to say later.
async fn check_server(client: &mut deadpool_postgres::ClientWrapper, durability: &Durability) -> Result<(), HookError> {
    let row = client.query_one(FOOTING, &[]).await.map_err(HookError::Backend)?;
    let read = |place| row.try_get::<_, &str>(place).map_err(HookError::Backend);
    if read(0)? == "off" {
        return Err(HookError::message(super::condition::FSYNC_OFF));
    }
    if row.try_get::<_, bool>(2).map_err(HookError::Backend)? {
        return Err(HookError::message(super::condition::STANDBY));
    }
    let level = durability.found(read(1)?, Instant::now());
    client.batch_execute(&format!("{TIME_OUTS}; {}", level.statement())).await.map_err(HookError::Backend)
}

/// Sets the level anew on a connection that was last used before it rose.
async fn follow(
    client: &mut deadpool_postgres::ClientWrapper,
    metrics: &Metrics,
    durability: &Durability,
) -> Result<(), HookError> {
    let last = metrics.recycled.unwrap_or(metrics.created);
    match durability.risen_since(last.into()) {
        Some(level) => client.batch_execute(level.statement()).await.map_err(HookError::Backend),
        None => Ok(()),
    }
}

/// What went wrong with the pool, in words.
fn plain(error: PoolError) -> PostgresError {
    match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => error.into(),
        PoolError::PostCreateHook(HookError::Message(message)) => PostgresError::saying(message),
        PoolError::Timeout(TimeoutType::Wait) => PostgresError::saying("every connection is in use"),
        PoolError::Timeout(_) => PostgresError::unreachable("the database does not answer"),
        PoolError::Closed | PoolError::NoRuntimeSpecified => PostgresError::saying("the pool is closed"),
    }
}
