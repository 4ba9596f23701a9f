//! What PostgreSQL takes back by itself: a serialisation failure and a deadlock say that something had moved, wherever in a
//! batch they come. They are conflicts, never faults; the engine then loads afresh and judges again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cluster::Fresh;
use countersign_engine::{
    Store as _,
    core::{AttemptChange, AttemptId, Change, Sealed, Timestamp, Written},
};
use countersign_store::{PostgresPlace, PostgresStore};
use countersign_testkit::contract::store::batch;

/// How PostgreSQL says `serialization_failure` and `deadlock_detected`.
const TAKEN_BACK: [&str; 2] = ["40001", "40P01"];
/// When it says so: while a row is written, after it, and when all of it is committed.
const MOMENTS: [&str; 3] = [
    "TRIGGER broken BEFORE INSERT ON spent_attempt",
    "TRIGGER broken AFTER INSERT ON spent_attempt",
    "CONSTRAINT TRIGGER broken AFTER INSERT ON spent_attempt DEFERRABLE INITIALLY DEFERRED",
];

fn spend(attempts: &[&str]) -> Vec<Change<Sealed>> {
    let until = Timestamp::from_seconds(600);
    attempts
        .iter()
        .map(|attempt| Change::Attempt(AttemptChange::Close { attempt: AttemptId::new(*attempt), until }))
        .collect()
}

#[tokio::test]
async fn what_the_database_takes_back_is_a_conflict_and_can_be_written_again() {
    let database = Fresh::database();
    let place = PostgresPlace::parse(&database.url()).unwrap().with_connections(1);
    PostgresStore::migrate(&place).await.unwrap();
    let store = PostgresStore::open(&place).await.unwrap();
    for (code, moment) in TAKEN_BACK.iter().flat_map(|code| MOMENTS.iter().map(move |moment| (code, moment))) {
        for attempts in [&["one"][..], &["one", "two", "three"]] {
            let what = format!("{code}, {moment}, {} steps", attempts.len());
            database
                .sql(&format!(
                    "CREATE OR REPLACE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql
                         AS $$ BEGIN RAISE EXCEPTION 'taken back' USING ERRCODE = '{code}'; END $$;
                     CREATE {moment} FOR EACH ROW EXECUTE FUNCTION broken()"
                ))
                .unwrap();
            let receipt = store.commit(batch(spend(attempts))).await;
            assert_eq!(*receipt.unwrap().written(), Written::Conflict, "{what}");
            assert_eq!(database.sql("SELECT count(*) FROM spent_attempt").unwrap(), "0", "{what}: half of it was done");
            database.sql("DROP TRIGGER broken ON spent_attempt").unwrap();
            let receipt = store.commit(batch(spend(attempts))).await;
            assert_eq!(*receipt.unwrap().written(), Written::Done, "{what}: the connection is as good as before");
            database.sql("DELETE FROM spent_attempt").unwrap();
        }
    }
}
