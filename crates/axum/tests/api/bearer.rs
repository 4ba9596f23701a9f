//! Bearer tokens: what they open, and what cookies beside them are worth.

use axum::http::{HeaderValue, StatusCode, header};

use crate::site::Site;

#[tokio::test]
async fn a_session_opens_the_hosts_routes_as_a_bearer_token_too() {
    let site = Site::new();
    let newcomer = site.newcomer("new").await;
    let member = site.member("ada").await;
    for (path, new, verified) in [
        ("/who", "new", "ada"),
        ("/read", "new", "ada"),
        ("/closed", "closed to tokens", "closed to tokens"),
        ("/secret", "not-enabled", "secret"),
        ("/read/secret", "not-enabled", "secret"),
    ] {
        for (program, expected) in [(&newcomer.program, new), (&member.program, verified)] {
            let answer = program.get(path).await;
            let said = answer.body.as_str().unwrap_or(answer.code());
            assert_eq!(said, expected, "{path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn what_opens_nothing_is_challenged() {
    let site = Site::new();
    let mut program = site.program();
    for path in ["/who", "/api/v1/session", "/api/v1/devices"] {
        program.token = None;
        let answer = program.get(path).await;
        assert_eq!((answer.status, answer.challenge()), (StatusCode::UNAUTHORIZED, "Bearer"), "{path}");
        assert_eq!(answer.code(), "sign-in-needed");
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
        for void in ["x", "cst_x", &"A".repeat(43), &format!("cst_{}", "A".repeat(43))] {
            program.token = Some(void.into());
            let answer = program.get(path).await;
            let told = (answer.status, answer.challenge());
            assert_eq!(told, (StatusCode::UNAUTHORIZED, "Bearer error=\"invalid_token\""), "{path} {void}");
        }
    }
}

#[tokio::test]
async fn cookies_never_count_where_a_bearer_token_is_shown() {
    let site = Site::new();
    let (ada, bob) = (site.member("ada").await, site.member("bob").await);
    let mut program = ada.program.clone();
    let cookie = format!("countersign={}", bob.program.token.as_deref().unwrap());
    program.headers.insert(header::COOKIE, HeaderValue::from_str(&cookie).unwrap());
    assert_eq!(program.get("/who").await.body, "ada");
    program.token = Some("x".into());
    assert_eq!(program.get("/who").await.status, StatusCode::UNAUTHORIZED);
    program.token = None;
    assert_eq!(program.get("/who").await.body, "bob");
    // Two at once are none.
    let both = HeaderValue::from_str(&format!("Bearer {}", ada.program.token.as_deref().unwrap())).unwrap();
    program.headers.append(header::AUTHORIZATION, both.clone());
    assert_eq!(program.get("/who").await.body, "ada");
    program.headers.append(header::AUTHORIZATION, both);
    assert_eq!(program.get("/who").await.status, StatusCode::UNAUTHORIZED);
}

/// R85: a sign-in ends the session whose token the request carries.
#[tokio::test]
async fn a_new_session_takes_the_place_of_the_one_that_was_shown() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    let old = ada.program.clone();
    let pending = ada.signs_in().await.body["pending"].clone();
    let code = ada.person.code();
    ada.program.answers(&pending, &code).await;
    assert_ne!(ada.program.token, old.token);
    assert_eq!(ada.program.get("/who").await.body, "ada");
    assert_eq!(old.get("/who").await.status, StatusCode::UNAUTHORIZED, "R85: the old one dies");
}

#[tokio::test]
async fn t2_a_login_under_way_is_no_bearer_token() {
    let site = Site::new();
    let (ada, pending) = site.halfway("ada").await;
    let mut program = ada.program.clone();
    program.token = pending["login"].as_str().map(str::to_owned);
    for path in
        ["/who", "/secret", "/read", "/api/v1/session", "/api/v1/devices", "/api/v1/tokens", "/account/password"]
    {
        assert_eq!(program.get(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}
