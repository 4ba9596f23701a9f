//! A validation service of ours that tells the truth or lies: whom we believe.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    routing::get,
};
use countersign_engine::{
    core::{
        Kind, Secret,
        method::question::{Question, Reply},
    },
    port::Validator as _,
};
use countersign_gateway::YubicoService;
use countersign_testkit::SoftYubikey;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use tokio::net::TcpListener;

async fn served(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/verify")
}

const SHARED: &str = "c2hhcmVkIHNlY3JldA==";

/// How a service answers.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Service {
    Honest(&'static str),
    Unsigned,
    AnotherNonce,
    AnotherAnswer,
    Twice,
    Breaks,
    Slow,
    Chatter,
}

async fn verify(State(service): State<Service>, Query(query): Query<BTreeMap<String, String>>) -> (StatusCode, String) {
    let secret = BASE64.decode(SHARED.as_bytes()).unwrap();
    let sign = |fields: &BTreeMap<&str, String>| {
        let signed = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&secret).unwrap();
        mac.update(signed.as_bytes());
        BASE64.encode(&mac.finalize().into_bytes())
    };
    let asked: BTreeMap<&str, String> =
        query.iter().filter(|(name, _)| *name != "h").map(|(name, value)| (name.as_str(), value.clone())).collect();
    assert_eq!(query["h"], sign(&asked), "the question is signed");
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
        Service::Breaks => return (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        Service::Slow => tokio::time::sleep(Duration::from_mins(1)).await,
        Service::AnotherNonce => drop(reply.insert("nonce", "aaaaaaaaaaaaaaaaaaaa".into())),
        Service::AnotherAnswer => drop(reply.insert("otp", SoftYubikey::new(9).touch())),
        Service::Chatter => return (StatusCode::OK, "<html>hello</html>".into()),
        _ => {}
    }
    let signature = if service == Service::Unsigned { "AAAA".into() } else { sign(&reply) };
    let mut lines: Vec<String> = reply.iter().map(|(name, value)| format!("{name}={value}")).collect();
    lines.push(format!("h={signature}"));
    if service == Service::Twice {
        lines.push("status=OK".into());
    }
    (StatusCode::OK, lines.join("\r\n"))
}

async fn asked_of(services: &[Service]) -> Reply {
    let mut urls = vec![];
    for service in services {
        urls.push(served(Router::new().route("/verify", get(verify)).with_state(*service)).await);
    }
    let service = YubicoService::new(&urls, "87", Some(&Secret::new(SHARED))).unwrap();
    let nonce = "abcdefghijklmnopqrstuvwxyz1".to_owned();
    let answer = Secret::new(SoftYubikey::new(7).touch());
    let asking = async { service.ask(&Question { kind: Kind::YUBIKEY, answer, nonce }).await };
    tokio::time::timeout(Duration::from_secs(20), asking).await.unwrap()
}

#[tokio::test]
async fn a_clear_word_of_the_service_counts() {
    assert_eq!(asked_of(&[Service::Honest("OK")]).await, Reply::Right { counter: Some(3 << 8 | 7) });
    assert_eq!(asked_of(&[Service::Honest("BAD_OTP")]).await, Reply::Wrong);
    assert_eq!(asked_of(&[Service::Honest("REPLAYED_OTP")]).await, Reply::Used);
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
        assert_eq!(asked_of(&[Service::Honest(status)]).await, Reply::Unavailable, "{status}");
    }
}

#[tokio::test]
async fn a_service_that_lies_is_never_believed_and_another_may_still_say() {
    for liar in [
        Service::Unsigned,
        Service::AnotherNonce,
        Service::AnotherAnswer,
        Service::Twice,
        Service::Breaks,
        Service::Chatter,
    ] {
        assert_eq!(asked_of(&[liar]).await, Reply::Unavailable, "{liar:?}");
        assert!(matches!(asked_of(&[liar, Service::Honest("OK")]).await, Reply::Right { .. }), "{liar:?}");
    }
    assert!(matches!(asked_of(&[Service::Slow, Service::Honest("OK")]).await, Reply::Right { .. }));
    assert_eq!(asked_of(&[Service::Slow]).await, Reply::Unavailable, "within its time");
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
