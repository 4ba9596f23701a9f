//! Twilio, tested with a server that follows its published interface: what is sent, and what its responses mean.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fake;

use std::{sync::Arc, time::Duration};

use axum::Router;
use countersign_engine::{
    CallToken,
    core::{Address, DeliveryId, DeliveryStatus, Kind, PhoneNumber, Secret, Timestamp},
    port::{Gateway as _, Message, NotTaken, Taken, VoiceCallbacks as _},
};
use countersign_gateway::{Texts, Twilio, TwilioSettings};
use serde_json::json;
use tokio::{net::TcpListener, sync::Notify, time::Instant};

use crate::fake::{ACCOUNT, Fake, KEY, KEY_SECRET, TOKEN, served, write_down};

fn settings(url: String) -> TwilioSettings {
    TwilioSettings {
        url: Some(url),
        account: ACCOUNT.into(),
        token: TOKEN.into(),
        api_key: None,
        from: Some("+31201234567".into()),
        messaging_service: None,
        base: "https://id.example.org/account".into(),
        domain: Some("id.example.org".into()),
    }
}

fn twilio(settings: TwilioSettings) -> Twilio {
    Twilio::new(settings, Arc::new(Texts::read(None).unwrap())).unwrap()
}

fn message(channel: Kind) -> Message {
    let call = (channel == Kind::CALL).then(|| CallToken::new("sealed"));
    Message {
        delivery: DeliveryId::new("delivery"),
        channel,
        to: Address::Phone(PhoneNumber::new("31612345658", "+31 6 12345658", 31).unwrap()),
        code: "908172".into(),
        until: Timestamp::from_seconds(1_767_268_800),
        lifetime: Duration::from_mins(5),
        minutes: 5,
        site: "Example".into(),
        language: Some("nl".into()),
        call,
    }
}

#[tokio::test]
async fn a_text_message_carries_the_code_and_where_to_tell_of_it() {
    let fake = Arc::new(Fake::default());
    let gateway = twilio(settings(served(fake.clone()).await));
    let taken = gateway.deliver(&message(Kind::SMS)).await.unwrap();
    assert_eq!(taken, Taken { reference: Some("SM00000000000000000000000000000001".into()) });
    let (resource, fields) = fake.asked.lock().unwrap()[0].clone();
    assert_eq!(resource, "Messages.json");
    assert_eq!((fields["To"].as_str(), fields["From"].as_str()), ("+31612345658", "+31201234567"));
    assert_eq!(fields["StatusCallback"], "https://id.example.org/account/twilio/status/delivery");
    assert!(fields["Body"].contains("908172") && fields["Body"].ends_with("@id.example.org #908172"));
    assert_eq!(fields["ValidityPeriod"], "300");
    assert_eq!(fields.len(), 5);
}

#[tokio::test]
async fn a_messaging_service_sends_texts_and_makes_no_calls() {
    let fake = Arc::new(Fake::default());
    let service = Some("MG0123456789abcdef0123456789abcdef".to_owned());
    let gateway = twilio(TwilioSettings { messaging_service: service.clone(), ..settings(served(fake.clone()).await) });
    gateway.deliver(&message(Kind::SMS)).await.unwrap();
    gateway.deliver(&message(Kind::CALL)).await.unwrap();
    let asked = fake.asked.lock().unwrap();
    assert_eq!((asked[0].1.get("MessagingServiceSid"), asked[0].1.get("From")), (service.as_ref(), None));
    assert_eq!(asked[1].1["From"], "+31201234567");
}

#[tokio::test]
async fn a_call_carries_no_code() {
    let fake = Arc::new(Fake::default());
    let gateway = twilio(settings(served(fake.clone()).await));
    let taken = gateway.deliver(&message(Kind::CALL)).await.unwrap();
    assert_eq!(taken.reference.as_deref(), Some("CA00000000000000000000000000000001"));
    let (resource, fields) = fake.asked.lock().unwrap()[0].clone();
    assert_eq!(resource, "Calls.json");
    assert_eq!(fields["Url"], "https://id.example.org/account/twilio/call/sealed?language=nl");
    assert_eq!((fields["Method"].as_str(), fields["Timeout"].as_str()), ("POST", "15"));
    assert!(fields.values().all(|value| !value.contains("908172")));
}

#[tokio::test]
async fn a_number_that_twilio_does_not_reach_is_told_by_its_code_alone() {
    let fake = Arc::new(Fake::default());
    let gateway = twilio(settings(served(fake.clone()).await));
    for (code, channel) in [
        (13223, Kind::CALL), // not a number
        (13224, Kind::CALL), // not a number that can be called
        (21202, Kind::CALL), // a premium-rate number
        (21211, Kind::SMS),  // not a number
        (21214, Kind::CALL), // not a number that can be called
        (21215, Kind::CALL), // a country that is not enabled
        (21216, Kind::CALL), // a number that is not enabled
        (21217, Kind::CALL), // not a number
        (21265, Kind::SMS),  // a short code
        (21266, Kind::SMS),  // the sender's own number
        (21268, Kind::SMS),  // a premium-rate number
        (21401, Kind::SMS),  // not a number
        (21408, Kind::SMS),  // a country that is not enabled
        (21421, Kind::SMS),  // not a number
        (21610, Kind::SMS),  // its owner has opted out
        (21612, Kind::SMS),  // no route
        (21614, Kind::SMS),  // not a mobile number
        (21635, Kind::SMS),  // a landline
    ] {
        fake.answers(400, json!({ "code": code, "message": "about +31612345658", "status": 400 }));
        let refused = gateway.deliver(&message(channel)).await.unwrap_err();
        assert!(matches!(&refused, NotTaken::Unreachable { reason } if *reason == code.to_string()), "{refused:?}");
    }
}

#[tokio::test]
async fn whatever_else_twilio_says_is_a_fault_that_tells_nothing() {
    let fake = Arc::new(Fake::default());
    let gateway = twilio(settings(served(fake.clone()).await));
    for (status, body) in [
        (400, json!({ "code": 21604, "message": "To +31612345658", "status": 400 })),
        (400, json!({ "code": 21606, "message": "From", "status": 400 })),
        (401, json!({ "code": 20003, "message": TOKEN, "status": 401 })),
        (400, json!({ "code": 21608, "message": "a trial knows no +31612345658", "status": 400 })),
        (429, json!({ "code": 20429, "message": "908172", "status": 429 })),
        (500, json!("not an object")),
        (503, json!({ "code": "21211" })),
        (200, json!({ "no": "sid" })),
        (302, json!({})),
    ] {
        fake.answers(status, body);
        let NotTaken::Failed(fault) = gateway.deliver(&message(Kind::SMS)).await.unwrap_err() else {
            panic!("{status}")
        };
        let told = format!("{fault} {fault:?}");
        assert!(!told.contains("316") && !told.contains("908172") && !told.contains(TOKEN), "{told}");
    }
}

/// A request has a time limit: the clock continues once the request has arrived.
#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    let asked = Arc::new(Notify::new());
    let silent = Router::new().fallback({
        let asked = asked.clone();
        async move || {
            asked.notify_one();
            std::future::pending::<()>().await;
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = twilio(settings(format!("http://{}", listener.local_addr().unwrap())));
    tokio::spawn(async move { axum::serve(listener, silent).await });
    let clock = tokio::spawn(async move {
        asked.notified().await;
        tokio::time::pause();
        Instant::now()
    });
    let refused = gateway.deliver(&message(Kind::SMS)).await.unwrap_err();
    let waited = clock.await.unwrap().elapsed();
    assert!(format!("{refused:?}").contains("it took too long"), "{refused:?}");
    assert!(waited < Duration::from_secs(11), "{waited:?}");
}

#[tokio::test]
async fn a_wrong_login_and_a_server_that_is_away_are_faults() {
    let url = served(Arc::default()).await;
    let stranger = twilio(TwilioSettings { token: "another".into(), ..settings(url) });
    assert!(matches!(stranger.deliver(&message(Kind::SMS)).await, Err(NotTaken::Failed(_))));
    let away = twilio(settings("http://127.0.0.1:1".into()));
    assert!(matches!(away.deliver(&message(Kind::SMS)).await, Err(NotTaken::Failed(_))));
    assert!(away.reachable().await.is_err());
    assert!(!format!("{away:?}").contains(TOKEN));
}

/// Only a main API key may read the account itself.
#[tokio::test]
async fn whether_twilio_knows_us_is_asked_where_every_key_may_ask() {
    let fake = Arc::new(Fake::default());
    let url = served(fake.clone()).await;
    let gateway = twilio(settings(url.clone()));
    gateway.reachable().await.unwrap();
    assert!(twilio(TwilioSettings { token: "another".into(), ..settings(url) }).reachable().await.is_err());
    for (status, is_known) in [(403, true), (401, false), (500, false)] {
        fake.answers(status, json!({}));
        assert_eq!(gateway.reachable().await.is_ok(), is_known, "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_kept() {
    let fake = Arc::new(Fake::default());
    let gateway = twilio(settings(served(fake.clone()).await));
    fake.answers(200, json!({ "sid": "x".repeat(100_000) }));
    assert!(matches!(gateway.deliver(&message(Kind::SMS)).await, Err(NotTaken::Failed(_))));
}

#[tokio::test]
async fn an_api_key_goes_before_the_token() {
    let url = served(Arc::default()).await;
    let with_key = |secret: &str| {
        let api_key = Some((KEY.to_owned(), Secret::new(secret)));
        twilio(TwilioSettings { token: "another".into(), api_key, ..settings(url.clone()) })
    };
    let gateway = with_key(KEY_SECRET);
    gateway.deliver(&message(Kind::SMS)).await.unwrap();
    gateway.reachable().await.unwrap();
    let refused = with_key("a wrong secret").deliver(&message(Kind::SMS)).await.unwrap_err();
    let told = format!("{refused:?} {gateway:?}");
    assert!(!told.contains("secret") && !told.contains("another") && told.contains("20003"), "{told}");
}

/// The example of Twilio's own documentation.
#[test]
fn what_twilio_asks_is_signed_by_the_token_though_there_is_a_key() {
    let fields = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675310"),
        ("Digits", "1234"),
        ("From", "+14158675310"),
        ("To", "+18005551212"),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    for (token, secret, is_signed) in [("12345", KEY_SECRET, true), (TOKEN, "12345", false)] {
        let api_key = Some((KEY.to_owned(), Secret::new(secret)));
        let gateway = twilio(TwilioSettings { token: token.into(), api_key, ..settings("http://127.0.0.1:1".into()) });
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        assert_eq!(gateway.is_signed(url, &fields, "GvWf1cFY/Q7PnoempGyD5oXAezc="), is_signed, "{token}");
    }
}

/// Every status that Twilio has for a message or a call; `cargo xtask contract twilio` checks that there is no other.
#[test]
fn the_last_word_about_a_message_is_kept_and_no_other() {
    const ARRIVED: Option<DeliveryStatus> = Some(DeliveryStatus::Delivered);
    const LOST: Option<DeliveryStatus> = Some(DeliveryStatus::Undelivered);
    let of_messages = [
        ("queued", None),
        ("accepted", None),
        ("scheduled", None),
        ("sending", None),
        ("sent", None),
        ("receiving", None),
        ("received", None),
        ("partially_delivered", None),
        ("delivered", ARRIVED),
        ("read", ARRIVED),
        ("undelivered", LOST),
        ("failed", LOST),
        ("canceled", LOST),
    ];
    let of_calls = [
        ("queued", None),
        ("ringing", None),
        ("in-progress", None),
        ("completed", ARRIVED),
        ("busy", LOST),
        ("no-answer", LOST),
        ("failed", LOST),
        ("canceled", LOST),
    ];
    let gateway = twilio(settings("http://127.0.0.1:1".into()));
    for (schema, words) in [("message_enum_status", &of_messages[..]), ("call_enum_status", &of_calls)] {
        for (word, status) in words {
            assert_eq!(gateway.status(word), *status, "{word}");
        }
        let words: Vec<_> = words.iter().map(|(word, _)| word).collect();
        write_down(&json!({ "schema": schema, "words": words }));
    }
    assert_eq!(gateway.status(""), None);
}

#[test]
fn plain_http_is_for_this_machine() {
    let texts = Arc::new(Texts::read(None).unwrap());
    assert!(Twilio::new(settings("http://api.example.org".into()), texts.clone()).is_err());
    assert!(Twilio::new(TwilioSettings { account: "../x".into(), ..settings("https://x.org".into()) }, texts).is_err());
}
