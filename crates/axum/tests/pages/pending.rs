//! A pending login is not a session, whatever happens to it.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use async_trait::async_trait;
use axum::http::StatusCode;
use countersign_engine::{Fault, Observer, User, core::Session};

use crate::site::{PENDING, SESSION, SETUP, Site};

#[tokio::test]
async fn t2_what_a_browser_holds_before_the_second_step_opens_nothing() {
    let site = Site::new();
    // Another user's session fills the caches first.
    let mut member = site.member("warm").await;
    let ada = site.halfway("ada").await;
    let held: Vec<_> = ada.browser.cookies.values().cloned().collect();
    assert!(ada.browser.cookies.contains_key(PENDING) && !ada.browser.cookies.contains_key(SESSION));
    for path in [
        "/who",
        "/secret",
        "/fresh",
        "/account/two-factor",
        "/account/two-factor/setup",
        "/account/two-factor/setup?method=sms",
        "/account/two-factor/setup/confirm",
        "/account/two-factor/setup/complete",
        "/account/two-factor/backup-codes",
        "/account/two-factor/disable",
        "/account/two-factor/devices/x/remove",
        "/account/two-factor/qr.svg",
        "/account/password",
        "/account/verify",
    ] {
        assert!(member.browser.get(path).await.status != StatusCode::UNAUTHORIZED);
        for value in &held {
            for name in [SESSION, PENDING, SETUP] {
                let mut browser = site.browser();
                browser.cookies = ada.browser.cookies.clone();
                browser.cookies.insert(name.into(), value.clone());
                let page = browser.get(path).await;
                let way = page.location().unwrap_or_default();
                assert!(way.starts_with("/account/login"), "{path} with {name}: {} {way}", page.status);
            }
        }
    }
}

#[tokio::test]
async fn t3_a_user_with_a_factor_proves_it_though_no_page_requires_it() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    ada.browser = site.browser();
    let page = ada.signs_in("").await;
    assert_eq!(page.location().as_deref(), Some("/account/login/second-factor"));
    assert!(!ada.browser.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn t5_a_pending_login_survives_what_has_nothing_to_do_with_it() {
    let site = Site::new();
    let mut ada = site.halfway("ada").await;
    let pending = ada.browser.cookies[PENDING].clone();
    for path in [
        "/favicon.ico",
        "/",
        "/account/nothing",
        "/account/static/x",
        "/secret",
        "/account/two-factor",
        "/panic",
        "/account/logout",
    ] {
        ada.browser.get(path).await;
    }
    ada.browser.post("/account/login", &[("name", "ada"), ("password", "x")]).await;
    ada.browser.post("/account/logout", &[]).await;
    assert_eq!(ada.browser.cookies[PENDING], pending);
    let page = ada.browser.get("/account/login").await;
    let shown = page.body.replace("&#x2f;", "/");
    assert!(shown.contains("href=\"/account/login/second-factor\""), "a bookmark leads back to it: {shown}");
    assert_eq!(ada.answers(&ada.person.code()).await.location().as_deref(), Some("/"));
}

#[derive(Debug, Default)]
struct Moody(AtomicU8);

#[async_trait]
impl Observer for Moody {
    async fn before_session(&self, _: &User, _: &Session) -> Result<(), Fault> {
        match self.0.load(Ordering::SeqCst) {
            0 => Ok(()),
            1 => Err(Fault::because("ask the host", "a cause with a secret in it")),
            _ => panic!("a panic with a secret in it"),
        }
    }
}

#[tokio::test]
async fn t5_a_hook_that_fails_or_panics_gives_no_session() {
    let moody = Arc::new(Moody::default());
    let site = Site::built(|parts| parts.observer = moody.clone(), |_| {});
    let mut ada = site.halfway("ada").await;
    let mut newcomer = site.guest("new");
    for mood in [1, 2] {
        moody.0.store(mood, Ordering::SeqCst);
        for page in [ada.answers(&ada.person.code()).await, newcomer.signs_in("").await] {
            assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(page.says("Something went wrong") && !page.says("secret in it"), "{}", page.body);
            assert!(page.headers.get("set-cookie").is_none());
        }
    }
    moody.0.store(0, Ordering::SeqCst);
    let page = ada.answers(&ada.person.code()).await;
    assert_eq!(page.location().as_deref(), Some("/"), "nothing was used up, and the pending login is alive");
}

#[tokio::test]
async fn t6_signing_out_and_starting_over_kill_a_pending_login() {
    for action in ["/account/logout", "/account/login/restart"] {
        let site = Site::new();
        let mut ada = site.halfway("ada").await;
        let held = ada.browser.cookies.clone();
        let page = if action == "/account/logout" { "/account/logout" } else { "/account/login/second-factor" };
        let form = ada.browser.get(page).await.form_to(action);
        let challenge = ada.browser.get("/account/login/second-factor").await;
        let page = ada.browser.submit(&form, "", &[]).await;
        assert!(page.status.is_redirection() && !ada.browser.cookies.contains_key(PENDING), "{action}");
        ada.browser.cookies = held;
        let page = ada.browser.submit(&challenge.form_with("code"), "", &[("code", &ada.person.code())]).await;
        assert_eq!(page.location().as_deref(), Some("/account/login"), "{action}");
        assert!(!ada.browser.cookies.contains_key(SESSION) && !ada.browser.cookies.contains_key(PENDING));
    }
}

#[tokio::test]
async fn a_login_times_out_and_says_so() {
    let site = Site::new();
    let mut ada = site.halfway("ada").await;
    let page = ada.browser.get("/account/login/second-factor?next=%2Fsecret").await;
    site.world.pass(601);
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", &ada.person.code())]).await;
    assert_eq!(page.location().as_deref(), Some("/account/login?next=%2Fsecret"));
    let page = ada.browser.follow(page).await;
    assert!(page.says("This sign-in has expired") && page.says("name=\"password\""), "{}", page.body);
}

#[tokio::test]
async fn a_user_whose_every_device_is_disabled_is_told_and_not_let_in() {
    let site = Site::built(|parts| parts.config.throttle.cap = std::num::NonZeroU32::new(2), |_| {});
    let mut ada = site.halfway("ada").await;
    let wrong = ada.person.wrong_code();
    ada.answers(&wrong).await;
    site.world.pass(5);
    let page = ada.answers(&wrong).await;
    assert!(
        page.status == StatusCode::FORBIDDEN && page.says("Your device was disabled after too many incorrect codes"),
        "{}",
        page.body
    );
    assert!(!ada.browser.cookies.contains_key(PENDING));
    let page = ada.signs_in("").await;
    assert!(
        page.status == StatusCode::FORBIDDEN && page.says("Your device was disabled after too many incorrect codes"),
        "{}",
        page.body
    );
    assert!(!ada.browser.cookies.contains_key(SESSION));
}
