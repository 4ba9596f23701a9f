//! The end of a session: signing out asks for the session that it ends, and what is told of a session that has ended says so.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::site::Site;

const LOGOUT: &str = "/api/v1/logout";
const DEAD: &str = "Bearer error=\"invalid_token\"";

/// T170: a sign-out without a token, or with one that has ended, does not report success.
#[tokio::test]
async fn t170_signing_out_asks_for_the_session_that_it_ends() {
    let site = Site::new();
    let ada = site.member("ada").await;
    let mut program = ada.program.clone();
    for (shown, challenge) in [(None, "Bearer"), (Some("x"), DEAD), (Some(&*"A".repeat(43)), DEAD)] {
        program.token = shown.map(str::to_owned);
        for body in ["", "{}"] {
            let told = program.send(Method::POST, LOGOUT, body.into()).await;
            assert_eq!((told.status, told.code()), (StatusCode::UNAUTHORIZED, "sign-in-needed"), "{shown:?}");
            assert_eq!(told.challenge(), challenge, "{shown:?}");
        }
    }
    program.token = Some(ada.makes_token("read").await);
    let told = program.post(LOGOUT, &json!({})).await;
    assert_eq!((told.status, told.code()), (StatusCode::FORBIDDEN, "scope-insufficient"));
    assert_eq!(program.get("/api/v1/session").await.status, StatusCode::OK, "a personal token is no session");
    assert_eq!(ada.program.get("/who").await.body, "ada");
    assert_eq!(ada.program.post(LOGOUT, &json!({})).await.status, StatusCode::NO_CONTENT);
    let told = ada.program.post(LOGOUT, &json!({})).await;
    assert_eq!((told.status, told.challenge()), (StatusCode::UNAUTHORIZED, DEAD), "it has ended");
}

/// Whatever acts on a session says so in the description, so that a generated client sends the token.
#[tokio::test]
async fn t170_what_acts_on_a_session_is_described_to_require_it() {
    let site = Site::new();
    let document = site.program().get("/api/v1/openapi.json").await.body;
    let mut free = vec![];
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap();
            let about = operation["description"].as_str().unwrap();
            let replaces = ["login", "loginAnswer"].contains(&name);
            assert_eq!(about.contains("the new session replaces it"), replaces, "{name}: {about}");
            if operation["security"] == json!([]) {
                free.push(name.to_owned());
            }
        }
    }
    free.sort();
    assert_eq!(free, ["csrf", "login", "loginAnswer", "loginCancel", "loginChallenge", "loginSend"]);
}

/// A login that is signed out of with the session is over, too.
#[tokio::test]
async fn a_login_under_way_ends_with_the_session_that_signs_out() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    let pending = ada.signs_in().await.body["pending"].clone();
    assert_eq!(
        ada.program.get("/who").await.body,
        "ada",
        "a new session replaces this one when it is opened, not before"
    );
    ada.program.post(LOGOUT, &json!({ "login": pending["login"] })).await;
    let code = ada.person.code();
    ada.program.token = None;
    assert_eq!(ada.program.answers(&pending, &code).await.code(), "attempt-expired");
}

/// The fifth wrong answer ends the session: that is told as of any token that has ended, and not as a proof that is owed.
#[tokio::test]
async fn a_session_that_wrong_answers_have_ended_is_dead() {
    let site = Site::new();
    let ada = site.member("ada").await;
    let pending = ada.program.post("/api/v1/step-up", &json!({})).await.body;
    let wrong = json!({
        "step_up": pending["step_up"], "device": pending["asked"]["id"], "code": ada.person.wrong_code(),
    });
    for _ in 0..4 {
        assert_eq!(ada.program.post("/api/v1/step-up/answer", &wrong).await.code(), "code-wrong");
    }
    let told = ada.program.post("/api/v1/step-up/answer", &wrong).await;
    assert_eq!((told.code(), told.challenge()), ("sign-in-needed", DEAD));
}
