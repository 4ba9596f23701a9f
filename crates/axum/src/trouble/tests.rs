//! Every refusal in every front end, in one table; and the challenges.

use std::{fmt::Write, fs, sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::HeaderMap,
};
use countersign_engine::core::Timestamp;
use countersign_testkit::World;
use serde_json::Value;

use super::*;
use crate::{Origins, Settings, message::Message, routes::refused_at_login, site::Site};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/refusals.txt");

/// The example of RFC 9470 §3, in our words.
#[test]
fn r104_a_challenge_says_which_level_and_how_fresh() {
    let proof = |age| Needed::second_factor(age).challenge();
    let start = "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal2\"";
    assert_eq!(proof(Duration::MAX), start);
    assert_eq!(proof(Duration::from_secs(5)), format!("{start}, max_age=\"5\""));
    assert_eq!(Needed::SignIn.challenge(), "Bearer");
    assert_eq!(Needed::Scope(Some("read")).challenge(), "Bearer error=\"insufficient_scope\", scope=\"read\"");
}

/// `tests/refusals.txt` has the response to every refusal in every front end: after a change, `BLESS=1` writes it
/// again.
#[tokio::test]
async fn every_refusal_at_every_entrance() {
    let world = World::new();
    let site = Site::new(world.engine.clone(), Settings::new(Origins::Loopback { port: 8000 })).unwrap();
    let visitor = Visitor::new(Arc::new(site), &Request::get("/api/v1/session").body(Body::empty()).unwrap());
    let mut table = String::from(
        "code | page: status, field, retry-after, text | API: status, member, retry-after, challenge \
         | deux: status, member, retry-after\n",
    );
    for refusal in Refusal::ALL.map(|refusal| in_a_minute(refusal, world.now())) {
        let problem = Problem::from(refusal.clone());
        let page = visitor.refused(problem.clone(), &visitor.site().paths.account).await;
        let (what, _) = problem.texts(visitor.site());
        let (field, status) = (problem.field().unwrap_or("-"), page.status().as_u16());
        let _ = write!(table, "{} | {status}, {field}, {}, {what}", refusal.code(), wait(page.headers()));
        assert_eq!(page.extensions().get::<Refused>(), Some(&Refused::from(&refusal)));

        let told = visitor.tell(&refusal.clone().into());
        let (parts, body) = told.into_parts();
        let body: Value = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
        assert_eq!(body["code"], refusal.code());
        assert_eq!(body["status"], parts.status.as_u16());
        assert_eq!(body["title"], what, "both entrances say the same");
        assert_eq!(body["retry_after"].as_u64().map_or("-".into(), |wait| wait.to_string()), wait(&parts.headers));
        let member = body["member"].as_str().unwrap_or("-");
        let challenge = parts.headers.get("www-authenticate").map_or("-", |value| value.to_str().unwrap());
        let _ = write!(table, " | {}, {member}, {}, {challenge}", parts.status.as_u16(), wait(&parts.headers));

        let (parts, body) = refused_at_login(&visitor, &refusal).into_parts();
        let body: Value = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
        let members = [("non_field_errors", body["non_field_errors"][0].clone()), ("detail", body["title"].clone())];
        let (member, _) = members.into_iter().find(|(_, text)| *text == what).expect("it says the same");
        let _ = writeln!(table, " | {}, {member}, {}", parts.status.as_u16(), wait(&parts.headers));
        assert_eq!(parts.extensions.get::<Refused>(), Some(&Refused::from(&refusal)));
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(KEPT, &table).unwrap();
    }
    let kept = fs::read_to_string(KEPT).unwrap();
    for (line, (is, was)) in table.lines().zip(kept.lines()).enumerate() {
        assert_eq!(is, was, "line {line} of tests/refusals.txt");
    }
    assert_eq!(table.lines().count(), kept.lines().count());
}

/// The same refusal; if it has an end, a minute from now.
fn in_a_minute(refusal: Refusal, now: Timestamp) -> Refusal {
    let until = now.after(Duration::from_mins(1));
    match refusal {
        Refusal::TooManyFailures { .. } => Refusal::TooManyFailures { until },
        Refusal::SendingTooSoon { .. } => Refusal::SendingTooSoon { until },
        Refusal::SendingLimited { .. } => Refusal::SendingLimited { until },
        Refusal::DeviceLocked { failures, .. } => Refusal::DeviceLocked { until, failures },
        other => other,
    }
}

fn wait(headers: &HeaderMap) -> String {
    headers.get("retry-after").map_or("-", |value| value.to_str().unwrap()).to_owned()
}

/// A message of a page has the same code word and status as the error for programs.
#[test]
fn what_cannot_be_read_has_the_same_status_everywhere() {
    for (message, unread) in [
        (Message::NotFound, Unread::NotFound),
        (Message::MethodNotAllowed, Unread::MethodNotAllowed),
        (Message::OtherSite, Unread::OtherSite),
        (Message::FormStale, Unread::CsrfToken),
        (Message::FormKind, Unread::BodyKind),
        (Message::FormSlow, Unread::BodySlow),
        (Message::FormLong, Unread::BodyLong),
        (Message::FormBroken, Unread::BodyBroken),
        (Message::FormFields, Unread::BodyMembers),
    ] {
        assert_eq!(message.status(), unread.status(), "{message:?}");
    }
    assert_eq!(Unread::ALL.len(), 9);
}
