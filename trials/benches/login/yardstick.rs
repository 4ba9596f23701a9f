//! The yardstick: a bare axum handler that reads one row and writes the same rows as a login, in grouped, fsynced
//! commits; another that reads the row of a session or a personal token by its key; and for full logins a constant
//! page, and one hash on as many threads as there are cores.
//!
//! It is a lower limit, not a product: no form, no cookie, no check, no encryption, no template. It runs as a separate
//! process, so that it shares the cores with the load in the same way as the real server.

use std::{
    cell::OnceCell,
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use axum::{
    Router,
    extract::Path as PathOf,
    http::StatusCode,
    routing::{get, post},
};
use rusqlite::{Connection, OpenFlags, Row, params};
use tokio::sync::oneshot;

use crate::bare_hash;

/// The columns of one login that are not the same for all.
struct Rows {
    device: String,
    version: i64,
    state: Vec<u8>,
    attempt: String,
    session: String,
    answered: oneshot::Sender<()>,
}

thread_local! {
    static READER: OnceCell<Connection> = const { OnceCell::new() };
}

/// Serves until it is killed. The arguments are the database's path and the address.
pub(crate) fn serve() {
    let path = PathBuf::from(env::args().nth(2).unwrap());
    let address: SocketAddr = env::args().nth(3).unwrap().parse().unwrap();
    let writer = writer(&path);
    let (sessions, tokens) = (path.clone(), path.clone());
    let (page, hashing) = ("x".repeat(2_000), hashing());
    let app = Router::new()
        .route("/ready", get(|| async { "ready" }))
        .route("/page", get(async move || page))
        .route("/password", post(async move |body: String| hashed(&hashing, &body).await))
        .route("/session/{key}", get(async move |PathOf(key): PathOf<String>| look_up(&sessions, SESSION, &key)))
        .route("/token/{key}", get(async move |PathOf(key): PathOf<String>| look_up(&tokens, TOKEN, &key)))
        .route("/{user}/{run}", post(move |path_of| handle(path.clone(), writer.clone(), path_of)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let listener = axum::serve::ListenerExt::tap_io(listener, |socket| socket.set_nodelay(true).unwrap());
        axum::serve(listener, app).await.unwrap();
    });
}

const SESSION: &str = "SELECT user_id, level, stamp, device_id, created, last_seen FROM session WHERE key = ?1";
const TOKEN: &str = "SELECT user_id, level, stamp, device_id, created, expires FROM token WHERE key = ?1";

/// The requests that wait for a hash.
type Jobs = mpsc::Sender<oneshot::Sender<[u8; 32]>>;

/// Threads that hash in the order of requests.
fn hashing() -> Jobs {
    let (sender, jobs) = mpsc::channel::<oneshot::Sender<[u8; 32]>>();
    let jobs = Arc::new(Mutex::new(jobs));
    for _ in 0..thread::available_parallelism().unwrap().get() {
        let jobs = jobs.clone();
        thread::spawn(move || {
            let mut hash = bare_hash::hasher();
            loop {
                let next = jobs.lock().unwrap().recv();
                let Ok(waiting) = next else { break };
                let _ = waiting.send(hash());
            }
        });
    }
    sender
}

async fn hashed(jobs: &Jobs, body: &str) -> StatusCode {
    assert!(!body.is_empty());
    let (sender, hash) = oneshot::channel();
    jobs.send(sender).unwrap();
    if hash.await.unwrap() == [0; 32] { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::SEE_OTHER }
}

/// The content of the row, in a few words.
fn look_up(database: &Path, statement: &str, key: &str) -> String {
    with_reader(database, |reader| {
        let mut statement = reader.prepare_cached(statement).unwrap();
        let row = |row: &Row<'_>| {
            let (user, level, stamp): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (device, created, end): (String, i64, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
            Ok(format!("{user} {level} {stamp} {device} {created} {end}"))
        };
        statement.query_row([key], row).unwrap()
    })
}

fn with_reader<T>(database: &Path, read: impl FnOnce(&Connection) -> T) -> T {
    READER.with(|reader| {
        let open = || Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        read(reader.get_or_init(open))
    })
}

async fn handle(
    database: PathBuf,
    writer: mpsc::Sender<Rows>,
    PathOf((user, run)): PathOf<(String, String)>,
) -> StatusCode {
    let (device, version, state) = with_reader(&database, |reader| {
        let mut statement = reader.prepare_cached("SELECT id, version, state FROM device WHERE user_id = ?1").unwrap();
        statement.query_row([&user], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
    });
    let (answered, answer) = oneshot::channel();
    let rows =
        Rows { device, version, state, attempt: format!("{run:0>26}"), session: format!("{run:0>64}"), answered };
    writer.send(rows).unwrap();
    answer.await.unwrap();
    StatusCode::SEE_OTHER
}

fn writer(path: &Path) -> mpsc::Sender<Rows> {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;")
        .unwrap();
    let (sender, waiting) = mpsc::channel::<Rows>();
    thread::spawn(move || {
        while let Ok(first) = waiting.recv() {
            let group: Vec<_> = std::iter::once(first).chain(waiting.try_iter().take(255)).collect();
            connection.prepare_cached("BEGIN IMMEDIATE").unwrap().execute([]).unwrap();
            for rows in &group {
                write(&connection, rows);
            }
            connection.prepare_cached("COMMIT").unwrap().execute([]).unwrap();
            for rows in group {
                let _ = rows.answered.send(());
            }
        }
    });
    sender
}

fn write(connection: &Connection, rows: &Rows) {
    let now = 1_800_000_000_000_i64;
    let run = |statement: &str, values: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(statement).unwrap().execute(values).unwrap();
    };
    run(
        "UPDATE device SET name = ?1, status = ?2, version = ?3, failures = ?4, last_failure = ?5, last_used = ?6, state = ?7
         WHERE id = ?8 AND version = ?9",
        params![
            "Authenticator app", "active", rows.version + 1, 0, None::<i64>, now, rows.state, rows.device, rows.version
        ],
    );
    run(
        "INSERT INTO session (key, user_id, level, stamp, device_id, created, last_seen, signed_in, verified)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![rows.session, rows.device, "aal2", "0123456789abcdefghijklmnop", rows.device, now, now, now, now],
    );
    run("INSERT INTO spent_attempt (id, until) VALUES (?1, ?2)", params![rows.attempt, now]);
    run(
        "INSERT INTO event (at, user_id, kind, device_id, method, attempt_id, address) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![now, rows.device, "signed-in", rows.device, "totp", rows.attempt, "127.0.0.1"],
    );
}
