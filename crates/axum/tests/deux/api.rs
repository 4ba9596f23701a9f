//! The five addresses below `/mfa`.

use axum::http::Method;
use countersign_engine::core::{Level, Status};
use countersign_testkit::{Behaviour, other_code};
use serde_json::json;

use crate::site::{FORM, JSON, MASKED, NUMBER, Site, TEXT, owed};

pub(crate) const OWN: [&str; 4] = ["/mfa/", "/mfa/sms/request/", "/mfa/sms/verify/", "/mfa/recovery/"];

#[tokio::test]
async fn dxapi_01_nobody_gets_anything_without_a_token() {
    let site = Site::new();
    let (nobody, mut stranger) = (site.client(), site.client());
    stranger.shows("Token", &json!("0123456789012345678901234567890123456789"));
    for client in [nobody, stranger] {
        for path in OWN {
            for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH, Method::POST, Method::OPTIONS] {
                let told = client.send(method, path, JSON, String::new()).await;
                told.is(401, &json!({ "detail": TEXT }));
                assert_eq!(told.headers.get_all("www-authenticate").iter().collect::<Vec<_>>(), ["Token", "Bearer"]);
            }
        }
    }
}

#[tokio::test]
async fn dxapi_02_off_says_so_and_the_number_that_waits_for_its_code() {
    let site = Site::new();
    let (_, client) = site.newcomer("ada").await;
    client.get("/mfa/").await.is(200, &json!({ "enabled": false }));
    client.put("/mfa/sms/request/", &json!({ "phone_number": NUMBER })).await;
    client.get("/mfa/").await.is(200, &json!({ "enabled": false, "phone_number": MASKED }));
    site.world.pass(301);
    client.get("/mfa/").await.is(200, &json!({ "enabled": false }));
}

#[tokio::test]
async fn dxapi_03_on_says_how_and_where() {
    let site = Site::new();
    let (_, client) = site.member("ada").await;
    let status = json!({ "enabled": true, "challenge_type": "sms", "phone_number": MASKED });
    client.get("/mfa/").await.is(200, &status);
}

#[tokio::test]
async fn dxapi_04_w68_looking_writes_nothing() {
    let site = Site::new();
    let (person, client) = site.newcomer("ada").await;
    let before = format!("{:?}", site.world.store.factors(&person.user.id).await.unwrap());
    client.get("/mfa/").await;
    assert_eq!(format!("{:?}", site.world.store.factors(&person.user.id).await.unwrap()), before);
}

#[tokio::test]
async fn dxapi_05_w63_off_is_switched_by_a_caller_that_proves_the_factor() {
    let site = Site::new();
    let (person, client) = site.member("ada").await;
    let told = client.delete("/mfa/", &json!({})).await;
    told.is(401, &owed("sms"));
    assert!(told.header("www-authenticate").contains("insufficient_user_authentication"), "{told:?}");
    let code = site.outbox.code();
    client.delete("/mfa/", &json!({ "mfa_code": other_code(&code) })).await.is(400, &json!({ "detail": TEXT }));
    assert!(site.is_enabled(&person.user.id).await);
    site.world.pass(2);
    client.delete("/mfa/", &json!({ "mfa_code": code })).await.is(204, &json!(null));
    assert!(site.devices(&person.user.id).await.is_empty(), "the number is forgotten");
    client.get("/mfa/").await.is(200, &json!({ "enabled": false }));
}

/// A form of a DELETE is a body like any other.
#[tokio::test]
async fn dxapi_05_a_backup_code_proves_it_too() {
    let site = Site::new();
    let (person, client) = site.member("ada").await;
    let code = client.recovers(&site).await;
    let body = format!("backup_code={code}");
    client.send(Method::DELETE, "/mfa/", FORM, body).await.is(204, &json!(null));
    assert!(!site.is_enabled(&person.user.id).await);
}

#[tokio::test]
async fn dxapi_06_what_is_off_cannot_be_switched_off() {
    let site = Site::new();
    let (_, client) = site.newcomer("ada").await;
    client.delete("/mfa/", &json!({})).await.is(400, &json!({ "detail": TEXT }));
}

#[tokio::test]
async fn dxapi_07_a_code_goes_to_the_number() {
    let site = Site::new();
    let (person, client) = site.newcomer("ada").await;
    let told = client.put("/mfa/sms/request/", &json!({ "phone_number": NUMBER })).await;
    told.is(200, &json!({ "enabled": false, "phone_number": NUMBER }));
    assert_eq!(site.outbox.last().to.expose(), format!("+{NUMBER}"));
    assert_eq!(site.devices(&person.user.id).await[0].status, Status::Enrolling, "it counts for nothing yet");
}

#[tokio::test]
async fn dxapi_08_and_16_what_is_on_is_not_switched_on_again() {
    let site = Site::new();
    let (_, client) = site.member("ada").await;
    let already = json!({ "detail": [TEXT] });
    client.put("/mfa/sms/request/", &json!({ "phone_number": NUMBER })).await.is(400, &already);
    client.put("/mfa/sms/verify/", &json!({ "mfa_code": "123456" })).await.is(400, &already);
}

#[tokio::test]
async fn dxapi_09_and_10_and_15_a_field_is_there_and_is_what_it_says() {
    let site = Site::new();
    let (_, client) = site.newcomer("ada").await;
    for (path, field) in [("/mfa/sms/request/", "phone_number"), ("/mfa/sms/verify/", "mfa_code")] {
        let wrong = json!({ field: [TEXT] });
        let mut texts = vec![];
        for body in [json!({}), json!({ field: "" }), json!({ field: null }), json!({ field: [] })] {
            let told = client.put(path, &body).await;
            told.is(400, &wrong);
            texts.push(told.body[field][0].clone());
        }
        texts.dedup();
        assert_eq!(texts.len(), 4, "each has a text of its own: {texts:?}");
    }
    for number in
        ["123456", "+31612345658", "31 6 12345658", "3161234565a", "٣١٦١٢٣٤٥٦٥٨", "3161234565812345", "0612345658"]
    {
        let told = client.put("/mfa/sms/request/", &json!({ "phone_number": number })).await;
        told.is(400, &json!({ "phone_number": [TEXT] }));
    }
    assert_eq!(site.outbox.count(), 0);
}

#[tokio::test]
async fn dxapi_11_a_number_that_gets_no_messages_is_said_to_be_none() {
    let site = Site::new();
    let (_, client) = site.newcomer("ada").await;
    site.outbox.behaves(Behaviour::Unreachable);
    let told = client.put("/mfa/sms/request/", &json!({ "phone_number": NUMBER })).await;
    told.is(400, &json!({ "detail": TEXT }));
    client.get("/mfa/").await.is(200, &json!({ "enabled": false }));
}

#[tokio::test]
async fn dxapi_12_w61_a_message_that_could_not_be_sent_leaves_nothing() {
    let site = Site::new();
    let (_, client) = site.newcomer("ada").await;
    for behaviour in [Behaviour::Fails, Behaviour::Panics] {
        site.outbox.behaves(behaviour);
        let told = client.put("/mfa/sms/request/", &json!({ "phone_number": NUMBER })).await;
        told.is(400, &json!({ "detail": TEXT }));
        client.get("/mfa/").await.is(200, &json!({ "enabled": false }));
        site.world.pass(60);
    }
}

#[tokio::test]
async fn dxapi_13_the_right_code_switches_it_on() {
    let site = Site::new();
    let (person, client) = site.newcomer("ada").await;
    client.enables(&site).await;
    assert!(site.is_enabled(&person.user.id).await);
}

#[tokio::test]
async fn dxapi_14_a_wrong_code_is_refused_and_counted() {
    let site = Site::new();
    let (person, client) = site.newcomer("ada").await;
    client.put("/mfa/sms/request/", &json!({ "phone_number": NUMBER })).await;
    let code = site.outbox.code();
    for wrong in ["letters", "12345", "+12345", &*other_code(&code)] {
        let told = client.put("/mfa/sms/verify/", &json!({ "mfa_code": wrong })).await;
        told.is(400, &json!({ "mfa_code": [TEXT] }));
    }
    assert_eq!(site.devices(&person.user.id).await[0].throttle.failures, 1, "what has no form of a code costs nothing");
    let told = client.put("/mfa/sms/verify/", &json!({ "mfa_code": code })).await;
    told.is(429, &json!({ "mfa_code": [TEXT] }));
    assert_eq!(told.header("retry-after"), "1");
    site.world.pass(1);
    client.put("/mfa/sms/verify/", &json!({ "mfa_code": code })).await;
    assert!(site.is_enabled(&person.user.id).await);
}

/// The code of one number proves no other.
#[tokio::test]
async fn w54_the_code_of_another_number_switches_nothing_on() {
    let site = Site::new();
    let (person, client) = site.newcomer("ada").await;
    client.put("/mfa/sms/request/", &json!({ "phone_number": NUMBER })).await;
    let first = site.outbox.code();
    client.put("/mfa/sms/request/", &json!({ "phone_number": "31687654321" })).await;
    assert_ne!(first, site.outbox.code());
    client.put("/mfa/sms/verify/", &json!({ "mfa_code": first })).await.is(400, &json!({ "mfa_code": [TEXT] }));
    assert!(!site.is_enabled(&person.user.id).await);
}

#[tokio::test]
async fn w55_a_code_for_nothing_switches_nothing_on() {
    let site = Site::new();
    let (person, client) = site.newcomer("ada").await;
    client.put("/mfa/sms/verify/", &json!({ "mfa_code": "123456" })).await.is(400, &json!({ "mfa_code": [TEXT] }));
    assert!(site.devices(&person.user.id).await.is_empty());
}

/// Nor does the code that another session of the same user was sent.
#[tokio::test]
async fn a_setup_is_confirmed_in_the_session_that_began_it() {
    let site = Site::new();
    let (person, client) = site.newcomer("ada").await;
    let mut other = site.client();
    other.signs_in(&person, &json!({})).await;
    client.put("/mfa/sms/request/", &json!({ "phone_number": NUMBER })).await;
    other.get("/mfa/").await.is(200, &json!({ "enabled": false }));
    let told = other.put("/mfa/sms/verify/", &json!({ "mfa_code": site.outbox.code() })).await;
    told.is(400, &json!({ "mfa_code": [TEXT] }));
    assert!(!site.is_enabled(&person.user.id).await);
}

#[tokio::test]
async fn dxapi_17_patch_is_put() {
    let site = Site::new();
    let (person, client) = site.newcomer("ada").await;
    let patch = async |path, body: serde_json::Value| client.send(Method::PATCH, path, JSON, body.to_string()).await;
    patch("/mfa/sms/request/", json!({})).await.is(400, &json!({ "phone_number": [TEXT] }));
    patch("/mfa/sms/request/", json!({ "phone_number": NUMBER })).await;
    patch("/mfa/sms/verify/", json!({ "mfa_code": site.outbox.code() })).await;
    assert!(site.is_enabled(&person.user.id).await);
}

#[tokio::test]
async fn dxapi_18_w56_a_recovery_code_is_made_by_a_caller_that_proves_the_factor_and_not_by_looking() {
    let site = Site::new();
    let (person, client) = site.member("ada").await;
    let told = client.get("/mfa/recovery/").await;
    told.is(405, &json!({ "detail": TEXT }));
    assert_eq!(told.header("allow"), "POST, OPTIONS");
    let first = client.recovers(&site).await;
    assert!(first.len() == 17 && first.bytes().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase()), "{first}");
    let second = client.recovers(&site).await;
    let mut other = site.client();
    other.signs_in(&person, &json!({ "backup_code": first })).await.is(400, &json!({ "non_field_errors": [TEXT] }));
    site.world.pass(2);
    other.signs_in(&person, &json!({ "backup_code": second })).await.is(200, &json!({ "token": TEXT }));
}

#[tokio::test]
async fn dxapi_19_there_is_no_recovery_from_what_is_off() {
    let site = Site::new();
    let (_, client) = site.newcomer("ada").await;
    client.post("/mfa/recovery/", &json!({})).await.is(400, &json!({ "backup_code": TEXT }));
}

#[tokio::test]
async fn dxapi_20_other_methods_are_told_what_there_is() {
    let site = Site::new();
    let (_, client) = site.newcomer("ada").await;
    for (path, method, allow) in [
        ("/mfa/", Method::POST, "GET, DELETE, OPTIONS"),
        ("/mfa/sms/request/", Method::GET, "PUT, PATCH, OPTIONS"),
        ("/mfa/sms/verify/", Method::POST, "PUT, PATCH, OPTIONS"),
        ("/mfa/recovery/", Method::DELETE, "POST, OPTIONS"),
    ] {
        let told = client.send(method, path, JSON, String::new()).await;
        told.is(405, &json!({ "detail": TEXT }));
        assert_eq!(told.header("allow"), allow, "{path}");
        let told = client.send(Method::OPTIONS, path, JSON, String::new()).await;
        let parses = [JSON, FORM, "multipart/form-data"];
        told.is(200, &json!({ "name": path, "description": "", "renders": [JSON], "parses": parses }));
        assert_eq!(told.header("allow"), allow, "{path}");
    }
    let head = client.send(Method::HEAD, "/mfa/", JSON, String::new()).await;
    assert_eq!((head.status.as_u16(), head.body), (200, json!(null)));
}

#[tokio::test]
async fn dxapi_21_a_get_without_the_slash_is_redirected_to_it() {
    let site = Site::new();
    let (_, client) = site.newcomer("ada").await;
    for path in OWN.into_iter().chain(["/mfa/authtoken/login/", "/mfa/oauth2/token/"]) {
        let without = path.trim_end_matches('/');
        let told = client.get(&format!("{without}?a=b")).await;
        assert_eq!((told.status.as_u16(), told.header("location")), (301, &*format!("{path}?a=b")));
        client.put(without, &json!({})).await.is(404, &json!({ "detail": TEXT }));
    }
    client.get("/mfa/nothing/").await.is(404, &json!({ "detail": TEXT }));
}

#[tokio::test]
async fn dxapi_22_the_form_of_the_answer_may_be_asked_for() {
    let site = Site::new();
    let (_, client) = site.newcomer("ada").await;
    for path in ["/mfa/.json", "/mfa/?format=json"] {
        client.get(path).await.is(200, &json!({ "enabled": false }));
    }
    client.get("/mfa/?format=xml").await.is(404, &json!({ "detail": TEXT }));
    client.put("/mfa/sms/verify.json", &json!({})).await.is(400, &json!({ "mfa_code": [TEXT] }));
    client.post("/mfa/recovery.json", &json!({})).await.is(400, &json!({ "backup_code": TEXT }));
    let told = client.put("/mfa/sms/request.json", &json!({ "phone_number": NUMBER })).await;
    told.is(200, &json!({ "enabled": false, "phone_number": NUMBER }));
}

#[tokio::test]
async fn dxapi_23_a_body_may_be_a_form_or_a_form_in_parts() {
    const PARTS: &str = "multipart/form-data; boundary=x";
    let site = Site::new();
    let (_, client) = site.newcomer("ada").await;
    let told = client.send(Method::PUT, "/mfa/sms/request/", FORM, format!("phone_number={NUMBER}")).await;
    told.is(200, &json!({ "enabled": false, "phone_number": NUMBER }));
    let code = site.outbox.code();
    let body = format!("--x\r\nContent-Disposition: form-data; name=\"mfa_code\"\r\n\r\n{code}\r\n--x--\r\n");
    let told = client.send(Method::PUT, "/mfa/sms/verify/", PARTS, body).await;
    told.is(200, &json!({ "enabled": true, "challenge_type": "sms", "phone_number": MASKED }));
    for (kind, body, status) in [("text/plain", "x", 415), (JSON, "{", 400), (FORM, &*"x".repeat(20_000), 413)] {
        let told = client.send(Method::PUT, "/mfa/sms/verify/", kind, body.into()).await;
        told.is(status, &json!({ "detail": TEXT }));
    }
}

#[tokio::test]
async fn dxapi_24_off_and_on_and_off_again() {
    let site = Site::new();
    let (person, client) = site.newcomer("ada").await;
    for _ in 0..2 {
        client.enables(&site).await;
        assert!(site.is_enabled(&person.user.id).await);
        client.delete("/mfa/", &json!({})).await.is(204, &json!(null));
        assert!(!site.is_enabled(&person.user.id).await);
        site.world.pass(60);
    }
}

/// What was proved a moment ago in the same session is not asked for again, and no second message is paid for. Ten minutes later
/// it is, and in another session it always is.
#[tokio::test]
async fn a_proof_just_given_is_not_asked_for_again() {
    let site = Site::new();
    let (ada, client) = site.newcomer("ada").await;
    client.enables(&site).await;
    client.post("/mfa/recovery/", &json!({})).await.is(200, &json!({ "backup_code": TEXT }));
    assert_eq!(site.outbox.count(), 1, "the setup proved it");
    let sessions = site.world.store.sessions(&ada.user.id).await.unwrap();
    assert_eq!(sessions[0].level, Level::Aal1, "it counts for nothing else");

    site.world.pass(601);
    client.post("/mfa/recovery/", &json!({})).await.is(401, &owed("sms"));
    client
        .post("/mfa/recovery/", &json!({ "mfa_code": site.outbox.code() }))
        .await
        .is(200, &json!({ "backup_code": TEXT }));
    client.post("/mfa/recovery/", &json!({})).await.is(200, &json!({ "backup_code": TEXT }));
    assert_eq!(site.outbox.count(), 2, "the action before proved it");

    let mut other = site.client();
    site.world.pass(60);
    other.signs_in(&ada, &json!({})).await;
    other.signs_in(&ada, &json!({ "mfa_code": site.outbox.code() })).await.is(200, &json!({ "token": TEXT }));
    site.world.pass(541);
    client.delete("/mfa/", &json!({})).await.is(401, &owed("sms"));
    other.delete("/mfa/", &json!({})).await.is(204, &json!(null));
}

/// A backup code is consumed by one action, and authorizes no other.
#[tokio::test]
async fn a_backup_code_proves_one_action() {
    let site = Site::new();
    let (person, client) = site.member("ada").await;
    let code = client.recovers(&site).await;
    client.post("/mfa/recovery/", &json!({ "backup_code": code })).await.is(200, &json!({ "backup_code": TEXT }));
    client.delete("/mfa/", &json!({})).await.is(401, &owed("sms"));
    assert!(site.is_enabled(&person.user.id).await);
}

/// Each meaning has a text of its own, whichever way one gets there.
#[tokio::test]
async fn dxapi_25_each_meaning_has_its_own_text() {
    let site = Site::new();
    let (eve, off) = site.newcomer("eve").await;
    let request = json!({ "phone_number": NUMBER });
    let not_enabled = off.delete("/mfa/", &json!({})).await.body["detail"].clone();
    let number_wrong = off.put("/mfa/sms/request/", &json!({ "phone_number": "123" })).await;
    site.outbox.behaves(Behaviour::Fails);
    let sending_failed = off.put("/mfa/sms/request/", &request).await.body["detail"].clone();
    site.outbox.behaves(Behaviour::Takes);
    site.world.pass(60);
    let (ada, on) = site.member("ada").await;
    on.recovers(&site).await;
    let login = async |more| site.client().signs_in(&ada, &more).await.body["non_field_errors"][0].clone();
    login(json!({})).await;
    let texts = [
        not_enabled.clone(),
        number_wrong.body["phone_number"][0].clone(),
        sending_failed,
        on.put("/mfa/sms/request/", &request).await.body["detail"][0].clone(),
        login(json!({ "password": "wrong" })).await,
        login(json!({ "mfa_code": other_code(&site.outbox.code()) })).await,
        login(json!({ "backup_code": "0000000000000000X" })).await,
        login(json!({ "mfa_code": "123456", "backup_code": "ABCDEF" })).await,
    ];
    let told: std::collections::BTreeSet<_> = texts.iter().map(|text| text.as_str().unwrap()).collect();
    assert_eq!(told.len(), texts.len(), "{texts:?}");
    let recovery = site.client().signs_in(&eve, &json!({})).await;
    assert_eq!(recovery.status, 200);
    assert_eq!(
        off.post("/mfa/recovery/", &json!({})).await.body["backup_code"],
        not_enabled,
        "the same is told the same"
    );
}

/// A user with an old token may not add a first device, as in the other front ends.
#[tokio::test]
async fn a_token_that_is_old_switches_nothing_on() {
    let site = Site::new();
    let (_, client) = site.newcomer("ada").await;
    site.world.pass(601);
    let told = client.put("/mfa/sms/request/", &json!({ "phone_number": NUMBER })).await;
    assert_eq!(told.status, 401);
    assert!(told.header("www-authenticate").contains("max_age=\"600\""), "{told:?}");
    assert_eq!(site.outbox.count(), 0);
}

/// A page of this site may use it with the cookie that it has, if it shows that it is one.
#[tokio::test]
async fn a_browser_s_session_counts_together_with_the_token_that_goes_with_it() {
    let site = Site::new();
    let person = site.world.user("ada");
    let mut client = site.browses(&person).await;
    client.get("/mfa/").await.is(200, &json!({ "enabled": false }));
    let request = json!({ "phone_number": NUMBER });
    client.put("/mfa/sms/request/", &request).await.is(403, &json!({ "detail": TEXT }));
    client.shows_that_it_is_ours().await;
    client.put("/mfa/sms/request/", &request).await.is(200, &json!({ "enabled": false, "phone_number": NUMBER }));
}
