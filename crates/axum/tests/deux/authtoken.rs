//! Signing in for a token.

use axum::http::Method;
use countersign_testkit::{Behaviour, other_code};
use serde_json::json;

use crate::{
    api::OWN,
    site::{FORM, JSON, MASKED, Site, TEXT, asked},
};

const LOGIN: &str = "/mfa/authtoken/login/";

#[tokio::test]
async fn dxtok_01_other_methods_are_told_what_there_is() {
    let site = Site::new();
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        let told = site.client().send(method, LOGIN, JSON, String::new()).await;
        told.is(405, &json!({ "detail": TEXT }));
        assert_eq!(told.header("allow"), "POST, OPTIONS");
    }
}

#[tokio::test]
async fn dxtok_02_a_user_without_a_second_factor_gets_a_token_and_fields_for_one_mean_nothing() {
    let site = Site::new();
    let ada = site.world.user("ada");
    for more in [json!({}), json!({ "mfa_code": "123456" }), json!({ "backup_code": "ABCDEF" })] {
        let mut client = site.client();
        client.signs_in(&ada, &more).await.is(200, &json!({ "token": TEXT }));
        client.get("/mfa/").await.is(200, &json!({ "enabled": false }));
    }
    let body = format!("username=+ada+&password={}", ada.password.replace(' ', "+").replace('\'', "%27"));
    site.client().send(Method::POST, LOGIN, FORM, body).await.is(200, &json!({ "token": TEXT }));
}

/// The response does not reveal which.
#[tokio::test]
async fn dxtok_03_r82_nobody_a_wrong_password_and_a_deactivated_user_are_told_the_same() {
    let site = Site::new();
    let (ada, eve) = (site.world.user("ada"), site.world.user("eve"));
    site.world.users.change(&eve.user.id, |user| user.active = false);
    let mut told = vec![];
    for (name, password) in [("nobody", "x"), ("ada", "x"), ("eve", &*eve.password)] {
        let answer = site.client().post(LOGIN, &json!({ "username": name, "password": password })).await;
        answer.is(400, &json!({ "non_field_errors": [TEXT] }));
        told.push((answer.body.to_string(), format!("{:?}", answer.headers)));
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    drop(ada);
}

#[tokio::test]
async fn dxtok_04_fields_that_are_missing_are_named() {
    let site = Site::new();
    let client = site.client();
    client.post(LOGIN, &json!({})).await.is(400, &json!({ "username": [TEXT], "password": [TEXT] }));
    client.post(LOGIN, &json!({ "username": "ada" })).await.is(400, &json!({ "password": [TEXT] }));
    client.post(LOGIN, &json!({ "password": "x", "username": null })).await.is(400, &json!({ "username": [TEXT] }));
}

#[tokio::test]
async fn dxtok_05_and_06_a_code_is_sent_and_comes_back() {
    let site = Site::new();
    let (ada, _) = site.member("ada").await;
    let mut client = site.client();
    let before = site.outbox.count();
    client.signs_in(&ada, &json!({})).await.is(200, &asked("sms"));
    assert_eq!(site.outbox.count(), before + 1);
    client.signs_in(&ada, &json!({ "mfa_code": site.outbox.code() })).await.is(200, &json!({ "token": TEXT }));
    let status = json!({ "enabled": true, "challenge_type": "sms", "phone_number": MASKED });
    client.get("/mfa/").await.is(200, &status);
}

/// However often a client asks, only one message is sent.
#[tokio::test]
async fn w53_asking_again_and_again_sends_one_message_and_its_code_is_good() {
    let site = Site::new();
    let (ada, _) = site.member("ada").await;
    let before = site.outbox.count();
    for _ in 0..11 {
        site.client().signs_in(&ada, &json!({})).await.is(200, &asked("sms"));
    }
    assert_eq!(site.outbox.count(), before + 1);
    let code = site.outbox.code();
    site.client().signs_in(&ada, &json!({ "mfa_code": code })).await.is(200, &json!({ "token": TEXT }));
}

/// The code that the pages sent is the one in hand, and it is asked for.
#[tokio::test]
async fn dxtok_05_a_code_that_another_front_end_sent_for_a_sign_in_is_asked_for_and_good() {
    let site = Site::new();
    let (ada, _) = site.member("ada").await;
    let mut browser = site.browser();
    let form = browser.get("/account/login").await.form_with("password");
    browser.submit(&form, "", &[("name", "ada"), ("password", &ada.password)]).await;
    let (code, sent) = (site.outbox.code(), site.outbox.count());
    site.client().signs_in(&ada, &json!({})).await.is(200, &asked("sms"));
    assert_eq!(site.outbox.count(), sent);
    site.client().signs_in(&ada, &json!({ "mfa_code": code })).await.is(200, &json!({ "token": TEXT }));
}

/// Where no code can be sent and none is good, the client learns all the same that it is a second factor that is missing.
#[tokio::test]
async fn dxtok_05_a_code_that_was_sent_for_something_else_does_not_hide_that_a_device_is_asked() {
    let site = Site::new();
    let (ada, client) = site.member("ada").await;
    let backup = client.recovers(&site).await;
    site.outbox.behaves(Behaviour::Fails);
    let mut missing = asked("sms");
    missing["non_field_errors"] = json!([TEXT]);
    site.client().signs_in(&ada, &json!({})).await.is(400, &missing);
    // The cooldown of the one that failed is not over, and there is no code in hand.
    site.outbox.behaves(Behaviour::Takes);
    let told = site.client().signs_in(&ada, &json!({})).await;
    told.is(429, &missing);
    assert_eq!(told.header("retry-after"), "60");
    site.client().signs_in(&ada, &json!({ "backup_code": backup })).await.is(200, &json!({ "token": TEXT }));
}

/// Another one takes the place of the first, in the same login.
#[tokio::test]
async fn a_code_that_is_sent_again_takes_the_place_of_the_one_before() {
    let site = Site::new();
    let (ada, _) = site.member("ada").await;
    site.client().signs_in(&ada, &json!({})).await.is(200, &asked("sms"));
    let first = site.outbox.code();
    site.world.pass(61);
    site.client().signs_in(&ada, &json!({})).await.is(200, &asked("sms"));
    let second = site.outbox.code();
    let refused = json!({ "non_field_errors": [TEXT] });
    site.client().signs_in(&ada, &json!({ "mfa_code": first })).await.is(400, &refused);
    site.world.pass(1);
    site.client().signs_in(&ada, &json!({ "mfa_code": second })).await.is(200, &json!({ "token": TEXT }));
}

#[tokio::test]
async fn dxtok_07_each_wrong_code_has_its_own_text() {
    let site = Site::new();
    let (ada, client) = site.member("ada").await;
    client.recovers(&site).await;
    let mut client = site.client();
    client.signs_in(&ada, &json!({})).await.is(200, &asked("sms"));
    let code = site.outbox.code();
    let mut texts = vec![];
    for more in [
        json!({ "mfa_code": other_code(&code) }),
        json!({ "backup_code": "0000000000000000X" }),
        json!({ "mfa_code": code, "backup_code": "ABCDEF" }),
    ] {
        let told = client.signs_in(&ada, &more).await;
        told.is(400, &json!({ "non_field_errors": [TEXT] }));
        texts.push(told.body["non_field_errors"][0].clone());
    }
    texts.dedup();
    assert_eq!(texts.len(), 3, "{texts:?}");
    for field in ["mfa_code", "backup_code"] {
        for value in [json!(""), json!(null)] {
            client.signs_in(&ada, &json!({ field: value })).await.is(400, &json!({ field: [TEXT] }));
        }
    }
}

/// W-51.
#[tokio::test]
async fn w51_a_code_is_good_once() {
    let site = Site::new();
    let (ada, _) = site.member("ada").await;
    site.client().signs_in(&ada, &json!({})).await.is(200, &asked("sms"));
    let code = json!({ "mfa_code": site.outbox.code() });
    site.client().signs_in(&ada, &code).await.is(200, &json!({ "token": TEXT }));
    site.client().signs_in(&ada, &code).await.is(400, &json!({ "non_field_errors": [TEXT] }));
}

/// T14: of an app, whose codes are the same everywhere.
#[tokio::test]
async fn t14_a_code_of_an_app_that_was_used_here_is_refused_at_the_api_and_the_other_way_round() {
    let site = Site::new();
    let ada = site.world.user("ada");
    ada.sets_up().await;
    let api = async |code: &str| {
        let credentials = json!({ "name": "ada", "password": ada.password });
        let pending = site.client().post("/api/v1/login", &credentials).await.body["pending"].clone();
        let answer = json!({ "login": pending["login"], "device": pending["asked"]["id"], "code": code });
        site.client().post("/api/v1/login/answer", &answer).await
    };
    site.world.pass(30);
    site.client().signs_in(&ada, &json!({})).await.is(200, &asked("totp"));
    let code = ada.code();
    site.client().signs_in(&ada, &json!({ "mfa_code": code })).await.is(200, &json!({ "token": TEXT }));
    assert_eq!(api(&code).await.body["code"], "code-used");
    site.world.pass(30);
    let code = ada.code();
    assert_eq!(api(&code).await.status, 200);
    let told = site.client().signs_in(&ada, &json!({ "mfa_code": code })).await;
    told.is(400, &json!({ "non_field_errors": [TEXT] }));
    assert_eq!(site.outbox.count(), 0, "to an app nothing is sent");
}

#[tokio::test]
async fn w52_guessing_is_slowed_down_and_said_to_be() {
    let site = Site::new();
    let (ada, _) = site.member("ada").await;
    site.client().signs_in(&ada, &json!({})).await.is(200, &asked("sms"));
    let code = site.outbox.code();
    let refused = json!({ "non_field_errors": [TEXT] });
    site.client().signs_in(&ada, &json!({ "mfa_code": other_code(&code) })).await.is(400, &refused);
    let told = site.client().signs_in(&ada, &json!({ "mfa_code": code })).await;
    told.is(429, &refused);
    assert_eq!(told.header("retry-after"), "1");
    for _ in 0..20 {
        site.client().post(LOGIN, &json!({ "username": "ada", "password": "x" })).await;
    }
    site.client().signs_in(&ada, &json!({})).await.is(429, &refused);
}

#[tokio::test]
async fn dxtok_08_w57_a_backup_code_lets_in_once_and_leaves_the_second_factor_on() {
    let site = Site::new();
    let (ada, client) = site.member("ada").await;
    let code = json!({ "backup_code": client.recovers(&site).await });
    site.client().signs_in(&ada, &code).await.is(200, &json!({ "token": TEXT }));
    assert!(site.is_enabled(&ada.user.id).await);
    site.client().signs_in(&ada, &code).await.is(400, &json!({ "non_field_errors": [TEXT] }));
    site.client().signs_in(&ada, &json!({})).await.is(200, &asked("sms"));
}

#[tokio::test]
async fn dxtok_09_codes_of_another_user_are_none() {
    let site = Site::new();
    let (ada, _) = site.member("ada").await;
    let (eve, client) = site.newcomer("eve").await;
    client.put("/mfa/sms/request/", &json!({ "phone_number": "31687654321" })).await;
    client.put("/mfa/sms/verify/", &json!({ "mfa_code": site.outbox.code() })).await;
    site.world.pass(601);
    let backup = client.recovers(&site).await;
    site.client().signs_in(&ada, &json!({})).await.is(200, &asked("sms"));
    site.client().signs_in(&eve, &json!({})).await.is(200, &asked("sms"));
    let of_eve = site.outbox.code();
    let refused = json!({ "non_field_errors": [TEXT] });
    site.client().signs_in(&ada, &json!({ "mfa_code": of_eve })).await.is(400, &refused);
    site.client().signs_in(&ada, &json!({ "backup_code": backup })).await.is(400, &refused);
}

/// Each login has a token of its own, since none is kept that could be told again.
#[tokio::test]
async fn dxtok_10_each_login_has_a_token_of_its_own() {
    let site = Site::new();
    let ada = site.world.user("ada");
    let first = site.client().signs_in(&ada, &json!({})).await.body["token"].clone();
    let second = site.client().signs_in(&ada, &json!({})).await.body["token"].clone();
    assert_ne!(first, second);
}

#[tokio::test]
async fn w61_a_message_that_could_not_be_sent_is_a_refusal() {
    let site = Site::new();
    let (ada, _) = site.member("ada").await;
    let told = json!({ "non_field_errors": [TEXT], "mfa_required": true, "mfa_type": "sms" });
    for behaviour in [Behaviour::Fails, Behaviour::Unreachable, Behaviour::Panics] {
        site.outbox.behaves(behaviour);
        site.client().signs_in(&ada, &json!({})).await.is(400, &told);
        site.world.pass(60);
    }
}

/// W-65: a code is its digits, no more and no fewer.
#[tokio::test]
async fn w65_a_code_without_its_zeros_or_with_a_sign_is_none() {
    let site = Site::new();
    let (ada, _) = site.member("ada").await;
    site.client().signs_in(&ada, &json!({})).await.is(200, &asked("sms"));
    let code = site.outbox.code();
    for wrong in [format!("+{code}"), format!("0{code}"), code[1..].to_owned()] {
        let told = site.client().signs_in(&ada, &json!({ "mfa_code": wrong })).await;
        told.is(400, &json!({ "non_field_errors": [TEXT] }));
    }
    site.client().signs_in(&ada, &json!({ "mfa_code": code })).await.is(200, &json!({ "token": TEXT }));
}

/// The code of a login is none for what is done inside a session, nor the other way round.
#[tokio::test]
async fn a_code_is_good_for_what_it_was_sent_for() {
    let site = Site::new();
    let (ada, client) = site.member("ada").await;
    site.client().signs_in(&ada, &json!({})).await.is(200, &asked("sms"));
    let code = site.outbox.code();
    client.delete("/mfa/", &json!({ "mfa_code": code })).await.is(400, &json!({ "detail": TEXT }));
    site.world.pass(61);
    client.delete("/mfa/", &json!({})).await;
    let code = site.outbox.code();
    let refused = json!({ "non_field_errors": [TEXT] });
    site.client().signs_in(&ada, &json!({ "mfa_code": code })).await.is(400, &refused);
    assert!(site.is_enabled(&ada.user.id).await);
}

/// A personal token is not a session.
#[tokio::test]
async fn a_personal_token_changes_no_factor() {
    let site = Site::new();
    let (ada, mut client) = site.member("ada").await;
    let new = json!({ "name": "Script", "scopes": ["read"] });
    assert_eq!(client.post("/api/v1/tokens", &new).await.status, 401, "without a fresh proof nobody has one");
    client.signs_in(&ada, &json!({})).await;
    client.signs_in(&ada, &json!({ "mfa_code": site.outbox.code() })).await;
    let made = client.post("/api/v1/tokens", &new).await;
    client.shows("Bearer", &made.body["token"]);
    for path in OWN {
        for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE] {
            client.send(method, path, JSON, String::new()).await.is(403, &json!({ "detail": TEXT }));
        }
    }
    client.shows("Bearer", &json!(format!("cst_{}", "A".repeat(43))));
    client.get("/mfa/").await.is(401, &json!({ "detail": TEXT }));
}
