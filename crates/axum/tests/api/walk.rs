//! The whole life of an account, by a program.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::site::Site;

#[tokio::test]
async fn a_program_walks_through_the_whole_life_of_an_account() {
    let site = Site::new();
    let mut ada = site.newcomer("ada").await;
    let session = ada.program.get("/api/v1/session").await;
    assert_eq!(session.body["user"]["name"], "ada");
    assert_eq!((&session.body["acr"], &session.body["amr"]), (&json!("aal1"), &json!(["pwd"])));
    let devices = ada.program.get("/api/v1/devices").await;
    assert_eq!(devices.body["enabled"], false);
    assert_eq!(devices.body["methods"], json!(["totp", "sms", "call", "email"]));

    // An app is set up; the session that comes out is verified.
    let old = ada.program.token.clone();
    let app = ada.sets_up("Phone", &site.world).await;
    ada.person.takes(app);
    assert_ne!(ada.program.token, old);
    site.world.pass(30);

    // Backup codes, another name, a second device, another preference.
    let codes = ada.program.post("/api/v1/backup-codes", &json!({})).await;
    assert_eq!(codes.body["codes"].as_array().unwrap().len(), 10);
    let phone = ada.program.get("/api/v1/devices").await.body["devices"][0]["id"].as_str().unwrap().to_owned();
    let renamed = ada.program.post(&format!("/api/v1/devices/{phone}/rename"), &json!({ "name": "Old phone" })).await;
    assert_eq!((renamed.status, renamed.body.is_null()), (StatusCode::NO_CONTENT, true));
    ada.sets_up("Tablet", &site.world).await;
    let devices = ada.program.get("/api/v1/devices").await.body;
    assert_eq!(devices["devices"][0]["name"], "Old phone");
    assert_eq!(devices["backup_codes_left"], 10);
    let tablet = devices["devices"][1]["id"].as_str().unwrap().to_owned();
    ada.program.send(Method::POST, &format!("/api/v1/devices/{tablet}/prefer"), String::new()).await;

    // Signing in asks the tablet first; the phone is chosen instead.
    let mut elsewhere = crate::site::Owner { person: ada.person, program: site.program() };
    let step = elsewhere.signs_in().await;
    let pending = &step.body["pending"];
    assert_eq!((&pending["asked"]["id"], &pending["expects"]), (&json!(tablet), &json!("answer")));
    assert_eq!(pending["expires_at"], site.world.now().as_seconds() + 600);
    let chosen = json!({ "login": pending["login"], "device": phone });
    let pending = elsewhere.program.post("/api/v1/login/challenge", &chosen).await.body;
    assert_eq!(pending["asked"]["answer"], json!({ "form": "digits", "digits": 6 }));
    let opened = elsewhere.program.answers(&pending, &elsewhere.person.code()).await;
    assert_eq!(opened.body["session"]["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(elsewhere.program.get("/who").await.body, "ada");

    // Sessions: three were opened, two are left: setting the tablet up took the place of one.
    let sessions = elsewhere.program.get("/api/v1/sessions").await.body["sessions"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    let other = sessions.as_array().unwrap().iter().find(|entry| entry["current"] == false).unwrap();
    let ended = elsewhere.program.delete(&format!("/api/v1/sessions/{}", other["id"].as_str().unwrap())).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert_eq!(ada.program.get("/who").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(elsewhere.program.delete("/api/v1/sessions").await.status, StatusCode::NO_CONTENT);

    // A new password; the tablet goes; everything is switched off.
    let passwords = json!({ "current": elsewhere.person.password, "new": "six words nobody would put together" });
    assert_eq!(elsewhere.program.opens("/api/v1/password", &passwords).await.status, StatusCode::OK);
    let removed = elsewhere.program.delete(&format!("/api/v1/devices/{tablet}")).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    let last = elsewhere.program.delete(&format!("/api/v1/devices/{phone}")).await;
    assert_eq!((last.status, last.code()), (StatusCode::FORBIDDEN, "last-device"));
    let off = elsewhere.program.opens("/api/v1/disable", &json!({})).await;
    assert_eq!(off.body["session"]["acr"], "aal1");
    assert_eq!(elsewhere.program.post("/api/v1/logout", &json!({})).await.status, StatusCode::NO_CONTENT);
    assert_eq!(elsewhere.program.get("/api/v1/session").await.code(), "sign-in-needed");
}

#[tokio::test]
async fn codes_that_are_sent_are_asked_for_and_answered() {
    let site = Site::new();
    let mut ada = site.newcomer("ada").await;
    let begun = json!({ "method": "sms", "name": "Mobile", "to": "+31612345658" });
    let setup = ada.program.post("/api/v1/devices", &begun).await;
    assert_eq!(setup.status, StatusCode::CREATED, "{setup:?}");
    assert_eq!(setup.body["device"]["answer"]["form"], "sent");
    assert!(setup.body["device"]["to"].as_str().unwrap().ends_with("58"), "{setup:?}");
    let soon = ada.program.post("/api/v1/devices/setup/send", &json!({ "setup": setup.body["setup"] })).await;
    assert_eq!((soon.status, soon.code()), (StatusCode::TOO_MANY_REQUESTS, "sending-too-soon"));
    assert_eq!((&soon.body["retry_after"], &soon.headers["retry-after"]), (&json!(60), &"60".parse().unwrap()));
    let proof = json!({ "setup": setup.body["setup"], "code": site.outbox.code() });
    assert_eq!(ada.program.opens("/api/v1/devices/setup/confirm", &proof).await.status, StatusCode::OK);
    site.world.pass(60);
    let pending = ada.signs_in().await.body["pending"].clone();
    assert_eq!(pending["expects"], "answer");
    let opened = ada.program.answers(&pending, &site.outbox.code()).await;
    assert_eq!(opened.body["session"]["amr"], json!(["pwd", "sms", "mfa"]));
    // Where no other code is sent yet, the one in hand is asked for.
    ada.signs_in().await;
    let pending = ada.signs_in().await.body["pending"].clone();
    assert_eq!((&pending["expects"], pending.get("unsent")), (&json!("answer"), None));
    assert_eq!(ada.program.answers(&pending, &site.outbox.code()).await.status, StatusCode::OK);
    // Where none is good and none can be sent, the answer says so and expects one to be sent.
    site.outbox.behaves(countersign_testkit::Behaviour::Fails);
    let pending = ada.signs_in().await.body["pending"].clone();
    site.outbox.behaves(countersign_testkit::Behaviour::Takes);
    assert_eq!((&pending["expects"], &pending["unsent"]["code"]), (&json!("send"), &json!("sending-failed")));
    site.world.pass(60);
    let asked = json!({ "login": pending["login"], "device": pending["asked"]["id"] });
    let pending = ada.program.post("/api/v1/login/send", &asked).await.body;
    assert_eq!(pending["expects"], "answer");
    assert_eq!(ada.program.answers(&pending, &site.outbox.code()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_setup_is_shown_again_and_given_up() {
    let site = Site::new();
    let ada = site.newcomer("ada").await;
    let setup = ada.program.post("/api/v1/devices", &json!({ "method": "totp", "name": "Phone" })).await.body;
    let attempt = json!({ "setup": setup["setup"] });
    let again = ada.program.post("/api/v1/devices/setup", &attempt).await;
    assert_eq!(again.body, setup, "the key stays the same");
    assert_eq!(ada.program.post("/api/v1/devices/setup/cancel", &attempt).await.status, StatusCode::NO_CONTENT);
    let over = ada.program.post("/api/v1/devices/setup", &attempt).await;
    assert_eq!((over.status, over.code()), (StatusCode::GONE, "attempt-expired"));
}

#[tokio::test]
async fn a_login_that_was_given_up_is_over() {
    let site = Site::new();
    let (mut ada, pending) = site.halfway("ada").await;
    let attempt = json!({ "login": pending["login"] });
    assert_eq!(ada.program.post("/api/v1/login/cancel", &attempt).await.status, StatusCode::NO_CONTENT);
    let code = ada.person.code();
    assert_eq!(ada.program.answers(&pending, &code).await.code(), "attempt-expired");
}

/// D4 for programs: what a sign-in gave in `browser` keeps strangers' failures away.
#[tokio::test]
async fn the_owner_comes_in_with_a_program_that_is_known_whatever_strangers_do() {
    let site = Site::new();
    let (mut ada, pending) = site.halfway("ada").await;
    let code = ada.person.code();
    ada.program.answers(&pending, &code).await;
    assert!(ada.program.browser.is_some());
    site.world.pass(30);
    let mut stranger = site.program();
    for guess in 0..25 {
        stranger.signs_in("ada", &format!("guess {guess}")).await;
    }
    let refused = stranger.signs_in("ada", &ada.person.password).await;
    assert_eq!(refused.code(), "too-many-failures");
    let step = ada.signs_in().await;
    assert_eq!(step.body["status"], "pending", "{step:?}");
    let code = ada.person.code();
    assert_eq!(ada.program.answers(&step.body["pending"], &code).await.status, StatusCode::OK);
}

/// T125: a client that has proved the password alone is told what it needs to answer; one with a device cookie, everything.
#[tokio::test]
async fn t125_the_password_alone_shows_what_is_needed_to_answer() {
    let site = Site::new();
    let ada = site.member("ada").await;
    ada.program.post("/api/v1/backup-codes", &json!({})).await;
    let mut stranger = site.program();
    let pending = stranger.signs_in("ada", &ada.person.password).await.body["pending"].clone();
    let members = |device: &serde_json::Value| {
        let members: Vec<_> = device.as_object().unwrap().keys().cloned().collect();
        members
    };
    for device in [&pending["asked"], &pending["others"][0]] {
        assert_eq!(members(device), ["answer", "id", "method", "preferred"], "{device}");
    }
    assert_eq!(pending["others"][0]["answer"], json!({ "form": "backup-code" }));
    let opened = stranger.answers(&pending, &ada.person.code()).await;
    assert_eq!(opened.status, StatusCode::OK);
    site.world.pass(30);
    let pending = stranger.signs_in("ada", &ada.person.password).await.body["pending"].clone();
    assert!(stranger.browser.is_some());
    assert_eq!((&pending["asked"]["name"], &pending["asked"]["failures"]), (&json!("Phone"), &json!(0)));
    assert_eq!(pending["others"][0]["answer"], json!({ "form": "backup-code", "left": 10 }));
}
