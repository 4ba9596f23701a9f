//! The words of a call, fetched as the machine that makes the calls fetches them, and what it tells afterwards.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};
use countersign_axum::Origins;
use countersign_engine::{
    Fault,
    core::{DeliveryStatus, DeviceName, Kind, Secret, UserId},
    flow::{Enrolment, RequestContext},
    memory::MemoryStore,
    port::{Message, VoiceCallbacks},
};
use countersign_testkit::{Outbox, World};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::site::{HOST, Site};

/// A machine whose signature is what it signs, so that a test can sign.
#[derive(Debug)]
struct Machine;

fn signature(url: &str, fields: &[(String, String)]) -> String {
    let mut fields = fields.to_vec();
    fields.sort();
    fields.iter().fold(url.to_owned(), |text, (name, value)| text + name + value)
}

impl VoiceCallbacks for Machine {
    fn is_signed(&self, url: &str, fields: &[(String, String)], given: &str) -> bool {
        signature(url, fields) == given
    }

    fn greeting(&self, site: &str, language: Option<&str>, next: &str) -> Result<String, Fault> {
        Ok(format!("<greeting>{site} {language:?} {next}</greeting>"))
    }

    fn digits(&self, code: &Secret, _: &str, language: Option<&str>) -> Result<String, Fault> {
        Ok(format!("<digits>{} {language:?}</digits>", code.expose()))
    }

    fn goodbye(&self, _: &str, _: Option<&str>) -> Result<String, Fault> {
        Ok("<goodbye/>".into())
    }

    fn status(&self, word: &str) -> Option<DeliveryStatus> {
        (word == "completed").then_some(DeliveryStatus::Delivered)
    }
}

/// A site with phone calls, and the call that it has just made.
async fn calling() -> (Site, Message) {
    let outbox = Arc::new(Outbox::default());
    let carried = outbox.clone();
    let world = World::built(Arc::new(MemoryStore::default()), move |parts| {
        parts.gateways.insert(Kind::CALL, carried);
        parts.voice_callbacks = Some(Arc::new(Machine));
        parts.config.offered = vec![Kind::TOTP, Kind::CALL];
    });
    let world = World { outbox, ..world };
    let origin = "https://id.example.org".parse().unwrap();
    let site = Site::of(world, |settings| settings.origins = Origins::Public(origin));
    let signed_in = site.world.user("ada").signs_in_with_password().await;
    let name = DeviceName::parse("Phone").unwrap();
    let enrolment = Enrolment { kind: Kind::CALL, name, to: Some("+31 6 12345658".into()) };
    site.world.engine.begin_enrolment(&signed_in, enrolment, &RequestContext::default()).await.unwrap();
    let message = site.world.outbox.last();
    (site, message)
}

fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A request of the machine's, with this signature or with its own.
async fn asks(site: &Site, path: &str, fields: &[(&str, &str)], forged: Option<&str>) -> (Response<Body>, String) {
    let own = signature(&format!("https://id.example.org{path}"), &pairs(fields));
    let request = Request::post(path)
        .header("host", "id.example.org")
        .header("content-type", "application/x-www-form-urlencoded; charset=UTF-8")
        .header("x-twilio-signature", forged.unwrap_or(&own))
        .body(Body::from(serde_html_form::to_string(fields).unwrap()))
        .unwrap();
    answered(site, request).await
}

async fn answered(site: &Site, request: Request<Body>) -> (Response<Body>, String) {
    let response = site.app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    (Response::from_parts(parts, Body::empty()), text)
}

#[tokio::test]
async fn a_key_is_pressed_and_the_digits_are_read_out_once() {
    let (site, message) = calling().await;
    let path = format!("/account/twilio/call/{}?language=nl", message.call.as_ref().unwrap().expose());
    for _ in 0..2 {
        let (response, words) = asks(&site, &path, &[("CallSid", "CA1"), ("To", "+31612345658")], None).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/xml; charset=utf-8");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(response.headers().get("set-cookie").is_none());
        assert_eq!(words, format!("<greeting>Countersign Some(\"nl\") https://id.example.org{path}</greeting>"));
    }
    let pressed = [("CallSid", "CA1"), ("Digits", "5")];
    let (_, words) = asks(&site, &path, &pressed, None).await;
    assert_eq!(words, format!("<digits>{} Some(\"nl\")</digits>", message.code.expose()));
    // Replayed, either request gets a good-bye.
    for fields in [&pressed[..], &pressed[..1]] {
        let (response, words) = asks(&site, &path, fields, None).await;
        assert_eq!((response.status(), &*words), (StatusCode::OK, "<goodbye/>"));
    }
}

#[tokio::test]
async fn a_call_that_is_over_or_never_was_gets_a_good_bye() {
    let (site, message) = calling().await;
    let call = message.call.unwrap();
    let (_, words) = asks(&site, "/account/twilio/call/nothing", &[], None).await;
    assert_eq!(words, "<goodbye/>");
    site.world.pass(300);
    for fields in [&[][..], &[("Digits", "1")]] {
        let (_, words) = asks(&site, &format!("/account/twilio/call/{}", call.expose()), fields, None).await;
        assert_eq!(words, "<goodbye/>");
    }
}

#[tokio::test]
async fn w16_nobody_else_is_told_anything() {
    let (site, message) = calling().await;
    let path = format!("/account/twilio/call/{}", message.call.as_ref().unwrap().expose());
    let status = format!("/account/twilio/status/{}", message.delivery);
    let other = format!("https://evil.example{path}");
    for path in [&path, &status] {
        for forged in ["", "x", "GvWf1cFY/Q7PnoempGyD5oXAezc=", &other, &format!("http://id.example.org{path}")] {
            let fields = [("Digits", "1"), ("CallStatus", "completed")];
            let (response, words) = asks(&site, path, &fields, Some(forged)).await;
            assert_eq!((response.status(), &*words), (StatusCode::FORBIDDEN, ""), "{forged}");
        }
    }
    // One field more or another one, and the signature of the rest is worth nothing.
    let signed = signature(&format!("https://id.example.org{path}"), &pairs(&[("CallSid", "CA1")]));
    for fields in [&[("CallSid", "CA1"), ("Digits", "1")][..], &[("CallSid", "CA2")], &[]] {
        assert_eq!(asks(&site, &path, fields, Some(&signed)).await.0.status(), StatusCode::FORBIDDEN);
    }
    // The same under another host's name, without a signature, or by a browser on another site.
    let request = || {
        let signed = signature(&format!("https://id.example.org{path}"), &[]);
        Request::post(&path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-twilio-signature", signed)
    };
    for (request, expected) in [
        (request().header("host", "evil.example"), StatusCode::MISDIRECTED_REQUEST),
        (request().header("host", HOST), StatusCode::MISDIRECTED_REQUEST),
        (request().header("host", "id.example.org").header("origin", "https://evil.example"), StatusCode::FORBIDDEN),
        (Request::post(&path).header("host", "id.example.org"), StatusCode::FORBIDDEN),
        (Request::get(&path).header("host", "id.example.org"), StatusCode::FORBIDDEN),
        (Request::delete(&path).header("host", "id.example.org"), StatusCode::METHOD_NOT_ALLOWED),
    ] {
        assert_eq!(answered(&site, request.body(Body::empty()).unwrap()).await.0.status(), expected);
    }
    // Nothing was used up.
    let (_, words) = asks(&site, &path, &[("Digits", "1")], None).await;
    assert!(words.contains(message.code.expose()), "{words}");
    let sent = site.world.engine.sent_to(&UserId::new("id-ada"), 1).await.unwrap();
    assert_eq!(sent[0].status, DeliveryStatus::Sent);
}

#[tokio::test]
async fn what_became_of_a_call_is_noted() {
    let (site, message) = calling().await;
    let path = format!("/account/twilio/status/{}", message.delivery);
    for (word, status) in
        [("ringing", DeliveryStatus::Sent), ("completed", DeliveryStatus::Delivered), ("x", DeliveryStatus::Delivered)]
    {
        let fields = [("CallSid", "CA1"), ("CallStatus", word), ("ErrorCode", "")];
        let (response, _) = asks(&site, &path, &fields, None).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let sent = site.world.engine.sent_to(&UserId::new("id-ada"), 1).await.unwrap();
        assert_eq!((sent[0].status, sent[0].reason.as_deref()), (status, None), "{word}");
    }
    let (response, _) = asks(&site, "/account/twilio/status/nothing", &[("CallStatus", "completed")], None).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn where_nobody_makes_calls_there_is_nothing() {
    let site = Site::with_every_method();
    let page = site.browser().post("/account/twilio/call/x", &[("Digits", "1")]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}
