//! Old clients, where an installation spares them what they do not know.

use axum::http::Method;
use serde_json::json;

use crate::site::{JSON, Site, TEXT, asked};

/// As deux's documents tell it, from the first login to the last.
#[tokio::test]
async fn a_client_that_knows_of_no_proof_goes_its_way() {
    let site = Site::lenient();
    let (ada, client) = site.newcomer("ada").await;
    client.enables(&site).await;
    let code = client.get("/mfa/recovery/").await;
    code.is(200, &json!({ "backup_code": TEXT }));
    assert_ne!(client.get("/mfa/recovery/").await.body, code.body, "another takes its place");
    site.world.pass(60);
    site.client().signs_in(&ada, &json!({})).await.is(200, &asked("sms"));
    client.send(Method::DELETE, "/mfa/", JSON, String::new()).await.is(204, &json!(null));
    assert!(site.devices(&ada.user.id).await.is_empty());
    client.get("/mfa/").await.is(200, &json!({ "enabled": false }));
}

#[tokio::test]
async fn dxtok_08_a_backup_code_switches_the_second_factor_off() {
    let site = Site::lenient();
    let (ada, client) = site.member("ada").await;
    let code = client.get("/mfa/recovery/").await.body["backup_code"].clone();
    let mut other = site.client();
    other.signs_in(&ada, &json!({ "backup_code": code })).await.is(200, &json!({ "token": TEXT }));
    assert!(site.devices(&ada.user.id).await.is_empty());
    other.get("/mfa/").await.is(200, &json!({ "enabled": false }));
    client.get("/mfa/").await.is(401, &json!({ "detail": TEXT }));
}

/// Fields for a code mean nothing where none was asked for.
#[tokio::test]
async fn a_backup_code_that_nobody_asked_for_does_no_harm() {
    let site = Site::lenient();
    let ada = site.world.user("ada");
    site.client().signs_in(&ada, &json!({ "backup_code": "ABCDEF" })).await.is(200, &json!({ "token": TEXT }));
}

/// What is said all the same has to be right.
#[tokio::test]
async fn a_wrong_code_is_wrong_for_old_clients_too() {
    let site = Site::lenient();
    let (ada, client) = site.member("ada").await;
    client.delete("/mfa/", &json!({ "mfa_code": "123456" })).await.is(400, &json!({ "detail": TEXT }));
    assert!(site.is_enabled(&ada.user.id).await);
    client.delete("/mfa/", &json!({})).await.is(204, &json!(null));
    client.delete("/mfa/", &json!({})).await.is(400, &json!({ "detail": TEXT }));
    client.get("/mfa/recovery/").await.is(400, &json!({ "backup_code": TEXT }));
}

/// A link on a page elsewhere, which a browser follows with its cookies, and looking at the headers alone.
#[tokio::test]
async fn w56_what_a_browser_sends_by_itself_voids_no_recovery_code() {
    let site = Site::lenient();
    let ada = site.world.user("ada");
    let mut browser = site.browses(&ada).await;
    browser.shows_that_it_is_ours().await;
    browser.enables(&site).await;
    let code = browser.post("/mfa/recovery/", &json!({})).await.body["backup_code"].clone();
    browser.headers.remove("x-csrf-token");
    for path in ["/mfa/recovery/", "/mfa/recovery.json"] {
        browser.get(path).await.is(405, &json!({ "detail": TEXT }));
    }
    let mut client = site.client();
    client.signs_in(&ada, &json!({ "backup_code": code })).await.is(200, &json!({ "token": TEXT }));
    client.enables(&site).await;
    let code = client.get("/mfa/recovery/").await.body["backup_code"].clone();
    let head = client.send(Method::HEAD, "/mfa/recovery/", JSON, String::new()).await;
    assert_eq!((head.status.as_u16(), head.header("allow")), (405, "POST, OPTIONS"));
    let described = client.send(Method::OPTIONS, "/mfa/recovery/", JSON, String::new()).await;
    assert_eq!(described.header("allow"), "GET, POST, OPTIONS");
    client.signs_in(&ada, &json!({ "backup_code": code })).await.is(200, &json!({ "token": TEXT }));
}
