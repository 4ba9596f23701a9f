//! Bodies: strictly read, and told apart where they cannot be.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::http::{HeaderValue, Method, StatusCode, header};
use countersign_engine::{Fault, core::throttle::ThrottleRule};
use countersign_testkit::{HookedUsers, UsersCall, WISHES};
use serde_json::{Value, json};

use crate::site::Site;

#[tokio::test]
async fn what_cannot_be_read_is_said_to_be_and_changes_nothing() {
    let site = Site::new();
    let program = site.program();
    let long = json!({ "name": "a".repeat(17 * 1024), "password": "x" }).to_string();
    for (body, status, code) in [
        ("", 422, "body-members"),
        ("{", 400, "body-broken"),
        ("null", 422, "body-members"),
        ("[]", 422, "body-members"),
        (r#"["a","x"]"#, 422, "body-members"),
        ("{}", 422, "body-members"),
        (r#"{"name":1,"password":"x"}"#, 422, "body-members"),
        (r#"{"name":"a","name":"b","password":"x"}"#, 422, "body-members"),
        (r#"{"name":"a\u0000","password":"x"}"#, 400, "body-broken"),
        (r#"{"name":"a","password":"x"} "#, 422, "invalid-credentials"),
        (r#"{"name":"a","password":"x"} x"#, 400, "body-broken"),
        (r#"{"name":"a","password":"x","more":{"of":["it"]}}"#, 422, "invalid-credentials"),
        (&long, 413, "body-long"),
    ] {
        let told = program.send(Method::POST, "/api/v1/login", body.to_owned()).await;
        assert_eq!((told.status.as_u16(), told.code()), (status, code), "{body:.60}");
        assert_eq!(told.headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(told.body["type"], format!("urn:countersign:problem:{code}"));
        assert_eq!(told.body["status"], status);
        assert!(told.body["title"].is_string() && told.body["detail"].is_string());
    }
}

/// T8: at neither step of a login does an extra member make a wrong answer pass, and none spares the second factor.
#[tokio::test]
async fn t8_a_member_nobody_asked_for_decides_nothing() {
    // No limit refuses an answer before it is checked.
    let site = Site::built(
        |parts| {
            parts.config.throttle = ThrottleRule::OFF;
            let limits = &mut parts.config.password_attempts;
            (limits.per_account, limits.per_address) = (u32::MAX, u32::MAX);
        },
        |_| {},
    );
    let (ada, pending) = site.halfway("ada").await;
    let sessions = site.world.store.sessions(&ada.person.user.id).await.unwrap().len();
    let (right, wrong) = (&ada.person.password, ada.person.wrong_code());
    let stranger = site.program();
    for wish in WISHES {
        for value in [json!(1), json!(true), json!("yes"), json!("aal2"), json!("id-ada"), json!({ "acr": "aal2" })] {
            let extended = |mut document: Value| {
                document[wish] = value.clone();
                document
            };
            let wrong_code = json!({ "login": pending["login"], "device": pending["asked"]["id"], "code": wrong });
            let told = stranger.post("/api/v1/login/answer", &extended(wrong_code)).await;
            assert_eq!(told.code(), "code-wrong", "{wish}: {value}");
            let wrong_password = json!({ "name": "ada", "password": "a guess" });
            let told = stranger.post("/api/v1/login", &extended(wrong_password)).await;
            assert_eq!(told.code(), "invalid-credentials", "{wish}: {value}");
            let right_password = json!({ "name": "ada", "password": right });
            let told = stranger.post("/api/v1/login", &extended(right_password)).await;
            assert_eq!((&told.body["status"], &told.body["opened"]), (&json!("pending"), &Value::Null), "{told:?}");
        }
    }
    assert_eq!(site.world.store.sessions(&ada.person.user.id).await.unwrap().len(), sessions);
}

#[tokio::test]
async fn a_body_is_json_and_says_so() {
    let site = Site::new();
    let mut browser = site.browser();
    let form = browser.post("/api/v1/login", &[("name", "a"), ("password", "x")]).await;
    assert_eq!(form.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{}", form.body);
    assert!(form.says("body-kind"));
}

#[tokio::test]
async fn what_is_not_there_is_told_in_json_even_to_a_browser() {
    let site = Site::new();
    let mut browser = site.browser();
    for (path, code) in [("/api/v1", "not-found"), ("/api/v1/", "not-found"), ("/api/v1/nothing", "not-found")] {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(page.says(&format!("\"code\":\"{code}\"")), "{path}: {}", page.body);
    }
    let page = browser.get("/api/v1/login").await;
    assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(
        page.says("\"code\":\"method-not-allowed\"") && page.headers.contains_key(header::ALLOW),
        "{:?}",
        page.headers
    );
}

#[tokio::test]
async fn without_a_place_there_is_no_api() {
    let site = Site::built(|_| {}, |settings| settings.api = None);
    assert_eq!(site.program().get("/api/v1/session").await.status, StatusCode::NOT_FOUND);
    let site = Site::built(|_| {}, |settings| settings.api = Some("/inner/api".into()));
    assert_eq!(site.program().get("/inner/api/session").await.code(), "sign-in-needed");
}

#[tokio::test]
async fn a_fault_is_503_with_a_number_and_without_a_cause() {
    let down = Arc::new(AtomicBool::new(false));
    let line = Arc::clone(&down);
    let reach = move |call| {
        let down = line.load(Ordering::SeqCst);
        assert!(!down || call != UsersCall::ById, "a panic with a secret in it");
        let fault = Fault::busy("reach ldap.internal", Duration::from_millis(2100));
        async move { if down { Err(fault) } else { Ok(()) } }
    };
    let site = Site::built(|parts| parts.users = HookedUsers::new(Arc::clone(&parts.users), reach), |_| {});
    let mut ada = site.member("ada").await;
    down.store(true, Ordering::SeqCst);
    let (fault, panic) = (ada.signs_in().await, ada.program.get("/api/v1/session").await);
    assert_eq!((&fault.body["retry_after"], &fault.headers["retry-after"]), (&json!(3), &HeaderValue::from(3)));
    for told in [fault, panic, ada.program.get("/who").await] {
        assert_eq!((told.status, told.code()), (StatusCode::SERVICE_UNAVAILABLE, "fault"));
        let incident = told.body["incident"].as_str().unwrap();
        assert!(told.body["detail"].as_str().unwrap().contains(incident));
        assert!(!told.body.to_string().contains("ldap") && !told.body.to_string().contains("secret"));
    }
}
