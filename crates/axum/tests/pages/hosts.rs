//! For whom a request is, and what it says of itself.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use countersign_axum::{Countersign, Origins, Settings};
use countersign_testkit::{Browser, World};

use crate::{log::Log, site::Site};

#[tokio::test]
async fn a_request_for_another_site_gets_nothing() {
    let site = Site::new();
    for (host, status) in [
        ("localhost:8000", StatusCode::OK),
        ("127.0.0.1:8000", StatusCode::OK),
        ("[::1]:8000", StatusCode::OK),
        ("localhost", StatusCode::MISDIRECTED_REQUEST),
        ("localhost:8001", StatusCode::MISDIRECTED_REQUEST),
        ("evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("evil.example:8000", StatusCode::MISDIRECTED_REQUEST),
        ("localhost:8000.evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("localhost:8000@evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let mut browser = Browser::at(site.app.clone(), host);
        for path in ["/", "/account/login", "/account/nothing"] {
            let page = browser.get(path).await;
            let expected =
                if path == "/account/nothing" && status == StatusCode::OK { StatusCode::NOT_FOUND } else { status };
            assert_eq!(page.status, expected, "{host:?} {path}");
            assert!(page.headers.contains_key("content-security-policy"));
            assert!(
                !page.says("evil")
                    && !page.headers.values().any(|value| value.as_bytes().windows(4).any(|part| part == b"evil"))
            );
        }
    }
    let mut browser = Browser::at(site.app.clone(), "localhost:8000");
    assert_eq!(browser.get("http://evil.example/account/login").await.status, StatusCode::MISDIRECTED_REQUEST);
    browser.headers.append("host", HeaderValue::from_static("localhost:8000"));
    browser.headers.append("host", HeaderValue::from_static("evil.example"));
    assert!(browser.get("/account/login").await.status.is_client_error());
}

#[tokio::test]
async fn t135_a_request_for_another_host_is_logged_with_both_names_and_not_without_end() {
    let log = Log::start();
    let site = Site::new();
    let mut browser = Browser::at(site.app.clone(), "elsewhere.example:4711");
    for _ in 0..30 {
        assert_eq!(browser.get("/account/login").await.status, StatusCode::MISDIRECTED_REQUEST);
    }
    let lines = log.lines("elsewhere.example:4711");
    assert_eq!(lines.len(), 10, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("WARN") && line.contains("http://localhost:8000")), "{lines:?}");
    site.world.pass(60);
    browser.get("/account/login").await;
    assert!(log.lines("elsewhere.example:4711")[10].contains("left_out=20"));
}

/// T137: no client fills the log with the name that it asks for.
#[tokio::test]
async fn t137_of_a_long_host_only_what_a_real_one_could_be_is_logged() {
    let log = Log::start();
    let endless = "x".repeat(30_000);
    Browser::at(Site::new().app, &endless).get("/account/login").await;
    let lines = log.lines(&endless[..100]);
    assert!(lines[0].contains(&endless[..255]) && !lines[0].contains(&endless[..256]), "{} bytes", lines[0].len());
}

#[tokio::test]
async fn t147_a_client_named_by_an_unlisted_peer_is_logged_with_both_and_not_without_end() {
    let log = Log::start();
    let site = Site::built(|_| {}, |settings| settings.trusted_proxies = vec!["10.20.30.0/24".parse().unwrap()]);
    let mut browser = site.browser();
    browser.headers.insert("x-forwarded-for", HeaderValue::from_static("203.0.113.9, 198.51.100.77"));
    for _ in 0..30 {
        assert_eq!(browser.get("/account/login").await.status, StatusCode::OK);
    }
    let lines = log.lines("198.51.100.77");
    assert_eq!(lines.len(), 10, "{lines:?}");
    for part in ["WARN", "peer=192.0.2.1", "10.20.30.0/24", "X-Forwarded-For", "trusted proxies"] {
        assert!(lines.iter().all(|line| line.contains(part)), "{part}: {lines:?}");
    }
    site.world.pass(60);
    browser.get("/account/login").await;
    assert!(log.lines("198.51.100.77")[10].contains("left_out=20"));
}

#[tokio::test]
async fn t147_what_a_listed_proxy_says_is_not_logged_and_no_client_writes_the_line() {
    let log = Log::start();
    let settings = |settings: &mut Settings| settings.trusted_proxies = vec!["192.0.2.1".parse().unwrap()];
    let mut browser = Site::built(|_| {}, settings).browser();
    browser.headers.insert("x-forwarded-for", HeaderValue::from_static("198.51.100.78"));
    browser.get("/account/login").await;
    assert_eq!(log.lines("198.51.100.78"), [""; 0]);
    let mut browser =
        Site::built(|_| {}, |settings| settings.trusted_proxies = vec!["10.9.8.7".parse().unwrap()]).browser();
    browser.headers.insert("x-forwarded-for", HeaderValue::from_static("forged by a client"));
    browser.get("/account/login").await;
    assert_eq!(log.lines("forged by a client"), [""; 0]);
    let lines = log.lines("10.9.8.7");
    assert!(lines.len() == 1 && lines[0].contains("forwarded_for=\"unreadable\""), "{lines:?}");
}

#[tokio::test]
async fn t134_a_server_that_does_not_say_where_requests_come_from_is_told_once() {
    let log = Log::start();
    let engine = World::default().engine;
    let site = Countersign::new(engine, Settings::new(Origins::Loopback { port: 8000 })).unwrap();
    let mut browser = Browser::at(site.routes(), "localhost:8000");
    for _ in 0..3 {
        assert_eq!(browser.get("/account/login").await.status, StatusCode::OK);
    }
    let lines = log.lines("ConnectInfo");
    assert!(lines.len() == 1 && lines[0].contains("WARN"), "{lines:?}");
}

#[tokio::test]
async fn forged_headers_change_no_link() {
    let site =
        Site::built(|_| {}, |settings| settings.origins = Origins::Public("https://example.org".parse().unwrap()));
    let plain = Browser::at(site.app.clone(), "example.org").get("/account/login?next=%2Fsecret").await;
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", "81"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-prefix", "//evil.example"),
        ("forwarded", "for=203.0.113.9;host=evil.example;proto=http"),
        ("x-original-url", "/account/nothing"),
        ("x-rewrite-url", "//evil.example"),
        ("x-host", "evil.example"),
        ("referer", "https://evil.example/"),
    ] {
        let mut browser = Browser::at(site.app.clone(), "example.org");
        browser.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        let page = browser.get("/account/login?next=%2Fsecret").await;
        let token =
            |body: &str| body.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        assert_eq!(page.body.replace(&token(&page.body), ""), plain.body.replace(&token(&plain.body), ""), "{name}");
        let page = browser.get("/account/two-factor/setup/confirm").await;
        assert!(page.location().is_none_or(|way| way.starts_with("/account/")), "{name}");
        browser.headers.insert("accept", HeaderValue::from_static("text/html"));
        assert_eq!(browser.get("/secret").await.location().as_deref(), Some("/account/login?next=%2Fsecret"), "{name}");
    }
}

#[tokio::test]
async fn no_next_leaves_the_site_at_any_door() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    for next in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/%2f%2fevil.example",
        "javascript:alert(1)",
        "/a\r\nb",
        "/account/login",
        "/account/logout?x",
        "/account/verify",
    ] {
        let query = serde_html_form::to_string([("next", next)]).unwrap();
        ada.browser = site.browser();
        let page = ada.signs_in(&format!("?{query}")).await;
        assert_eq!(page.location().as_deref(), Some("/account/login/second-factor"), "{next:?}");
        let page = ada.browser.get(&format!("/account/login/second-factor?{query}")).await;
        let page =
            ada.browser.submit(&page.form_with("code"), "", &[("code", &ada.person.code()), ("next", next)]).await;
        assert_eq!(page.location().as_deref(), Some("/"), "{next:?}");
        let page = ada.browser.get(&format!("/account/verify?{query}")).await;
        site.world.pass(30);
        let page =
            ada.browser.submit(&page.form_with("code"), "", &[("code", &ada.person.code()), ("next", next)]).await;
        assert_eq!(page.location().as_deref(), Some("/account/two-factor"), "{next:?}");
        let page = ada.browser.get(&format!("/account/two-factor/setup/complete?{query}")).await;
        assert!(!page.says("evil") && !page.says("javascript"), "{next:?}");
        let page = ada.browser.get(&format!("/account/two-factor/backup-codes?{query}")).await;
        assert!(!page.says("evil") && !page.says("javascript"), "{next:?}");
        site.world.pass(30);
    }
}

/// T30: forged forwarding headers from a peer that is not listed change nothing.
#[tokio::test]
async fn t30_failures_count_against_the_peer_and_not_against_what_it_says() {
    let site = Site::built(|parts| parts.config.password_attempts.per_address = 3, |_| {});
    let mut browser = site.browser();
    let form = browser.get("/account/login").await.form_with("password");
    let mut statuses = vec![];
    for (number, name) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        browser.headers.insert("x-forwarded-for", HeaderValue::from_str(&format!("203.0.113.{number}")).unwrap());
        statuses.push(browser.submit(&form, "", &[("name", name), ("password", "wrong")]).await.status.as_u16());
    }
    assert_eq!(statuses, [422, 422, 422, 429, 429]);
    let proxied = Site::built(
        |parts| parts.config.password_attempts.per_address = 1,
        |settings| settings.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()],
    );
    let mut browser = proxied.browser();
    let form = browser.get("/account/login").await.form_with("password");
    for (client, status) in [("203.0.113.1", 422), ("203.0.113.2", 422), ("203.0.113.1", 429)] {
        browser.headers.insert("x-forwarded-for", HeaderValue::from_str(&format!("198.51.100.7, {client}")).unwrap());
        let page = browser.submit(&form, "", &[("name", "a"), ("password", "wrong")]).await;
        assert_eq!(page.status.as_u16(), status, "{client}");
    }
}
