//! A running server, seen from outside.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use http::StatusCode;

use crate::{
    house::{House, PASSWORD, Server},
    person::{Person, Socket, read_all},
};

#[tokio::test]
async fn probes_answer_without_a_session_and_under_any_name() {
    let probe = |server: &Server, path: &str| {
        let question = format!("GET {path} HTTP/1.1\r\nhost: any\r\nconnection: close\r\n\r\n");
        Socket(server.address).send(&question).split(' ').nth(1).unwrap().to_owned()
    };
    let house = House::founded();
    let server = house.serves();
    assert_eq!(["/healthz", "/readyz"].map(|path| probe(&server, path)), ["204", "204"]);
    let server = house.serves();
    drop(house);
    assert_eq!(["/healthz", "/readyz"].map(|path| probe(&server, path)), ["204", "503"], "without a database");
}

#[tokio::test]
async fn a_supervisor_without_a_browser_learns_whether_the_server_is_ready() {
    let house = House::founded();
    let server = house.serves();
    let bind = server.address.to_string();
    let set = [("COUNTERSIGN_BIND", bind.as_str())];
    assert_eq!(house.run_in(&set, "health").succeeds(), format!("the server at {bind} is ready"));
    let everywhere = format!("0.0.0.0:{}", server.address.port());
    assert_eq!(house.run_in(&[("COUNTERSIGN_BIND", &everywhere)], "health --json").json()["ready"], true);
    drop(server);
    let gone = house.run_in(&set, "health");
    assert!(gone.fails().starts_with(&format!("the server at {bind} does not respond: ")), "{gone:?}");
    let (server, elsewhere) = (house.serves(), House::empty());
    drop(house);
    let bind = server.address.to_string();
    let lost = elsewhere.run_in(&[("COUNTERSIGN_BIND", bind.as_str())], "health");
    assert_eq!(
        lost.fails(),
        format!(
            "the server at {bind} responds but is not ready: its database is unavailable or accepts no writes, \
             and its log says why (`not ready`)"
        )
    );
}

#[tokio::test]
async fn what_is_not_there_is_a_page_that_says_so() {
    let house = House::founded();
    let server = house.serves();
    let page = Person::at(&server, "ada").browser.get("/nothing/here").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.says("Page not found") && page.headers.contains_key("content-security-policy"));
}

#[tokio::test]
async fn a_page_for_the_verified_leads_others_to_sign_in() {
    let house = House::of(&["ada"]);
    let server = house.serves();
    let mut ada = Person::at(&server, "ada");
    ada.browser.headers.insert("accept", "text/html".parse().unwrap());
    let page = ada.browser.get("/secret").await;
    assert!(page.location().unwrap().starts_with("/account/login"), "{page:?}");
    ada.sets_up().await;
    assert!(ada.browser.get("/secret").await.says("You have verified a second factor"));
}

#[tokio::test]
async fn a_request_that_has_begun_is_answered_before_the_end() {
    let house = House::founded();
    for signal in ["TERM", "INT"] {
        let mut server = house.serves();
        let mut begun = Socket(server.address).connect();
        let idle = Socket(server.address).connect();
        let body = "name=ada&password=x";
        let head = format!(
            "POST /account/login HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n",
            server.address,
            body.len()
        );
        begun.write_all(head.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        server.signal(signal);
        server.wait_for("stopping");
        std::thread::sleep(Duration::from_millis(200));
        assert!(TcpStream::connect(server.address).is_err(), "no new connection is accepted");
        begun.write_all(body.as_bytes()).unwrap();
        let answer = read_all(&mut begun);
        assert!(answer.starts_with("HTTP/1.1 4") && answer.contains("</html>"), "{answer}");
        assert_eq!(server.ends(), Some(0));
        drop(idle);
    }
}

#[tokio::test]
async fn more_connections_than_there_is_room_for_wait() {
    let house = House::founded();
    let server = house.serves_with("serve --bind 127.0.0.1:0", &[("COUNTERSIGN_MAX_CONNECTIONS", "2")]);
    let held = [(); 2].map(|()| Socket(server.address).connect());
    let mut waiting = Socket(server.address).connect();
    waiting.write_all(b"GET /healthz HTTP/1.1\r\nhost: any\r\nconnection: close\r\n\r\n").unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(waiting.read(&mut [0; 1]).is_err(), "there is no room yet");
    drop(held);
    waiting.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert!(read_all(&mut waiting).starts_with("HTTP/1.1 204 "));
}

#[tokio::test]
async fn a_head_that_has_no_end_is_not_kept() {
    let house = House::founded();
    let server = house.serves();
    let endless = format!("GET / HTTP/1.1\r\nhost: {}\r\ncookie: {}", server.address, "x".repeat(64 * 1024));
    let answer = Socket(server.address).send(&endless);
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[test]
fn t123_a_server_leaves_no_core_dump() {
    let house = House::founded();
    let limit = |server: &Server| {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.process())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned();
        line.split_whitespace().skip(4).take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(limit(&house.serves()), ["0", "0"]);
    assert_eq!(limit(&house.demo("")), ["0", "0"]);
}

#[tokio::test]
async fn the_start_of_the_server_is_the_account_page_and_home_is_a_setting() {
    let house = House::of(&["ada"]);
    let server = house.serves();
    let mut ada = Person::at(&server, "ada");
    assert_eq!(ada.browser.get("/").await.location().as_deref(), Some("/account/two-factor"));
    assert!(ada.browser.visit("/").await.says("name=\"password\""), "a stranger is asked to sign in");
    let page = ada.signs_in(PASSWORD).await;
    assert!(page.says("You are signed in with your password.") && page.says("Set it up"), "{}", page.body);
    let page = ada.browser.get("/.well-known/change-password").await;
    assert_eq!(page.location().as_deref(), Some("/account/password"));
    drop(server);

    let server = house.serves_with("serve --bind 127.0.0.1:0", &[("COUNTERSIGN_HOME", "/secret?from=home")]);
    let mut ada = Person::at(&server, "ada");
    let form = ada.browser.get("/account/login").await.form_with("password");
    let page = ada.browser.submit(&form, "", &[("name", "ada"), ("password", PASSWORD)]).await;
    assert_eq!(page.location().as_deref(), Some("/secret?from=home"));
    drop(server);

    for (home, told) in [
        ("https://evil.example/", "it must be a path on this host"),
        ("//evil.example", "it must be a path on this host"),
        ("/account/logout", "is a page that signs in or out"),
    ] {
        let refused = house.run_in_place("serve --bind 127.0.0.1:0", &[("COUNTERSIGN_HOME", home)]);
        assert!(refused.status == 1 && refused.err.contains(told), "{home}: {}", refused.err);
    }
}
