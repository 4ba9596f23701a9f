//! The findings of the doctor, and that it finds nothing where all is well.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    thread,
};

use cluster::Cluster;
use rusqlite::Connection;
use serde_json::Value;

use crate::{
    house::{Engine, House, Told, patiently},
    person::{Person, Socket},
};

/// The findings of one kind, as `check: found`.
fn findings(told: &Told, state: &str) -> Vec<String> {
    let all: Value = serde_json::from_str(&told.out).unwrap_or_else(|_| panic!("{told:?}"));
    let all = all.as_array().unwrap().iter().filter(|finding| finding["state"] == state);
    all.map(|finding| format!("{}: {}", finding["check"].as_str().unwrap(), finding["found"].as_str().unwrap()))
        .collect()
}

#[track_caller]
fn finds(told: &Told, state: &str, text: &str) {
    assert!(findings(told, state).iter().any(|finding| finding.contains(text)), "no {state} with {text:?}: {told:?}");
    assert_eq!(told.status, i32::from(!findings(told, "fail").is_empty()), "{told:?}");
}

fn doctor(house: &House) -> Told {
    house.run("doctor --json")
}

/// Its output once the server has reported itself, which is a moment after it listens.
fn beside_its_server(house: &House, settings: &[(&str, &str)]) -> Told {
    let told = || house.run_in_place("doctor --json", settings);
    patiently(|| Some(told()).filter(|told| !told.out.contains("no server runs"))).unwrap_or_else(told)
}

#[tokio::test]
async fn a_healthy_installation_is_told_so_also_beside_its_server() {
    let house = House::of(&["ada"]);
    fs::create_dir(house.path("keys")).unwrap();
    fs::rename(house.path("countersign.key"), house.path("keys/countersign.key")).unwrap();
    let bind = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{bind}");
    let settings = [
        ("COUNTERSIGN_KEY_FILE", "keys/countersign.key"),
        ("COUNTERSIGN_PUBLIC_URL", url.as_str()),
        ("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let idle = house.run_in_place("doctor --json", &settings);
    finds(&idle, "ok", "nodes: no server uses");
    let server = house.serves_with(&format!("serve --bind {bind}"), &settings);
    let told = beside_its_server(&house, &settings);
    assert_eq!((told.status, told.err.as_str(), findings(&told, "fail").len()), (0, "", 0), "{told:?}");
    for text in [
        "settings: they are valid",
        &format!("address: something listens at {bind}"),
        &format!("address: http://{bind} reaches this installation"),
        "proxies: X-Forwarded-For is accepted from 127.0.0.1 only",
        "gateways: none is set",
        "keys: 1 in keys/countersign.key",
        "schema: it is up to date",
        "database: SQLite's integrity check passed",
        "states: all 0 devices can be unsealed",
        "clock: no node's clock is ahead",
        "nodes: running, all with the same version and the same keys",
    ] {
        finds(&told, "ok", text);
    }
    // The tests may run on storage that is not durable, which is then reported.
    let warned = findings(&told, "warn");
    let expected = ["durability: ", "address: only browsers on this machine"];
    assert!(warned.iter().all(|finding| expected.iter().any(|start| finding.starts_with(start))), "{warned:?}");
    let text = house.run_in_place("doctor", &settings);
    assert!(text.succeeds().starts_with("ok    settings: they are valid\nwarn  address: "), "{text:?}");
    drop(server);
}

/// A stand-in for a proxy, which answers every request alike; returns its address.
fn answering(answer: impl Into<String>) -> SocketAddr {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // A connection that is only opened and closed sends nothing.
            let mut head = [0; 4096];
            if stream.read(&mut head).is_ok_and(|read| read > 0) {
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    address
}

#[test]
fn t149_an_address_that_leads_to_something_else_is_a_failure() {
    let house = House::founded();
    for (answer, text) in [
        (
            "HTTP/1.1 421 Misdirected Request\r\ncontent-length: 0\r\n\r\n",
            "responds with 421: the proxy sends another Host",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n",
            "responds with 502: the proxy does not reach the server",
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
            "responds with 503: the proxy does not reach the server, or",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
            "responds with 403: the server rejects requests from a proxy",
        ),
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "responds with 404: this is not the server of these settings",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nx\nhello",
            "responds with 200: this is not the server of these settings",
        ),
        (
            "HTTP/1.1 301 Moved\r\nlocation: https://www.example.org/doctor?next=x\r\ncontent-length: 0\r\n\r\n",
            "responds with 301 to https://www.example.org/doctor: requests do not reach the server",
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n", "does not respond ("),
    ] {
        let url = format!("http://{}", answering(answer));
        finds(
            &house.run_in_place("doctor --json", &[("COUNTERSIGN_PUBLIC_URL", &url)]),
            "fail",
            &format!("address: {url} {text}"),
        );
    }
    // The doctor reads no more than an installation could have sent.
    let long = format!("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{}", "x".repeat(9000));
    let url = format!("http://{}", answering(long));
    let told = house.run_in_place("doctor --json", &[("COUNTERSIGN_PUBLIC_URL", &url)]);
    finds(&told, "fail", &format!("address: {url} responds with 200: this is not the server"));
    // The server does not speak TLS.
    let url = format!("https://{}", answering("HTTP/1.1 400 Bad Request\r\n\r\n"));
    let settings = [("COUNTERSIGN_PUBLIC_URL", url.as_str()), ("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1")];
    finds(&house.run_in_place("doctor --json", &settings), "fail", &format!("address: {url} does not respond ("));
}

#[test]
fn t149_a_server_with_other_keys_is_not_taken_for_this_installation() {
    let (house, other) = (House::founded(), House::founded());
    let bind = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{bind}");
    let settings = [("COUNTERSIGN_PUBLIC_URL", url.as_str())];
    let server = other.serves_with(&format!("serve --bind {bind}"), &settings);
    finds(
        &house.run_in_place("doctor --json", &settings),
        "fail",
        "responds with 404: this is not the server of these settings",
    );
    finds(&other.run_in_place("doctor --json", &settings), "ok", "reaches this installation");
    // During a key change, one common key is enough.
    other.run("keys new").succeeds();
    finds(&other.run_in_place("doctor --json", &settings), "ok", "reaches this installation");
    let ask = format!("GET /doctor HTTP/1.1\r\nhost: {bind}\r\nconnection: close\r\n\r\n");
    assert!(
        Socket(server.address).send(&ask).starts_with("HTTP/1.1 404 "),
        "for all other requests the path does not exist"
    );
    let elsewhere = [("COUNTERSIGN_PUBLIC_URL", url.replace("127.0.0.1", "localhost"))];
    let elsewhere = elsewhere.each_ref().map(|(name, value)| (*name, value.as_str()));
    finds(
        &other.run_in_place("doctor --json", &elsewhere),
        "fail",
        "responds with 421: the proxy sends another Host than localhost:",
    );
}

#[test]
fn an_address_that_leads_nowhere_is_a_warning() {
    let house = House::founded();
    let nobodys = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, text) in [
        (format!("https://{nobodys}"), format!("address: {nobodys} cannot be reached from here (")),
        ("https://id.invalid".into(), "address: id.invalid:443 cannot be reached from here (".into()),
    ] {
        let settings = [("COUNTERSIGN_PUBLIC_URL", url.as_str()), ("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1")];
        finds(&house.run_in_place("doctor --json", &settings), "warn", &text);
    }
    finds(&doctor(&house), "warn", "address: only browsers on this machine");
}

#[test]
fn the_database_server_and_its_clock_are_examined() {
    let house = House::founded_on(Engine::Postgres);
    let _server = house.serves();
    let told = beside_its_server(&house, &[]);
    assert_eq!(findings(&told, "fail"), [""; 0], "{told:?}");
    for text in [
        "schema: it is up to date",
        "database: PostgreSQL",
        "keeps what it commits",
        "clock: it agrees with the database server's",
        "clock: no node's clock is ahead",
        "states: all 0 devices can be unsealed",
        "nodes: running, all with the same version and the same keys",
    ] {
        finds(&told, "ok", text);
    }
    for (time, state, text) in [
        ("-1s", "ok", "clock: it agrees"),
        ("+6s", "warn", "clock: it is 6."),
        ("-6s", "warn", "s behind the database server's"),
        ("+45s", "fail", "s ahead of the database server's clock"),
        ("-45s", "fail", "s behind the database server's"),
    ] {
        finds(&house.run_at(time, "doctor --json"), state, text);
    }
}

#[test]
fn a_database_server_that_could_lose_what_was_committed_is_found() {
    let settings = [("synchronous_commit", "local"), ("synchronous_standby_names", "b"), ("full_page_writes", "off")];
    let mut cluster = Cluster::start_with(&settings).unwrap();
    let house = House::founded();
    let url = cluster.url("postgres");
    let there = [("COUNTERSIGN_DATABASE_URL", url.as_str())];
    finds(&house.run_in_place("doctor --json", &there), "fail", "run `countersign migrate`");
    house.run_in_place("migrate", &there).succeeds();
    let told = house.run_in_place("doctor --json", &there);
    finds(&told, "warn", "commits do not wait for a standby");
    finds(&told, "warn", "full_page_writes is off");
    cluster.set("synchronous_standby_names", "");
    cluster.set("synchronous_commit", "off");
    cluster.start_again().unwrap();
    finds(&house.run_in_place("doctor --json", &there), "warn", "synchronous_commit is off");
    cluster.set("fsync", "off");
    cluster.start_again().unwrap();
    let told = house.run_in_place("doctor --json", &there);
    finds(&told, "fail", "set fsync = on in postgresql.conf");
    drop(cluster);
    finds(&house.run_in_place("doctor --json", &there), "fail", "could not connect to the database");
}

#[test]
fn nothing_set_is_two_failures_and_no_crash() {
    let house = House::empty();
    let told = house.run_in(&[], "doctor --json");
    finds(&told, "fail", "keys: no key file is set");
    finds(&told, "fail", "database: no database is set");
    assert_eq!(told.err, "countersign: 2 checks have failed\n");
    let told = house.run_in(&[("COUNTERSIGN_BIND", "nowhere")], "doctor --json");
    finds(&told, "fail", "settings: could not use bind");
}

#[test]
fn files_and_settings_that_let_others_in_are_found() {
    let house = House::founded();
    finds(&doctor(&house), "warn", "keys: the key file is in the database's folder");
    fs::set_permissions(house.path("countersign.db"), fs::Permissions::from_mode(0o644)).unwrap();
    finds(&doctor(&house), "warn", "other users can read");
    fs::set_permissions(house.path("countersign.key"), fs::Permissions::from_mode(0o640)).unwrap();
    finds(&doctor(&house), "fail", "keys: other users can read the key file");
    for (settings, state, text) in [
        (&[("COUNTERSIGN_TRUSTED_PROXIES", "0.0.0.0/0")][..], "warn", "most of the Internet"),
        (&[("COUNTERSIGN_TRUSTED_PROXIES", "10.0.0.1,::/0")], "warn", "most of the Internet"),
        (&[("COUNTERSIGN_PUBLIC_URL", "http://id.example.org")], "fail", "passwords in clear"),
        (&[("COUNTERSIGN_METRICS_BIND", "0.0.0.0:9464")], "warn", "metrics are served without authentication"),
        (&[("COUNTERSIGN_TEMPLATE_DIR", "nowhere")], "fail", "is not a folder"),
    ] {
        finds(&house.run_in_place("doctor --json", settings), state, text);
    }
    for (proxies, state, text) in [
        (
            "10.0.0.0/8,127.0.0.1,fd00::/8",
            "ok",
            "proxies: X-Forwarded-For is accepted from 10.0.0.0/8, 127.0.0.1, fd00::/8",
        ),
        ("0.0.0.0/0", "warn", "proxies: trusted_proxies has networks that contain most of the Internet"),
        ("", "warn", "proxies: trusted_proxies is empty"),
    ] {
        let settings = [("COUNTERSIGN_TRUSTED_PROXIES", proxies), ("COUNTERSIGN_PUBLIC_URL", "https://127.0.0.1:1")];
        finds(&house.run_in_place("doctor --json", &settings), state, text);
    }
    finds(&doctor(&house), "ok", "proxies: none is listed");
}

#[test]
fn gateways_that_are_set_by_halves_or_cannot_be_reached_are_found() {
    let house = House::founded();
    house.write("program", "");
    fs::set_permissions(house.path("program"), fs::Permissions::from_mode(0o700)).unwrap();
    house.write_secret("secret", "of the service\n");
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobodys = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let [away, silent] = [nobodys, listening.local_addr().unwrap()].map(|address| format!("http://{address}/"));
    for (settings, state, text) in [
        (
            &[("SMS_GATEWAY", "command"), ("GATEWAY_COMMAND", "program")][..],
            "ok",
            "gateways: command for sms: reachable",
        ),
        (
            &[("SMS_GATEWAY", "command"), ("GATEWAY_COMMAND", "nowhere")],
            "warn",
            "gateways: command for sms: could not find",
        ),
        (
            &[("SMS_GATEWAY", "command"), ("GATEWAY_COMMAND", "secret")],
            "warn",
            "gateways: command for sms: could not find the program that sends messages: it is no file that can be run",
        ),
        (&[("EMAIL_GATEWAY", "smtp")], "fail", "gateways: could not use smtp for email: smtp_url is not set"),
        (
            &[("SMS_GATEWAY", "webhook"), ("WEBHOOK_URL", &away), ("WEBHOOK_SECRET_FILE", "secret")],
            "warn",
            "gateways: webhook for sms: could not reach the service",
        ),
        (
            &[("YUBIKEY_URLS", &silent), ("YUBIKEY_CLIENT", "1")],
            "warn",
            "gateways: the validation service for YubiKeys: could not reach the service: no answer within 5 s",
        ),
    ] {
        let names: Vec<_> = settings.iter().map(|(name, _)| format!("COUNTERSIGN_{name}")).collect();
        let settings: Vec<_> = names.iter().map(String::as_str).zip(settings.iter().map(|(_, value)| *value)).collect();
        finds(&house.run_in_place("doctor --json", &settings), state, text);
    }
}

#[test]
fn a_database_of_another_time_is_found() {
    let house = House::founded();
    let database = Connection::open(house.path("countersign.db")).unwrap();
    database.execute("INSERT INTO countersign_migration VALUES (99, 'from the future')", []).unwrap();
    finds(&doctor(&house), "fail", "is at migration 99");
    database.execute("DELETE FROM countersign_migration WHERE version > 1", []).unwrap();
    finds(&doctor(&house), "fail", "run `countersign migrate`");
}

#[tokio::test]
async fn states_that_do_not_open_are_found() {
    let house = House::of(&["ada", "bob"]);
    let server = house.serves();
    Person::at(&server, "ada").sets_up().await;
    Person::at(&server, "bob").sets_up().await;
    drop(server);
    finds(&doctor(&house), "ok", "states: all 2 devices can be unsealed");
    let database = Connection::open(house.path("countersign.db")).unwrap();
    let swapped = "UPDATE device SET state = (SELECT other.state FROM device other WHERE other.id <> device.id)
        WHERE id = (SELECT min(id) FROM device)";
    assert_eq!(database.execute(swapped, []).unwrap(), 1);
    finds(&doctor(&house), "fail", "states: 1 devices cannot be unsealed although their keys are in the key file");
    fs::remove_file(house.path("countersign.key")).unwrap();
    house.run("keys new").succeeds();
    finds(&doctor(&house), "fail", "states: 2 devices are sealed by key ");
    database.execute("UPDATE device SET state = x'00'", []).unwrap();
    finds(&doctor(&house), "fail", "the states of 2 devices are not sealed data");
}

#[test]
fn nodes_that_differ_are_found() {
    let house = House::founded();
    let database = Connection::open(house.path("countersign.db")).unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let report = |id: &str, ahead: u128, version: &str, keys: &str| {
        let row = format!(
            "INSERT INTO node VALUES ('{id}', 1, {}, '{version}', '{keys}', 1, '{id}.example.org', '10.0.0.1:8000')",
            now + ahead
        );
        database.execute(&row, []).unwrap();
    };
    report("a", 0, "0.1.0", "first second");
    finds(
        &doctor(&house),
        "fail",
        "nodes: node a on a.example.org (10.0.0.1:8000) has other keys than the key file here",
    );
    report("b", 0, "0.0.9", "second first");
    finds(&doctor(&house), "warn", "nodes: they run versions 0.0.9 and 0.1.0");
    finds(&doctor(&house), "ok", "clock: ");
    report("d", 0, "0.1.0", "third");
    finds(
        &doctor(&house),
        "fail",
        "nodes: node a on a.example.org (10.0.0.1:8000) and node d on d.example.org (10.0.0.1:8000) have",
    );
    report("c", 40_000, "0.1.0", "first");
    finds(&doctor(&house), "warn", "clock: 1 nodes have reported a time in the future");
}
