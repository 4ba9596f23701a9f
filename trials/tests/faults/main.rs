//! Faults of the store, one at a time, in everything that people do at the pages.
//!
//! Each call of the port fails in turn, before and after it took effect; and on both databases each kind of write to each
//! table fails in turn, before and after the row was changed. Whatever fails: the answer is a fault and never a session,
//! what was written is all of the deed or nothing of it, and afterwards the person gets on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a trial fails by panicking")]

use std::{fmt::Write as _, path::Path, sync::Arc};

use countersign_engine::{Store, memory::MemoryStore};
use countersign_store::{PostgresPlace, PostgresStore, SqliteStore};
use countersign_testkit::{Browser, Failing, Fails, Form, Page, Person, SoftApp, World};
use trials::{Fresh, Site, Walk};

const LOGIN: &str = "/account/login";
const SECOND_FACTOR: &str = "/account/login/second-factor";
const SETUP: &str = "/account/two-factor/setup";
const CONFIRM: &str = "/account/two-factor/setup/confirm";
const BACKUP_CODES: &str = "/account/two-factor/backup-codes";
const DISABLE: &str = "/account/two-factor/disable";
const VERIFY: &str = "/account/verify";
const LOGOUT: &str = "/account/logout";

/// What somebody does by sending one form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Deed {
    SignInWithoutFactor,
    GuessPassword,
    GivePassword,
    Answer,
    AnswerWrong,
    BeginSetup,
    ConfirmSetup,
    MakeBackupCodes,
    Verify,
    Disable,
    SignOut,
}

const DEEDS: [Deed; 11] = [
    Deed::SignInWithoutFactor,
    Deed::GuessPassword,
    Deed::GivePassword,
    Deed::Answer,
    Deed::AnswerWrong,
    Deed::BeginSetup,
    Deed::ConfirmSetup,
    Deed::MakeBackupCodes,
    Deed::Verify,
    Deed::Disable,
    Deed::SignOut,
];

/// A form filled in, with the browser that shows it.
struct Ready {
    person: Person,
    browser: Browser<Site>,
    form: Form,
    at: &'static str,
    filled: Vec<(&'static str, String)>,
}

impl Ready {
    /// Sends the form.
    async fn act(&self) -> Page {
        let filled: Vec<_> = self.filled.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.browser.clone().submit(&self.form, self.at, &filled).await
    }
}

impl Deed {
    /// Everything up to the form that does it, by a new person of this name.
    async fn ready(self, world: &World, name: &str) -> Ready {
        let person = world.user(name);
        let mut browser = Site::of(world).browser();
        let has_factor =
            !matches!(self, Self::SignInWithoutFactor | Self::GuessPassword | Self::BeginSetup | Self::ConfirmSetup);
        if has_factor {
            person.sets_up().await;
        }
        let signed_out = matches!(self, Self::SignInWithoutFactor | Self::GuessPassword | Self::GivePassword);
        if !signed_out {
            browser.gives_password(name, &person.password).await;
        }
        if has_factor && !signed_out && !matches!(self, Self::Answer | Self::AnswerWrong) {
            let page = browser.answers(&person.code()).await;
            assert!(page.status.is_redirection(), "{self:?}: {}", page.body);
            world.pass(30);
        }
        let (at, field, filled) = match self {
            Self::SignInWithoutFactor | Self::GivePassword => {
                (LOGIN, "password", vec![("name", name.to_owned()), ("password", person.password.clone())])
            }
            Self::GuessPassword => {
                (LOGIN, "password", vec![("name", name.to_owned()), ("password", "a guess".to_owned())])
            }
            Self::Answer => (SECOND_FACTOR, "device", vec![("code", person.code())]),
            Self::AnswerWrong => (SECOND_FACTOR, "device", vec![("code", person.wrong_code())]),
            Self::BeginSetup => (SETUP, "method", vec![]),
            Self::ConfirmSetup => {
                let form = browser.get(SETUP).await.form_with("method");
                let begun = browser.submit(&form, SETUP, &[]).await;
                let page = browser.follow(begun).await;
                let (_, key) = page.body.split_once("<code class=\"key\"").unwrap();
                let key = key.split_once('>').unwrap().1.split_once('<').unwrap().0;
                (CONFIRM, "code", vec![("code", SoftApp::with_key(key).code_at(world.now()))])
            }
            Self::MakeBackupCodes => (BACKUP_CODES, "run", vec![]),
            Self::Verify => (VERIFY, "run", vec![("code", person.code())]),
            Self::Disable => (DISABLE, "run", vec![("sure", "yes".to_owned())]),
            Self::SignOut => (LOGOUT, "form", vec![]),
        };
        let page = browser.get(at).await;
        let form = page
            .forms()
            .into_iter()
            .find(|form| form.fields.iter().any(|(name, _)| name == field) && form.action == at);
        let form = form.unwrap_or_else(|| panic!("{self:?}: no such form on {at} ({}):\n{}", page.status, page.body));
        Ready { person, browser, form, at, filled }
    }
}

/// Everything that a store shows of a person, as text that can be compared.
async fn picture(store: &dyn Store, person: &Person) -> String {
    let user = &person.user.id;
    let factors = store.factors(user).await.unwrap();
    let states: Vec<_> = factors.devices.iter().map(|device| device.state.0.clone()).collect();
    let sessions = store.sessions(user).await.unwrap();
    let events = store.events(user, u32::MAX).await.unwrap();
    let budget = store.budget(&format!("password/user/{user}")).await.unwrap();
    format!("{factors:?} {states:?} {sessions:?} {events:?} {budget:?}")
}

fn gives_a_session(page: &Page) -> bool {
    let cookies = page.headers.get_all(http::header::SET_COOKIE).iter();
    cookies
        .map(|cookie| cookie.to_str().unwrap())
        .any(|cookie| cookie.starts_with("countersign=") && !cookie.starts_with("countersign=;"))
}

/// A world of its own, alike every time, in which calls can fail.
async fn ready(deed: Deed) -> (Arc<dyn Store>, Arc<Failing>, Ready) {
    let rows: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let failing = Failing::before(rows.clone());
    let ready = deed.ready(&World::on(failing.clone()), "ada").await;
    (rows, failing, ready)
}

#[tokio::test]
async fn whichever_call_fails_the_answer_is_a_fault_and_nothing_is_half_done() {
    for deed in DEEDS {
        let (rows, failing, clean) = ready(deed).await;
        let before = picture(&*rows, &clean.person).await;
        failing.arm(None);
        let done = clean.act().await;
        let calls = failing.calls();
        let after = picture(&*rows, &clean.person).await;
        assert!(!done.status.is_server_error() && calls > 0, "{deed:?} does not work: {}", done.body);
        for (number, fails) in (0..calls).flat_map(|number| [Fails::Before, Fails::After].map(|fails| (number, fails)))
        {
            let what = format!("{deed:?}, call {number} of {calls} failing {fails:?}");
            let (rows, failing, ready) = ready(deed).await;
            assert_eq!(picture(&*rows, &ready.person).await, before, "{what}: worlds are not alike");
            failing.arm(Some((number, fails)));
            let page = ready.act().await;
            failing.arm(None);
            assert!(page.status.is_server_error(), "{what}: {}", page.status);
            assert!(page.says("Incident") || page.body.to_lowercase().contains("number"), "{what}: {}", page.body);
            assert!(!gives_a_session(&page), "{what}");
            let left = picture(&*rows, &ready.person).await;
            assert!(left == before || left == after, "{what}: half of it was done");
            let again = ready.act().await;
            let went_on = if left == before { again.status == done.status } else { !again.status.is_server_error() };
            assert!(went_on, "{what}: afterwards {} instead of {}", again.status, done.status);
        }
    }
}

/// Kinds of writes that there are.
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
    /// Everything in every table.
    fn everything(&self) -> String;
    fn break_at(&self, table: &str, write: &str, when: &str);
    fn mend(&self, table: &str);
}

const TABLES: [&str; 6] = ["account", "device", "session", "spent_attempt", "budget", "event"];

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

    fn break_at(&self, table: &str, write: &str, when: &str) {
        self.run(&format!(
            "CREATE OR REPLACE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN RAISE EXCEPTION 'broken on purpose'; END $$;
             CREATE TRIGGER broken {when} {write} ON {table} FOR EACH ROW EXECUTE FUNCTION broken()"
        ));
    }

    fn mend(&self, table: &str) {
        self.run(&format!("DROP TRIGGER broken ON {table}"));
    }
}

async fn every_write_fails(store: Arc<dyn Store>, database: &dyn Breakable) {
    let world = World::on(store);
    let writes = WRITES.into_iter().flat_map(|write| ["BEFORE", "AFTER"].map(|when| (write, when)));
    let writes: Vec<_> = writes.enumerate().collect();
    for deed in DEEDS {
        let mut faults = 0;
        for (number, ((table, write), when)) in &writes {
            let what = format!("{deed:?}, {when} {write} on {table}");
            let ready = deed.ready(&world, &format!("{deed:?}-{number}").to_lowercase()).await;
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
            }
        }
        // A right password, where a second factor is owed, writes nothing.
        assert_eq!(faults == 0, deed == Deed::GivePassword, "{deed:?}: {faults} faults");
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
