//! The store on PostgreSQL: a bounded pool of connections, and one transaction a batch.
//!
//! A batch is `BEGIN` and all its statements sent at once, a look at the row counts, and then `COMMIT` or `ROLLBACK`: two
//! round trips, whatever the number of changes. Nothing is grouped across callers, because PostgreSQL does that by itself.
//! What a batch means stands in `plan.rs`, what a row means in `row.rs`; both are the same for SQLite. A commit whose
//! outcome is unknown is a fault and is never tried again; a read that met a dead connection is, once.
//! (ADR 7)

mod commit;
mod condition;
mod connecting;
mod durability;
mod error;
pub(crate) mod migrate;
mod pipeline;
mod place;
mod pool;
mod pooler;
mod tls;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use countersign_engine::{
    Fault, Store,
    core::{
        AttemptId, Batch, Budget, Client, ClientId, Delivery, Device, DeviceCookie, DeviceId, Event, Factors, Node,
        Predecessor, Receipt, Sealed, Session, SessionKey, Timestamp, Token, TokenKey, UserId,
    },
    port::Retention,
};
use tokio::time::{error::Elapsed, timeout};
use tokio_postgres::Row;

pub use self::{
    condition::{Finding, Weight},
    error::PostgresError,
    place::PostgresPlace,
};
use self::{
    error::fault,
    pool::{Connection, Connections},
};
use crate::{
    Migrated, Pending, StoreError, UserTable,
    row::{Columns, FromColumns},
    statements::{postgres::CLOCK, schema},
    table::{
        account::{self, FactorsOf},
        attempt, budget, client, delivery, device, device_cookie, event, node, session, token,
    },
    value::Value,
};

/// How many rows are forgotten by one statement, so that nobody waits long behind it.
const SLICE: u32 = 500;

/// What the pool of connections is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PoolStats {
    /// Connections there are.
    pub open: usize,
    /// Connections that nobody uses at present.
    pub idle: usize,
    /// Connections there may be.
    pub most: usize,
    /// Callers that wait for one.
    pub waiting: usize,
}

/// A store on a PostgreSQL database. Clones share their connections.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    connections: Arc<Connections>,
}

impl PostgresStore {
    /// Connects to the database at `place`, which must have been migrated by this version, on a server that keeps what it
    /// has promised.
    pub async fn open(place: &PostgresPlace) -> Result<Self, StoreError> {
        Self::connect(place).await.map_err(|error| error.of_place(place))
    }

    async fn connect(place: &PostgresPlace) -> Result<Self, StoreError> {
        let store = Self { connections: Arc::new(Connections::new(place)?) };
        let connection = store.connections.first().await?;
        pooler::refuse_by_transaction(connection.client(), place).await?;
        condition::refuse_unfit(&connection).await?;
        migrate::check(&connection, place).await?;
        drop(connection);
        Ok(store)
    }

    /// Brings the database at `place`, which has to be there, to the shape this version knows. Harmless while others use
    /// it, harmless to repeat, and harmless for two to do at once.
    pub async fn migrate(place: &PostgresPlace) -> Result<Migrated, StoreError> {
        migrate::migrate(place).await.map_err(|error| error.of_place(place))
    }

    /// What [`migrate`](Self::migrate) would apply to the database at `place`. Changes nothing.
    pub async fn pending(place: &PostgresPlace) -> Result<Vec<Pending>, StoreError> {
        migrate::pending(place).await.map_err(|error| error.of_place(place))
    }

    /// The users of the stand-alone server.
    pub fn users(&self) -> UserTable {
        UserTable::on_postgres(self.clone())
    }

    /// What an operator should know of the database server.
    pub async fn findings(&self) -> Result<Vec<Finding>, Fault> {
        let doing = "look at the database server";
        let connection = self.connections.take(doing).await?;
        condition::findings(&connection).await.map_err(|error| fault(doing, error))
    }

    /// The time, as the database server's machine has it.
    pub async fn clock(&self) -> Result<Timestamp, Fault> {
        let doing = "read the clock of the database server";
        let rows = self.read(doing, CLOCK, &[]).await?;
        let row = rows.first().ok_or_else(|| Fault::because(doing, PostgresError::saying("it says nothing")))?;
        row.try_get(0).map(Timestamp::from_millis).map_err(|error| fault(doing, error))
    }

    /// What the pool of connections is doing.
    pub fn pool_stats(&self) -> PoolStats {
        self.connections.stats()
    }

    /// Every row that a statement finds, or returns after changing it. A statement that reads is tried a second time, on
    /// another connection, if the first one turned out to be dead.
    pub(crate) async fn rows<T: FromColumns>(
        &self,
        doing: &'static str,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<T>, Fault> {
        let rows = self.read(doing, statement, values).await?;
        let parsed: Result<Vec<T>, _> = rows.iter().map(|row| T::read(&mut Columns::of(row))).collect();
        parsed.map_err(|strange| Fault::because(doing, strange))
    }

    pub(crate) async fn row<T: FromColumns>(
        &self,
        doing: &'static str,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<T>, Fault> {
        Ok(self.rows(doing, statement, values).await?.into_iter().next())
    }

    async fn read(
        &self,
        doing: &'static str,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, Fault> {
        if !values.iter().all(Value::is_holdable) {
            return Ok(vec![]);
        }
        match self.query(doing, statement, values).await? {
            Err(error) if error::is_lost(&error) => {
                self.query(doing, statement, values).await?.map_err(|error| fault(doing, error))
            }
            done => done.map_err(|error| fault(doing, error)),
        }
    }

    /// Runs one statement that changes rows, which is a transaction by itself, and returns what it gives back. It is
    /// never run twice.
    pub(crate) async fn change<T: FromColumns>(
        &self,
        doing: &'static str,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<T>, Fault> {
        let rows = self.query(doing, statement, values).await?.map_err(|error| fault(doing, error))?;
        let parsed: Result<Vec<T>, _> = rows.iter().map(|row| T::read(&mut Columns::of(row))).collect();
        parsed.map_err(|strange| Fault::because(doing, strange))
    }

    /// Runs one statement that changes rows, which is a transaction by itself, and returns how many. It is never run
    /// twice.
    pub(crate) async fn count(
        &self,
        doing: &'static str,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, Fault> {
        let connection = self.connections.take(doing).await?;
        let answer = timeout(TIMEOUT, connection.execute(statement, values)).await;
        in_time(doing, connection, answer)?.map_err(|error| fault(doing, error))
    }

    async fn query(
        &self,
        doing: &'static str,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<Result<Vec<Row>, tokio_postgres::Error>, Fault> {
        let connection = self.connections.take(doing).await?;
        let answer = timeout(TIMEOUT, connection.query(statement, values)).await;
        in_time(doing, connection, answer).map_err(|fault| fault.again_after(RETRY_AFTER))
    }

    /// Removes rows by `statement`, which takes these moments and a number of rows, a slice at a time.
    async fn forget(&self, statement: &'static str, moments: &[Timestamp]) -> Result<u64, Fault> {
        let values: Vec<Value<'_>> = moments.iter().map(|moment| (*moment).into()).chain([SLICE.into()]).collect();
        let mut gone = 0;
        loop {
            let rows = self.count("forget what is over", statement, &values).await?;
            gone += rows;
            if rows < u64::from(SLICE) {
                return Ok(gone);
            }
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn factors(&self, user: &UserId) -> Result<Factors<Sealed>, Fault> {
        let doing = "read a user's factors";
        let mut factors = FactorsOf::new(user);
        for row in self.read(doing, account::FACTORS, &[user.into()]).await? {
            factors.add(&row).map_err(|strange| Fault::because(doing, strange))?;
        }
        Ok(factors.0)
    }

    async fn device(&self, device: &DeviceId) -> Result<Option<Device<Sealed>>, Fault> {
        self.row("read a device", device::ONE, &[device.into()]).await
    }

    async fn attempt_spent(&self, attempt: &AttemptId) -> Result<bool, Fault> {
        let rows = self.read("read whether an attempt is over", attempt::ONE, &[attempt.into()]).await?;
        Ok(!rows.is_empty())
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, Fault> {
        self.row("read a session", session::ONE, &[key.into()]).await
    }

    async fn session_after(&self, predecessor: &Predecessor) -> Result<Option<Session>, Fault> {
        self.row("read a session by what it came from", session::AFTER, &[predecessor.into()]).await
    }

    async fn sessions(&self, user: &UserId) -> Result<Vec<Session>, Fault> {
        self.rows("read a user's sessions", session::OF_USER, &[user.into()]).await
    }

    async fn token(&self, key: &TokenKey) -> Result<Option<Token>, Fault> {
        self.row("read a token", token::BY_KEY, &[key.into()]).await
    }

    async fn tokens(&self, user: &UserId) -> Result<Vec<Token>, Fault> {
        self.rows("read a user's tokens", token::OF_USER, &[user.into()]).await
    }

    async fn client(&self, client: &ClientId) -> Result<Option<Client>, Fault> {
        self.row("read a client", client::ONE, &[client.into()]).await
    }

    async fn clients(&self) -> Result<Vec<Client>, Fault> {
        self.rows("read the clients", client::ALL, &[]).await
    }

    async fn events(&self, user: &UserId, limit: u32) -> Result<Vec<Event>, Fault> {
        self.rows("read a user's events", event::OF_USER, &[user.into(), limit.into()]).await
    }

    async fn deliveries(&self, user: &UserId, limit: u32) -> Result<Vec<Delivery>, Fault> {
        self.rows("read a user's deliveries", delivery::OF_USER, &[user.into(), limit.into()]).await
    }

    async fn budget(&self, key: &str) -> Result<Option<Budget>, Fault> {
        self.row("read a budget", budget::ONE, &[key.into()]).await
    }

    async fn device_cookies(&self, user: &UserId) -> Result<Vec<DeviceCookie>, Fault> {
        self.rows("read a user's device cookies", device_cookie::OF_USER, &[user.into()]).await
    }

    async fn commit(&self, batch: Batch<Sealed>) -> Result<Receipt, Fault> {
        commit::commit(&self.connections, batch).await
    }

    async fn nodes(&self) -> Result<Vec<Node>, Fault> {
        self.rows("read the nodes", node::ALL, &[]).await
    }

    async fn devices_after(&self, cursor: Option<&DeviceId>, limit: u32) -> Result<Vec<Device<Sealed>>, Fault> {
        // No id is empty, so every device comes after the empty one.
        let cursor = cursor.map_or("", DeviceId::as_str);
        self.rows("read devices", device::AFTER, &[cursor.into(), limit.into()]).await
    }

    async fn purge(&self, retention: &Retention) -> Result<u64, Fault> {
        let told = match retention.events_before {
            Some(before) => {
                self.forget(event::PURGE, &[before]).await? + self.forget(delivery::PURGE, &[before]).await?
            }
            None => 0,
        };
        self.forget(session::PURGE_REPEATS, &[retention.now]).await?;
        Ok(told
            + self.forget(attempt::PURGE, &[retention.now]).await?
            + self.forget(budget::PURGE, &[retention.now]).await?
            + self.forget(session::PURGE, &[retention.sessions_before, retention.credible_until]).await?
            + self.forget(token::PURGE, &[retention.now, retention.credible_until]).await?
            + self.forget(device::PURGE, &[retention.enrolments_before]).await?
            + self.forget(node::PURGE, &[retention.nodes_before, retention.credible_until]).await?)
    }

    async fn ping(&self) -> Result<(), Fault> {
        self.read("read anything at all", schema::VERSION, &[]).await.map(drop)
    }
}

/// A connection on which no answer comes is closed, so that nobody else waits on it.
fn in_time<T>(doing: &'static str, connection: Connection, answer: Result<T, Elapsed>) -> Result<T, Fault> {
    answer.map_err(|_| {
        connection.give_up();
        Fault::because(doing, "no answer came from the database in time")
    })
}

/// How long anything may take, longer than the server's own time-outs: those tell more, but do not count the wait of a
/// commit for its disk and its standby.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long one waits before trying what was too much for the database, or could not reach it.
const RETRY_AFTER: Duration = Duration::from_secs(1);
