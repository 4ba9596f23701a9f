//! One scenario, played on the pages, the API and the front end for deux's clients: the same decisions, and the same
//! rows afterwards.

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
};
use countersign_axum::Refused;
use countersign_engine::core::{DeviceId, EventKind};
use countersign_testkit::{Browser, Page, Person, Program};
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;

use crate::site::{HOST, Site};

/// What came of one step.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Came {
    In,
    Asked,
    Done,
    Refused(String),
}

/// A user at one front end.
enum Actor {
    Pages {
        browser: Browser<Router>,
        challenge: Option<Page>,
    },
    Api {
        program: Program<Router>,
        pending: serde_json::Value,
    },
    /// It keeps nothing but what its user has typed.
    Deux {
        app: Router,
        credentials: serde_json::Value,
    },
}

use Actor::{Api, Deux, Pages};

impl Actor {
    fn at(entrance: &str, site: &Site) -> Self {
        match entrance {
            "pages" => Pages { browser: site.browser(), challenge: None },
            "api" => Api { program: site.program(), pending: json!(null) },
            _ => Deux { app: site.app.clone(), credentials: json!(null) },
        }
    }

    async fn gives_password(&mut self, name: &str, password: &str) -> Came {
        match self {
            Pages { browser, challenge } => {
                browser.cookies.remove("countersign-pending");
                let form = browser.get("/account/login").await.form_with("password");
                let page = browser.submit(&form, "", &[("name", name), ("password", password)]).await;
                let owes = page.location().is_some_and(|way| way.ends_with("/second-factor"));
                if owes {
                    *challenge = Some(browser.follow(page).await);
                    return Came::Asked;
                }
                of_page(&page)
            }
            Api { program, pending } => {
                let answer = program.signs_in(name, password).await;
                *pending = answer.body["pending"].clone();
                match answer.body["status"].as_str() {
                    Some("pending") => Came::Asked,
                    Some(_) => Came::In,
                    None => Came::Refused(answer.code().into()),
                }
            }
            Deux { app, credentials } => {
                *credentials = json!({ "username": name, "password": password });
                at_deux(app, credentials).await
            }
        }
    }

    async fn answers(&mut self, code: &str) -> Came {
        match self {
            Pages { browser, challenge } => {
                let form = challenge.as_ref().unwrap().form_with("code");
                let page = browser.submit(&form, "/account/login/second-factor", &[("code", code)]).await;
                of_page(&page)
            }
            Api { program, pending } => {
                let answer = program.answers(pending, code).await;
                if answer.status == StatusCode::OK { Came::In } else { Came::Refused(answer.code().into()) }
            }
            Deux { app, credentials } => {
                let mut body = credentials.clone();
                body["mfa_code"] = json!(code);
                at_deux(app, &body).await
            }
        }
    }

    async fn makes_backup_codes(&mut self) -> Came {
        match self {
            Pages { browser, .. } => {
                let page = browser.get("/account/two-factor/backup-codes").await;
                if !page.says("name=\"attempt\"") {
                    return Came::Refused("verification-needed".into());
                }
                let page = browser.submit(&page.form_with("attempt"), "/account/two-factor/backup-codes", &[]).await;
                if page.says("<li><code>") { Came::Done } else { of_page(&page) }
            }
            Api { program, .. } => {
                let answer = program.post("/api/v1/backup-codes", &json!({})).await;
                if answer.status == StatusCode::OK { Came::Done } else { Came::Refused(answer.code().into()) }
            }
            Deux { .. } => panic!("its clients have one code at a time, and say what they prove with it"),
        }
    }

    async fn removes(&mut self, device: &DeviceId) -> Came {
        match self {
            Pages { browser, .. } => {
                let at = format!("/account/two-factor/devices/{device}/remove");
                let page = browser.get(&at).await;
                if page.location().is_some_and(|way| way.starts_with("/account/verify")) {
                    return Came::Refused("verification-needed".into());
                }
                of_page(&browser.submit(&page.form_with("attempt"), &at, &[]).await)
            }
            Api { program, .. } => {
                let answer = program.delete(&format!("/api/v1/devices/{device}")).await;
                if answer.status == StatusCode::NO_CONTENT { Came::Done } else { Came::Refused(answer.code().into()) }
            }
            Deux { .. } => panic!("its clients know of no other device"),
        }
    }
}

async fn at_deux(app: &Router, body: &serde_json::Value) -> Came {
    let request = Request::post("/mfa/authtoken/login/").header(header::HOST, HOST);
    let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    if let Some(refused) = response.extensions().get::<Refused>() {
        return Came::Refused(refused.0.into());
    }
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    if body["mfa_required"] == json!(true) { Came::Asked } else { Came::In }
}

fn of_page(page: &Page) -> Came {
    match page.extensions.get::<Refused>() {
        Some(refused) => Came::Refused(refused.0.into()),
        None if page.status.is_redirection() => Came::In,
        None => panic!("neither in nor refused: {} {}", page.status, page.body),
    }
}

/// Plays the first part of it, which is signing in.
async fn signing_in(entrance: &str) -> (Vec<(&'static str, Came)>, String) {
    let site = Site::new();
    let ada = site.member("ada").await.person;
    let mut actor = Actor::at(entrance, &site);
    let came = vec![
        ("a name that nobody has", actor.gives_password("nobody", "x").await),
        ("a wrong password", actor.gives_password("ada", "x").await),
        ("the right password", actor.gives_password("ada", &ada.password).await),
        ("no code at all", actor.answers("12").await),
        ("a wrong code", actor.answers(&ada.wrong_code()).await),
        ("the right code too soon", actor.answers(&ada.code()).await),
    ];
    site.world.pass(30);
    let code = ada.code();
    let mut again = Actor::at(entrance, &site);
    let more = vec![
        ("the right code", actor.answers(&code).await),
        ("the password again", again.gives_password("ada", &ada.password).await),
        ("the code again", again.answers(&code).await),
    ];
    (came.into_iter().chain(more).collect(), left(&site, &ada).await)
}

/// The rows that are left: counters, events, sessions.
async fn left(site: &Site, ada: &Person) -> String {
    let factors = site.world.store.factors(&ada.user.id).await.unwrap();
    let devices: Vec<_> = factors.devices.iter().map(|d| (&d.kind, d.status, d.version, d.throttle.failures)).collect();
    let events = site.world.store.events(&ada.user.id, 99).await.unwrap();
    let events: Vec<_> = events.iter().map(|event| (event.kind, event.method.clone(), event.address)).collect();
    let sessions = site.world.store.sessions(&ada.user.id).await.unwrap();
    let sessions: Vec<_> = sessions.iter().map(|row| (row.level, row.verified)).collect();
    format!("{} {devices:#?} {events:#?} {sessions:#?}", factors.account.factors)
}

/// Plays it, and tells what came of each step, and what is left.
async fn played(entrance: &str) -> (Vec<(&'static str, Came)>, String) {
    let site = Site::new();
    let owner = site.member("ada").await;
    let ada: &Person = &owner.person;
    let phone = owner.program.get("/api/v1/devices").await.body["devices"][0]["id"].clone();
    let phone = DeviceId::new(phone.as_str().unwrap());
    let mut actor = Actor::at(entrance, &site);
    let mut came = vec![];
    let refused = |code: &str| Came::Refused(code.into());
    came.push(("a name that nobody has", actor.gives_password("nobody", "x").await));
    came.push(("a wrong password", actor.gives_password("ada", "x").await));
    came.push(("the right password", actor.gives_password("ada", &ada.password).await));
    came.push(("no code at all", actor.answers("12").await));
    came.push(("a wrong code", actor.answers(&ada.wrong_code()).await));
    came.push(("the right code too soon", actor.answers(&ada.code()).await));
    site.world.pass(30);
    let code = ada.code();
    came.push(("the right code", actor.answers(&code).await));
    came.push(("new backup codes", actor.makes_backup_codes().await));
    came.push(("the last device", actor.removes(&phone).await));
    let mut again = Actor::at(entrance, &site);
    came.push(("the password again", again.gives_password("ada", &ada.password).await));
    came.push(("the code again", again.answers(&code).await));
    site.world.pass(601);
    came.push(("the attempt too late", again.answers(&ada.code()).await));
    came.push(("backup codes too late", actor.makes_backup_codes().await));
    // One was wrong, and one sign-in stopped half way.
    for guess in 1..19 {
        let last = again.gives_password("ada", &format!("guess {guess}")).await;
        assert_eq!(last, refused("invalid-credentials"), "guess {guess}");
    }
    came.push(("the right password, without budget", again.gives_password("ada", &ada.password).await));

    let left = left(&site, ada).await;
    (came, left)
}

#[tokio::test]
async fn signing_in_comes_to_the_same_at_every_entrance() {
    let (pages, left_by_pages) = signing_in("pages").await;
    for entrance in ["api", "deux"] {
        let (came, left) = signing_in(entrance).await;
        assert_eq!(came, pages, "{entrance}");
        assert_eq!(left, left_by_pages, "{entrance}");
    }
}

#[tokio::test]
async fn the_same_scenario_comes_to_the_same_at_the_pages_and_at_the_api() {
    let ((pages, left_by_pages), (api, left_by_api)) = (played("pages").await, played("api").await);
    assert_eq!(pages, api);
    assert_eq!(left_by_pages, left_by_api);
    let told: Vec<_> = api.iter().map(|(step, came)| format!("{step}: {came:?}")).collect();
    assert_eq!(
        told,
        [
            "a name that nobody has: Refused(\"invalid-credentials\")",
            "a wrong password: Refused(\"invalid-credentials\")",
            "the right password: Asked",
            "no code at all: Refused(\"code-malformed\")",
            "a wrong code: Refused(\"code-wrong\")",
            "the right code too soon: Refused(\"device-locked\")",
            "the right code: In",
            "new backup codes: Done",
            "the last device: Refused(\"last-device\")",
            "the password again: Asked",
            "the code again: Refused(\"code-used\")",
            "the attempt too late: Refused(\"attempt-expired\")",
            "backup codes too late: Refused(\"verification-needed\")",
            "the right password, without budget: Refused(\"too-many-failures\")",
        ]
    );
}

/// T14: a code that was used at one front end is refused at the other.
#[tokio::test]
async fn t14_a_code_used_at_one_entrance_is_refused_at_the_others() {
    for (first, second) in [("pages", "api"), ("api", "pages"), ("pages", "deux"), ("deux", "pages"), ("deux", "api")] {
        let site = Site::new();
        let owner = site.member("ada").await;
        let ada = &owner.person;
        let (mut here, mut there) = (Actor::at(first, &site), Actor::at(second, &site));
        for actor in [&mut here, &mut there] {
            assert_eq!(actor.gives_password("ada", &ada.password).await, Came::Asked);
        }
        let code = ada.code();
        assert_eq!(here.answers(&code).await, Came::In);
        assert_eq!(there.answers(&code).await, Came::Refused("code-used".into()), "{first}, then {second}");
        site.world.pass(30);
        assert_eq!(there.answers(&ada.code()).await, Came::In, "and the next one is not");
    }
}

/// How the API's description names the requirement of a recent verification.
const FRESH: &str = "Requires a session in which a second factor was verified recently, or the password if the user has \
                     no second factor.";

/// T10: a session of the first level, of a user who has more, changes no factor, whatever it asks for.
#[tokio::test]
async fn t10_every_action_on_factors_is_refused_to_a_session_that_proved_too_little() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    let mailbox = json!({ "method": "email", "name": "Mail", "to": "ada@example.org" });
    let setup = ada.program.post("/api/v1/devices", &mailbox).await.body;
    let proof = json!({ "setup": setup["setup"], "code": site.outbox.code() });
    ada.program.opens("/api/v1/devices/setup/confirm", &proof).await;
    site.world.pass(60);
    ada.program.token = None;
    let pending = ada.signs_in().await.body["pending"].clone();
    let mail = pending["others"].as_array().unwrap().iter().find(|device| device["method"] == "email").unwrap();
    let asked = json!({ "login": pending["login"], "device": mail["id"] });
    let pending = ada.program.post("/api/v1/login/send", &asked).await.body;
    let opened = ada.program.answers(&pending, &site.outbox.code()).await;
    assert_eq!(opened.body["session"]["acr"], "aal1", "{opened:?}");

    let rows = async || {
        let factors = site.world.store.factors(&ada.person.user.id).await.unwrap();
        let devices: Vec<_> = factors.devices.iter().map(|it| (it.id.clone(), it.status, it.name.clone())).collect();
        (factors.account, devices)
    };
    let before = format!("{:?}", rows().await);
    let document = ada.program.get("/api/v1/openapi.json").await.body;
    let phone = ada.program.get("/api/v1/devices").await.body["devices"][0]["id"].clone();
    let mut tried = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            if described["description"] != FRESH || path.contains("/setup") {
                continue;
            }
            let path = format!("/api/v1{}", path.replace("{id}", phone.as_str().unwrap()));
            let body = json!({ "name": "x", "method": "totp", "scopes": ["read"] }).to_string();
            let refused = ada.program.send(method.to_ascii_uppercase().parse::<Method>().unwrap(), &path, body).await;
            let told = (refused.status, refused.code(), refused.headers.get(header::WWW_AUTHENTICATE).cloned());
            let challenge = HeaderValue::from_static(
                "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal2\", max_age=\"600\"",
            );
            assert_eq!(told, (StatusCode::UNAUTHORIZED, "verification-needed", Some(challenge)), "{method} {path}");
            tried += 1;
        }
    }
    assert!(tried >= 9, "{tried}");
    let body = json!({ "phone_number": "31612345658", "mfa_code": "123456" }).to_string();
    for (method, path, body, status) in [
        (Method::DELETE, "/mfa/", "{}", StatusCode::UNAUTHORIZED),
        (Method::DELETE, "/mfa/", &*body, StatusCode::BAD_REQUEST),
        (Method::POST, "/mfa/recovery/", "{}", StatusCode::UNAUTHORIZED),
        (Method::GET, "/mfa/recovery/", "", StatusCode::METHOD_NOT_ALLOWED),
        (Method::PUT, "/mfa/sms/request/", &*body, StatusCode::BAD_REQUEST),
        (Method::PUT, "/mfa/sms/verify/", &*body, StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(ada.program.send(method, path, body.to_owned()).await.status, status, "{path} {body}");
    }
    let failures = site.world.store.factors(&ada.person.user.id).await.unwrap();
    assert_eq!(failures.devices[0].throttle.failures, 0, "a wrong proof in a session is not the device's failure");
    let events = site.world.store.events(&ada.person.user.id, 100).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.kind == EventKind::AnswerRefused).count(), 1, "and is recorded");
    assert_eq!(format!("{:?}", rows().await), before);
    let password = json!({ "current": ada.person.password, "new": "six words nobody would put together" });
    assert_eq!(ada.program.post("/api/v1/password", &password).await.code(), "verification-needed");
}

/// T133: there is one setting, so the name in an authenticator app is the one that the person has seen on the page.
#[tokio::test]
async fn t133_pages_and_authenticator_apps_show_one_name() {
    let site = Site::built(|parts| parts.config.issuer = "Analytical Engines".into(), |_| {});
    let page = site.browser().get("/account/login").await;
    assert!(page.says("Analytical Engines</title>"), "{}", page.body);
    let ada = site.newcomer("ada").await;
    let setup = ada.program.post("/api/v1/devices", &json!({ "method": "totp", "name": "Phone" })).await;
    let uri = setup.body["uri"].as_str().unwrap();
    assert!(
        uri.starts_with("otpauth://totp/Analytical%20Engines:") && uri.contains("issuer=Analytical%20Engines"),
        "{uri}"
    );
}
