//! A client whose response was lost: it sends the same request again.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::site::{Owner, Site};

/// A call that replaces the session, by its path and members.
type Call = (&'static str, Value);

async fn calls(site: &Site, ada: &Owner, which: &str) -> Call {
    let api = &ada.program;
    match which {
        "step-up" => {
            let asked = api.post("/api/v1/step-up", &json!({})).await.body;
            let answer = json!({
                "step_up": asked["step_up"], "device": asked["asked"]["id"], "code": ada.person.code(),
            });
            ("/api/v1/step-up/answer", answer)
        }
        "setup" => {
            let setup = api.post("/api/v1/devices", &json!({ "method": "totp", "name": "Tablet" })).await.body;
            let app = countersign_testkit::SoftApp::with_key(setup["key"].as_str().unwrap());
            let proof = json!({ "setup": setup["setup"], "code": app.code_at(site.world.now()) });
            ("/api/v1/devices/setup/confirm", proof)
        }
        "password" => ("/api/v1/password", json!({ "current": ada.person.password, "new": "a new long password" })),
        _ => ("/api/v1/disable", json!({})),
    }
}

const CALLS: [&str; 4] = ["step-up", "setup", "password", "disable"];

/// T162
#[tokio::test]
async fn t162_login_answer_may_be_repeated() {
    let site = Site::new();
    let (ada, pending) = site.halfway("ada").await;
    let answer = json!({ "login": pending["login"], "device": pending["asked"]["id"], "code": ada.person.code() });
    let first = ada.program.post("/api/v1/login/answer", &answer).await;
    let again = ada.program.post("/api/v1/login/answer", &answer).await;
    assert_eq!((again.status, &again.body["token"]), (StatusCode::OK, &first.body["token"]));
    assert_eq!(again.body["session"], first.body["session"]);
    assert!(first.body["browser"].is_string() && again.body.get("browser").is_none());
    let mut program = site.program();
    program.token = first.body["token"].as_str().map(str::to_owned);
    assert_eq!(program.get("/who").await.body, "ada");
    let late = ada.program.post("/api/v1/login/answer", &answer).await;
    assert_eq!((late.status, late.code()), (StatusCode::GONE, "attempt-expired"));
}

/// T166: the old token is good for that one call, and for nothing else.
#[tokio::test]
async fn t166_a_lost_answer_signs_nobody_out() {
    for which in CALLS {
        let site = Site::new();
        let mut ada = site.member("ada").await;
        let (path, members) = calls(&site, &ada, which).await;
        let first = ada.program.post(path, &members).await;
        assert_eq!(first.status, StatusCode::OK, "{first:?}");
        for other in ["/who", "/api/v1/session", "/api/v1/devices"] {
            let refused = ada.program.get(other).await;
            assert_eq!((refused.status, refused.code()), (StatusCode::UNAUTHORIZED, "session-replaced"), "{which}");
            assert_eq!(refused.challenge(), "Bearer error=\"invalid_token\"");
        }
        for other in CALLS.into_iter().filter(|other| *other != which) {
            let other = match other {
                "password" => {
                    ("/api/v1/password", json!({ "current": ada.person.password, "new": "a new password 2" }))
                }
                "disable" => ("/api/v1/disable", json!({})),
                _ => continue,
            };
            assert_eq!(ada.program.post(other.0, &other.1).await.code(), "session-replaced", "{which}");
        }
        assert_eq!(ada.program.post("/api/v1/logout", &json!({})).await.code(), "session-replaced", "{which}");
        let again = ada.program.opens(path, &members).await;
        assert_eq!(again.body["token"], first.body["token"], "{which}");
        assert_eq!(ada.program.get("/who").await.body, "ada", "{which}");
    }
}

/// T167
#[tokio::test]
async fn t167_who_was_signed_out_is_not_told_of_a_replacement() {
    for which in CALLS {
        let site = Site::new();
        let mut ada = site.member("ada").await;
        let old = ada.program.clone();
        let (path, members) = calls(&site, &ada, which).await;
        ada.program.opens(path, &members).await;
        ada.program.post("/api/v1/logout", &json!({})).await;
        assert_eq!(old.get("/who").await.code(), "sign-in-needed", "{which}");
        assert_eq!(old.post(path, &members).await.code(), "sign-in-needed", "{which}");
    }
}

/// T164
#[tokio::test]
async fn t164_other_members_end_it() {
    let site = Site::new();
    let ada = site.member("ada").await;
    let (path, members) = calls(&site, &ada, "password").await;
    assert_eq!(ada.program.post(path, &members).await.status, StatusCode::OK);
    let mut other = members.clone();
    other["new"] = json!("quite another password");
    assert_eq!(ada.program.post(path, &other).await.code(), "session-replaced");
    assert_eq!(ada.program.post(path, &members).await.code(), "session-replaced");
}

/// The description names exactly the calls that may be repeated.
#[tokio::test]
async fn the_description_says_which_calls_may_be_repeated() {
    let site = Site::new();
    let description = site.program().get("/api/v1/openapi.json").await.body;
    let mut repeatable = vec![];
    for (path, methods) in description["paths"].as_object().unwrap() {
        for operation in methods.as_object().unwrap().values() {
            let says = operation["description"].as_str().unwrap().contains("may repeat the request");
            assert_eq!(operation["x-repeatable"], says, "{path}");
            if says {
                repeatable.push(path.as_str());
            }
        }
    }
    repeatable.sort_unstable();
    let expected = ["/devices/setup/confirm", "/disable", "/login/answer", "/password", "/step-up/answer"];
    assert_eq!(repeatable, expected);
}
