//! R82, T25: nobody is told apart by an answer, and whoever looks at a password pays for it from one purse.

use axum::http::{HeaderMap, header};
use countersign_engine::core::{
    Scopes,
    client::{ClientName, ClientType},
};
use countersign_testkit::Answer;
use serde_json::json;

use crate::site::Site;

/// All that an answer tells.
fn seen(answer: &Answer) -> (u16, String, HeaderMap) {
    (answer.status.as_u16(), answer.body.to_string(), answer.headers.clone())
}

#[tokio::test]
async fn r82_an_unknown_user_a_wrong_password_and_a_deactivated_user_are_answered_alike() {
    let site = Site::new();
    site.world.user("plain");
    site.member("member").await;
    let gone = site.member("gone").await;
    site.world.users.change(&gone.person.user.id, |user| user.active = false);
    let (right, wrong) = (gone.person.password.clone(), "not the password".to_owned());
    let stranger = site.program();
    let asks = [
        ("nobody", &wrong),
        ("plain", &wrong),
        ("member", &wrong),
        // The right password of somebody who may not sign in.
        ("gone", &right),
    ];
    for guess in 0..=20 {
        let mut first = None;
        for (name, password) in asks {
            let answer = stranger.post("/api/v1/login", &json!({ "name": name, "password": password })).await;
            assert_eq!(answer.code(), if guess < 20 { "credentials-wrong" } else { "too-many-failures" }, "{name}");
            let seen = seen(&answer);
            assert_eq!(&seen, first.get_or_insert_with(|| seen.clone()), "{name} at guess {guess}");
        }
    }
}

#[tokio::test]
async fn t25_whatever_looks_at_a_password_shares_one_budget() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    // A program that is known by its user has a budget of its own.
    ada.program.browser = None;
    let stranger = site.program();
    let name = ClientName::parse("App").unwrap();
    let (app, _) = site.world.engine.add_client(name, ClientType::Public, Scopes::default()).await.unwrap();
    let wrong = json!({ "name": "ada", "password": "not it" });
    let change = json!({ "current": "not it", "new": "six words nobody would put together" });
    let mut browser = site.browser();
    let at_deux = async |path: &str, password: &str| {
        let body =
            json!({ "username": "ada", "password": password, "grant_type": "password", "client_id": app.id.as_str() });
        stranger.post(path, &body).await.status.as_u16()
    };
    for guess in 0..20 {
        let code = match guess % 5 {
            0 => stranger.post("/api/v1/login", &wrong).await.code().to_owned(),
            1 => ada.program.post("/api/v1/password", &change).await.code().to_owned(),
            2 | 3 => {
                let path = ["/mfa/authtoken/login/", "/mfa/oauth2/token/"][guess % 5 - 2];
                assert_eq!(at_deux(path, "not it").await, 400);
                continue;
            }
            _ => {
                let form = browser.get("/account/login").await.form_with("password");
                let page = browser.submit(&form, "", &[("name", "ada"), ("password", "not it")]).await;
                page.extensions.get::<countersign_axum::Refused>().map(|refused| refused.0.to_owned()).unwrap()
            }
        };
        assert!(["credentials-wrong", "password-wrong"].contains(&&*code), "{guess}: {code}");
    }
    let right = json!({ "name": "ada", "password": ada.person.password });
    assert_eq!(stranger.post("/api/v1/login", &right).await.code(), "too-many-failures");
    for path in ["/mfa/authtoken/login/", "/mfa/oauth2/token/"] {
        assert_eq!(at_deux(path, &ada.person.password).await, 429, "{path}");
    }
    let change = json!({ "current": ada.person.password, "new": "six words nobody would put together" });
    assert_eq!(ada.program.post("/api/v1/password", &change).await.code(), "too-many-failures");
    let form = browser.get("/account/login").await.form_with("password");
    let page = browser.submit(&form, "", &[("name", "ada"), ("password", &ada.person.password)]).await;
    assert_eq!(page.extensions.get::<countersign_axum::Refused>().unwrap().0, "too-many-failures");
    assert!(page.headers.contains_key(header::RETRY_AFTER));
}
