//! R82, T25: responses do not reveal whether a user exists, and all front ends charge the same password budget.

use axum::{
    Router,
    http::{HeaderMap, header},
};
use countersign_engine::core::{
    Scopes,
    client::{ClientName, ClientType},
};
use countersign_testkit::{Answer, Browser, Page};
use serde_json::json;

use crate::site::Site;

/// All that an answer tells.
fn seen(answer: &Answer) -> (u16, String, HeaderMap) {
    (answer.status.as_u16(), answer.body.to_string(), answer.headers.clone())
}

/// The code of the refusal that this page tells; empty if it tells none.
fn refusal(page: &Page) -> &'static str {
    page.extensions.get::<countersign_axum::Refused>().map_or("", |refused| refused.0)
}

/// Changes the password at the pages, with this as the current one.
async fn changes_password(browser: &mut Browser<Router>, current: &str) -> Page {
    let form = browser.get("/account/password").await.form_with("again");
    let new = "six words nobody would put together";
    browser.submit(&form, "", &[("current", current), ("new", new), ("again", new)]).await
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
        // The correct password of a deactivated user.
        ("gone", &right),
    ];
    for guess in 0..=20 {
        let mut first = None;
        for (name, password) in asks {
            let answer = stranger.post("/api/v1/login", &json!({ "name": name, "password": password })).await;
            assert_eq!(answer.code(), if guess < 20 { "invalid-credentials" } else { "too-many-failures" }, "{name}");
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
    let mut owner = site.browser();
    let form = owner.get("/account/login").await.form_with("password");
    owner.submit(&form, "", &[("name", "ada"), ("password", &ada.person.password)]).await;
    let form = owner.get("/account/login/second-factor").await.form_with("code");
    owner.submit(&form, "", &[("code", &ada.person.code())]).await;
    // So has a browser with a device cookie.
    owner.cookies.remove("countersign-device");
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
        let code = match guess % 6 {
            0 => stranger.post("/api/v1/login", &wrong).await.code().to_owned(),
            1 => ada.program.post("/api/v1/password", &change).await.code().to_owned(),
            2 | 3 => {
                let path = ["/mfa/authtoken/login/", "/mfa/oauth2/token/"][guess % 6 - 2];
                assert_eq!(at_deux(path, "not it").await, 400);
                continue;
            }
            4 => refusal(&changes_password(&mut owner, "not it").await).to_owned(),
            _ => {
                let form = browser.get("/account/login").await.form_with("password");
                let page = browser.submit(&form, "", &[("name", "ada"), ("password", "not it")]).await;
                refusal(&page).to_owned()
            }
        };
        assert!(["invalid-credentials", "password-wrong"].contains(&&*code), "{guess}: {code}");
    }
    let right = json!({ "name": "ada", "password": ada.person.password });
    assert_eq!(stranger.post("/api/v1/login", &right).await.code(), "too-many-failures");
    for path in ["/mfa/authtoken/login/", "/mfa/oauth2/token/"] {
        assert_eq!(at_deux(path, &ada.person.password).await, 429, "{path}");
    }
    let change = json!({ "current": ada.person.password, "new": "six words nobody would put together" });
    assert_eq!(ada.program.post("/api/v1/password", &change).await.code(), "too-many-failures");
    let form = browser.get("/account/login").await.form_with("password");
    let login = browser.submit(&form, "", &[("name", "ada"), ("password", &ada.person.password)]).await;
    for page in [login, changes_password(&mut owner, &ada.person.password).await] {
        assert_eq!(refusal(&page), "too-many-failures");
        assert!(page.headers.contains_key(header::RETRY_AFTER));
    }
}
