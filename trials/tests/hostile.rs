//! Ten thousand random and hostile requests: no 5xx, no panic, bounded memory, and a user can still sign in afterwards.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a trial fails by panicking")]

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use trials::{PASSWORD, Server, Walk};

const REQUESTS: usize = 10_000;
const MAX_MEMORY_KIB: u64 = 100 * 1024;

const PATHS: [&str; 32] = [
    "/",
    "/secret",
    "/healthz",
    "/readyz",
    "/account",
    "/account/login",
    "/account/login/second-factor",
    "/account/login/restart",
    "/account/login/send",
    "/account/verify/send",
    "/account/two-factor/setup/send",
    "/account/twilio/call/x",
    "/api/v1/login",
    "/api/v1/login/answer",
    "/api/v1/session",
    "/api/v1/devices",
    "/account/logout",
    "/account/verify",
    "/account/password",
    "/account/two-factor",
    "/account/two-factor/setup",
    "/account/two-factor/setup/confirm",
    "/account/two-factor/setup/cancel",
    "/account/two-factor/setup/complete",
    "/account/two-factor/backup-codes",
    "/account/two-factor/disable",
    "/account/two-factor/qr.svg",
    "/account/two-factor/qr.png",
    "/account/two-factor/devices/x/remove",
    "/account/two-factor/devices/%00%ff/prefer",
    "/account/static/../../etc/passwd",
    "/account/%2e%2e/%2e%2e/",
];
const METHODS: [&str; 10] = ["GET", "POST", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"];
const FIELDS: [&str; 15] = [
    "name", "password", "code", "device", "form", "next", "method", "attempt", "sure", "current", "new", "again",
    "skip", "verified", "to",
];

/// One request, from mostly valid to not even HTTP.
fn request(chance: &mut StdRng, host: &str, cookies: &BTreeMap<String, String>, token: &str) -> Vec<u8> {
    if chance.random_ratio(1, 20) {
        return noise(chance, 300);
    }
    let mut path = PATHS[chance.random_range(0..PATHS.len())].as_bytes().to_vec();
    match chance.random_range(0..8) {
        0 => path.extend(b"?next=//evil.example&why=recent&device=%00"),
        1 => path.extend([b"?", &noise_text(chance, 200)[..]].concat()),
        2 => path.extend(b"/x".repeat(chance.random_range(0..2000))),
        _ => {}
    }
    let method = METHODS[chance.random_range(0..METHODS.len())];
    let body = body(chance, token);
    let mut request = [method.as_bytes(), b" ", &path, b" HTTP/1.1\r\nHost: "].concat();
    match chance.random_range(0..20) {
        0 => request.extend(b"evil.example"),
        1 => request.extend(noise_text(chance, 40)),
        _ => request.extend(host.as_bytes()),
    }
    request.extend(b"\r\n");
    match chance.random_range(0..6) {
        0 => request.extend([b"Cookie: countersign=", &noise_text(chance, 100)[..], b"\r\n"].concat()),
        1 => request.extend(b"Cookie: countersign-pending=AAAA; countersign-pending=BBBB; =;;; countersign-setup\r\n"),
        2 => request.extend([b"Cookie: ", &b"countersign-form=a; ".repeat(300)[..], b"\r\n"].concat()),
        _ => {
            let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request.extend(format!("Cookie: {}\r\n", pairs.join("; ")).as_bytes());
        }
    }
    match chance.random_range(0..8) {
        0 => request.extend(b"Content-Type: application/json\r\n"),
        1 => request.extend(b"Content-Type: multipart/form-data; boundary=x\r\n"),
        2 => request
            .extend([b"X-Forwarded-For: ", &noise_text(chance, 60)[..], b"\r\nX-Forwarded-Host: evil\r\n"].concat()),
        3 => request.extend(b"Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n"),
        _ => request.extend(b"Content-Type: application/x-www-form-urlencoded\r\n"),
    }
    match chance.random_range(0..12) {
        0 => request.extend(b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\nx\r\n0\r\n\r\n"),
        1 => request.extend(format!("Content-Length: {}\r\n\r\n", body.len() + 5).as_bytes()),
        2 => request.extend(b"Content-Length: 99999999999999999999\r\n\r\n"),
        _ => request.extend(format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len()).as_bytes()),
    }
    request.extend(body);
    request
}

fn body(chance: &mut StdRng, token: &str) -> Vec<u8> {
    match chance.random_range(0..10) {
        0 => vec![],
        1 => noise(chance, 500),
        2 => vec![b'a'; 2 * 1024 * 1024],
        3 => b"name=demo&name=demo&password=a&password=b&form=".to_vec(),
        4 => b"code=%00%FF%FE&device=%f0%28%8c%28&form=%".to_vec(),
        _ => {
            let mut pairs = if chance.random_ratio(1, 2) { vec![format!("form={token}")] } else { vec![] };
            for _ in 0..chance.random_range(0..9) {
                let field = FIELDS[chance.random_range(0..FIELDS.len())];
                let value = match chance.random_range(0..4) {
                    0 => "demo".into(),
                    1 => "1".repeat(chance.random_range(0..5000)),
                    2 => String::from_utf8_lossy(&noise_text(chance, 40)).into_owned(),
                    _ => "true".into(),
                };
                pairs.push(format!("{field}={value}"));
            }
            pairs.join("&").into_bytes()
        }
    }
}

fn noise(chance: &mut StdRng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; chance.random_range(0..most)];
    chance.fill_bytes(&mut bytes);
    bytes
}

/// Random characters without line ends, which may be in a header.
fn noise_text(chance: &mut StdRng, most: usize) -> Vec<u8> {
    let mut bytes = noise(chance, most);
    bytes.retain(|byte| !matches!(byte, b'\r' | b'\n'));
    bytes
}

/// The status of the response, if there is one.
fn send(address: &str, request: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    // A server may refuse a body that is too large before all of it has arrived.
    let _ = stream.write_all(request);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut head = vec![];
    let mut buffer = [0; 4096];
    while head.len() < 12 {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => head.extend(&buffer[..read]),
            _ => break,
        }
    }
    std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()
}

#[tokio::test]
async fn ten_thousand_hostile_requests_get_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::demo(folder.path());
    let mut browser = server.browser();
    browser.gives_password("demo", PASSWORD).await;
    // A valid token, so that half of the forms pass the first check.
    let form = browser.get("/account/two-factor/setup?method=totp").await.form_with("method");
    let token = form.fields.iter().find(|(name, _)| name == "form").unwrap().1.clone();
    let mut chance = StdRng::seed_from_u64(1);
    let mut statuses = BTreeMap::<Option<u16>, usize>::new();
    for number in 0..REQUESTS {
        let request = request(&mut chance, &server.address, &browser.cookies, &token);
        let status = send(&server.address, &request);
        let shown = String::from_utf8_lossy(&request[..request.len().min(600)]).into_owned();
        assert!(status.is_none_or(|status| status < 500), "request {number} is answered {status:?}:\n{shown}");
        *statuses.entry(status).or_default() += 1;
    }
    for status in [200, 303, 400, 403, 404, 405, 413, 421] {
        assert!(statuses.contains_key(&Some(status)), "no request was answered {status}: {statuses:?}");
    }
    assert!(!server.output().to_lowercase().contains("panic"), "{}", server.output());
    assert!(server.peak_memory() < MAX_MEMORY_KIB, "{} KiB", server.peak_memory());
    let mut browser = server.browser();
    browser.gives_password("demo", PASSWORD).await;
    browser.sets_up().await;
    assert!(browser.get("/secret").await.status.is_success(), "a person still gets in");
}
