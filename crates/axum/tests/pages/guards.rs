//! Guards: every state of a session at every demand.

use axum::http::{StatusCode, header::ACCEPT};
use countersign_testkit::Browser;

use crate::site::Site;

/// What a program is challenged with where a second factor was not proved (RFC 9470).
const STRONGER: &str = "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal2\"";
const FRESHER: &str = "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal2\", max_age=\"60\"";

/// What one finds: the page, or the way to where the demand can be met.
const HERE: &str = "";

#[tokio::test]
async fn every_state_at_every_guard() {
    let site = Site::new();
    let stranger = site.browser();
    let newcomer = site.newcomer("new").await.browser;
    let halfway = site.halfway("half").await.browser;
    let fresh = site.member("fresh").await.browser;
    let stale = site.member("stale").await.browser;
    site.world.pass(60);
    // Only this one has proved a device within the last minute.
    let fresh = verified_again(&site, fresh).await;
    let login = |next: &str| format!("/account/login?next={next}");
    let setup = |next: &str| format!("/account/two-factor/setup?next={next}");
    let table = [
        ("stranger", stranger, [login("%2Fwho"), login("%2Fsecret"), login("%2Ffresh")]),
        ("halfway", halfway, [login("%2Fwho"), login("%2Fsecret"), login("%2Ffresh")]),
        ("newcomer", newcomer, [HERE.into(), setup("%2Fsecret"), setup("%2Ffresh")]),
        ("stale", stale, [HERE.into(), HERE.into(), "/account/verify?next=%2Ffresh".into()]),
        ("fresh", fresh, [HERE.into(), HERE.into(), HERE.into()]),
    ];
    for (state, mut browser, ways) in table {
        for (path, way) in ["/who", "/secret", "/fresh"].into_iter().zip(ways) {
            let page = browser.get(path).await;
            assert_eq!(page.location().unwrap_or_default(), way, "{state} at {path}: {}", page.status);
            browser.headers.remove(ACCEPT);
            let api = browser.get(path).await;
            let (expected, challenge) = match (way.as_str(), path) {
                (HERE, _) => (StatusCode::OK, None),
                (way, _) if way.starts_with("/account/login") => (StatusCode::UNAUTHORIZED, Some("Bearer")),
                (_, "/secret") => (StatusCode::UNAUTHORIZED, Some(STRONGER)),
                _ => (StatusCode::UNAUTHORIZED, Some(FRESHER)),
            };
            assert_eq!(api.status, expected, "{state} at {path} by a client");
            let told = api.headers.get("www-authenticate").map(|challenge| challenge.to_str().unwrap());
            assert_eq!(told, challenge, "{state} at {path} by a client");
            browser.headers = site.browser().headers;
        }
        let sent = browser.post("/secret", &[]).await;
        assert!(sent.location().is_none(), "a form is not led away: {state}");
    }
}

async fn verified_again(site: &Site, mut browser: Browser<axum::Router>) -> Browser<axum::Router> {
    // A person's app is not at hand here; a second setup verifies the session as well.
    let page = browser.visit("/account/two-factor/setup").await;
    let page = browser.submit(&page.form_with("method"), "", &[]).await;
    let page = browser.follow(page).await;
    let app = countersign_testkit::SoftApp::with_key(&crate::site::key(&page));
    browser.submit(&page.form_with("code"), "", &[("code", &app.code_at(site.world.now()))]).await;
    browser
}

#[tokio::test]
async fn stepping_up_leads_back_and_makes_a_new_session() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    site.world.pass(120);
    let before = ada.browser.cookies.clone();
    let page = ada.browser.visit("/fresh").await;
    assert!(page.says("Confirm it’s you"), "{}", page.body);
    let wrong = ada.browser.submit(&page.form_with("code"), "", &[("code", "12")]).await;
    assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.says("does not look like a code"));
    let page = ada.browser.submit(&wrong.form_with("code"), "", &[("code", &ada.person.code())]).await;
    assert_eq!(page.location().as_deref(), Some("/fresh"));
    assert_ne!(ada.browser.cookies, before);
    assert_eq!(ada.browser.get("/fresh").await.body, "fresh");
    let mut old = site.browser();
    old.cookies = before;
    assert_eq!(old.get("/who").await.status, StatusCode::UNAUTHORIZED, "the old session is over");
    site.world.pass(60);
    assert!(old.get("/who").await.status.is_redirection(), "and nobody is told any more that it was replaced");
}

#[tokio::test]
async fn an_old_password_does_not_begin_a_first_setup() {
    let site = Site::new();
    let mut ada = site.newcomer("ada").await;
    site.world.pass(601);
    let page = ada.browser.get("/account/two-factor/setup?next=%2Fsecret").await;
    let way = page.location().unwrap();
    assert_eq!(way, "/account/login?next=%2Faccount%2Ftwo-factor%2Fsetup%3Fnext%3D%252Fsecret&again=yes");
    let page = ada.browser.get(&way).await;
    assert!(page.says("Sign in again to continue"), "{}", page.body);
    let (name, password) = (ada.person.user.name.clone(), ada.person.password.clone());
    let page = ada.browser.submit(&page.form_with("password"), "", &[("name", &name), ("password", &password)]).await;
    assert_eq!(page.location().as_deref(), Some("/account/two-factor/setup?next=%2Fsecret"));
    let page = ada.browser.follow(page).await;
    assert!(page.says("name=\"next\" value=\"&#x2f;secret\""), "{}", page.body);
}

#[tokio::test]
async fn actions_on_factors_ask_for_a_fresh_proof_first() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    ada.makes_backup_codes().await;
    site.world.pass(601);
    for page in ["setup", "disable"] {
        let way = ada.browser.get(&format!("/account/two-factor/{page}")).await.location();
        assert_eq!(way, Some(format!("/account/verify?next=%2Faccount%2Ftwo-factor%2F{page}")));
    }
    let page = ada.browser.get("/account/two-factor/backup-codes").await;
    assert!(page.says("You have 10 backup codes left") && page.says("Confirm it’s you"), "{}", page.body);
    assert!(!page.forms().iter().any(|form| form.fields.iter().any(|(name, _)| name == "attempt")));
}

#[tokio::test]
async fn nobody_is_told_that_a_setup_is_complete_before_it_is() {
    let site = Site::new();
    let mut ada = site.newcomer("ada").await;
    let way = ada.browser.get("/account/two-factor/setup/complete").await.location().unwrap();
    assert!(way.starts_with("/account/two-factor/setup?"), "{way}");
}

#[tokio::test]
async fn a_route_outside_the_layer_refuses() {
    let app = axum::Router::new()
        .route("/", axum::routing::get(async |countersign_axum::SignedIn(_): countersign_axum::SignedIn| "in"));
    let mut browser = Browser::at(app, "localhost:8000");
    assert_eq!(browser.get("/").await.status, StatusCode::SERVICE_UNAVAILABLE);
}
