//! A browser's script at the API: cookies, and the token that goes with them.

use axum::http::{HeaderValue, Method, StatusCode, header};
use countersign_testkit::{Browser, Page};
use serde_json::{Value, json};

use crate::site::Site;

/// A script in a browser, which sends JSON and the token it was given last.
struct Script {
    browser: Browser<axum::Router>,
    csrf: Option<String>,
}

impl Script {
    fn at(site: &Site) -> Self {
        let mut browser = site.browser();
        browser.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Self { browser, csrf: None }
    }

    async fn get(&mut self, path: &str) -> Value {
        let page = self.browser.get(path).await;
        self.read(&page)
    }

    async fn post(&mut self, path: &str, document: &Value) -> (StatusCode, Value) {
        let mut browser = self.browser.clone();
        // Sent last, so that it stands in the place of a form's type.
        browser.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(csrf) = &self.csrf {
            browser.headers.insert("x-csrf-token", HeaderValue::from_str(csrf).unwrap());
        }
        let page = browser.send(Method::POST, path, Some(document.to_string())).await;
        self.browser.cookies = browser.cookies;
        (page.status, self.read(&page))
    }

    fn read(&mut self, page: &Page) -> Value {
        let body: Value = serde_json::from_str(&page.body).unwrap_or_default();
        let given = [&body["csrf"], &body["pending"]["csrf"], &body["opened"]["csrf"]];
        if let Some(csrf) = given.into_iter().find_map(Value::as_str) {
            self.csrf = Some(csrf.to_owned());
        }
        body
    }
}

#[tokio::test]
async fn a_script_signs_in_with_cookies_and_never_sees_what_opens_the_session() {
    let site = Site::new();
    let owner = site.member("ada").await;
    site.world.pass(30);
    let mut script = Script::at(&site);
    assert_eq!(script.get("/api/v1/csrf").await["header"], "x-csrf-token");
    let credentials = json!({ "name": "ada", "password": owner.person.password });
    let (status, step) = script.post("/api/v1/login", &credentials).await;
    assert_eq!((status, &step["status"]), (StatusCode::OK, &json!("pending")));
    assert!(step["pending"]["login"].is_null() && script.browser.cookies.contains_key("countersign-pending"));
    let device = step["pending"]["asked"]["id"].clone();
    let answer = json!({ "device": device, "code": owner.person.code() });
    let (status, opened) = script.post("/api/v1/login/answer", &answer).await;
    assert_eq!(status, StatusCode::OK, "{opened}");
    assert!(opened["token"].is_null() && opened["browser"].is_null());
    assert!(script.browser.cookies.contains_key("countersign-device"));
    assert!(!script.browser.cookies.contains_key("countersign-pending"));
    assert_eq!(script.get("/api/v1/session").await["user"]["name"], "ada");
    assert_eq!(script.browser.get("/who").await.body, "ada");
    let (status, codes) = script.post("/api/v1/backup-codes", &json!({})).await;
    assert_eq!((status, codes["codes"].as_array().map(Vec::len)), (StatusCode::OK, Some(10)));
    assert_eq!(script.post("/api/v1/logout", &json!({})).await.0, StatusCode::NO_CONTENT);
    assert!(!script.browser.cookies.contains_key("countersign"));
}

#[tokio::test]
async fn a_login_begun_by_a_script_is_finished_at_the_pages() {
    let site = Site::new();
    let owner = site.member("ada").await;
    let mut script = Script::at(&site);
    script.get("/api/v1/csrf").await;
    let credentials = json!({ "name": "ada", "password": owner.person.password });
    script.post("/api/v1/login", &credentials).await;
    let mut browser = site.browser();
    browser.cookies = script.browser.cookies.clone();
    let page = browser.get("/account/login/second-factor").await;
    let page = browser.submit(&page.form_with("code"), "", &[("code", &owner.person.code())]).await;
    assert_eq!(page.location().as_deref(), Some("/"), "{}", page.body);
}

/// R87: cookies alone change nothing, whatever a request asks for.
#[tokio::test]
async fn cookies_without_the_token_change_nothing() {
    let site = Site::new();
    let owner = site.member("ada").await;
    let eve = site.member("eve").await;
    let mut script = Script::at(&site);
    let held = owner.program.token.clone().unwrap();
    script.browser.cookies.insert("countersign".into(), held);
    // Reading is free, and gives the token.
    assert_eq!(script.get("/api/v1/session").await["user"]["name"], "ada");
    let right = script.csrf.clone().unwrap();
    let mut other = Script::at(&site);
    other.browser.cookies.insert("countersign".into(), eve.program.token.clone().unwrap());
    other.get("/api/v1/session").await;
    let evil = other.csrf.clone();
    for wrong in [None, Some(String::new()), Some("x".into()), Some(format!("{right}x")), evil] {
        script.csrf = wrong.clone();
        for path in ["/api/v1/backup-codes", "/api/v1/disable", "/api/v1/logout", "/api/v1/login", "/api/v1/tokens"] {
            let (status, told) = script.post(path, &json!({})).await;
            assert_eq!((status, &told["code"]), (StatusCode::FORBIDDEN, &json!("csrf-token")), "{path} {wrong:?}");
        }
    }
    script.csrf = Some(right);
    assert_eq!(script.post("/api/v1/backup-codes", &json!({})).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_page_of_another_site_is_told_so_in_json() {
    let site = Site::new();
    let mut program = site.program();
    program.headers.insert(header::ORIGIN, HeaderValue::from_static("https://evil.example"));
    let refused = program.post("/api/v1/login", &json!({ "name": "ada", "password": "x" })).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "other-site"));
}
