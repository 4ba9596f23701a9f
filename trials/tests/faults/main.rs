//! Faults of the store, one at a time, in every action of users.
//!
//! Each call of the port fails in turn, before and after it took effect. On both databases each kind of write to each
//! table fails in turn, before and after the row was changed, and on PostgreSQL also at the commit. In every case the
//! response is a fault and never a session, either all of the action is written or nothing, and afterwards the user can
//! continue.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a trial fails by panicking")]

mod action;

use std::{fmt::Write as _, path::Path, sync::Arc};

use countersign_engine::{Store, memory::MemoryStore, port::hooked::Hooked};
use countersign_store::{PostgresPlace, PostgresStore, SqliteStore};
use countersign_testkit::{Failing, Fails, Page, Person, World};
use http::StatusCode;
use trials::Fresh;

use crate::action::{ACTIONS, Action, LOOKS, NEW_PASSWORD, Ready};

/// All data of a user in a store, as text that can be compared. Budgets are not included: an attempt stays charged,
/// whatever fails after it.
#[derive(PartialEq, Eq, Debug)]
struct Picture {
    rows: String,
    events: String,
}

async fn picture(store: &dyn Store, person: &Person) -> Picture {
    let user = &person.user.id;
    let factors = store.factors(user).await.unwrap();
    let states: Vec<_> = factors.devices.iter().map(|device| device.state.0.clone()).collect();
    let sessions = store.sessions(user).await.unwrap();
    let events = store.events(user, u32::MAX).await.unwrap();
    Picture { rows: format!("{factors:?} {states:?} {sessions:?}"), events: format!("{events:?}") }
}

fn gives_a_session(page: &Page) -> bool {
    let cookies = page.headers.get_all(http::header::SET_COOKIE).iter();
    cookies
        .map(|cookie| cookie.to_str().unwrap())
        .any(|cookie| cookie.starts_with("countersign=") && !cookie.starts_with("countersign=;"))
}

/// A new world, the same every time, in which calls can fail.
async fn ready(action: Action) -> (Arc<dyn Store>, Arc<Hooked<Failing>>, Ready) {
    let rows: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let failing = Failing::before(rows.clone());
    let ready = action.ready(&World::on(failing.clone()), "ada").await;
    (rows, failing, ready)
}

#[tokio::test]
async fn whichever_call_fails_the_answer_is_a_fault_and_nothing_is_half_done() {
    for action in ACTIONS.into_iter().chain(LOOKS) {
        let (rows, failing, clean) = ready(action).await;
        let before = picture(&*rows, &clean.person).await;
        failing.hook().arm(None);
        let done = clean.act().await;
        let calls = failing.hook().calls();
        let after = picture(&*rows, &clean.person).await;
        let works = done.status.is_success() || done.status.is_redirection() || action.is_a_guess();
        assert!(works && calls > 0, "{action:?} does not work: {} {}", done.status, done.body);
        for (number, fails) in (0..calls).flat_map(|number| [Fails::Before, Fails::After].map(|fails| (number, fails)))
        {
            let what = format!("{action:?}, call {number} of {calls} failing {fails:?}");
            let (rows, failing, ready) = ready(action).await;
            assert_eq!(picture(&*rows, &ready.person).await, before, "{what}: worlds are not alike");
            failing.hook().arm(Some((number, fails)));
            let page = ready.act().await;
            failing.hook().arm(None);
            let left = picture(&*rows, &ready.person).await;
            // A host writes the password after the commit that ends the sessions, and the event comes last.
            let before_the_host =
                action == Action::ChangePassword && left.rows == after.rows && left.events == before.events;
            assert!(left == before || left == after || before_the_host, "{what}: half of it was done");
            if action == Action::ChangePassword && page.status == done.status {
                // Calls whose failure is not reported to the user: the refund of a charge, and the event.
                assert!(left.rows == after.rows, "{what}: not everything was done");
                assert!(ready.has_password(NEW_PASSWORD).await, "{what}: the new password does not count");
                continue;
            }
            assert!(page.status.is_server_error(), "{what}: {}", page.status);
            assert!(page.says("Incident") || page.body.to_lowercase().contains("number"), "{what}: {}", page.body);
            assert!(!gives_a_session(&page), "{what}");
            let again = ready.act().await;
            let went_on = match again.status {
                // No session is left, and the host has not been given the new password.
                StatusCode::UNAUTHORIZED if before_the_host => ready.has_password(&ready.person.password).await,
                status if left == before => status == done.status,
                status => !before_the_host && !status.is_server_error(),
            };
            assert!(went_on, "{what}: afterwards {} instead of {}", again.status, done.status);
        }
    }
}

/// The kinds of writes.
const WRITES: [(&str, &str); 12] = [
    ("account", "INSERT"),
    ("account", "UPDATE"),
    ("device", "INSERT"),
    ("device", "UPDATE"),
    ("device", "DELETE"),
    ("session", "INSERT"),
    ("session", "UPDATE"),
    ("session", "DELETE"),
    ("spent_attempt", "INSERT"),
    ("budget", "INSERT"),
    ("budget", "UPDATE"),
    ("event", "INSERT"),
];

/// A database in which writes can be made to fail.
trait Breakable {
    fn run(&self, sql: &str);
    /// The content of all tables.
    fn everything(&self) -> String;
    /// When a write fails.
    fn moments(&self) -> &'static [&'static str];
    fn break_at(&self, table: &str, write: &str, when: &str);
    fn mend(&self, table: &str);
}

/// What an action must leave unchanged if it fails. `budget` is not included: an attempt stays charged, whatever fails
/// after it.
const TABLES: [&str; 5] = ["account", "device", "session", "spent_attempt", "event"];

struct OnSqlite(rusqlite::Connection);

impl Breakable for OnSqlite {
    fn run(&self, sql: &str) {
        self.0.execute_batch(sql).unwrap();
    }

    fn everything(&self) -> String {
        let mut text = String::new();
        for table in TABLES {
            let mut statement = self.0.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let values: Vec<rusqlite::types::Value> = (0..columns).map(|place| row.get(place).unwrap()).collect();
                writeln!(text, "{table} {values:?}").unwrap();
            }
        }
        text
    }

    fn moments(&self) -> &'static [&'static str] {
        &["BEFORE", "AFTER"]
    }

    fn break_at(&self, table: &str, write: &str, when: &str) {
        self.run(&format!(
            "CREATE TRIGGER broken {when} {write} ON {table} BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END"
        ));
    }

    fn mend(&self, _: &str) {
        self.run("DROP TRIGGER broken");
    }
}

struct OnPostgres(Fresh);

impl Breakable for OnPostgres {
    fn run(&self, sql: &str) {
        self.0.sql(sql).unwrap();
    }

    fn everything(&self) -> String {
        let tables = TABLES.map(|table| format!("SELECT '{table} ' || t::text FROM {table} AS t"));
        self.0.sql(&format!("{} ORDER BY 1", tables.join(" UNION ALL "))).unwrap()
    }

    fn moments(&self) -> &'static [&'static str] {
        &["BEFORE", "AFTER", "AT COMMIT"]
    }

    fn break_at(&self, table: &str, write: &str, when: &str) {
        let (kind, when, put_off) = match when {
            "AT COMMIT" => ("CONSTRAINT", "AFTER", "DEFERRABLE INITIALLY DEFERRED"),
            when => ("", when, ""),
        };
        self.run(&format!(
            "CREATE OR REPLACE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN RAISE EXCEPTION 'broken on purpose'; END $$;
             CREATE {kind} TRIGGER broken {when} {write} ON {table} {put_off} FOR EACH ROW EXECUTE FUNCTION broken()"
        ));
    }

    fn mend(&self, table: &str) {
        self.run(&format!("DROP TRIGGER broken ON {table}"));
    }
}

async fn every_write_fails(store: Arc<dyn Store>, database: &dyn Breakable) {
    let world = World::on(store);
    let when = |write| database.moments().iter().map(move |when| (write, *when));
    let writes: Vec<_> = WRITES.into_iter().flat_map(when).enumerate().collect();
    for action in ACTIONS {
        let mut faults = 0;
        for (number, ((table, write), when)) in &writes {
            let what = format!("{action:?}, {when} {write} on {table}");
            let ready = action.ready(&world, &format!("{action:?}-{number}").to_lowercase()).await;
            let before = database.everything();
            database.break_at(table, write, when);
            let page = ready.act().await;
            database.mend(table);
            if page.status.is_server_error() {
                faults += 1;
                assert!(!gives_a_session(&page), "{what}");
                assert!(database.everything() == before, "{what}: half of it was done");
                let page = ready.act().await;
                assert!(!page.status.is_server_error(), "{what}: mended, and yet: {}", page.body);
            } else {
                // A password, right or wrong, writes only a charge if it does not complete the sign-in.
                let charge_alone = matches!(action, Action::GivePassword | Action::GuessPassword);
                let done = charge_alone || database.everything() != before;
                assert!(done, "{what}: it says that it was done, and nothing was");
            }
        }
        assert!(faults > 0, "{action:?}: no write failed");
    }
}

fn sqlite(path: &Path) -> (Arc<dyn Store>, OnSqlite) {
    SqliteStore::migrate(path).unwrap();
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    (Arc::new(SqliteStore::open(path).unwrap()), OnSqlite(connection))
}

#[tokio::test]
async fn whichever_write_fails_on_sqlite_nothing_is_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let (store, database) = sqlite(&folder.path().join("broken.db"));
    every_write_fails(store, &database).await;
}

#[tokio::test]
async fn whichever_write_fails_on_postgres_nothing_is_half_done() {
    let fresh = Fresh::database();
    let place = PostgresPlace::parse(&fresh.url()).unwrap();
    PostgresStore::migrate(&place).await.unwrap();
    let store = Arc::new(PostgresStore::open(&place).await.unwrap());
    every_write_fails(store, &OnPostgres(fresh)).await;
}
