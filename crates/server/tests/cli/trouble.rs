//! Problems that keep a server from serving: reported at startup, in its log and by the doctor.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::Command,
    time::Duration,
};

use cluster::{Cluster, Fresh, Stop};
use countersign_engine::Stopwatch;
use countersign_testkit::Page;
use serde_json::Value;

use crate::{
    house::{Engine, House, PASSWORD, Server, Told, patiently},
    person::{Person, Socket},
};

/// A user who owns no files.
const NOBODY: u32 = 65_534;
const SERVE: &str = "serve --bind 127.0.0.1:0";
/// The log line about a database that cannot be reached yet, with its host and port.
const WAITS: &str = "waiting for the database";

fn readiness(address: SocketAddr) -> String {
    let answer = Socket(address).send("GET /readyz HTTP/1.1\r\nhost: any\r\nconnection: close\r\n\r\n");
    answer.split(' ').nth(1).unwrap().to_owned()
}

/// The failures that the doctor reports, as `check: found`; its exit status must match them.
#[track_caller]
fn failures(told: &Told) -> Vec<String> {
    let all: Value = serde_json::from_str(&told.out).unwrap_or_else(|_| panic!("{told:?}"));
    let failed = all.as_array().unwrap().iter().filter(|finding| finding["state"] == "fail");
    let failed: Vec<_> = failed
        .map(|finding| format!("{}: {}", finding["check"].as_str().unwrap(), finding["found"].as_str().unwrap()))
        .collect();
    assert_eq!(told.status, i32::from(!failed.is_empty()), "{told:?}");
    failed
}

#[track_caller]
fn fails_with(told: &Told, parts: &[&str]) {
    let failed = failures(told);
    let found = failed.iter().any(|failure| parts.iter().all(|part| failure.contains(part)));
    assert!(found, "no failure with {parts:?}: {failed:?}");
}

/// Keys in a file of another name.
fn other_keys(house: &House, name: &str) {
    house.run(&format!("keys new {name}")).succeeds();
}

/// Waits until this many nodes have reported that they run.
fn reported(house: &House, nodes: usize) {
    patiently(|| (house.count("SELECT count(*) FROM node") == nodes).then_some(())).unwrap();
}

#[test]
fn t140_a_node_with_another_key_file_does_not_serve() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let house = House::founded_on(engine);
        other_keys(&house, "other.key");
        let server = house.serves();
        reported(&house, 1);
        let others = [("COUNTERSIGN_KEY_FILE", "other.key")];
        fails_with(
            &house.run_in_place("doctor --json", &others),
            &[
                "nodes: node ",
                &format!("({})", server.address),
                "has other keys than the key file here",
                "copy the same key",
            ],
        );
        let refused = house.run_in_place(SERVE, &others);
        assert_eq!(refused.status, 1, "{refused:?}");
        let why = refused.err.lines().last().unwrap();
        for part in
            [" on ", &format!("({})", server.address), "uses this database with other keys", "copy the same key"]
        {
            assert!(why.contains(part), "{part}: {why}");
        }
        assert!(failures(&house.run("doctor --json")).is_empty(), "the node that runs is not told from its peers");
        let listed = house.run("keys list --json").json();
        assert_eq!(listed["nodes"][0]["listen_address"], server.address.to_string());
        assert!(listed["nodes"][0]["host"].is_string(), "{listed}");
    }
}

/// The row of a stopped node does not keep another node from starting.
#[test]
fn t140_a_node_that_was_stopped_is_not_taken_for_one_that_runs() {
    let house = House::founded();
    other_keys(&house, "other.key");
    let server = house.serves();
    reported(&house, 1);
    drop(server);
    let server = house.serves_with(SERVE, &[("COUNTERSIGN_KEY_FILE", "other.key")]);
    reported(&house, 2);
    assert!(server.log().contains("has other keys than the key file here: waiting"), "{}", server.log());
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

#[tokio::test]
async fn t140_a_key_file_that_is_replaced_under_a_node_is_an_error_at_both_nodes() {
    let house = House::of(&["ada"]);
    other_keys(&house, "other.key");
    fs::copy(house.path("countersign.key"), house.path("second.key")).unwrap();
    let first = house.serves();
    let second = house.serves_with(SERVE, &[("COUNTERSIGN_KEY_FILE", "second.key")]);
    reported(&house, 2);
    Person::at(&first, "ada").sets_up().await;
    fs::rename(house.path("other.key"), house.path("second.key")).unwrap();
    for (server, other) in [(&second, &first), (&first, &second)] {
        let line = server.wait_for("has other keys than this one");
        assert!(line.contains("ERROR") && line.contains(&format!("({})", other.address)), "{line}");
    }
    second.wait_for("devices are sealed by a key that is not in the key file");
    fails_with(&house.run("doctor --json"), &["nodes: ", "have different keys"]);
}

#[tokio::test]
async fn t140_devices_that_no_key_here_opens_are_an_error_at_the_start() {
    let house = House::of(&["ada"]);
    let server = house.serves();
    Person::at(&server, "ada").sets_up().await;
    drop(server);
    other_keys(&house, "other.key");
    let server = house.serves_with(SERVE, &[("COUNTERSIGN_KEY_FILE", "other.key")]);
    let line = server.wait_for("devices are sealed by a key that is not in the key file");
    assert!(line.contains("ERROR") && line.contains("devices=1"), "{line}");
}

#[test]
fn a_server_waits_for_a_database_that_starts_later() {
    let mut cluster = Cluster::start().unwrap();
    let house = House::founded();
    let url = cluster.url("postgres");
    let there = [("COUNTERSIGN_DATABASE_URL", url.as_str())];
    house.run_in_place("migrate", &there).succeeds();
    cluster.stop(Stop::Fast).unwrap();
    let port = cluster.port();
    let server = house.starts(SERVE, &there, WAITS);
    let line = server.wait_for(WAITS);
    for part in ["WARN", "120 s at most", "database_url", &format!("127.0.0.1:{port}/postgres")] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!server.log().contains("listening"), "{}", server.log());
    cluster.start_again().unwrap();
    let listening = server.wait_for("listening");
    let address = listening.split("address=").nth(1).unwrap().trim().parse().unwrap();
    assert_eq!(readiness(address), "204");
}

#[test]
fn the_wait_for_a_database_has_an_end_and_is_only_for_what_time_may_mend() {
    let house = House::founded();
    let nobodys = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = format!("postgres://ada:hunter2@{nobodys}/countersign");
    let fresh = Fresh::database();
    let unknown = fresh.url().replace(fresh.name(), "nothing_of_this_name");
    let started = Stopwatch::start();
    for (url, parts) in [
        (away.as_str(), [" s for the database (database_wait)", "database_url", &format!("{nobodys}/countersign")]),
        (&unknown, ["could not connect to the database", "database_url", "/nothing_of_this_name: database"]),
    ] {
        let wait = if url == away { "3s" } else { "2m" };
        let settings = [("COUNTERSIGN_DATABASE_URL", url), ("COUNTERSIGN_DATABASE_WAIT", wait)];
        let refused = house.run_in_place(SERVE, &settings);
        let why = refused.err.lines().last().unwrap();
        assert!(refused.status == 1 && parts.iter().all(|part| why.contains(part)), "{refused:?}");
        assert!(!refused.err.contains("hunter2"), "{refused:?}");
        let lines = refused.err.matches(WAITS).count();
        let expected = if url == away { 1..=2 } else { 0..=0 };
        assert!(expected.contains(&lines), "it is tried every second and logged every ten: {refused:?}");
    }
    assert!(started.elapsed() < Duration::from_mins(1), "it waited for what stays as it is");
}

#[test]
fn t148_a_server_that_waits_for_its_database_ends_when_it_is_told_to_and_not_at_a_hangup() {
    let house = House::founded();
    let nobodys = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://ada@{nobodys}/countersign");
    let mut server = house.starts(SERVE, &[("COUNTERSIGN_DATABASE_URL", &url)], WAITS);
    server.signal("HUP");
    server.signal("TERM");
    assert_eq!(server.ends(), Some(0), "{}", server.log());
}

#[test]
fn commands_on_a_database_that_cannot_be_reached_name_it_and_its_setting() {
    let house = House::founded();
    let nobodys = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://ada:hunter2@{nobodys}/countersign");
    for line in
        ["migrate", "migrate --dry-run", "user list", "keys list", "purge", "after-restore --list", "config check"]
    {
        let told = house.run_in_place(line, &[("COUNTERSIGN_DATABASE_URL", &url)]);
        let parts = ["database_url", &format!("{nobodys}/countersign")];
        let says = parts.iter().all(|part| told.fails().contains(part)) && !told.fails().contains("hunter2");
        assert!(says, "{line}: {told:?}");
    }
}

/// A way to damage an installation's SQLite file, and what every command must say about it.
type Spoilt = (&'static str, fn(&House), &'static [&'static str]);

fn spoil(house: &House, contents: &[u8]) {
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(house.path(&format!("countersign.db{end}")));
    }
    fs::write(house.path("countersign.db"), contents).unwrap();
}

const SPOILT: [Spoilt; 4] = [
    (
        "no database",
        |house| spoil(house, &b"This is a letter to my grandmother. ".repeat(400)),
        &["is not a SQLite database", "restore a backup"],
    ),
    (
        "damaged",
        |house| {
            let mut bytes = fs::read(house.path("countersign.db")).unwrap();
            let end = bytes.len();
            bytes[100..end].fill(0x5a);
            spoil(house, &bytes);
        },
        &["is damaged", "restore a backup"],
    ),
    (
        "a folder",
        |house| {
            fs::remove_file(house.path("countersign.db")).unwrap();
            fs::create_dir(house.path("countersign.db")).unwrap();
        },
        &["is a folder: name the file in it"],
    ),
    (
        "gone",
        |house| fs::remove_file(house.path("countersign.db")).unwrap(),
        &["there is no database at", "run `countersign migrate`"],
    ),
];

#[test]
fn what_is_wrong_with_a_database_file_is_said_in_words_by_every_command() {
    for (name, spoil, parts) in SPOILT {
        let house = House::of(&["ada"]);
        spoil(&house);
        let path = house.path("countersign.db").display().to_string();
        for line in ["user list", "two-factor status ada", "purge", "keys list", "config check", SERVE] {
            let told = house.run(line);
            let why = told.err.lines().last().unwrap_or_default();
            let says = parts.iter().all(|part| why.contains(part)) && why.contains(&path);
            assert!(told.status == 1 && says, "{name}, {line}: {told:?}");
        }
        fails_with(&house.run("doctor --json"), parts);
    }
}

#[test]
fn a_file_or_folder_of_another_user_is_said_to_be_that_user_s() {
    for (place, mode) in [("countersign.db", 0o600), ("folder", 0o755), ("folder", 0o700)] {
        let house = House::founded();
        open_to_all(&house);
        let path = if place == "folder" {
            fs::create_dir(house.path(place)).unwrap();
            for end in ["", "-wal", "-shm"] {
                let name = format!("countersign.db{end}");
                let _ = fs::rename(house.path(&name), house.path(&format!("folder/{name}")));
            }
            let path = house.path("folder/countersign.db");
            let _ = std::os::unix::fs::chown(&path, Some(NOBODY), None);
            path
        } else {
            house.path(place)
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(house.path(place), fs::Permissions::from_mode(mode)).unwrap();
        for line in ["user list", "migrate", "doctor --json"] {
            let Some(told) = as_nobody(&house, line, &path) else { return };
            let text = format!("{}{}", told.out, told.err);
            let whose = format!(
                "{} belongs to user root (mode {mode:o}), and this runs as user nobody",
                house.path(place).display()
            );
            assert!(
                told.status == 1 && text.contains(&whose) && text.contains("chown"),
                "{place} {mode:o} {line}: {told:?}"
            );
        }
    }
}

/// Lets every user of the machine read the installation's folder and its key file's folder.
fn open_to_all(house: &House) {
    let folder = house.path("countersign.db").parent().unwrap().to_owned();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs a command line as a user who owns no files; `None` if these tests may not do that.
fn as_nobody(house: &House, line: &str, database: &Path) -> Option<Told> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|found| std::os::unix::fs::MetadataExt::uid(&found) == 0);
    let program = house.path("countersign");
    if !is_root {
        return None;
    }
    if !program.exists() {
        house.program("countersign", Path::new(env!("CARGO_BIN_EXE_countersign")));
    }
    let mut command = Command::new(program);
    command.args(line.split(' ')).env_clear().uid(NOBODY).gid(NOBODY);
    command.env("COUNTERSIGN_DATABASE_URL", format!("sqlite://{}", database.display()));
    command.env("COUNTERSIGN_KEY_FILE", house.path("countersign.key"));
    let output = command.output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    Some(Told { status: output.status.code().unwrap(), out, err })
}

#[tokio::test]
async fn t141_a_database_file_that_is_moved_or_deleted_under_a_server_is_noticed() {
    for replaced in [false, true] {
        let house = House::of(&["ada"]);
        let server = house.serves();
        assert_eq!(readiness(server.address), "204");
        house.run("backup copy.db").succeeds();
        fs::rename(house.path("countersign.db"), house.path("moved.db")).unwrap();
        if replaced {
            fs::copy(house.path("copy.db"), house.path("countersign.db")).unwrap();
        }
        let line = server.wait_for("the database's file is not in its place");
        assert!(line.contains("ERROR") && line.contains("moved, replaced or deleted"), "{line}");
        let since = Stopwatch::start();
        // An earlier result is valid for a second.
        patiently(|| (readiness(server.address) == "503").then_some(())).unwrap();
        // T137: a database that is unavailable for long does not fill the log, however often supervisors ask.
        (0..64).for_each(|_| assert_eq!(readiness(server.address), "503"));
        let lines = server.log().lines().filter(|line| line.contains("not ready")).count();
        assert!((1..=8).contains(&lines), "{lines} lines");
        let page = Person::at(&server, "ada").signs_in(PASSWORD).await;
        assert_eq!(page.status, http::StatusCode::SERVICE_UNAVAILABLE, "nothing is written to a file that is lost");
        let bind = server.address.to_string();
        fails_with(
            &house.run_in_place("doctor --json", &[("COUNTERSIGN_BIND", &bind)]),
            &["server: the server at ", "is not ready", "put the file back"],
        );
        // It is checked every second, and reported every minute.
        patiently(|| (since.elapsed() > Duration::from_millis(2500)).then_some(())).unwrap();
        let complaints = server.log().matches("the database's file is not in its place").count();
        assert!(complaints as u64 <= 1 + since.elapsed().as_secs() / 60, "{}", server.log());
        let _ = fs::remove_file(house.path("countersign.db"));
        fs::rename(house.path("moved.db"), house.path("countersign.db")).unwrap();
        patiently(|| (readiness(server.address) == "204").then_some(())).unwrap();
    }
}

#[test]
fn a_database_that_takes_no_writes_fails_the_doctor() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let house = House::founded_on(engine);
        assert!(failures(&house.run("doctor --json")).is_empty());
        match &house.elsewhere {
            None => house.sql(
                "CREATE TRIGGER full BEFORE INSERT ON budget BEGIN SELECT RAISE(ABORT, 'no room'); END;
                 CREATE TRIGGER full_too BEFORE UPDATE ON budget BEGIN SELECT RAISE(ABORT, 'no room'); END",
            ),
            Some(_) => house.sql("ALTER TABLE budget RENAME TO no_budget"),
        };
        fails_with(&house.run("doctor --json"), &["writes: could not"]);
    }
}

#[test]
fn a_postgres_database_that_is_not_utf8_is_not_migrated() {
    let cluster = Cluster::start().unwrap();
    let house = House::founded();
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let name = encoding.to_lowercase();
        let create =
            format!("CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
        cluster.sql("postgres", &create).unwrap();
        let url = cluster.url(&name);
        let there = [("COUNTERSIGN_DATABASE_URL", url.as_str())];
        for line in ["migrate", "migrate --dry-run"] {
            let told = house.run_in_place(line, &there);
            assert!(told.fails().contains("--encoding=UTF8") && told.fails().contains(&name), "{told:?}");
        }
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(cluster.sql(&name, tables).unwrap(), "0", "it was filled");
        fails_with(&house.run_in_place("doctor --json", &there), &["database: ", "ENCODING 'UTF8'"]);
    }
}

/// A page whose code is sent by a service that never responds.
async fn asks_for_a_code(server: &Server) -> Page {
    let mut ada = Person::at(server, "ada");
    ada.signs_in(PASSWORD).await;
    let page = ada.browser.get("/account/two-factor/setup?method=sms").await;
    ada.browser.submit(&page.form_with("to"), "", &[("to", "+31 6 12345678")]).await
}

#[tokio::test]
async fn a_server_ends_within_ten_seconds_while_a_gateway_hangs() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    for settings in [
        [
            ("COUNTERSIGN_SMS_GATEWAY", "webhook"),
            ("COUNTERSIGN_WEBHOOK_URL", &url),
            ("COUNTERSIGN_WEBHOOK_SECRET_FILE", "secret"),
        ],
        [
            ("COUNTERSIGN_SMS_GATEWAY", "command"),
            ("COUNTERSIGN_GATEWAY_COMMAND", "./hangs"),
            ("COUNTERSIGN_LOG", "info"),
        ],
    ] {
        let house = House::of(&["ada"]);
        house.write_secret("secret", "the secret of the webhook\n");
        house.write("hangs.sh", "#!/bin/sh\nexec sleep 60\n");
        house.program("hangs", &house.path("hangs.sh"));
        let mut server = house.serves_with(SERVE, &settings);
        let _ = asks_for_a_code(&server).await;
        let told = Stopwatch::start();
        server.signal("TERM");
        assert_eq!(server.ends(), Some(0));
        // The process's own limits add up to less than ten seconds; a busy machine takes longer.
        assert!(told.elapsed() < Duration::from_secs(20), "it took {:?}", told.elapsed());
        assert!(server.log().contains("were dropped at shutdown"), "{}", server.log());
    }
}

/// In each of these installations users could not sign in; each failure has its remedy.
#[tokio::test]
async fn the_doctor_fails_with_the_remedy_wherever_people_are_kept_out() {
    let house = House::of(&["ada"]);
    let server = house.serves();
    Person::at(&server, "ada").sets_up().await;
    drop(server);
    other_keys(&house, "other.key");
    let nobodys = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = format!("postgres://ada@{nobodys}/countersign");
    fs::create_dir(house.path("templates")).unwrap();
    house.write("templates/base.html", "{% if %}");
    for (settings, parts) in [
        (&[("KEY_FILE", "nowhere.key")][..], &["keys: there is no key file", "countersign keys new"][..]),
        (&[("KEY_FILE", "other.key")], &["states: 1 devices are sealed by key", "put the key back"]),
        (
            &[("DATABASE_URL", "sqlite:///nowhere/at/all.db")],
            &["database: there is no database", "countersign migrate"],
        ),
        (&[("DATABASE_URL", &away)], &["database: could not use the database in database_url", &nobodys.to_string()]),
        (&[("PUBLIC_URL", "http://id.example.org")], &["settings: ", "use https"]),
        (&[("PHONE_REGION", "UK")], &["settings: could not use phone_region", "write GB"]),
        (&[("SMS_GATEWAY", "twilio")], &["gateways: could not use twilio for sms", "is not set"]),
        (&[("CODES_PER_USER_CEILING", "1")], &["start: could not use the settings: "]),
        (&[("TEMPLATE_DIR", "templates")], &["pages: could not make the pages"]),
    ] {
        let names: Vec<_> = settings.iter().map(|(name, _)| format!("COUNTERSIGN_{name}")).collect();
        let settings: Vec<_> = names.iter().map(String::as_str).zip(settings.iter().map(|(_, value)| *value)).collect();
        fails_with(&house.run_in_place("doctor --json", &settings), parts);
    }
    for (kind, gateway, remedy) in [
        ("sms", "SMS_GATEWAY", "set sms_gateway"),
        ("call", "CALL_GATEWAY", "set call_gateway"),
        ("email", "EMAIL_GATEWAY", "set email_gateway"),
    ] {
        house.sql(&format!("UPDATE device SET kind = '{kind}'"));
        fails_with(&house.run("doctor --json"), &["methods: 1 devices get their codes by", remedy]);
        let name = format!("COUNTERSIGN_{gateway}");
        let settings = [(name.as_str(), "command"), ("COUNTERSIGN_GATEWAY_COMMAND", "/bin/true")];
        let sent = failures(&house.run_in_place("doctor --json", &settings));
        let told =
            sent.iter().any(|failure| failure.contains("methods: 1 devices") && failure.contains("set email_codes"));
        assert_eq!(told, kind == "email", "{kind}: {sent:?}");
    }
}
