//! Twilio, against a server of ours that follows its published interface: what is sent, and what its answers mean.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fake;

use std::sync::Arc;

use countersign_engine::{
    CallToken,
    core::{Address, DeliveryId, Kind, PhoneNumber, Secret, Timestamp},
    port::{CallApp as _, Gateway as _, Message, NotTaken, Taken},
};
use countersign_gateway::{Texts, Twilio, TwilioSettings};
use serde_json::json;

use crate::fake::{ACCOUNT, Fake, TOKEN, served};

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
async fn what_twilio_refuses_is_the_number_s_fault_or_ours() {
    let fake = Arc::new(Fake::default());
    let gateway = twilio(settings(served(fake.clone()).await));
    for code in [21211, 21214, 21401, 21408, 21610, 21612, 21614] {
        let body = json!({ "code": code, "message": "about +31612345658", "status": 400 });
        *fake.answers.lock().unwrap() = Some((400, body));
        let refused = gateway.deliver(&message(Kind::SMS)).await.unwrap_err();
        assert!(matches!(&refused, NotTaken::Unreachable { reason } if *reason == code.to_string()), "{refused:?}");
    }
    for (status, body) in [
        (400, json!({ "code": 21606, "message": "From", "status": 400 })),
        (429, json!({ "code": 20429, "message": "too many", "status": 429 })),
        (500, json!("not an object")),
        (200, json!({ "no": "sid" })),
        (302, json!({})),
    ] {
        *fake.answers.lock().unwrap() = Some((status, body));
        let NotTaken::Failed(fault) = gateway.deliver(&message(Kind::SMS)).await.unwrap_err() else {
            panic!("{status}")
        };
        let told = format!("{fault} {fault:?}");
        assert!(!told.contains("316") && !told.contains("908172") && !told.contains(TOKEN), "{told}");
    }
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

/// Only a main API key may look at the account itself.
#[tokio::test]
async fn whether_twilio_knows_us_is_asked_where_every_key_may_ask() {
    let fake = Arc::new(Fake::default());
    let url = served(fake.clone()).await;
    let gateway = twilio(settings(url.clone()));
    gateway.reachable().await.unwrap();
    assert!(twilio(TwilioSettings { token: "another".into(), ..settings(url) }).reachable().await.is_err());
    for (status, is_known) in [(403, true), (401, false), (500, false)] {
        *fake.answers.lock().unwrap() = Some((status, json!({})));
        assert_eq!(gateway.reachable().await.is_ok(), is_known, "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_kept() {
    let fake = Arc::new(Fake::default());
    let gateway = twilio(settings(served(fake.clone()).await));
    *fake.answers.lock().unwrap() = Some((200, json!({ "sid": "x".repeat(100_000) })));
    assert!(matches!(gateway.deliver(&message(Kind::SMS)).await, Err(NotTaken::Failed(_))));
}

#[tokio::test]
async fn an_api_key_goes_before_the_token_and_signs_nothing() {
    let fake = Arc::new(Fake::default());
    let api_key = Some(("SK1".to_owned(), Secret::new("secret")));
    let gateway = twilio(TwilioSettings { api_key, ..settings(served(fake).await) });
    assert!(matches!(gateway.deliver(&message(Kind::SMS)).await, Err(NotTaken::Failed(_))), "the fake knows no key");
    let fields = [("CallSid".to_owned(), "CA1".to_owned())];
    assert!(!gateway.is_signed("https://id.example.org/", &fields, "nonsense"));
}

#[test]
fn plain_http_is_for_this_machine() {
    let texts = Arc::new(Texts::read(None).unwrap());
    assert!(Twilio::new(settings("http://api.example.org".into()), texts.clone()).is_err());
    assert!(Twilio::new(TwilioSettings { account: "../x".into(), ..settings("https://x.org".into()) }, texts).is_err());
}
