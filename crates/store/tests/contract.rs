//! Every store keeps the contract of the port, and the contract notices a store that does not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use cluster::Fresh;
use countersign_engine::memory::MemoryStore;
use countersign_store::{PostgresPlace, PostgresStore, SqliteStore};
use countersign_testkit::{Careless, contract};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_keeps_the_contract() {
    contract::store::run(async || Arc::new(MemoryStore::default())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract::store::run(async || {
        let path = tempfile::Builder::new().disable_cleanup(true).tempdir_in(&folder).unwrap().path().join("store.db");
        SqliteStore::migrate(&path).unwrap();
        Arc::new(SqliteStore::open(&path).unwrap())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres_keeps_the_contract() {
    let database = Fresh::database();
    let place = PostgresPlace::parse(&database.url()).unwrap();
    contract::store::run(async || {
        database.empty().unwrap();
        PostgresStore::migrate(&place).await.unwrap();
        Arc::new(PostgresStore::open(&place).await.unwrap())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[should_panic(expected = "one_of_many_updates_wins")]
async fn a_store_that_forgets_what_versions_are_for_breaks_the_contract() {
    contract::store::run(async || Careless::before(Arc::new(MemoryStore::default()))).await;
}
