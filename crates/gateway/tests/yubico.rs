//! A test validation service that sends right or wrong replies: which of them are trusted.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::{Query, State},
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use countersign_engine::{
    core::{
        Kind, Secret,
        method::validation::{ValidationRequest, ValidationResponse},
    },
    port::Validator as _,
};
use countersign_gateway::YubicoService;
use countersign_testkit::SoftYubikey;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use tokio::net::TcpListener;

const SHARED: &str = "c2hhcmVkIHNlY3JldA==";

const NONCE: &str = "abcdefghijklmnopqrstuvwxyz1";

/// How a service signs its reply.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Service {
    Honest(&'static str),
    /// Not signed.
    Unsigned,
    /// Signed with another secret.
    Forged,
    AnotherNonce,
    AnotherAnswer,
    Twice,
    Elsewhere,
    Breaks,
    Slow,
    Chatter,
    NoText,
    Endless,
}

impl Service {
    /// Inconclusive replies, which arrive at once.
    const LIARS: [Self; 10] = [
        Self::Unsigned,
        Self::Forged,
        Self::AnotherNonce,
        Self::AnotherAnswer,
        Self::Twice,
        Self::Elsewhere,
        Self::Breaks,
        Self::Chatter,
        Self::NoText,
        Self::Endless,
    ];
}

fn sign(secret: &[u8], fields: &BTreeMap<&str, String>) -> String {
    let signed = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(secret).unwrap();
    mac.update(signed.as_bytes());
    BASE64.encode(&mac.finalize().into_bytes())
}

async fn verify(State(service): State<Service>, Query(query): Query<BTreeMap<String, String>>, uri: Uri) -> Response {
    if service == Service::Breaks {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let secret = BASE64.decode(SHARED.as_bytes()).unwrap();
    let asked: BTreeMap<&str, String> =
        query.iter().filter(|(name, _)| *name != "h").map(|(name, value)| (name.as_str(), value.clone())).collect();
    assert!(query.get("h").is_none_or(|signature| *signature == sign(&secret, &asked)), "the request is signed");
    assert!(query["nonce"].len() >= 16 && query["timestamp"] == "1" && query["id"] == "87");
    let status = if let Service::Honest(status) = service { status } else { "OK" };
    let mut reply = BTreeMap::from([
        ("otp", query["otp"].clone()),
        ("nonce", query["nonce"].clone()),
        ("status", status.to_owned()),
        ("t", "2026-01-01T00:00:00Z0000".to_owned()),
        ("sessioncounter", "3".to_owned()),
        ("sessionuse", "7".to_owned()),
    ]);
    match service {
        Service::Slow => tokio::time::sleep(Duration::from_mins(1)).await,
        Service::AnotherNonce => drop(reply.insert("nonce", "aaaaaaaaaaaaaaaaaaaa".into())),
        Service::AnotherAnswer => drop(reply.insert("otp", SoftYubikey::new(9).touch())),
        Service::Elsewhere => {
            return Redirect::temporary(&format!("/honest?{}", uri.query().unwrap())).into_response();
        }
        Service::Chatter => return "<html>hello</html>".into_response(),
        Service::NoText => return vec![0xff_u8, 0xfe].into_response(),
        Service::Endless => drop(reply.insert("t", "0".repeat(100_000))),
        _ => {}
    }
    let mut lines: Vec<String> = reply.iter().map(|(name, value)| format!("{name}={value}")).collect();
    match service {
        Service::Unsigned => {}
        Service::Forged => lines.push(format!("h={}", sign(b"another", &reply))),
        _ => lines.push(format!("h={}", sign(&secret, &reply))),
    }
    if service == Service::Twice {
        lines.push("status=OK".into());
    }
    lines.join("\r\n").into_response()
}

async fn listening(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/verify")
}

async fn served(service: Service) -> String {
    let honest = Router::new().route("/honest", get(verify)).with_state(Service::Honest("OK"));
    listening(Router::new().route("/verify", get(verify)).with_state(service).merge(honest)).await
}

fn request(nonce: &str) -> ValidationRequest {
    LazyLock::force(&LOG);
    ValidationRequest { kind: Kind::YUBIKEY, answer: Secret::new(SoftYubikey::new(7).touch()), nonce: nonce.into() }
}

async fn asked_of(services: &[Service]) -> ValidationResponse {
    let mut urls = vec![];
    for service in services {
        urls.push(served(*service).await);
    }
    let service = YubicoService::new(&urls, "87", Some(&Secret::new(SHARED))).unwrap();
    tokio::time::timeout(Duration::from_secs(20), service.ask(&request(NONCE))).await.unwrap()
}

#[tokio::test]
async fn a_clear_word_of_the_service_counts() {
    assert_eq!(asked_of(&[Service::Honest("OK")]).await, ValidationResponse::Right { counter: Some(3 << 8 | 7) });
    assert_eq!(asked_of(&[Service::Honest("BAD_OTP")]).await, ValidationResponse::Wrong);
    assert_eq!(asked_of(&[Service::Honest("REPLAYED_OTP")]).await, ValidationResponse::Used);
    for status in [
        "REPLAYED_REQUEST",
        "BAD_SIGNATURE",
        "MISSING_PARAMETER",
        "NO_SUCH_CLIENT",
        "OPERATION_NOT_ALLOWED",
        "BACKEND_ERROR",
        "NOT_ENOUGH_ANSWERS",
        "FINE",
        "",
    ] {
        assert_eq!(asked_of(&[Service::Honest(status)]).await, ValidationResponse::Unavailable, "{status}");
    }
}

#[tokio::test]
async fn a_service_that_lies_is_never_believed_and_another_may_still_say() {
    for liar in Service::LIARS {
        assert_eq!(asked_of(&[liar]).await, ValidationResponse::Unavailable, "{liar:?}");
        assert!(matches!(asked_of(&[liar, Service::Honest("OK")]).await, ValidationResponse::Right { .. }), "{liar:?}");
    }
    assert!(matches!(asked_of(&[Service::Slow, Service::Honest("OK")]).await, ValidationResponse::Right { .. }));
    assert_eq!(asked_of(&[Service::Slow]).await, ValidationResponse::Unavailable, "within its time");
}

/// Replies once, and then repeats the second reply for ever.
async fn replay(
    State(first): State<Arc<Mutex<Option<String>>>>,
    query: Query<BTreeMap<String, String>>,
    uri: Uri,
) -> String {
    let honest = verify(State(Service::Honest("OK")), query, uri).await;
    let honest = axum::body::to_bytes(honest.into_body(), 10_000).await.unwrap();
    first.lock().unwrap().get_or_insert_with(|| String::from_utf8(honest.to_vec()).unwrap()).clone()
}

#[tokio::test]
async fn a_reply_counts_for_its_own_question_and_for_no_other_about_the_same_answer() {
    let first = Arc::new(Mutex::new(None));
    let url = listening(Router::new().route("/verify", get(replay)).with_state(first)).await;
    let service = YubicoService::new(&[url], "87", Some(&Secret::new(SHARED))).unwrap();
    assert!(matches!(service.ask(&request(NONCE)).await, ValidationResponse::Right { .. }));
    assert_eq!(service.ask(&request("abcdefghijklmnopqrstuvwxyz2")).await, ValidationResponse::Unavailable);
}

#[tokio::test]
async fn without_a_secret_a_reply_still_has_to_be_to_our_question() {
    for (service, expected) in [
        (Service::Unsigned, ValidationResponse::Right { counter: Some(3 << 8 | 7) }),
        (Service::AnotherNonce, ValidationResponse::Unavailable),
        (Service::AnotherAnswer, ValidationResponse::Unavailable),
    ] {
        let asked = YubicoService::new(&[served(service).await], "87", None).unwrap();
        assert_eq!(asked.ask(&request(NONCE)).await, expected, "{service:?}");
    }
}

#[tokio::test]
async fn whether_a_service_can_be_reached_is_told() {
    let nobody = "http://127.0.0.1:9/verify".to_owned();
    let service = |urls: &[String]| YubicoService::new(urls, "87", None).unwrap();
    assert!(service(std::slice::from_ref(&nobody)).reachable().await.is_err());
    assert!(service(&[nobody, served(Service::Breaks).await]).reachable().await.is_ok());
}

/// The log of all tests of this file.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let kept = log.clone();
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || kept.clone()).init();
    log
});

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_at_any_level_holds_an_answer_or_a_nonce() {
    for service in Service::LIARS.into_iter().chain([Service::Honest("BACKEND_ERROR"), Service::Honest("OK")]) {
        asked_of(&[service]).await;
    }
    let log = String::from_utf8(LOG.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("BACKEND_ERROR") && log.contains("a reply to another request"), "{log}");
    let answer = SoftYubikey::new(7).touch();
    assert!(!log.contains(&answer) && !log.contains(NONCE) && !log.contains(SHARED), "{log}");
}

#[test]
fn what_is_set_by_halves_is_an_error() {
    let url = ["https://api.example.org/verify".to_owned()];
    assert!(YubicoService::new(&url, "87", None).is_ok());
    assert!(YubicoService::new(&[], "87", None).is_err());
    assert!(YubicoService::new(&url, "eighty", None).is_err());
    for secret in ["not base64!", ""] {
        assert!(YubicoService::new(&url, "87", Some(&Secret::new(secret))).is_err(), "{secret:?}");
    }
    assert!(YubicoService::new(&["http://api.example.org/".to_owned()], "87", None).is_err());
}
