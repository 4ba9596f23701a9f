//! The token endpoint.

use axum::http::{HeaderValue, Method, header};
use countersign_engine::core::{
    Client as Registered, EventKind, Level, Scopes,
    client::{ClientName, ClientType},
};
use countersign_testkit::{Person, other_code};
use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::site::{Client, FORM, JSON, MASKED, NUMBER, Site, TEXT, Told, asked};

const TOKEN: &str = "/mfa/oauth2/token/";

/// A registered client with its secret, if it has one.
pub(crate) struct App {
    pub(crate) registered: Registered,
    secret: Option<String>,
}

impl App {
    pub(crate) async fn new(site: &Site, kind: ClientType) -> Self {
        let (name, scopes) = (ClientName::parse("App").unwrap(), Scopes::parse("read write").unwrap());
        let (registered, secret) = site.world.engine.add_client(name, kind, scopes).await.unwrap();
        Self { registered, secret: secret.map(|secret| secret.expose().to_owned()) }
    }

    /// Its part of a body.
    fn body(&self) -> Value {
        match &self.secret {
            Some(secret) => json!({ "client_id": self.registered.id.as_str(), "client_secret": secret }),
            None => json!({ "client_id": self.registered.id.as_str() }),
        }
    }

    /// Requests tokens with a user's password.
    pub(crate) async fn asks(&self, site: &Site, person: &Person, more: Value) -> Told {
        let mut body = json!({ "grant_type": "password", "username": person.user.name, "password": person.password });
        extend(&mut body, self.body());
        extend(&mut body, more);
        site.client().post(TOKEN, &body).await
    }

    pub(crate) async fn refreshes(&self, site: &Site, refresh: &Value, more: Value) -> Told {
        let mut body = json!({ "grant_type": "refresh_token", "refresh_token": refresh });
        extend(&mut body, self.body());
        extend(&mut body, more);
        site.client().post(TOKEN, &body).await
    }
}

fn extend(body: &mut Value, more: Value) {
    let Value::Object(more) = more else { panic!("no object") };
    body.as_object_mut().unwrap().extend(more);
}

fn tokens(lifetime: u64, scope: &str) -> Value {
    json!({ "access_token": TEXT, "expires_in": lifetime, "token_type": "Bearer", "scope": scope, "refresh_token": TEXT })
}

/// A client that shows an access token.
pub(crate) fn showing(site: &Site, given: &Told) -> Client {
    let mut client = site.client();
    client.shows("Bearer", &given.body["access_token"]);
    client
}

#[tokio::test]
async fn dxoau_01_and_02_a_client_names_itself_in_its_header_or_in_the_body() {
    let site = Site::new();
    let ada = site.world.user("ada");
    for kind in ClientType::ALL {
        let app = App::new(&site, kind).await;
        let told = app.asks(&site, &ada, json!({})).await;
        told.is(200, &tokens(36_000, "read write"));
        assert_eq!((told.header("cache-control"), told.header("pragma")), ("no-store", "no-cache"));
        showing(&site, &told).get("/mfa/").await.is(200, &json!({ "enabled": false }));
        let text = format!("{}:{}", app.registered.id, app.secret.as_deref().unwrap_or_default());
        let mut client = site.client();
        let basic = format!("Basic {}", BASE64.encode(text.as_bytes()));
        client.headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&basic).unwrap());
        let body = json!({ "grant_type": "password", "username": "ada", "password": ada.password });
        client.post(TOKEN, &body).await.is(200, &tokens(36_000, "read write"));
    }
}

#[tokio::test]
async fn dxoau_03_r82_nobody_a_wrong_password_and_a_deactivated_user_are_told_the_same() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Public).await;
    let eve = site.world.user("eve");
    site.world.user("ada");
    site.world.users.change(&eve.user.id, |user| user.active = false);
    let mut told = vec![];
    for (name, password) in [("nobody", "x"), ("ada", "x"), ("eve", &*eve.password)] {
        let answer = app.asks(&site, &eve, json!({ "username": name, "password": password })).await;
        answer.is(400, &json!({ "error": "invalid_grant", "detail": TEXT }));
        told.push((answer.body.to_string(), format!("{:?}", answer.headers)));
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn dxoau_04_and_05_a_code_is_sent_and_comes_back() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Confidential).await;
    let (ada, client) = site.member("ada").await;
    let told = app.asks(&site, &ada, json!({})).await;
    told.is(200, &asked("sms"));
    assert_eq!(told.header("cache-control"), "no-store");
    let given = app.asks(&site, &ada, json!({ "mfa_code": site.outbox.code() })).await;
    given.is(200, &tokens(36_000, "read write"));
    let status = json!({ "enabled": true, "challenge_type": "sms", "phone_number": MASKED });
    showing(&site, &given).get("/mfa/").await.is(200, &status);
    let backup = client.recovers(&site).await;
    app.asks(&site, &ada, json!({ "backup_code": backup })).await.is(200, &tokens(36_000, "read write"));
    assert!(site.is_enabled(&ada.user.id).await);
    app.asks(&site, &ada, json!({ "backup_code": backup }))
        .await
        .is(400, &json!({ "error": "invalid_grant", "detail": TEXT }));
}

#[tokio::test]
async fn dxoau_05_for_old_clients_a_backup_code_switches_it_off() {
    let site = Site::lenient();
    let app = App::new(&site, ClientType::Confidential).await;
    let (ada, client) = site.member("ada").await;
    let code = client.get("/mfa/recovery/").await.body["backup_code"].clone();
    let given = app.asks(&site, &ada, json!({ "backup_code": code })).await;
    given.is(200, &tokens(36_000, "read write"));
    assert!(!site.is_enabled(&ada.user.id).await);
    showing(&site, &given).get("/mfa/").await.is(200, &json!({ "enabled": false }));
}

#[tokio::test]
async fn dxoau_06_each_wrong_code_has_its_own_text() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Public).await;
    let (ada, client) = site.member("ada").await;
    client.recovers(&site).await;
    app.asks(&site, &ada, json!({})).await.is(200, &asked("sms"));
    let code = site.outbox.code();
    let mut texts = vec![];
    for (more, error) in [
        (json!({ "mfa_code": other_code(&code) }), "invalid_grant"),
        (json!({ "backup_code": "0000000000000000X" }), "invalid_grant"),
        (json!({ "mfa_code": code, "backup_code": "ABCDEF" }), "invalid_request"),
    ] {
        let told = app.asks(&site, &ada, more).await;
        told.is(400, &json!({ "error": error, "detail": TEXT }));
        texts.push(told.body["detail"].clone());
    }
    texts.dedup();
    assert_eq!(texts.len(), 3, "{texts:?}");
}

#[tokio::test]
async fn dxoau_07_a_body_may_have_any_of_three_forms() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Public).await;
    let ada = site.world.user("ada");
    let fields = [
        ("grant_type", "password"),
        ("client_id", app.registered.id.as_str()),
        ("username", "ada"),
        ("password", &*ada.password),
    ];
    let form = fields.map(|(name, text)| format!("{name}={}", text.replace(' ', "+").replace('\'', "%27"))).join("&");
    site.client().send(Method::POST, TOKEN, FORM, form).await.is(200, &tokens(36_000, "read write"));
    let part = |(name, text)| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
    let parts = fields.map(part).concat() + "--x--\r\n";
    let kind = "multipart/form-data; boundary=x";
    site.client().send(Method::POST, TOKEN, kind, parts).await.is(200, &tokens(36_000, "read write"));
}

/// R101: a confidential client gets no tokens with a wrong secret, without one, or under the name of another client.
#[tokio::test]
async fn dxoau_08_errors_of_the_rfc_are_told_as_it_says() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Confidential).await;
    let public = App::new(&site, ClientType::Public).await;
    let ada = site.world.user("ada");
    for client in [
        json!({ "client_id": "nobody" }),
        json!({ "client_secret": "wrong" }),
        json!({ "client_secret": null }),
        json!({ "client_id": public.registered.id.as_str() }),
    ] {
        let told = app.asks(&site, &ada, client).await;
        told.is(401, &json!({ "error": "invalid_client" }));
        assert_eq!(told.header("www-authenticate"), "Basic");
    }
    for (more, status, error) in [
        (json!({ "grant_type": "client_credentials" }), 400, "unsupported_grant_type"),
        (json!({ "grant_type": null }), 400, "invalid_request"),
        (json!({ "username": null }), 400, "invalid_request"),
        (json!({ "password": "" }), 400, "invalid_request"),
        (json!({ "scope": "admin" }), 401, "invalid_scope"),
        (json!({ "scope": "\"" }), 401, "invalid_scope"),
    ] {
        app.asks(&site, &ada, more).await.is(status, &json!({ "error": error }));
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        site.client().send(method, TOKEN, JSON, String::new()).await.is(405, &json!({ "detail": TEXT }));
    }
}

/// A library for OAuth2 goes by `error`: it is there whatever is wrong.
#[tokio::test]
async fn dxoau_08_what_is_wrong_with_a_body_or_with_a_user_s_words_has_an_error_too() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Public).await;
    let (ada, _) = site.member("ada").await;
    for (kind, body, status) in [
        (JSON, "{", 400),
        (JSON, "{\"a\":1,\"a\":2}", 400),
        ("text/plain", "x", 415),
        (FORM, "grant_type=password&grant_type=password", 400),
    ] {
        let told = site.client().send(Method::POST, TOKEN, kind, body.into()).await;
        told.is(status, &json!({ "error": "invalid_request", "detail": TEXT }));
        assert_eq!(told.header("cache-control"), "no-store");
    }
    let told = app.asks(&site, &ada, json!({ "mfa_code": "" })).await;
    told.is(400, &json!({ "error": "invalid_request", "mfa_code": [TEXT] }));
    // What has to be waited for.
    app.asks(&site, &ada, json!({})).await.is(200, &asked("sms"));
    let code = site.outbox.code();
    app.asks(&site, &ada, json!({ "mfa_code": other_code(&code) })).await;
    let told = app.asks(&site, &ada, json!({ "mfa_code": code })).await;
    told.is(429, &json!({ "error": "invalid_grant", "detail": TEXT }));
    assert_eq!(told.header("retry-after"), "1");
}

/// R101: a header with two credentials, or with a malformed name, is rejected, and the body is not read instead.
#[tokio::test]
async fn r101_a_header_that_cannot_be_believed_names_nobody() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Confidential).await;
    let ada = site.world.user("ada");
    let basic = |text: &str| HeaderValue::from_str(&format!("Basic {}", BASE64.encode(text.as_bytes()))).unwrap();
    let right = basic(&format!("{}:{}", app.registered.id, app.secret.as_deref().unwrap()));
    let mut body = json!({ "grant_type": "password", "username": "ada", "password": ada.password });
    extend(&mut body, app.body());
    for headers in [
        vec![right.clone(), right.clone()],
        vec![right, basic("nobody:x")],
        vec![basic("a%00:x")],
        vec![HeaderValue::from_bytes(b"Basic \xff").unwrap()],
    ] {
        let mut client = site.client();
        client.headers.extend(headers.into_iter().map(|header| (header::AUTHORIZATION, header)));
        client.post(TOKEN, &body).await.is(401, &json!({ "error": "invalid_client" }));
    }
}

/// R101: a confidential client refreshes with its secret alone, and a refused request uses up no refresh token.
#[tokio::test]
async fn r101_a_refresh_without_the_client_s_secret_exchanges_nothing() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Confidential).await;
    let ada = site.world.user("ada");
    let given = app.asks(&site, &ada, json!({})).await;
    let refresh = &given.body["refresh_token"];
    let invalid = json!({ "error": "invalid_client" });
    for secret in [json!(null), json!(""), json!("wrong")] {
        app.refreshes(&site, refresh, json!({ "client_secret": secret })).await.is(401, &invalid);
    }
    for secret in ["", "wrong"] {
        let credentials = BASE64.encode(format!("{}:{secret}", app.registered.id).as_bytes());
        let mut client = site.client();
        client.headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Basic {credentials}")).unwrap());
        let body = json!({ "grant_type": "refresh_token", "refresh_token": refresh });
        client.post(TOKEN, &body).await.is(401, &invalid);
    }
    assert_eq!(showing(&site, &given).get("/mfa/").await.status, 200);
    app.refreshes(&site, refresh, json!({})).await.is(200, &tokens(36_000, "read write"));
}

/// An invalid request consumes no code.
#[tokio::test]
async fn w58_a_backup_code_is_not_used_up_by_a_request_that_fails() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Public).await;
    let (ada, client) = site.member("ada").await;
    let code = client.recovers(&site).await;
    let asked = json!({ "backup_code": code, "scope": "admin" });
    app.asks(&site, &ada, asked).await.is(401, &json!({ "error": "invalid_scope" }));
    app.asks(&site, &ada, json!({ "backup_code": code })).await.is(200, &tokens(36_000, "read write"));
}

/// W-59, W-51: nothing that was said comes back, and it is good once.
#[tokio::test]
async fn t14_w59_a_code_is_good_once_and_is_not_repeated() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Public).await;
    let (ada, _) = site.member("ada").await;
    app.asks(&site, &ada, json!({})).await.is(200, &asked("sms"));
    let code = site.outbox.code();
    let given = app.asks(&site, &ada, json!({ "mfa_code": code })).await;
    assert!(!given.body.to_string().contains(&code), "{given:?}");
    app.asks(&site, &ada, json!({ "mfa_code": code }))
        .await
        .is(400, &json!({ "error": "invalid_grant", "detail": TEXT }));
    site.client().signs_in(&ada, &json!({ "mfa_code": code })).await.is(400, &json!({ "non_field_errors": [TEXT] }));
}

#[tokio::test]
async fn dxoau_09_r100_a_refresh_token_is_exchanged_once_and_one_that_comes_again_ends_the_grant() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Confidential).await;
    let (ada, _) = site.member("ada").await;
    app.asks(&site, &ada, json!({})).await;
    let first = app.asks(&site, &ada, json!({ "mfa_code": site.outbox.code() })).await;
    site.world.pass(60);
    let second = app.refreshes(&site, &first.body["refresh_token"], json!({})).await;
    second.is(200, &tokens(36_000, "read write"));
    assert_ne!(second.body["refresh_token"], first.body["refresh_token"]);
    assert_eq!(showing(&site, &second).get("/mfa/").await.status, 200);
    let again = app.refreshes(&site, &first.body["refresh_token"], json!({})).await;
    again.is(400, &json!({ "error": "invalid_grant" }));
    for given in [&first, &second] {
        showing(&site, given).get("/mfa/").await.is(401, &json!({ "detail": TEXT }));
    }
    let told = app.refreshes(&site, &second.body["refresh_token"], json!({})).await;
    told.is(400, &json!({ "error": "invalid_grant" }));
    let events = site.world.store.events(&ada.user.id, 1).await.unwrap();
    assert_eq!(events[0].kind, EventKind::RefreshReplayed);
}

/// R102: a refresh token is of the client that it was given to.
#[tokio::test]
async fn r102_another_client_s_token_or_one_of_another_kind_is_exchanged_for_nothing() {
    let site = Site::new();
    let (app, other) = (App::new(&site, ClientType::Public).await, App::new(&site, ClientType::Public).await);
    let ada = site.world.user("ada");
    let given = app.asks(&site, &ada, json!({})).await;
    let invalid = json!({ "error": "invalid_grant" });
    other.refreshes(&site, &given.body["refresh_token"], json!({})).await.is(400, &invalid);
    app.refreshes(&site, &given.body["access_token"], json!({})).await.is(400, &invalid);
    app.refreshes(&site, &json!("cst_x"), json!({})).await.is(400, &invalid);
    app.refreshes(&site, &json!(null), json!({})).await.is(400, &json!({ "error": "invalid_request" }));
    let mut client = site.client();
    client.shows("Bearer", &given.body["refresh_token"]);
    client.get("/mfa/").await.is(401, &json!({ "detail": TEXT }));
    app.refreshes(&site, &given.body["refresh_token"], json!({})).await.is(200, &tokens(36_000, "read write"));
}

#[tokio::test]
async fn dxoau_10_scopes_may_be_narrowed_and_never_widened() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Public).await;
    let ada = site.world.user("ada");
    let given = app.asks(&site, &ada, json!({ "scope": "read" })).await;
    given.is(200, &tokens(36_000, "read"));
    let wider = app.refreshes(&site, &given.body["refresh_token"], json!({ "scope": "read write" })).await;
    wider.is(401, &json!({ "error": "invalid_scope" }));
    app.refreshes(&site, &given.body["refresh_token"], json!({})).await.is(200, &tokens(36_000, "read"));
}

/// The host's own routes decide what scopes mean; the routes here ignore them.
#[tokio::test]
async fn a_token_of_few_scopes_opens_the_five_addresses_as_one_of_many_does() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Public).await;
    let ada = site.world.user("ada");
    let given = app.asks(&site, &ada, json!({ "scope": "read" })).await;
    let told = showing(&site, &given).put("/mfa/sms/request/", &json!({ "phone_number": NUMBER })).await;
    told.is(200, &json!({ "enabled": false, "phone_number": NUMBER }));
}

/// R103: the session document says what was verified, and when, for the token in the request.
#[tokio::test]
async fn r103_the_session_document_tells_how_sure_a_client_s_token_is() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Public).await;
    let (ada, _) = site.member("ada").await;
    app.asks(&site, &ada, json!({})).await;
    let proved = site.world.now().as_seconds();
    let given = app.asks(&site, &ada, json!({ "mfa_code": site.outbox.code() })).await;
    site.world.pass(600);
    let given = app.refreshes(&site, &given.body["refresh_token"], json!({})).await;
    let session = showing(&site, &given).get("/api/v1/session").await.body;
    assert_eq!(session["acr"], "aal2", "{session}");
    assert_eq!(session["amr"], json!(["pwd", "sms", "mfa"]));
    assert_eq!(session["auth_time"], proved, "a refresh proves nothing");
}

/// A client may do what its user may, and goes on afterwards, no stronger than it was.
#[tokio::test]
async fn a_client_switches_it_on_and_off_and_goes_on() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Public).await;
    let ada = site.world.user("ada");
    let elsewhere = app.asks(&site, &ada, json!({})).await;
    let given = app.asks(&site, &ada, json!({})).await;
    let client = showing(&site, &given);
    client.put("/mfa/sms/request/", &json!({ "phone_number": NUMBER })).await;
    client.put("/mfa/sms/verify/", &json!({ "mfa_code": site.outbox.code() })).await;
    showing(&site, &elsewhere).get("/mfa/").await.is(401, &json!({ "detail": TEXT }));
    let session = client.get("/api/v1/session").await.body;
    assert_eq!(session["acr"], Level::Aal1.as_str(), "{session}");
    site.world.pass(60);
    let refreshed = app.refreshes(&site, &given.body["refresh_token"], json!({})).await;
    let client = showing(&site, &refreshed);
    client.delete("/mfa/", &json!({})).await.is(204, &json!(null));
    client.get("/mfa/").await.is(200, &json!({ "enabled": false }));
}

/// R98: a page would have to be trusted with the password.
#[tokio::test]
async fn r98_a_page_in_a_browser_is_given_nothing() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Public).await;
    let ada = site.world.user("ada");
    let mut body = json!({ "grant_type": "password", "username": "ada", "password": ada.password });
    extend(&mut body, app.body());
    for (name, value) in [("origin", "http://localhost:8000"), ("sec-fetch-mode", "cors")] {
        let mut client = site.client();
        client.headers.insert(name, HeaderValue::from_static(value));
        client.post(TOKEN, &body).await.is(400, &json!({ "error": "unauthorized_client" }));
    }
}

/// An access token is no session, wherever a session is asked for.
#[tokio::test]
async fn an_access_token_opens_what_asks_for_a_token_and_nothing_that_asks_for_a_session() {
    let site = Site::new();
    let app = App::new(&site, ClientType::Public).await;
    let ada = site.world.user("ada");
    let client = showing(&site, &app.asks(&site, &ada, json!({})).await);
    for (method, path) in
        [(Method::GET, "/api/v1/devices"), (Method::POST, "/api/v1/devices"), (Method::DELETE, "/api/v1/sessions")]
    {
        let told = client.send(method, path, JSON, json!({ "method": "totp", "name": "x" }).to_string()).await;
        assert_eq!((told.status.as_u16(), &told.body["code"]), (403, &json!("scope-insufficient")), "{path}");
    }
}
