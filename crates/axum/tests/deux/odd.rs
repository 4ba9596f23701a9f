//! Requests that no client sends: each is told what is wrong with it, and none is a fault, takes an effect or names a secret.

use axum::http::{HeaderValue, Method, header};
use countersign_engine::core::{Scopes, client::ClientName, client::ClientType};
use serde_json::{Value, json};

use crate::site::{FORM, JSON, Site, TEXT, Told, asked};

const PARTS: &str = "multipart/form-data; boundary=x";
const PATHS: [&str; 6] =
    ["/mfa/", "/mfa/sms/request/", "/mfa/sms/verify/", "/mfa/recovery/", "/mfa/authtoken/login/", "/mfa/oauth2/token/"];
const METHODS: [Method; 4] = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// It was refused, in JSON.
fn is_refused(told: &Told, what: &str) {
    assert!(told.status.is_client_error() && told.body.is_object(), "{what}: {told:?}");
}

#[tokio::test]
async fn a_body_that_means_nothing_is_refused() {
    let site = Site::new();
    let (ada, client) = site.member("ada").await;
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    let part = |head: &str, text: &str| format!("--x\r\n{head}\r\n\r\n{text}\r\n--x--\r\n");
    let twice = part("Content-Disposition: form-data; name=\"mfa_code\"", "1");
    let bodies = [
        (JSON, deep.clone()),
        (JSON, format!("{{\"mfa_code\": {deep}}}")),
        (JSON, "{\"mfa_code\": \"\\ud800\"}".into()),
        (JSON, "{\"mfa_code\": \"1\", \"mfa_c\\u006fde\": \"1\"}".into()),
        (JSON, "{\"mfa_code\": 1e999}".into()),
        (JSON, "\u{feff}{}".into()),
        (JSON, "{} {}".into()),
        (FORM, "mfa_code=1&mfa%5Fcode=1".into()),
        (FORM, "mfa_code=%00".into()),
        (PARTS, twice.replace("--x--", &twice)),
        (PARTS, part("Content-Disposition: form-data", "1")),
        (PARTS, "--x\r\nContent-Disposition: form-data; name=\"mfa_code\"\r\n\r\n1".into()),
        ("multipart/form-data", "--x--".into()),
        ("text/plain", "{}".into()),
        ("application/json, text/plain", "{}".into()),
        ("application/jsonx", "{}".into()),
    ];
    for path in PATHS {
        for (kind, body) in &bodies {
            for method in METHODS {
                let told = client.send(method.clone(), path, kind, body.clone()).await;
                is_refused(&told, &format!("{method} {path} {kind} {body:.40}"));
            }
        }
    }
    assert!(site.is_enabled(&ada.user.id).await);
}

#[tokio::test]
async fn a_field_that_means_nothing_is_refused() {
    let site = Site::new();
    let (ada, _) = site.member("ada").await;
    let (_, off) = site.newcomer("eve").await;
    let (name, scopes) = (ClientName::parse("App").unwrap(), Scopes::parse("read").unwrap());
    let (app, _) = site.world.engine.add_client(name, ClientType::Public, scopes).await.unwrap();
    let long = "1".repeat(15_000);
    let odd: Vec<Value> = ["\u{1}", "\n", "\u{202e}ada", "１２３４５６", "٠٠٠٠٠٠", "' OR 1=1 --", "../..", &long]
        .into_iter()
        .map(Value::from)
        .chain([json!(-1), json!(1.5), json!(true), json!([]), json!({}), json!(null)])
        .collect();
    let login = json!({ "username": "ada", "password": ada.password, "mfa_code": "12345" });
    let mut grant = login.clone();
    grant["grant_type"] = json!("password");
    grant["client_id"] = json!(app.id.as_str());
    let refresh = json!({ "grant_type": "refresh_token", "client_id": app.id.as_str(), "refresh_token": "x" });
    for (path, body) in [
        ("/mfa/authtoken/login/", &login),
        ("/mfa/oauth2/token/", &grant),
        ("/mfa/oauth2/token/", &refresh),
        ("/mfa/sms/request/", &json!({ "phone_number": "" })),
        ("/mfa/sms/verify/", &json!({ "mfa_code": "" })),
    ] {
        for field in body.as_object().unwrap().keys() {
            for value in &odd {
                let mut body = body.clone();
                body[field] = value.clone();
                let method = if path.contains("/sms/") { Method::PUT } else { Method::POST };
                let told = off.send(method, path, JSON, body.to_string()).await;
                is_refused(&told, &format!("{path} {field} {:.40}", value.to_string()));
                assert!(!told.body.to_string().contains(&*ada.password), "{told:?}");
            }
        }
    }
}

/// The method that counts is the one that was sent, whatever else the request says.
#[tokio::test]
async fn no_method_takes_the_place_of_another() {
    let site = Site::lenient();
    let (ada, mut client) = site.member("ada").await;
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        client.headers.insert(name, HeaderValue::from_static("DELETE"));
    }
    client.post("/mfa/?_method=DELETE", &json!({ "_method": "DELETE" })).await.is(405, &json!({ "detail": TEXT }));
    client.get("/mfa/?_method=DELETE").await;
    assert!(site.is_enabled(&ada.user.id).await);
}

/// Two tokens are none, whichever of them would open something; and what the address says is no field.
#[tokio::test]
async fn a_request_that_says_two_things_says_nothing() {
    let site = Site::new();
    let (ada, mut client) = site.member("ada").await;
    let token = client.headers[header::AUTHORIZATION].clone();
    client.headers.append(header::AUTHORIZATION, token);
    client.get("/mfa/").await.is(401, &json!({ "detail": TEXT }));
    let query = format!("/mfa/authtoken/login/?username=ada&password={}", ada.password.replace(' ', "+"));
    let told = site.client().post(&query, &json!({})).await;
    told.is(400, &json!({ "username": [TEXT], "password": [TEXT] }));
    site.client().signs_in(&ada, &json!({})).await.is(200, &asked("sms"));
}
