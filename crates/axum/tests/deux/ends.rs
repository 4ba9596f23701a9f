//! What ends, and with what.

use countersign_engine::{
    SignedIn,
    core::{Kind, Level, client::ClientType, flow::Purpose},
    flow::RequestContext,
};
use countersign_testkit::Person;
use serde_json::json;

use crate::{
    oauth2::{App, showing},
    site::{Site, TEXT, asked},
};

/// Switching off ends what was opened elsewhere; the client that did it goes on, as sure as a password makes it.
#[tokio::test]
async fn dxapi_05_off_ends_everything_that_was_opened_elsewhere() {
    let site = Site::new();
    let (ada, _) = site.member("ada").await;
    let (mut elsewhere, mut client) = (site.client(), site.client());
    for client in [&mut elsewhere, &mut client] {
        client.signs_in(&ada, &json!({})).await.is(200, &asked("sms"));
        client.signs_in(&ada, &json!({ "mfa_code": site.outbox.code() })).await.is(200, &json!({ "token": TEXT }));
        site.world.pass(60);
    }
    client.delete("/mfa/", &json!({})).await.is(204, &json!(null));
    elsewhere.get("/mfa/").await.is(401, &json!({ "detail": TEXT }));
    let sessions = site.world.store.sessions(&ada.user.id).await.unwrap();
    let left: Vec<_> = sessions.iter().map(|session| (session.level, session.verified)).collect();
    assert_eq!(left, [(Level::Aal1, None)]);
    client.get("/mfa/").await.is(200, &json!({ "enabled": false }));
}

/// What was opened before, elsewhere, is over; the client that did it goes on at its level, and remembers the proof.
#[tokio::test]
async fn dxapi_13_w60_enabling_ends_everything_that_was_opened_elsewhere() {
    let site = Site::new();
    let (person, client) = site.newcomer("ada").await;
    let mut elsewhere = site.client();
    elsewhere.signs_in(&person, &json!({})).await;
    elsewhere.get("/mfa/").await.is(200, &json!({ "enabled": false }));
    client.enables(&site).await;
    elsewhere.get("/mfa/").await.is(401, &json!({ "detail": TEXT }));
    let sessions = site.world.store.sessions(&person.user.id).await.unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!((sessions[0].level, sessions[0].verified), (Level::Aal1, Some(site.world.now())));
}

/// It is the token of a session, and ends as one does.
#[tokio::test]
async fn dxtok_10_a_token_ends_unused_with_the_password_and_with_its_user() {
    for end in ["unused", "password", "user"] {
        let site = Site::new();
        let (ada, client) = site.newcomer("ada").await;
        client.get("/mfa/").await.is(200, &json!({ "enabled": false }));
        match end {
            "unused" => site.world.pass(30 * 24 * 3600),
            "password" => site.world.users.change(&ada.user.id, |user| user.stamp = "another".into()),
            _ => site.world.users.change(&ada.user.id, |user| user.active = false),
        }
        client.get("/mfa/").await.is(401, &json!({ "detail": TEXT }));
    }
}

/// However often it is refreshed, a grant ends when its session does.
#[tokio::test]
async fn dxoau_09_r100_no_refresh_keeps_a_grant_beyond_its_time() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Public).await;
    let (ada, _) = site.member("ada").await;
    app.asks(&site, &ada, json!({})).await;
    let mut given = app.asks(&site, &ada, json!({ "mfa_code": site.outbox.code() })).await;
    for _ in 0..47 {
        site.world.pass(1800);
        given = app.refreshes(&site, &given.body["refresh_token"], json!({})).await;
        assert_eq!(given.status, 200, "{given:?}");
    }
    site.world.pass(1800);
    showing(&site, &given).get("/mfa/").await.is(401, &json!({ "detail": TEXT }));
    let late = app.refreshes(&site, &given.body["refresh_token"], json!({})).await;
    late.is(400, &json!({ "error": "invalid_grant" }));
}

/// R100: the user sees it among their sessions, and ends it there.
#[tokio::test]
async fn r100_a_grant_is_listed_and_ended_like_a_session() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Public).await;
    let (ada, client) = site.newcomer("ada").await;
    let given = app.asks(&site, &ada, json!({})).await;
    let listed = client.get("/api/v1/sessions").await.body["sessions"].clone();
    let other = listed.as_array().unwrap().iter().find(|entry| entry["current"] == false).unwrap();
    let path = format!("/api/v1/sessions/{}", other["id"].as_str().unwrap());
    assert_eq!(client.delete(&path, &json!({})).await.status, 204);
    showing(&site, &given).get("/mfa/").await.is(401, &json!({ "detail": TEXT }));
    let late = app.refreshes(&site, &given.body["refresh_token"], json!({})).await;
    late.is(400, &json!({ "error": "invalid_grant" }));
}

/// T36, R107.
#[tokio::test]
async fn r107_a_client_s_tokens_end_with_what_stood_behind_them() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Public).await;
    let invalid = json!({ "error": "invalid_grant" });
    for (name, number) in [("deactivated", "31600000001"), ("password", "31600000002"), ("removed", "31600000003")] {
        let (person, client) = site.newcomer(name).await;
        client.put("/mfa/sms/request/", &json!({ "phone_number": number })).await;
        client.put("/mfa/sms/verify/", &json!({ "mfa_code": site.outbox.code() })).await;
        site.world.pass(60);
        app.asks(&site, &person, json!({})).await.is(200, &asked("sms"));
        let given = app.asks(&site, &person, json!({ "mfa_code": site.outbox.code() })).await;
        assert_eq!(showing(&site, &given).get("/mfa/").await.status, 200, "{name}");
        match name {
            "deactivated" => site.world.users.change(&person.user.id, |user| user.active = false),
            "password" => site.world.users.change(&person.user.id, |user| user.stamp = "another".into()),
            _ => drop(site.world.engine.remove_client(&app.registered.id).await.unwrap()),
        }
        showing(&site, &given).get("/mfa/").await.is(401, &json!({ "detail": TEXT }));
        if name != "removed" {
            app.refreshes(&site, &given.body["refresh_token"], json!({})).await.is(400, &invalid);
        }
    }
}

/// R107: a token ends with the device that verified it and when two-factor authentication is switched off. It goes on
/// when another device is removed.
#[tokio::test]
async fn r107_a_client_s_tokens_end_with_the_device_that_verified_them_and_with_two_factor_authentication() {
    let (over, goes_on) = ((401, 400, json!("invalid_grant")), (200, 200, json!(null)));
    for (removed, expected) in [(Some(Kind::SMS), &over), (Some(Kind::TOTP), &goes_on), (None, &over)] {
        let site = Site::new();
        let app = App::new(&site, ClientType::Public).await;
        let (ada, _) = site.member("ada").await;
        app.asks(&site, &ada, json!({})).await.is(200, &asked("sms"));
        let given = app.asks(&site, &ada, json!({ "mfa_code": site.outbox.code() })).await;
        site.world.pass(60);
        let (signed_in, context) = (sets_up_an_app(&site, &ada).await, RequestContext::default());
        assert_eq!(showing(&site, &given).get("/mfa/").await.status, 200, "{removed:?}");
        let engine = &site.world.engine;
        if let Some(kind) = &removed {
            let devices = site.devices(&ada.user.id).await;
            let device = devices.iter().find(|device| device.kind == *kind).unwrap();
            let attempt = engine.begin(&signed_in, Purpose::RemoveDevice).await.unwrap();
            engine.remove_device(&signed_in, &attempt, &device.id, &context).await.unwrap();
        } else {
            let attempt = engine.begin(&signed_in, Purpose::Disable).await.unwrap();
            engine.disable(&signed_in, &attempt, &context).await.unwrap();
        }
        let shown = showing(&site, &given).get("/mfa/").await;
        let refreshed = app.refreshes(&site, &given.body["refresh_token"], json!({})).await;
        let told = (shown.status.as_u16(), refreshed.status.as_u16(), refreshed.body["error"].clone());
        assert_eq!(&told, expected, "{removed:?}");
    }
}

/// Signs a user in by text message, sets an app up as a second device, and returns the session that the app verified.
async fn sets_up_an_app(site: &Site, person: &Person) -> SignedIn {
    let (engine, login) = (&site.world.engine, person.is_asked().await);
    let grant = person.answers(&login.token, &login.view.device.id, &site.outbox.code()).await.unwrap();
    let (attempt, app) = person.begins_setup(grant.signed_in()).await.unwrap();
    let code = app.code_at(site.world.now());
    let confirmed =
        engine.confirm_enrolment(grant.signed_in(), &attempt, &code.into(), &RequestContext::default()).await.unwrap();
    confirmed.signed_in().clone()
}
