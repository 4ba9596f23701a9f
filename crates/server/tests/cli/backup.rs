//! Backups of the database and their restore; and the purge of expired data.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, thread, time::Duration};

use countersign_engine::{Clock as _, SystemClock};
use rusqlite::Connection;

use crate::{
    crowd::People,
    house::{Engine, House, OTHER_PASSWORD, PASSWORD, Server},
    person::Person,
};

fn count(database: &Path, query: &str) -> usize {
    let count: i64 = Connection::open(database).unwrap().query_row(query, [], |row| row.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

const LOGINS: &str = "SELECT count(*) FROM event WHERE kind = 'signed-in' AND method = 'backup-codes'";
const DEVICE_COOKIES: &str = "SELECT count(*) FROM device_cookie";

#[tokio::test]
async fn a_backup_taken_under_load_has_every_login_that_was_answered_before() {
    const NAMES: [&str; 6] = ["ada", "bob", "eve", "joe", "kim", "zoe"];
    let house = House::of(&NAMES);
    let server = house.serves();
    let people = People::at(&server, &NAMES).await;
    let mut last = 0;
    for round in 0..4 {
        thread::sleep(Duration::from_millis(600));
        let (before, name) = (people.signed_in(), format!("backup-{round}.db"));
        house.run(&format!("backup {name}")).succeeds();
        let copy = house.path(&name);
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        let whole: String =
            Connection::open(&copy).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok");
        let (found, after) = (count(&copy, LOGINS), people.signed_in());
        assert!((before..=after + NAMES.len()).contains(&found), "{before} {found} {after}");
        assert!(found >= last);
        last = found;
    }
    assert!(last > 0, "no user has signed in meanwhile");
    assert_eq!(people.finish(), 60);
    let left: Vec<_> = fs::read_dir(house.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains(".part")), "{left:?}");
}

#[tokio::test]
async fn what_was_backed_up_comes_back_and_ends_the_sessions_in_it() {
    let house = House::of(&["ada"]);
    let mut server = house.serves();
    let mut ada = Person::at(&server, "ada");
    ada.sets_up().await;
    let codes = ada.makes_backup_codes().await;
    house.run("backup saved.db").succeeds();
    let saved = fs::read(house.path("saved.db")).unwrap();

    let again = house.run("backup saved.db");
    assert!(again.fails().ends_with("saved.db already, and it stays as it is"), "{again:?}");
    let there = house.run("restore saved.db");
    assert!(there.fails().ends_with("countersign.db: use --replace to replace it by the backup"), "{there:?}");
    let used = house.run("restore saved.db --replace");
    assert!(used.fails().ends_with("is in use: stop every server on it first"), "{used:?}");
    assert!(ada.is_verified().await, "nothing has changed");
    let mut other = Person::at(&server, "ada");
    let page = other.signs_in(PASSWORD).await;
    assert!(other.answers_with_backup_code(&page, &codes[0]).await.says("You are signed in"));

    server.signal("TERM");
    server.ends();
    let logins = count(&house.path("countersign.db"), LOGINS);
    assert_eq!(logins, 1);
    let told = house.run("restore saved.db --replace --json").json();
    assert_eq!(told["sessions_ended"], 1);
    assert_eq!(count(&house.path("saved.db"), DEVICE_COOKIES), 1, "the backup knows ada's browser");
    assert_eq!(count(&house.path("countersign.db"), DEVICE_COOKIES), 0, "which may have been ended since");
    assert_eq!(count(&house.path("countersign.db"), LOGINS), 0, "it is as it was");
    assert_eq!(fs::read(house.path("saved.db")).unwrap(), saved, "the backup stays as it is");
    let server = house.serves();
    ada.browser = Person::at(&server, "ada").browser;
    let page = ada.signs_in(PASSWORD).await;
    assert!(ada.answers_with_backup_code(&page, &codes[1]).await.says("You are signed in"));
    drop(server);

    let fresh = [("COUNTERSIGN_DATABASE_URL", "sqlite://fresh.db"), ("COUNTERSIGN_KEY_FILE", "countersign.key")];
    house.run_in(&fresh, "restore saved.db").succeeds();
    assert_eq!(fs::metadata(house.path("fresh.db")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(count(&house.path("fresh.db"), "SELECT count(*) FROM session"), 0);
    house.run_in(&fresh, "config check").succeeds();
}

#[test]
fn what_is_no_backup_is_not_restored() {
    let house = House::founded();
    house.run("backup good.db").succeeds();
    let before = fs::read(house.path("countersign.db")).unwrap();
    house.write("garbage.db", &"this is no database ".repeat(500));
    house.write("empty.db", "");
    fs::copy(house.path("good.db"), house.path("newer.db")).unwrap();
    let newer = Connection::open(house.path("newer.db")).unwrap();
    newer.execute("INSERT INTO countersign_migration VALUES (99, 'from the future')", []).unwrap();
    drop(newer);
    let mut damaged = fs::read(house.path("good.db")).unwrap();
    for byte in damaged.iter_mut().skip(4096 * 2).take(4096 * 6) {
        *byte = 0xa5;
    }
    fs::write(house.path("damaged.db"), damaged).unwrap();
    for (name, reason) in [
        ("missing.db", "there is no file at"),
        ("garbage.db", "file is not a database"),
        ("empty.db", "has no tables of Countersign's"),
        ("newer.db", "is at migration 99 and this program knows only"),
        ("damaged.db", "malformed"),
    ] {
        let told = house.run(&format!("restore {name} --replace"));
        assert!(told.fails().contains(reason), "{name}: {told:?}");
        assert!(!house.path("countersign.db.part").exists(), "{name}");
    }
    assert_eq!(fs::read(house.path("countersign.db")).unwrap(), before);
    house.run("config check").succeeds();
}

#[test]
fn what_is_over_is_forgotten_on_demand() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let house = House::founded_on(engine);
        let rows = "
            INSERT INTO spent_attempt VALUES ('over', 1), ('running', 99999999999999);
            INSERT INTO event (at, user_id, kind) VALUES (1, 'ada', 'signed-in'), (99999999999999, 'ada', 'signed-in');
            INSERT INTO node VALUES ('gone', 1, 1, '0.1.0', 'a', 1, NULL, NULL);
            INSERT INTO session (key, user_id, level, stamp, created, last_seen, signed_in)
                VALUES ('idle', 'ada', 'aal1', 's', 1, 1, 1), ('used', 'ada', 'aal1', 's', 1, NOW, 1),
                       ('ahead', 'ada', 'aal1', 's', 1, 99999999999999, 1);
            INSERT INTO device (id, user_id, kind, name, status, version, failures, created, state)
                VALUES ('given-up', 'ada', 'totp', 'Phone', 'enrolling', 1, 0, 1, 'BYTES'),
                       ('begun', 'ada', 'totp', 'Phone', 'enrolling', 1, 0, 99999999999999, 'BYTES'),
                       ('old', 'ada', 'totp', 'Phone', 'active', 1, 0, 1, 'BYTES');";
        let bytes = if engine == Engine::Sqlite { "x'01'" } else { "'\\x01'" };
        let now = SystemClock.now().as_millis().to_string();
        house.sql(&rows.replace("'BYTES'", bytes).replace("NOW", &now));
        let kept = house.run_in_place("purge --json", &[("COUNTERSIGN_EVENT_RETENTION", "0")]);
        assert_eq!(kept.json()["rows"], 5, "{engine:?}");
        assert_eq!(house.run("purge").succeeds(), "1 expired rows were deleted");
        assert_eq!(house.run("purge --json").json()["rows"], 0);
        assert_eq!(house.count("SELECT count(*) FROM event"), 1);
        assert_eq!(house.count("SELECT count(*) FROM session"), 1);
        assert_eq!(house.count("SELECT count(*) FROM device"), 2);
    }
}

#[test]
fn on_postgres_its_own_tools_make_copies() {
    let house = House::founded_on(Engine::Postgres);
    for (line, tool) in [("backup copy.db", "pg_dump"), ("restore copy.db --replace", "pg_restore")] {
        let told = house.run(line);
        assert!(
            told.fails().contains("is on PostgreSQL, which has its own tools") && told.err.contains(tool),
            "{told:?}"
        );
        let password = house.elsewhere.as_ref().unwrap().url();
        let password = password.split([':', '@']).nth(2).unwrap();
        assert!(!told.err.contains(password), "{told:?}");
    }
    assert!(!house.path("copy.db").exists());
}

/// B10: backup, sign in by app, restore within the minute, the same code.
#[tokio::test]
async fn t119_a_code_that_was_used_since_the_backup_is_not_accepted_after_the_restore() {
    let house = House::of(&["ada"]);
    let mut server = house.serves();
    let mut ada = Person::at(&server, "ada");
    let app = ada.sets_up().await;
    house.run("backup saved.db").succeeds();
    // One step ahead of the clock, which is accepted at once.
    let code = app.code_at(SystemClock.now().after(Duration::from_secs(30)));
    let signs_in = async |server: &Server| {
        let mut ada = Person::at(server, "ada");
        let page = ada.signs_in(PASSWORD).await;
        ada.answers(&page, &code).await
    };
    assert!(signs_in(&server).await.says("You are signed in"));
    server.signal("TERM");
    server.ends();
    house.run("restore saved.db --replace").succeeds();
    let server = house.serves();
    assert!(signs_in(&server).await.says("has been used already"));
}

#[tokio::test]
async fn t119_what_a_restore_cannot_know_is_listed_by_user() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let house = House::of_on(engine, &["ada", "bob"]);
        let server = house.serves();
        let mut ada = Person::at(&server, "ada");
        ada.sets_up().await;
        ada.makes_backup_codes().await;
        drop(server);
        assert_eq!(house.run("after-restore --list").succeeds(), "no restore is recorded in this database");
        assert!(!house.run("doctor").out.contains("restore"));
        assert_eq!(house.count("SELECT count(*) FROM session"), 1, "{engine:?}");

        let told = house.run("after-restore --json").json();
        assert_eq!(house.count("SELECT count(*) FROM session"), 0, "{engine:?}");
        assert_eq!(house.count("SELECT count(*) FROM restoration"), 1);
        let users: Vec<_> = told["users"].as_array().unwrap().iter().map(|user| &user["user"]).collect();
        assert_eq!(users, ["ada", "bob"], "the password of each may be an old one");
        let devices = told["users"][0]["devices"].as_array().unwrap();
        assert!(devices.iter().map(|device| &device["kind"]).eq(["backup-codes"]), "not the app: {told}");
        assert_eq!(
            house.run("after-restore --list --json").json(),
            told,
            "it is told again, and nothing is noted anew"
        );
        let text = house.run("after-restore --list").succeeds().to_owned();
        assert!(text.contains("ada: the password set at ") && text.contains("backup-codes"), "{text}");
        let doctor = house.run("doctor").out;
        assert!(doctor.contains("warn  restore: ada") && doctor.contains("ok    restore: recorded at"), "{doctor}");

        house.run_with("user set-password bob --password-stdin", OTHER_PASSWORD).succeeds();
        let users = house.run("after-restore --list --json").json()["users"].clone();
        assert_eq!(users.as_array().unwrap().len(), 1, "bob's is settled: {users}");
    }
}

#[test]
fn t119_a_backup_of_an_earlier_version_is_restored_into_the_shape_that_can_note_it() {
    let house = House::founded();
    fs::remove_file(house.path("countersign.db")).unwrap();
    let old = Connection::open(house.path("old.db")).unwrap();
    old.execute_batch(include_str!("../../../store/tests/landed/first.sqlite.sql")).unwrap();
    drop(old);
    let told = house.run("restore old.db --json").json();
    assert_eq!(told["migration"], 1);
    assert!(told["restored"].is_i64(), "{told}");
    house.run("config check").succeeds();
}
