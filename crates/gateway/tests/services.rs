//! A webhook, a program and a function: what they get, and what their results mean.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use countersign_engine::{
    core::{Address, DeliveryId, EmailAddress, Kind, PhoneNumber, Timestamp},
    port::{Gateway, Message, NotTaken},
};
use countersign_gateway::{Command, Function, Texts, Webhook};
use countersign_testkit::StillClock;
use tokio::net::TcpListener;

fn message() -> Message {
    Message {
        delivery: DeliveryId::new("delivery"),
        channel: Kind::EMAIL,
        to: Address::Email(EmailAddress::parse("ada@example.org").unwrap()),
        code: "012345".into(),
        until: Timestamp::from_seconds(1_767_268_800),
        lifetime: Duration::from_mins(5),
        minutes: 5,
        site: "Example".into(),
        language: None,
        call: None,
    }
}

fn texts() -> Arc<Texts> {
    Arc::new(Texts::read(None).unwrap())
}

fn host() -> String {
    "id.example.org".into()
}

fn command(program: impl Into<PathBuf>) -> Command {
    Command::new(program, texts(), Some(host()))
}

async fn served(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/verify")
}

/// The requests, and the responses to send: statuses, of which the last is repeated, and a body.
#[derive(Clone, Default)]
struct Posted {
    requests: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    statuses: Arc<Mutex<Vec<u16>>>,
    body: &'static str,
}

impl Posted {
    fn answering(statuses: &[u16], body: &'static str) -> Self {
        Self { statuses: Arc::new(Mutex::new(statuses.to_vec())), body, ..Self::default() }
    }
}

async fn take(State(posted): State<Posted>, headers: HeaderMap, body: Bytes) -> (StatusCode, &'static str) {
    posted.requests.lock().unwrap().push((headers, body));
    let mut statuses = posted.statuses.lock().unwrap();
    let status = if statuses.len() > 1 { statuses.remove(0) } else { statuses.first().copied().unwrap_or(200) };
    (StatusCode::from_u16(status).unwrap(), posted.body)
}

async fn webhook(posted: &Posted) -> Webhook {
    let url = served(Router::new().route("/verify", post(take)).with_state(posted.clone())).await;
    let clock = Arc::new(StillClock::at(Timestamp::from_seconds(1000)));
    Webhook::new(&url, "the secret".into(), clock, texts(), Some(host())).unwrap()
}

/// The signature as `openssl` computes it.
fn signed_by_openssl(secret: &str, text: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let mut openssl = std::process::Command::new("openssl");
    let output = openssl.args(["dgst", "-sha256", "-hmac", secret]).arg(file.path()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().last().unwrap().to_owned()
}

#[tokio::test]
async fn a_webhook_is_told_everything_and_can_check_who_says_so() {
    let posted = Posted::answering(&[200], r#"{"reference": "their-number"}"#);
    let taken = webhook(&posted).await.deliver(&message()).await.unwrap();
    assert_eq!(taken.reference.as_deref(), Some("their-number"));
    let (headers, body) = posted.requests.lock().unwrap()[0].clone();
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((told["channel"].as_str(), told["to"].as_str()), (Some("email"), Some("ada@example.org")));
    assert_eq!((told["code"].as_str(), told["delivery"].as_str()), (Some("012345"), Some("delivery")));
    assert_eq!(headers["idempotency-key"], "delivery");
    assert_eq!(headers["x-countersign-timestamp"], "1000");
    let signed = [b"1000.", &body[..]].concat();
    assert_eq!(headers["x-countersign-signature"], signed_by_openssl("the secret", &signed));
}

#[tokio::test]
async fn a_webhook_that_fails_is_asked_again_and_one_that_refuses_is_not() {
    for (statuses, requests, taken) in [
        (vec![503, 200], 2, true),
        (vec![429, 500, 200], 3, true),
        (vec![500], 3, false),
        (vec![401], 1, false),
        (vec![302], 1, false),
    ] {
        let posted = Posted::answering(&statuses, "");
        let outcome = webhook(&posted).await.deliver(&message()).await;
        assert_eq!((outcome.is_ok(), posted.requests.lock().unwrap().len()), (taken, requests), "{statuses:?}");
        let keys: Vec<_> =
            posted.requests.lock().unwrap().iter().map(|(headers, _)| headers["idempotency-key"].clone()).collect();
        assert!(keys.iter().all(|key| key == "delivery"), "by which the service knows it again");
    }
}

#[tokio::test]
async fn a_webhook_says_of_an_address_what_only_it_can_mean() {
    for (body, is_unreachable) in [
        (r#"{"reason": "unreachable"}"#, true),
        (r#"{"reason": "no-code"}"#, false),
        (r#"{"detail": [{"msg": "Field required"}]}"#, false),
        ("Failed to deserialize the JSON body", false),
        ("", false),
    ] {
        let posted = Posted::answering(&[422], body);
        let refused = webhook(&posted).await.deliver(&message()).await.unwrap_err();
        assert_eq!(matches!(refused, NotTaken::Unreachable { .. }), is_unreachable, "{body}");
        assert_eq!(posted.requests.lock().unwrap().len(), 1, "{body}");
    }
}

#[tokio::test]
async fn a_reference_is_a_word_or_nothing() {
    for body in [r#"{"reference": "\u001b[2J"}"#, r#"{"reference": "two words"}"#, r#"{"reference": 7}"#, "taken"] {
        let taken = webhook(&Posted::answering(&[200], body)).await.deliver(&message()).await.unwrap();
        assert_eq!(taken.reference, None, "{body}");
    }
}

#[tokio::test]
async fn a_webhook_that_is_away_is_a_fault_that_tells_neither_code_nor_address() {
    let clock = Arc::new(StillClock::at(Timestamp::from_seconds(1000)));
    let url = "http://127.0.0.1:9/verify?key=hidden";
    let nobody = Webhook::new(url, "the secret".into(), clock, texts(), Some(host())).unwrap();
    assert!(nobody.reachable().await.is_err());
    let NotTaken::Failed(fault) = nobody.deliver(&message()).await.unwrap_err() else { panic!() };
    let told = format!("{fault} {fault:?} {nobody:?}");
    assert!(["012345", "ada@", "hidden", "the secret"].iter().all(|hidden| !told.contains(hidden)), "{told}");
    assert!(webhook(&Posted::answering(&[405], "")).await.reachable().await.is_ok());
}

/// The body of the webhook's request for this message.
async fn document(message: &Message) -> serde_json::Value {
    let posted = Posted::default();
    webhook(&posted).await.deliver(message).await.unwrap();
    let (_, body) = posted.requests.lock().unwrap()[0].clone();
    serde_json::from_slice(&body).unwrap()
}

/// The document in docs/server.md is exactly what a gateway gets, and every field of it is explained there.
#[tokio::test]
async fn the_document_of_gateways_is_as_it_is_described() {
    let text = include_str!("../../../docs/server.md");
    let (_, section) = text.split_once("## What a gateway of your own gets\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let (_, shown) = section.split_once("```json\n").unwrap();
    let shown: serde_json::Value = serde_json::from_str(shown.split("```").next().unwrap()).unwrap();
    let sms = Message {
        delivery: DeliveryId::new("qg2k5c3p7ydzr5d6c2zv4m3fqe"),
        channel: Kind::SMS,
        to: Address::Phone(PhoneNumber::new("31612345658", "+31 6 12345658", 31).unwrap()),
        language: Some("nl".into()),
        ..message()
    };
    assert_eq!(document(&sms).await, shown);
    let mut explained: Vec<_> =
        section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let mut fields: Vec<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    explained.sort_unstable();
    fields.sort_unstable();
    assert_eq!(explained, fields);
}

/// The text of each channel can be sent as it is.
#[tokio::test]
async fn a_message_has_a_text_that_is_ready_to_be_sent() {
    let mail = document(&message()).await;
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("012345") && text.contains("Example") && text.contains("5 minutes"), "{text}");
    assert_eq!(mail["subject"], "012345 is your code for Example");
    let call = document(&Message { channel: Kind::CALL, ..message() }).await;
    assert_eq!(call["text"], "Your code is: 0, 1, 2, 3, 4, 5. Goodbye.");
    assert_eq!((&call["subject"], &call["host"]), (&serde_json::Value::Null, &"id.example.org".into()));
}

/// Another process writes it: a child of another test could still have a file of ours open, and a file that is open for
/// writing cannot be executed.
fn program(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let [script, path] = ["script", "send"].map(|name| folder.path().join(name));
    fs::write(&script, format!("#!/bin/sh\n{text}\n")).unwrap();
    let install = std::process::Command::new("install").args(["-m", "700"]).args([&script, &path]).status();
    assert!(install.unwrap().success());
    path
}

#[tokio::test]
async fn a_program_is_given_the_message_and_answers_by_its_status() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("told");
    let gateway = command(program(&folder, &format!("cat > {}; env > {0}.env", file.display())));
    gateway.deliver(&message()).await.unwrap();
    let told: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(told["code"], "012345");
    let environment = fs::read_to_string(file.with_extension("env")).unwrap();
    assert!(!environment.contains("HOME=") && !environment.contains("012345"), "{environment}");
    for (text, expected) in [
        ("exit 65", "unreachable: unreachable"),
        ("exit 1", "failed: could not send a message by a program: exit status: 1"),
        ("kill -9 $$", "failed: could not send a message by a program: signal: 9 (SIGKILL)"),
    ] {
        let told = match command(program(&folder, text)).deliver(&message()).await.unwrap_err() {
            NotTaken::Unreachable { reason } => format!("unreachable: {reason}"),
            NotTaken::Failed(fault) => format!("failed: {fault}"),
        };
        assert_eq!(told, expected, "{text}");
    }
}

#[tokio::test]
async fn what_cannot_be_run_is_reported_before_a_user_waits_for_a_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = program(&folder, "exit 0");
    assert!(command(&path).reachable().await.is_ok());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    for path in [path, folder.path().to_owned(), folder.path().join("nothing")] {
        let gateway = command(&path);
        assert!(gateway.reachable().await.is_err() && gateway.deliver(&message()).await.is_err(), "{path:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_that_does_not_end_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("number");
    let endless = program(&folder, &format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600", file.display()));
    let gateway = command(endless);
    // The test clock jumps as soon as the test is idle, so the program is awaited on another thread.
    let begun = async {
        while !file.exists() {
            tokio::task::spawn_blocking(|| std::thread::sleep(std::time::Duration::from_millis(10))).await.unwrap();
        }
    };
    let (outcome, ()) = tokio::join!(async { gateway.deliver(&message()).await }, begun);
    let NotTaken::Failed(fault) = outcome.unwrap_err() else { panic!() };
    assert!(fault.to_string().contains("it took too long"), "{fault}");
    let process = PathBuf::from("/proc").join(fs::read_to_string(&file).unwrap().trim());
    for _ in 0..500 {
        let words = fs::read(process.join("cmdline")).unwrap_or_default();
        if words.is_empty() {
            return;
        }
        tokio::task::spawn_blocking(|| std::thread::sleep(std::time::Duration::from_millis(10))).await.unwrap();
    }
    panic!("the program goes on");
}

#[tokio::test]
async fn a_function_is_a_gateway() {
    let seen = Arc::new(Mutex::new(vec![]));
    let kept = seen.clone();
    let gateway = Function::new(move |message: Message| {
        let kept = kept.clone();
        async move {
            kept.lock().unwrap().push(message.code.expose().to_owned());
            Ok(countersign_engine::port::Taken::default())
        }
    });
    gateway.deliver(&message()).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["012345"]);
}
