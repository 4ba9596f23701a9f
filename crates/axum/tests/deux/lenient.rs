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
