//! PostgreSQL itself: migrations, servers that must not be used, callers that leave, and a database that goes away.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a real database goes away in real time")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cluster::{Cluster, Fresh, Stop};
use countersign_engine::{
    Fault, Store,
    core::{
        AttemptChange, AttemptId, Change, Client as Registered, ClientChange, ClientId, ClientKind, Device,
        DeviceChange, DeviceId, DeviceName, FamilyId, Kind, Scopes, Sealed, Session, SessionChange, SessionKey, Status,
        Timestamp, TokenChange, UserId, Written, throttle::Throttle,
    },
    port::Retention,
};
use countersign_store::{Migrated, Pending, PostgresPlace, PostgresStore, StoreError, Weight};
use countersign_testkit::{all_at_once, contract::store::batch};
use tokio_postgres::{Client, NoTls};

/// The number of the last migration.
const NEWEST: u32 = 11;

fn place(url: &str) -> PostgresPlace {
    PostgresPlace::parse(url).unwrap()
}

async fn opened(url: &str) -> PostgresStore {
    PostgresStore::migrate(&place(url)).await.unwrap();
    PostgresStore::open(&place(url)).await.unwrap()
}

/// A connection of somebody else's.
async fn stranger(database: &Fresh) -> Client {
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn device(id: &str) -> Device<Sealed> {
    Device {
        id: DeviceId::new(id),
        user: UserId::new("ada"),
        kind: Kind::TOTP,
        name: DeviceName::parse("Phone").unwrap(),
        status: Status::Enrolling,
        version: 1,
        throttle: Throttle::default(),
        created: Timestamp::from_seconds(1),
        last_used: None,
        state: Sealed(vec![1]),
    }
}

fn spend(attempt: impl Into<Box<str>>) -> Change<Sealed> {
    Change::Attempt(AttemptChange::Close { attempt: AttemptId::new(attempt), until: Timestamp::from_seconds(600) })
}

async fn commit(store: &PostgresStore, changes: Vec<Change<Sealed>>) -> Result<Written, Fault> {
    store.commit(batch(changes)).await.map(|receipt| receipt.written().clone())
}

#[tokio::test]
async fn a_migration_is_done_once_and_a_dry_run_changes_nothing() {
    let database = Fresh::database();
    let place = place(&database.url());
    for _ in 0..2 {
        let pending = PostgresStore::pending(&place).await.unwrap();
        assert_eq!(pending.first(), Some(&Pending { version: 1, name: "first" }));
        assert!(pending.iter().map(|pending| pending.version).eq(1..=NEWEST));
    }
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").unwrap(), "0");
    assert_eq!(PostgresStore::migrate(&place).await.unwrap(), Migrated { from: 0, to: NEWEST });
    let _open = PostgresStore::open(&place).await.unwrap();
    assert_eq!(
        PostgresStore::migrate(&place).await.unwrap(),
        Migrated { from: NEWEST, to: NEWEST },
        "while it is in use"
    );
    assert_eq!(PostgresStore::pending(&place).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_migrate_at_once_migrate_once() {
    let database = Fresh::database();
    for _ in 0..3 {
        database.empty().unwrap();
        let place = place(&database.url());
        let migrated = all_at_once(8, move |_| {
            let place = place.clone();
            async move {
                let migrated = PostgresStore::migrate(&place).await.unwrap();
                PostgresStore::open(&place).await.unwrap();
                migrated
            }
        });
        assert_eq!(migrated.await.iter().filter(|migrated| migrated.from == 0).count(), 1);
    }
}

#[tokio::test]
async fn a_database_that_is_not_ready_or_from_the_future_says_what_to_run() {
    let database = Fresh::database();
    let place = place(&database.url());
    let empty = PostgresStore::open(&place).await.unwrap_err();
    assert!(matches!(empty, StoreError::Empty { .. }));
    assert!(empty.to_string().contains("run `countersign migrate`"), "{empty}");
    PostgresStore::migrate(&place).await.unwrap();
    database.sql("INSERT INTO countersign_migration (version, name) VALUES (99, 'from the future')").unwrap();
    let errors = [
        PostgresStore::open(&place).await.unwrap_err(),
        PostgresStore::migrate(&place).await.unwrap_err(),
        PostgresStore::pending(&place).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, StoreError::Ahead { found: 99, known: NEWEST, .. }));
        assert!(error.to_string().contains("older than the database"), "{error}");
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let database = Fresh::database();
    database.sql("CREATE TABLE session (mine TEXT)").unwrap();
    let error = PostgresStore::migrate(&place(&database.url())).await.unwrap_err();
    assert_eq!(error.to_string(), "could not apply a migration");
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").unwrap(), "1");
}

#[tokio::test]
async fn every_connection_is_named_and_has_its_time_outs() {
    let database = Fresh::database();
    let store = opened(&database.url()).await;
    store.ping().await.unwrap();
    let named = "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() \
                 AND application_name <> 'psql'";
    assert_eq!(database.sql(named).unwrap(), "countersign");
    let stranger = stranger(&database).await;
    commit(&store, vec![Change::Device(DeviceChange::Add(device("phone")))]).await.unwrap();
    stranger.batch_execute("BEGIN; UPDATE device SET name = 'held'").await.unwrap();
    let update = || vec![Change::Device(DeviceChange::Update(Device { version: 2, ..device("phone") })), spend("one")];
    let fault = commit(&store, update()).await.unwrap_err();
    assert!(fault.to_string().contains("lock timeout"), "{fault}");
    assert!(fault.retry_after().is_some());
    stranger.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(commit(&store, update()).await.unwrap(), Written::Done, "nothing was written before");
}

#[tokio::test]
async fn a_device_that_is_confirmed_while_it_is_being_forgotten_stays() {
    let database = Fresh::database();
    let store = opened(&database.url()).await;
    commit(&store, vec![Change::Device(DeviceChange::Add(device("phone")))]).await.unwrap();
    let stranger = stranger(&database).await;
    stranger.batch_execute("BEGIN; UPDATE device SET status = 'active', version = 2").await.unwrap();
    let now = Timestamp::from_seconds(1_000);
    let purging = tokio::spawn({
        let store = store.clone();
        async move {
            let retention = Retention {
                now,
                sessions_before: now,
                enrolments_before: now,
                events_before: None,
                nodes_before: now,
                credible_until: now,
            };
            store.purge(&retention).await.unwrap()
        }
    });
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    while database.sql(waiting).unwrap() == "0" {
        assert!(!purging.is_finished(), "the forgetting waits for the row");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stranger.batch_execute("COMMIT").await.unwrap();
    assert_eq!(purging.await.unwrap(), 0);
    assert!(store.device(&DeviceId::new("phone")).await.unwrap().is_some());
}

#[tokio::test]
async fn an_error_says_no_value() {
    let database = Fresh::database();
    let store = opened(&database.url()).await;
    let nameless = Change::Device(DeviceChange::Add(Device { state: Sealed(vec![]), ..device("hunter2") }));
    for changes in [vec![nameless.clone()], vec![nameless, spend("one")]] {
        let fault = commit(&store, changes).await.unwrap_err();
        assert!(fault.to_string().contains("23514") && !format!("{fault:?}").contains("hunter2"), "{fault}");
    }
    assert_eq!(commit(&store, vec![spend("one")]).await.unwrap(), Written::Done, "nothing was written before");
}

#[tokio::test]
async fn a_text_that_no_row_can_hold_finds_nothing() {
    let database = Fresh::database();
    let store = opened(&database.url()).await;
    assert!(store.device(&DeviceId::new("a\0b")).await.unwrap().is_none());
    assert!(store.session(&SessionKey::new("\0")).await.unwrap().is_none());
    assert_eq!(store.factors(&UserId::new("a\0b")).await.unwrap().account.factors, 0);
    assert!(store.users().by_canonical_name("a\0b").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_leave_leave_no_transaction_open() {
    let database = Fresh::database();
    let store = opened(&database.url()).await;
    for round in 0..200 {
        let task = tokio::spawn({
            let store = store.clone();
            async move { commit(&store, vec![spend(format!("{round}")), spend(format!("again {round}"))]).await }
        });
        tokio::time::sleep(Duration::from_micros(round * 10)).await;
        task.abort();
        let _ = task.await;
    }
    // One more on every connection, each behind whatever was left on it.
    for done in all_at_once(32, |number| {
        let store = store.clone();
        async move { commit(&store, vec![spend(format!("last {number}")), spend(format!("very last {number}"))]).await }
    })
    .await
    {
        assert_eq!(done.unwrap(), Written::Done);
    }
    let open = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = current_database()";
    assert_eq!(database.sql(open).unwrap(), "0");
    // All of a batch or none of it.
    let halves = "SELECT count(*) FROM spent_attempt a WHERE id ~ '^[0-9]+$' \
                  AND NOT EXISTS (SELECT FROM spent_attempt b WHERE b.id = 'again ' || a.id)";
    assert_eq!(database.sql(halves).unwrap(), "0");
}

/// Tokens are found by their user in one order and by their client in another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_end_the_same_tokens_never_wait_for_each_other_for_ever() {
    let database = Fresh::database();
    PostgresStore::migrate(&place(&database.url())).await.unwrap();
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    PERFORM pg_sleep(0.005); RETURN OLD; END $$;
                CREATE TRIGGER slow BEFORE DELETE ON token FOR EACH ROW EXECUTE FUNCTION slow()";
    database.sql(slow).unwrap();
    for way in ["enable_seqscan", "enable_bitmapscan"] {
        database.sql(&format!("ALTER DATABASE {} SET {way} = off", database.name())).unwrap();
    }
    let store = Arc::new(PostgresStore::open(&place(&database.url())).await.unwrap());
    let (user, wiki) = (UserId::new("ada"), ClientId::new("wiki"));
    let client = Registered {
        id: wiki.clone(),
        name: DeviceName::parse("Wiki").unwrap(),
        kind: ClientKind::Public,
        scopes: Scopes::default(),
        created: Timestamp::from_seconds(1),
    };
    for end in [
        Change::Token(TokenChange::RevokeAll { user: user.clone() }),
        Change::Token(TokenChange::RevokeAllExcept { user: user.clone(), family: FamilyId::new("grant") }),
        Change::Token(TokenChange::RevokeVerifiedBy {
            user: user.clone(),
            device: DeviceId::new("phone"),
            except: None,
        }),
    ] {
        commit(&store, vec![Change::Client(ClientChange::Add(client.clone()))]).await.unwrap();
        let tokens =
            "INSERT INTO token (id, key, user_id, kind, name, scopes, level, stamp, device_id, signed_in, created,
                          expires, client_id)
                      SELECT n, n, 'ada', 'access', 'Wiki', '', 'aal1', 's', 'phone', 1, -n, 9, 'wiki'
                      FROM generate_series(1, 40) AS n";
        database.sql(tokens).unwrap();
        let ends = [vec![end.clone()], vec![Change::Client(ClientChange::Remove(wiki.clone()))]];
        let outcomes = all_at_once(2, |number| {
            let (store, changes) = (Arc::clone(&store), ends[number].clone());
            async move { commit(&store, changes).await.unwrap() }
        });
        assert_eq!(outcomes.await, [Written::Done, Written::Done], "{end:?}");
    }
}

#[tokio::test]
async fn a_caller_that_finds_every_connection_in_use_is_told_when_to_retry() {
    let database = Fresh::database();
    PostgresStore::migrate(&place(&database.url())).await.unwrap();
    let store = PostgresStore::open(&place(&database.url()).with_connections(1)).await.unwrap();
    commit(&store, vec![Change::Device(DeviceChange::Add(device("phone")))]).await.unwrap();
    let stranger = stranger(&database).await;
    stranger.batch_execute("BEGIN; UPDATE device SET name = 'held'").await.unwrap();
    let held = tokio::spawn({
        let store = store.clone();
        async move {
            commit(&store, vec![Change::Device(DeviceChange::Update(Device { version: 2, ..device("phone") }))]).await
        }
    });
    while store.pool_stats().idle > 0 {
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    let fault = store.ping().await.unwrap_err();
    assert!(fault.retry_after().is_some() && start.elapsed() < Duration::from_secs(3), "{fault}");
    assert_eq!(store.pool_stats().open, 1);
    stranger.batch_execute("ROLLBACK").await.unwrap();
    held.await.unwrap().unwrap();
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_said_at_once_and_found_again_when_it_is_back() {
    let mut cluster = Cluster::start().unwrap();
    let store = Arc::new(opened(&cluster.url("postgres")).await);
    for how in [Stop::Fast, Stop::Kill] {
        // Every connection is in use once, so that every one is dead afterwards.
        all_at_once(16, |number| {
            let store = Arc::clone(&store);
            async move {
                commit(&store, vec![spend(format!("{how:?} {number}")), spend(format!("{how:?}! {number}"))]).await
            }
        })
        .await
        .into_iter()
        .for_each(|done| assert_eq!(done.unwrap(), Written::Done));
        cluster.stop(how).unwrap();
        for round in 0..20 {
            let start = Instant::now();
            let faults = [
                store.ping().await.unwrap_err(),
                commit(&store, vec![spend("away"), spend(format!("away {round}"))]).await.unwrap_err(),
            ];
            assert!(start.elapsed() < Duration::from_millis(500), "after {how:?} it took {:?}", start.elapsed());
            for fault in faults {
                assert!(fault.retry_after().is_some(), "{fault}");
            }
        }
        cluster.start_again().unwrap();
        let back = Instant::now();
        while let Err(fault) = store.ping().await {
            assert!(back.elapsed() < Duration::from_secs(5), "{fault}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for number in 0..16 {
            let spent = store.attempt_spent(&AttemptId::new(format!("{how:?} {number}"))).await.unwrap();
            assert!(spent, "what was answered is there after {how:?}");
        }
        assert!(!store.attempt_spent(&AttemptId::new("away")).await.unwrap());
    }
}

#[tokio::test]
async fn a_server_that_could_forget_what_it_promised_is_refused_or_set_right() {
    let mut cluster = Cluster::start_with(&[("synchronous_commit", "off"), ("full_page_writes", "off")]).unwrap();
    let store = opened(&cluster.url("postgres")).await;
    let findings = store.findings().await.unwrap();
    let weights: Vec<_> = findings.iter().map(|finding| finding.weight).collect();
    assert_eq!(weights, [Weight::Fine, Weight::Doubt, Weight::Doubt], "{findings:?}");
    cluster.set("fsync", "off");
    cluster.start_again().unwrap();
    let fault = store.ping().await.unwrap_err();
    assert!(fault.to_string().contains("fsync is off"), "a connection made later is looked at too: {fault}");
    let refused = PostgresStore::open(&place(&cluster.url("postgres"))).await.unwrap_err();
    let why =
        format!("{refused}: {}", std::error::Error::source(&refused).map(ToString::to_string).unwrap_or_default());
    assert!(why.contains("set fsync = on"), "{why}");
}

/// Where the server does not wait for its disk by default, our connections do.
#[tokio::test]
async fn our_commits_wait_for_the_disk_whatever_the_server_says() {
    let cluster = Cluster::start_with(&[("synchronous_commit", "off")]).unwrap();
    let store = opened(&cluster.url("postgres")).await;
    // A trigger sees the setting that is in force where a batch is written.
    cluster
        .sql(
            "postgres",
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             NEW.stamp := current_setting('synchronous_commit'); RETURN NEW; END $$; \
             CREATE TRIGGER note BEFORE INSERT ON session FOR EACH ROW EXECUTE FUNCTION note()",
        )
        .unwrap();
    let now = Timestamp::from_seconds(1);
    let session = Session {
        key: SessionKey::new("key"),
        user: UserId::new("ada"),
        level: countersign_engine::core::Level::Aal1,
        stamp: String::new(),
        device: None,
        created: now,
        last_seen: now,
        signed_in: now,
        verified: None,
        method: None,
        repeat: None,
    };
    commit(&store, vec![Change::Session(SessionChange::Create(session)), spend("one")]).await.unwrap();
    let seen = store.session(&SessionKey::new("key")).await.unwrap().unwrap().stamp;
    assert_eq!(seen, "on");
}
