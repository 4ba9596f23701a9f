//! The writer alone, with work that no store would give it.

use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, params};
use tempfile::TempDir;

use super::*;
use crate::sqlite::connection;

/// A file with one table of numbers, each at most once.
struct Place {
    _folder: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.db");
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE number (n INTEGER PRIMARY KEY, fill BLOB)")
            .unwrap();
        Self { _folder: folder, path }
    }

    fn writer(&self) -> Arc<Writer> {
        let connection = connection::writer(&self.path).unwrap();
        connection::write_ahead(&connection).unwrap();
        Arc::new(Writer::start(crate::sqlite::place::Place::of(self.path.clone()).unwrap(), connection).unwrap())
    }

    fn numbers(&self) -> Vec<i64> {
        let connection = connection::reader(&self.path).unwrap();
        let mut statement = connection.prepare("SELECT n FROM number ORDER BY n").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }
}

/// Keeps everybody from writing for as long as it lives.
struct Lock(Connection);

impl Lock {
    fn on(path: &Path) -> Self {
        let connection = connection::writer(path).unwrap();
        connection.execute_batch(BEGIN).unwrap();
        Self(connection)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.execute_batch(ROLLBACK).unwrap();
    }
}

fn note(connection: &Connection, number: i64) -> rusqlite::Result<Outcome<i64>> {
    connection.prepare_cached("INSERT INTO number (n) VALUES ($1)")?.execute([number])?;
    Ok(Outcome::Keep(number))
}

type Answer<T> = tokio::task::JoinHandle<Result<T, Fault>>;

/// Hands work in; on a test's single thread it is in the queue when this returns.
async fn hand_in<T: Send + 'static>(
    writer: &Arc<Writer>,
    work: impl FnOnce(&Connection) -> rusqlite::Result<Outcome<T>> + Send + 'static,
) -> Answer<T> {
    let writer = Arc::clone(writer);
    let task = tokio::spawn(async move { writer.write("test", work).await });
    tokio::task::yield_now().await;
    task
}

/// Hands in one piece of work and waits until the writer has taken it: what comes later is another group.
async fn plug(writer: &Arc<Writer>, number: i64) -> Answer<i64> {
    let answer = hand_in(writer, move |connection| note(connection, number)).await;
    while writer.stats().waiting > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    answer
}

#[tokio::test]
async fn a_group_is_one_commit_and_each_member_has_its_own_answer() {
    let place = Place::new();
    let writer = place.writer();
    let lock = Lock::on(&place.path);
    let plug = plug(&writer, 0).await;
    let kept = hand_in(&writer, |connection| note(connection, 1)).await;
    let undone = hand_in(&writer, |connection| note(connection, 2).map(|_| Outcome::Undo("undone"))).await;
    let taken = hand_in(&writer, |connection| note(connection, 0)).await;
    let panicked = hand_in(&writer, |connection| -> rusqlite::Result<Outcome<()>> {
        note(connection, 3)?;
        panic!("on purpose");
    });
    let panicked = panicked.await;
    let last = hand_in(&writer, |connection| {
        let before = connection.query_row("SELECT group_concat(n) FROM number", [], |row| row.get::<_, String>(0))?;
        note(connection, 4).map(|_| Outcome::Keep(before))
    });
    let last = last.await;
    drop(lock);
    assert_eq!(plug.await.unwrap().unwrap(), 0);
    assert_eq!(kept.await.unwrap().unwrap(), 1);
    assert_eq!(undone.await.unwrap().unwrap(), "undone");
    let fault = taken.await.unwrap().unwrap_err().to_string();
    assert!(fault.starts_with("could not test: UNIQUE constraint failed: number.n"), "{fault}");
    assert_eq!(panicked.await.unwrap().unwrap_err().to_string(), "could not test: its work panicked");
    assert_eq!(last.await.unwrap().unwrap(), "0,1", "a member sees its neighbours and no traces");
    assert_eq!(place.numbers(), [0, 1, 4]);
    assert_eq!(writer.stats(), WriterStats { groups: 2, members: 6, waiting: 0 });
}

#[tokio::test]
async fn a_large_crowd_is_a_few_groups() {
    let place = Place::new();
    let writer = place.writer();
    let lock = Lock::on(&place.path);
    let plug = plug(&writer, 0).await;
    let mut answers = Vec::new();
    for number in 1..=1000 {
        answers.push(hand_in(&writer, move |connection| note(connection, number)).await);
    }
    drop(lock);
    plug.await.unwrap().unwrap();
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(writer.stats(), WriterStats { groups: 5, members: 1001, waiting: 0 });
}

#[tokio::test]
async fn where_everything_is_taken_back_nothing_is_committed() {
    let place = Place::new();
    let writer = place.writer();
    for _ in 0..3 {
        let undone = writer.write("test", |connection| note(connection, 1).map(|_| Outcome::Undo(())));
        undone.await.unwrap();
    }
    assert_eq!(writer.stats(), WriterStats { groups: 0, members: 3, waiting: 0 });
    assert!(place.numbers().is_empty());
}

#[tokio::test]
async fn a_failed_commit_is_a_fault_for_every_member() {
    let place = Place::new();
    Connection::open(&place.path)
        .unwrap()
        .execute_batch("CREATE TABLE promise (n INTEGER REFERENCES number (n) DEFERRABLE INITIALLY DEFERRED)")
        .unwrap();
    let writer = place.writer();
    let lock = Lock::on(&place.path);
    let plug = plug(&writer, 0).await;
    let kept = hand_in(&writer, |connection| note(connection, 1)).await;
    let broken = hand_in(&writer, |connection| {
        connection.execute("INSERT INTO promise (n) VALUES (99)", []).map(|_| Outcome::Keep(0))
    });
    let broken = broken.await;
    let undone = hand_in(&writer, |_| Ok(Outcome::Undo(2))).await;
    drop(lock);
    plug.await.unwrap().unwrap();
    for answer in [kept, broken, undone] {
        let fault = answer.await.unwrap().unwrap_err().to_string();
        assert!(fault.starts_with("could not test: COMMIT failed: FOREIGN KEY constraint failed"), "{fault}");
    }
    assert_eq!(place.numbers(), [0]);
    writer.write("test", |connection| note(connection, 5)).await.expect("the writer lives on");
    assert_eq!(place.numbers(), [0, 5]);
}

#[tokio::test]
async fn a_full_disk_loses_no_answer_and_keeps_no_promise_it_did_not_make() {
    let place = Place::new();
    let writer = place.writer();
    let limit = |pages: i64| {
        writer.write("test", move |connection| {
            let count: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            connection.query_row(&format!("PRAGMA max_page_count = {}", count + pages), [], |_| Ok(()))?;
            Ok(Outcome::Undo(()))
        })
    };
    limit(10).await.unwrap();
    let mut answers = Vec::new();
    let lock = Lock::on(&place.path);
    for number in 0..20 {
        let fill = move |connection: &Connection| {
            connection.execute("INSERT INTO number (n, fill) VALUES ($1, zeroblob(3000))", [number])?;
            Ok(Outcome::Keep(number))
        };
        answers.push(hand_in(&writer, fill).await);
    }
    drop(lock);
    let mut promised = Vec::new();
    let mut faults = Vec::new();
    for answer in answers {
        match answer.await.unwrap() {
            Ok(number) => promised.push(number),
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    assert!(faults.iter().any(|fault| fault.contains("database or disk is full")), "{faults:?}");
    assert!(promised.len() < 20, "the disk was not full");
    assert_eq!(place.numbers(), promised);
    limit(1000).await.unwrap();
    writer.write("test", |connection| note(connection, 50)).await.expect("the writer lives on");
}

#[tokio::test]
async fn a_transaction_that_somebody_ended_is_a_fault_for_every_member() {
    let place = Place::new();
    let writer = place.writer();
    let lock = Lock::on(&place.path);
    let plug = plug(&writer, 0).await;
    let before = hand_in(&writer, |connection| note(connection, 1)).await;
    let ended = hand_in(&writer, |connection| connection.execute_batch(ROLLBACK).map(|()| Outcome::Keep(2))).await;
    let after = hand_in(&writer, |connection| note(connection, 3)).await;
    drop(lock);
    plug.await.unwrap().unwrap();
    for answer in [before, ended, after] {
        assert_eq!(answer.await.unwrap().unwrap_err().to_string(), "could not test: the transaction was lost");
    }
    assert_eq!(place.numbers(), [0]);
    writer.write("test", |connection| note(connection, 4)).await.expect("the writer lives on");
}

#[tokio::test]
async fn a_database_that_stays_busy_is_a_fault_that_says_when_to_come_back() {
    let place = Place::new();
    let writer = place.writer();
    let shorter = |connection: &Connection| connection.busy_timeout(Duration::from_millis(5)).map(Outcome::Undo);
    writer.write("test", shorter).await.unwrap();
    let lock = Lock::on(&place.path);
    let fault = writer.write("test", |connection| note(connection, 1)).await.unwrap_err();
    assert_eq!(fault.retry_after(), Some(RETRY_AFTER));
    drop(lock);
    writer.write("test", |connection| note(connection, 1)).await.expect("nothing was written before");
}

#[tokio::test]
async fn a_queue_that_is_full_takes_no_more() {
    let place = Place::new();
    let writer = place.writer();
    let lock = Lock::on(&place.path);
    let _plug = plug(&writer, 0).await;
    let mut answers = Vec::new();
    for _ in 0..MAX_QUEUE_LENGTH {
        answers.push(hand_in(&writer, |_| Ok(Outcome::Undo(()))).await);
    }
    assert_eq!(writer.stats().waiting, MAX_QUEUE_LENGTH);
    let late = writer.write("test", |_| Ok(Outcome::Undo(()))).await.unwrap_err();
    assert_eq!(late.retry_after(), Some(RETRY_AFTER));
    drop(lock);
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn work_is_done_even_if_its_caller_has_left() {
    let place = Place::new();
    let writer = place.writer();
    let lock = Lock::on(&place.path);
    let left = hand_in(&writer, |connection| note(connection, 1)).await;
    left.abort();
    assert!(left.await.unwrap_err().is_cancelled());
    drop(lock);
    writer.write("test", |connection| note(connection, 2)).await.unwrap();
    assert_eq!(place.numbers(), [1, 2]);
}

#[tokio::test]
async fn the_thread_writes_what_waits_and_ends_with_its_last_handle() {
    let place = Place::new();
    let writer = place.writer();
    let lock = Lock::on(&place.path);
    for number in 0..10 {
        let left = hand_in(&writer, move |connection| note(connection, number)).await;
        left.abort();
        let _ = left.await;
    }
    drop(lock);
    drop(Arc::into_inner(writer).expect("the last handle"));
    assert_eq!(place.numbers(), (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_writer_that_has_died_answers_with_a_fault() {
    let place = Place::new();
    let (queue, waiting) = mpsc::channel(1);
    let writer = Writer { queue: Some(queue), thread: None, counters: Arc::default() };
    let writer = Arc::new(writer);
    let caught = hand_in(&writer, |connection| note(connection, 1)).await;
    drop(waiting);
    let fault = caught.await.unwrap().unwrap_err().to_string();
    assert_eq!(fault, "could not test: the writer ended before it answered");
    let fault = writer.write("test", |connection| note(connection, 1)).await.unwrap_err().to_string();
    assert_eq!(fault, "could not test: the writer has ended");
    assert!(place.numbers().is_empty());
}

#[tokio::test]
async fn what_an_error_says_is_no_value() {
    let place = Place::new();
    let strict = "CREATE TABLE word (id TEXT NOT NULL PRIMARY KEY, n INTEGER NOT NULL CHECK (n < 5)) STRICT";
    Connection::open(&place.path).unwrap().execute_batch(strict).unwrap();
    let writer = place.writer();
    let insert = "INSERT INTO word (id, n) VALUES ($1, $2)";
    for attempt in 0..4 {
        let fault = writer.write("test", move |connection| {
            let mut statement = connection.prepare(insert)?;
            match attempt {
                0 => statement.execute(params!["hunter2", "hunter2"])?,
                1 => statement.execute(params!["hunter2", 4711])?,
                2 => statement.execute(params!["hunter2", rusqlite::types::Null])?,
                _ => {
                    statement.execute(params!["hunter2", 1])?;
                    connection.query_row("SELECT id FROM word", [], |row| row.get::<_, i64>(0)).optional()?;
                    0
                }
            };
            Ok(Outcome::Undo(()))
        });
        let fault = fault.await.unwrap_err().to_string();
        assert!(!fault.contains("hunter2") && !fault.contains("4711"), "{fault}");
    }
}
