//! Migrating a PostgreSQL database.
//!
//! Each migration is one transaction with its line in the ledger, and each such transaction first takes a lock: of two
//! nodes that start at once, one migrates and the other then finds nothing to do.

use tokio_postgres::Client;

use super::{PostgresError, PostgresPlace, condition, connecting, error::failed, pool::Connection, pooler};
use crate::{
    Migrated, Pending, StoreError,
    migrate::{self, Migration},
    statements::{
        postgres::{BEGIN, COMMIT, HAS_LEDGER, LEDGER, LOCK_SCHEMA, PATIENT_TIME_OUTS},
        schema::{NOTE, VERSION},
    },
    value::Value,
};

pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "first", text: include_str!("../../migrations/postgres/0001_first.sql") },
    Migration {
        version: 2,
        name: "known browsers",
        text: include_str!("../../migrations/postgres/0002_known_browsers.sql"),
    },
    Migration { version: 3, name: "nodes", text: include_str!("../../migrations/postgres/0003_nodes.sql") },
    Migration { version: 4, name: "deliveries", text: include_str!("../../migrations/postgres/0004_deliveries.sql") },
    Migration { version: 5, name: "tokens", text: include_str!("../../migrations/postgres/0005_tokens.sql") },
    Migration { version: 6, name: "clients", text: include_str!("../../migrations/postgres/0006_clients.sql") },
    Migration {
        version: 7,
        name: "device cookies",
        text: include_str!("../../migrations/postgres/0007_device_cookies.sql"),
    },
    Migration { version: 8, name: "restoration", text: include_str!("../../migrations/postgres/0008_restoration.sql") },
    Migration {
        version: 9,
        name: "token_created",
        text: include_str!("../../migrations/postgres/0009_token_created.sql"),
    },
    Migration { version: 10, name: "node host", text: include_str!("../../migrations/postgres/0010_node_host.sql") },
    Migration { version: 11, name: "repeat", text: include_str!("../../migrations/postgres/0011_repeat.sql") },
];

/// An error unless the database has exactly the shape this program knows.
pub(super) async fn check(connection: &Connection, place: &PostgresPlace) -> Result<(), StoreError> {
    let ledger = connection.query(HAS_LEDGER, &[]).await.map_err(reading)?;
    let found = if ledger.is_empty() { 0 } else { version(&connection.query(VERSION, &[]).await.map_err(reading)?)? };
    migrate::check(MIGRATIONS, found, place)
}

/// Applies what is missing, one migration after the other.
pub(super) async fn migrate(place: &PostgresPlace) -> Result<Migrated, StoreError> {
    let (client, carrier) = connect(place).await?;
    condition::refuse_to_migrate(&client).await?;
    let mut first = None;
    let from = loop {
        client.batch_execute(BEGIN).await.map_err(reading)?;
        client.batch_execute(LOCK_SCHEMA).await.map_err(reading)?;
        client.batch_execute(LEDGER).await.map_err(reading)?;
        let found = version(&client.query(VERSION, &[]).await.map_err(reading)?)?;
        let from = *first.get_or_insert(found);
        // Where nothing is to be done, the end of the connection is the end of the transaction.
        let Some(next) = migrate::next(MIGRATIONS, found, place)? else { break from };
        apply(&client, next).await.map_err(|error| failed("apply a migration", error.into()))?;
        tracing::info!(version = next.version, name = next.name, "applied a migration");
    };
    carrier.abort();
    Ok(Migrated { from, to: migrate::newest(MIGRATIONS) })
}

/// What `migrate` would apply; an error if the database is ahead of this program. Changes nothing.
pub(super) async fn pending(place: &PostgresPlace) -> Result<Vec<Pending>, StoreError> {
    let (client, carrier) = connect(place).await?;
    condition::refuse_to_migrate(&client).await?;
    let ledger = client.query(HAS_LEDGER, &[]).await.map_err(reading)?;
    let found = if ledger.is_empty() { 0 } else { version(&client.query(VERSION, &[]).await.map_err(reading)?)? };
    carrier.abort();
    migrate::pending(MIGRATIONS, found, place)
}

async fn apply(client: &Client, migration: &Migration) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(migration.text).await?;
    client.execute(NOTE, &[&Value::from(migration.version), &Value::from(migration.name)]).await?;
    client.batch_execute(COMMIT).await
}

/// A connection that waits for as long as a migration takes.
async fn connect(place: &PostgresPlace) -> Result<(Client, tokio::task::JoinHandle<()>), StoreError> {
    let (client, carrier) = connecting::connect(place).await?;
    pooler::refuse_by_transaction(&client, place).await?;
    client.batch_execute(PATIENT_TIME_OUTS).await.map_err(reading)?;
    Ok((client, carrier))
}

fn version(rows: &[tokio_postgres::Row]) -> Result<u32, StoreError> {
    let found = rows.first().and_then(|row| row.try_get::<_, i64>(0).ok()).and_then(|found| u32::try_from(found).ok());
    found.ok_or_else(|| {
        failed("read the schema of the database", PostgresError::saying("the ledger of migrations is not ours"))
    })
}

fn reading(error: tokio_postgres::Error) -> StoreError {
    failed("read the schema of the database", error.into())
}
