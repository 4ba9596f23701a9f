//! What is durable on PostgreSQL stays so, whatever the server's configuration comes to say while connections are open.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use cluster::Cluster;
use countersign_engine::{
    Store,
    core::{AttemptChange, AttemptId, Change, Timestamp, Written},
};
use countersign_store::{PostgresPlace, PostgresStore};
use countersign_testkit::contract::store::batch;

/// What `synchronous_commit` is in the transaction that commits this.
async fn durability_of_a_commit(store: &PostgresStore, cluster: &Cluster, attempt: &str) -> String {
    let spent =
        Change::Attempt(AttemptChange::Close { attempt: AttemptId::new(attempt), until: Timestamp::from_seconds(600) });
    assert_eq!(*store.commit(batch(vec![spent])).await.unwrap().written(), Written::Done);
    cluster.sql("postgres", "SELECT level FROM noted ORDER BY number DESC LIMIT 1").unwrap()
}

/// Sets it for the whole server, while connections are open, and waits until they have seen it.
async fn reloads(cluster: &Cluster, level: &str) {
    cluster.sql("postgres", &format!("ALTER SYSTEM SET synchronous_commit = {level}")).unwrap();
    cluster.sql("postgres", "SELECT pg_reload_conf()").unwrap();
    while cluster.sql("postgres", "SHOW synchronous_commit").unwrap() != level {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
}

#[tokio::test]
async fn t111_a_reload_does_not_switch_synchronous_commit_off_on_connections_that_are_open() {
    let cluster = Cluster::start().unwrap();
    let place = PostgresPlace::parse(&cluster.url("postgres")).unwrap();
    PostgresStore::migrate(&place).await.unwrap();
    let store = PostgresStore::open(&place).await.unwrap();
    let notes = "CREATE TABLE noted (number bigserial, level text);
                 CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                     INSERT INTO noted (level) VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$;
                 CREATE TRIGGER note AFTER INSERT ON spent_attempt FOR EACH ROW EXECUTE FUNCTION note()";
    cluster.sql("postgres", notes).unwrap();
    assert_eq!(durability_of_a_commit(&store, &cluster, "before").await, "on");
    for level in ["off", "local"] {
        reloads(&cluster, level).await;
        assert_eq!(store.pool_stats().open, 1, "it is the connection from before");
        assert_eq!(durability_of_a_commit(&store, &cluster, level).await, "on");
    }
    let later = PostgresStore::open(&place).await.unwrap();
    assert_eq!(durability_of_a_commit(&later, &cluster, "later").await, "on", "a new connection's too");
    // A server that asks for more is followed within a minute.
    reloads(&cluster, "remote_apply").await;
    assert_eq!(durability_of_a_commit(&store, &cluster, "not yet asked").await, "on");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    assert_eq!(durability_of_a_commit(&store, &cluster, "asked").await, "remote_apply");
    reloads(&cluster, "off").await;
    assert_eq!(durability_of_a_commit(&store, &cluster, "kept").await, "remote_apply");
}
