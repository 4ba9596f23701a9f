//! One file, many who use it: handles, processes, readers and writers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    env,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use countersign_engine::{
    Store,
    core::{
        AccountChange, AttemptChange, AttemptId, Change, Event, EventChange, EventKind, Sealed, Timestamp, UserId,
        Written,
    },
    port::Retention,
};
use countersign_store::SqliteStore;
use countersign_testkit::{all_at_once, contract::store::batch};
use rusqlite::Connection;
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    (folder, path)
}

fn opened(path: &Path) -> SqliteStore {
    SqliteStore::migrate(path).unwrap();
    SqliteStore::open(path).unwrap()
}

fn spend(attempt: impl Into<Box<str>>) -> Change<Sealed> {
    Change::Attempt(AttemptChange::Close { attempt: AttemptId::new(attempt), until: Timestamp::from_seconds(600) })
}

fn event(user: &str) -> Change<Sealed> {
    Change::Event(EventChange::Record(Event::new(Timestamp::from_seconds(1), UserId::new(user), EventKind::SignedIn)))
}

async fn events(store: &SqliteStore, user: &str) -> usize {
    store.events(&UserId::new(user), u32::MAX).await.unwrap().len()
}

async fn is_done(store: &SqliteStore, changes: Vec<Change<Sealed>>) -> bool {
    *store.commit(batch(changes)).await.unwrap().written() == Written::Done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_handles_on_one_file_share_every_rule() {
    let (_folder, path) = place();
    let handles = [opened(&path), opened(&path)];
    for round in 0..8 {
        let done = all_at_once(64, |number| {
            let store = handles[number % 2].clone();
            async move { is_done(&store, vec![spend(round.to_string()), event("ada")]).await }
        });
        assert_eq!(done.await.into_iter().filter(|done| *done).count(), 1);
        // Each handle sees at once what the other has answered.
        assert_eq!([events(&handles[0], "ada").await, events(&handles[1], "ada").await], [round + 1; 2]);
    }
}

/// What the other process does, when this test is run as one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_another_process() {
    let Some(path) = env::var_os("COUNTERSIGN_TEST_STORE") else { return };
    let store = opened(Path::new(&path));
    let done = all_at_once(200, |number| {
        let store = store.clone();
        async move { is_done(&store, vec![spend(number.to_string()), event("ada")]).await }
    });
    let done = done.await.into_iter().filter(|done| *done).count();
    std::fs::write(env::var_os("COUNTERSIGN_TEST_ANSWER").unwrap(), done.to_string()).unwrap();
}

#[tokio::test]
async fn processes_that_share_a_file_migrate_it_once_and_spend_each_attempt_once() {
    let (folder, path) = place();
    let answers = ["one", "two", "three"].map(|name| folder.path().join(name));
    let mut children = Vec::new();
    for answer in &answers {
        let child = Command::new(env::current_exe().unwrap())
            .args(["as_another_process", "--exact"])
            .env("COUNTERSIGN_TEST_STORE", &path)
            .env("COUNTERSIGN_TEST_ANSWER", answer)
            .stdout(Stdio::piped())
            .spawn();
        children.push(child.unwrap());
    }
    for mut child in children {
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success(), "{said}");
    }
    let done = answers.map(|answer| std::fs::read_to_string(answer).unwrap().parse::<usize>().unwrap());
    assert_eq!(done.iter().sum::<usize>(), 200, "{done:?}");
    assert_eq!(events(&opened(&path), "ada").await, 200);
}

#[tokio::test]
async fn a_reader_never_waits_for_a_writer() {
    let (_folder, path) = place();
    let store = opened(&path);
    assert!(is_done(&store, vec![event("ada")]).await);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; DELETE FROM event").unwrap();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { is_done(&store, vec![event("ada")]).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    // The other one writes, ours waits to write, and both are seen by nobody. A reader that waited would wait for ever,
    // for the lock is given back by this very thread.
    for _ in 0..100 {
        assert_eq!(events(&store, "ada").await, 1);
    }
    assert!(!waiting.is_finished());
    other.execute_batch("ROLLBACK").unwrap();
    assert!(waiting.await.unwrap());
    assert_eq!(events(&store, "ada").await, 2);
}

#[tokio::test]
async fn a_crowd_shares_its_commits_and_everybody_has_an_answer_of_their_own() {
    let (_folder, path) = place();
    let store = opened(&path);
    assert!(is_done(&store, vec![spend("over")]).await);
    let before = store.writer_stats();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The writer takes the first one and waits with it; the crowd gathers meanwhile.
    let first = tokio::spawn({
        let store = store.clone();
        async move { is_done(&store, vec![spend("first")]).await }
    });
    tokio::task::yield_now().await;
    until_there_wait(&store, 0).await;
    let crowd = tokio::spawn({
        let store = store.clone();
        all_at_once(200, move |number| {
            let store = store.clone();
            async move {
                let changes = match number % 4 {
                    0 => vec![event("ada"), spend("over")],
                    // No user has an empty id: the database itself says no.
                    1 => vec![event("ada"), event("")],
                    _ => vec![event("ada"), spend(number.to_string())],
                };
                store.commit(batch(changes)).await.map(|receipt| receipt.written().clone())
            }
        })
    });
    until_there_wait(&store, 200).await;
    other.execute_batch("COMMIT").unwrap();
    assert!(first.await.unwrap());
    for (number, answer) in crowd.await.unwrap().into_iter().enumerate() {
        match number % 4 {
            0 => assert_eq!(answer.unwrap(), Written::Conflict),
            1 => assert!(answer.unwrap_err().to_string().contains("CHECK constraint failed")),
            _ => assert_eq!(answer.unwrap(), Written::Done),
        }
    }
    let after = store.writer_stats();
    assert_eq!([after.members - before.members, after.groups - before.groups], [201, 2]);
    assert_eq!(events(&store, "ada").await, 100);
}

async fn until_there_wait(store: &SqliteStore, members: usize) {
    while store.writer_stats().waiting != members {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_commit_that_fails_is_a_fault_and_leaves_nothing() {
    let (_folder, path) = place();
    let store = opened(&path);
    // A promise that is found broken only at COMMIT.
    let trap = "
        CREATE TABLE promise (n INTEGER REFERENCES app_user (id) DEFERRABLE INITIALLY DEFERRED);
        CREATE TRIGGER trap AFTER INSERT ON event WHEN new.user_id = 'mallory'
        BEGIN INSERT INTO promise (n) VALUES (1); END";
    Connection::open(&path).unwrap().execute_batch(trap).unwrap();
    let fault = store.commit(batch(vec![event("mallory"), spend("attempt")])).await.unwrap_err();
    assert!(fault.to_string().starts_with("could not commit a batch: COMMIT failed"), "{fault}");
    assert_eq!(events(&store, "mallory").await, 0);
    assert!(is_done(&store, vec![event("ada"), spend("attempt")]).await, "the writer lives on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_torture_the_file_is_sound() {
    let (_folder, path) = place();
    let handles = [opened(&path), opened(&path)];
    let torture = all_at_once(64, |number| {
        let store = handles[number % 2].clone();
        async move {
            let mut done = 0;
            for round in 0..40 {
                let user = UserId::new(format!("user {}", number % 7));
                let factors = store.factors(&user).await.unwrap();
                let changes = vec![
                    Change::Account(AccountChange::BumpFactorSet {
                        user: user.clone(),
                        expected_version: factors.account.factors,
                        preferred: None,
                    }),
                    event(user.as_str()),
                    spend(format!("{number} {round}")),
                ];
                done += usize::from(is_done(&store, changes).await);
                if round % 10 == 9 {
                    let now = Timestamp::from_seconds(600);
                    let retention = Retention {
                        now,
                        sessions_before: now,
                        enrolments_before: now,
                        events_before: None,
                        nodes_before: now,
                        credible_until: now,
                    };
                    store.purge(&retention).await.unwrap();
                }
            }
            done
        }
    });
    let done: usize = torture.await.into_iter().sum();
    let mut written = 0;
    for number in 0..7 {
        let user = UserId::new(format!("user {number}"));
        let factors = handles[0].factors(&user).await.unwrap().account.factors;
        assert_eq!(u64::try_from(events(&handles[1], user.as_str()).await).unwrap(), factors);
        written += usize::try_from(factors).unwrap();
    }
    assert_eq!(written, done, "every action that was answered, and no other");
    assert_eq!(handles[0].integrity_check().unwrap(), Vec::<String>::new());
    drop(handles);
    assert_eq!(Arc::new(opened(&path)).integrity_check().unwrap(), Vec::<String>::new());
}
