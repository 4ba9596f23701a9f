//! Personal tokens at the web: what they open, that they change nothing, and what ends them.

use axum::http::{Method, StatusCode};
use countersign_testkit::Program;
use serde_json::json;

use crate::site::{Owner, Site};

async fn with_token(site: &Site, owner: &Owner, scope: &str) -> Program<axum::Router> {
    let mut program = site.program();
    program.token = Some(owner.makes_token(scope).await);
    program
}

#[tokio::test]
async fn a_token_opens_what_its_scope_names_and_nothing_else() {
    let site = Site::new();
    let ada = site.member("ada").await;
    let (reader, writer) = (with_token(&site, &ada, "read").await, with_token(&site, &ada, "write").await);
    assert_eq!(reader.get("/read").await.body, "ada");
    assert_eq!(reader.get("/read/secret").await.body, "secret");
    let refused = writer.get("/read").await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "scope-insufficient"));
    assert_eq!(refused.challenge(), "Bearer error=\"insufficient_scope\", scope=\"read\"");
    for path in ["/closed", "/who", "/secret", "/account/two-factor"] {
        let refused = reader.get(path).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "scope-insufficient"), "{path}");
    }
    let about = reader.get("/api/v1/session").await.body;
    assert_eq!((&about["kind"], &about["scopes"], &about["acr"]), (&json!("token"), &json!(["read"]), &json!("aal2")));
}

/// The promise that a token changes nothing: every action of the API, requested with a token.
#[tokio::test]
async fn no_action_on_an_account_is_done_with_a_token() {
    let site = Site::new();
    let ada = site.member("ada").await;
    let token = with_token(&site, &ada, "read").await;
    let before = format!("{:?}", site.world.store.factors(&ada.person.user.id).await.unwrap());
    let document = token.get("/api/v1/openapi.json").await.body;
    let mut tried = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            let asks = described["security"].as_array().unwrap();
            if asks.is_empty() || path == "/session" {
                continue;
            }
            let path = format!("/api/v1{}", path.replace("{id}", "x"));
            let method: Method = method.to_ascii_uppercase().parse().unwrap();
            let body = json!({
                "name": "x", "method": "totp", "setup": "x", "step_up": "x", "device": "x", "code": "123456",
                "current": ada.person.password, "new": "six words nobody would put together",
            });
            let body = if method == Method::GET { String::new() } else { body.to_string() };
            let refused = token.send(method.clone(), &path, body).await;
            assert_eq!(refused.code(), "scope-insufficient", "{method} {path}: {refused:?}");
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
    assert_eq!(format!("{:?}", site.world.store.factors(&ada.person.user.id).await.unwrap()), before);
    assert_eq!(site.world.store.tokens(&ada.person.user.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn d5_a_token_grows_too_old_for_what_has_to_be_fresh() {
    let site = Site::new();
    let ada = site.member("ada").await;
    let token = with_token(&site, &ada, "read").await;
    assert_eq!(token.get("/read/fresh").await.body, "fresh");
    site.world.pass(60);
    let refused = token.get("/read/fresh").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let challenge = "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal2\", max_age=\"60\"";
    assert_eq!(refused.challenge(), challenge);
    assert_eq!(token.get("/read").await.status, StatusCode::OK);
}

#[tokio::test]
async fn t36_after_each_security_change_the_tokens_are_dead() {
    for change in ["password", "deactivation", "disable", "removal", "ended"] {
        let site = Site::new();
        let mut ada = site.member("ada").await;
        let token = with_token(&site, &ada, "read").await;
        assert_eq!(token.get("/read").await.status, StatusCode::OK);
        match change {
            "password" => {
                let passwords = json!({ "current": ada.person.password, "new": "six words nobody would put together" });
                assert_eq!(ada.program.opens("/api/v1/password", &passwords).await.status, StatusCode::OK);
            }
            "deactivation" => site.world.users.change(&ada.person.user.id, |user| user.active = false),
            "disable" => {
                assert_eq!(ada.program.opens("/api/v1/disable", &json!({})).await.status, StatusCode::OK);
            }
            "removal" => {
                let phone = ada.program.get("/api/v1/devices").await.body["devices"][0]["id"].clone();
                ada.sets_up("Tablet", &site.world).await;
                let path = format!("/api/v1/devices/{}", phone.as_str().unwrap());
                assert_eq!(ada.program.delete(&path).await.status, StatusCode::NO_CONTENT);
            }
            _ => {
                let id = ada.program.get("/api/v1/tokens").await.body["tokens"][0]["id"].clone();
                let path = format!("/api/v1/tokens/{}", id.as_str().unwrap());
                assert_eq!(ada.program.delete(&path).await.status, StatusCode::NO_CONTENT);
                assert_eq!(ada.program.delete(&path).await.code(), "token-unknown");
            }
        }
        let dead = token.get("/read").await;
        assert_eq!(
            (dead.status, dead.challenge()),
            (StatusCode::UNAUTHORIZED, "Bearer error=\"invalid_token\""),
            "{change}"
        );
    }
}

#[tokio::test]
async fn a_token_is_shown_once_and_listed_without_itself() {
    let site = Site::new();
    let ada = site.member("ada").await;
    let document = json!({ "name": "Backup script", "scopes": ["read", "files:list"], "expires_in": 3600 });
    let made = ada.program.post("/api/v1/tokens", &document).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let token = made.body["token"].as_str().unwrap();
    assert!(token.starts_with("cst_"));
    let listed = ada.program.get("/api/v1/tokens").await.body;
    assert_eq!(listed["tokens"], json!([made.body["made"]]));
    assert_eq!(listed["tokens"][0]["expires_at"], site.world.now().as_seconds() + 3600);
    assert!(!listed.to_string().contains(token));
    for (document, code, member) in [
        (json!({ "name": "x", "scopes": ["a b"] }), "scope-invalid", json!("scopes")),
        (json!({ "name": "x", "expires_in": 0 }), "lifetime-invalid", json!("expires_in")),
        (json!({ "name": "x", "expires_in": u64::MAX }), "lifetime-invalid", json!("expires_in")),
        (json!({ "name": "" }), "name-invalid", json!("name")),
    ] {
        let refused = ada.program.post("/api/v1/tokens", &document).await;
        assert_eq!((refused.code(), &refused.body["member"]), (code, &member), "{refused:?}");
    }
    site.world.pass(601);
    assert_eq!(ada.program.post("/api/v1/tokens", &json!({ "name": "x" })).await.code(), "verification-needed");
}
