//! RFC 9470 from end to end: the challenge, the step-up, and the same request again.

use axum::http::StatusCode;
use countersign_testkit::SoftApp;
use serde_json::json;

use crate::site::{Owner, Site};

const FRESHER: &str = "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal2\", max_age=\"60\"";

/// R85: a step-up gives a new session token and ends the old one.
#[tokio::test]
async fn d5_call_401_step_up_retry_succeeds_and_fails_again_when_it_is_old() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    site.world.pass(60);
    for _ in 0..2 {
        let refused = ada.program.get("/fresh").await;
        assert_eq!((refused.status, refused.challenge()), (StatusCode::UNAUTHORIZED, FRESHER));
        assert_eq!(refused.code(), "verification-needed");
        let pending = ada.program.post("/api/v1/step-up", &json!({})).await.body;
        let shown = json!({ "step_up": pending["step_up"] });
        assert_eq!(ada.program.post("/api/v1/step-up/challenge", &shown).await.body["asked"], pending["asked"]);
        let old = ada.program.clone();
        let answer = json!({
            "step_up": pending["step_up"], "device": pending["asked"]["id"], "code": ada.person.code(),
        });
        let opened = ada.program.opens("/api/v1/step-up/answer", &answer).await;
        assert_eq!(opened.body["session"]["auth_time"], site.world.now().as_seconds());
        assert_eq!(ada.program.get("/fresh").await.body, "fresh");
        assert_eq!(old.get("/who").await.status, StatusCode::UNAUTHORIZED, "R85: the old session is over");
        site.world.pass(61);
    }
    assert_eq!(ada.program.get("/fresh").await.challenge(), FRESHER);
}

#[tokio::test]
async fn what_asks_for_a_recent_proof_says_so_like_a_guard() {
    let site = Site::new();
    let ada = site.member("ada").await;
    let newcomer = site.newcomer("new").await;
    site.world.pass(601);
    let refused = ada.program.post("/api/v1/backup-codes", &json!({})).await;
    let challenge = "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal2\", max_age=\"600\"";
    assert_eq!((refused.status, refused.challenge()), (StatusCode::UNAUTHORIZED, challenge));
    let refused = newcomer.program.post("/api/v1/devices", &json!({ "method": "totp", "name": "Phone" })).await;
    let challenge = "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal1\", max_age=\"600\"";
    assert_eq!((refused.code(), refused.challenge()), ("password-needed", challenge));
    assert!(newcomer.program.get("/api/v1/devices").await.body["methods"].is_null());
}

/// Each 401 says what helps, and after that the setup goes on.
#[tokio::test]
async fn a_setup_goes_on_after_the_proof_that_its_401_asks_for() {
    let site = Site::new();
    let mut ada = site.newcomer("ada").await;
    // The password, where there is nothing else to prove.
    site.world.pass(500);
    let (attempt, app) = begins(&ada).await;
    site.world.pass(101);
    let proof = json!({ "setup": attempt, "code": app.code_at(site.world.now()) });
    let refused = ada.program.post("/api/v1/devices/setup/confirm", &proof).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::UNAUTHORIZED, "password-needed"));
    let none = ada.program.post("/api/v1/step-up", &json!({})).await;
    assert_eq!((none.status, none.code()), (StatusCode::FORBIDDEN, "not-enabled"), "no 401 that leads here again");
    let wrong = ada.program.post("/api/v1/password/confirm", &json!({ "current": "x" })).await;
    assert_eq!((wrong.code(), &wrong.body["member"]), ("password-wrong", &json!("current")));
    ada.program.opens("/api/v1/password/confirm", &json!({ "current": ada.person.password })).await;
    let opened = ada.program.opens("/api/v1/devices/setup/confirm", &proof).await;
    assert_eq!(opened.body["session"]["acr"], "aal2", "{opened:?}");
    ada.person.takes(app);
    // A device, where there is one.
    site.world.pass(500);
    let (attempt, app) = begins(&ada).await;
    site.world.pass(101);
    let proof = json!({ "setup": attempt, "code": app.code_at(site.world.now()) });
    let refused = ada.program.post("/api/v1/devices/setup/confirm", &proof).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::UNAUTHORIZED, "verification-needed"));
    let refused = ada.program.post("/api/v1/password/confirm", &json!({ "current": ada.person.password })).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::UNAUTHORIZED, "verification-needed"));
    let pending = ada.program.post("/api/v1/step-up", &json!({})).await.body;
    let answer = json!({
        "step_up": pending["step_up"], "device": pending["asked"]["id"], "code": ada.person.code(),
    });
    ada.program.opens("/api/v1/step-up/answer", &answer).await;
    assert_eq!(ada.program.post("/api/v1/devices/setup", &json!({ "setup": attempt })).await.status, StatusCode::OK);
    let opened = ada.program.opens("/api/v1/devices/setup/confirm", &proof).await;
    assert_eq!(opened.status, StatusCode::OK, "{opened:?}");
}

/// Begins to set an app up: the run, and the app.
async fn begins(owner: &Owner) -> (serde_json::Value, SoftApp) {
    let setup = owner.program.post("/api/v1/devices", &json!({ "method": "totp", "name": "App" })).await.body;
    (setup["setup"].clone(), SoftApp::with_key(setup["key"].as_str().unwrap()))
}

/// A step-up never requires what the user cannot reach: a mailbox is weaker, and is the strongest that this user has.
#[tokio::test]
async fn a_user_with_a_mailbox_alone_is_asked_for_the_level_that_it_reaches() {
    let site = Site::new();
    let mut ada = site.newcomer("ada").await;
    let mailbox = json!({ "method": "email", "name": "Mail", "to": "ada@example.org" });
    let setup = ada.program.post("/api/v1/devices", &mailbox).await.body;
    let proof = json!({ "setup": setup["setup"], "code": site.outbox.code() });
    ada.program.opens("/api/v1/devices/setup/confirm", &proof).await;
    site.world.pass(601);
    let refused = ada.program.post("/api/v1/backup-codes", &json!({})).await;
    let challenge = "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal1\", max_age=\"600\"";
    assert_eq!((refused.code(), refused.challenge()), ("verification-needed", challenge));
    let asked = ada.program.post("/api/v1/step-up", &json!({})).await.body;
    let (attempt, device) = (&asked["step_up"], &asked["asked"]["id"]);
    ada.program.post("/api/v1/step-up/send", &json!({ "step_up": attempt, "device": device })).await;
    let answer = json!({ "step_up": attempt, "device": device, "code": site.outbox.code() });
    let opened = ada.program.opens("/api/v1/step-up/answer", &answer).await;
    assert_eq!(opened.body["session"]["acr"], "aal1");
    assert_eq!(ada.program.post("/api/v1/backup-codes", &json!({})).await.status, StatusCode::OK);
    assert_eq!(ada.program.get("/fresh").await.challenge(), FRESHER, "what a route asks for stays as it is");
}

#[tokio::test]
async fn a_browser_that_looks_at_a_page_is_still_led_there() {
    let site = Site::new();
    let mut browser = site.browser();
    assert_eq!(browser.get("/fresh").await.location().as_deref(), Some("/account/login?next=%2Ffresh"));
}

/// T113: the codes that had verified this session end, so it goes on under another token, which comes with the new ones.
#[tokio::test]
async fn t113_a_program_is_handed_the_session_that_goes_on_after_new_backup_codes() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    let codes = ada.program.post("/api/v1/backup-codes", &json!({})).await;
    assert!(codes.body.get("opened").is_none(), "an app has verified this session");
    let code = codes.body["codes"][0].as_str().unwrap().to_owned();
    let by_code = ada.person.signs_in_with_backup_code(&code).await.unwrap();
    ada.program.token = Some(by_code.token().expose().to_owned());
    let made = ada.program.post("/api/v1/backup-codes", &json!({})).await;
    assert_eq!(made.body["codes"].as_array().unwrap().len(), 10);
    assert_eq!(made.body["opened"]["session"]["amr"], by_code_amr());
    let renewed = made.body["opened"]["token"].as_str().unwrap().to_owned();
    assert_ne!(renewed, by_code.token().expose());
    ada.program.token = Some(renewed);
    assert_eq!(ada.program.get("/who").await.body, "ada");
    ada.program.token = Some(by_code.token().expose().to_owned());
    assert_eq!(ada.program.get("/who").await.status, StatusCode::UNAUTHORIZED);
}

fn by_code_amr() -> serde_json::Value {
    json!(["pwd", "otp", "mfa"])
}
