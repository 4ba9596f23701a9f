//! A form that is sent twice: a password manager submits, and the person presses Enter 100 ms later.

use axum::http::StatusCode;
use countersign_testkit::{Page, SoftApp};

use crate::site::{BROWSER, Guest, PENDING, SESSION, SETUP, Site, key};

fn leads_to(page: &Page, there: &str) {
    assert_eq!((page.status, page.location().as_deref()), (StatusCode::SEE_OTHER, Some(there)), "{}", page.body);
}

/// T162: both were sent with the same cookies.
#[tokio::test]
async fn t162_the_second_submission_of_a_code_signs_in_with_the_same_session() {
    let site = Site::new();
    let mut ada = site.halfway("ada").await;
    let form = ada.browser.get("/account/login/second-factor?next=%2Fsecret").await.form_with("code");
    let mut second = ada.browser.clone();
    let code = ada.person.code();
    leads_to(&ada.browser.submit(&form, "/account/login/second-factor", &[("code", &code)]).await, "/secret");
    leads_to(&second.submit(&form, "/account/login/second-factor", &[("code", &code)]).await, "/secret");
    assert_eq!(second.cookies[SESSION], ada.browser.cookies[SESSION]);
    assert!(!second.cookies.contains_key(PENDING));
    assert!(ada.browser.cookies.contains_key(BROWSER));
    assert_eq!(second.get("/secret").await.body, "secret");
}

/// T163: the browser has the session and has used it; the second submission comes with the new cookies.
#[tokio::test]
async fn t163_a_second_submission_after_the_first_answer_leads_on_and_changes_nothing() {
    let site = Site::new();
    let mut ada = site.halfway("ada").await;
    let form = ada.browser.get("/account/login/second-factor?next=%2Fsecret").await.form_with("code");
    let (late, code) = (ada.browser.clone(), ada.person.code());
    ada.browser.submit(&form, "/account/login/second-factor", &[("code", &code)]).await;
    let session = ada.browser.cookies[SESSION].clone();
    leads_to(&ada.browser.submit(&form, "/account/login/second-factor", &[("code", &code)]).await, "/secret");
    assert_eq!(ada.browser.cookies[SESSION], session);
    // Another client with the old cookies gets nothing, now that the session is in use.
    let mut late = late;
    leads_to(
        &late.submit(&form, "/account/login/second-factor", &[("code", &code)]).await,
        "/account/login?next=%2Fsecret",
    );
    assert_ne!(late.cookies.get(SESSION), Some(&session));
}

/// T162: a stale form without a session is not redirected.
#[tokio::test]
async fn t162_a_stale_form_of_nobody_in_particular_is_refused_as_ever() {
    let site = Site::new();
    let mut ada = site.halfway("ada").await;
    let form = ada.browser.get("/account/login/second-factor").await.form_with("code");
    let page = site.browser().submit(&form, "/account/login/second-factor", &[("code", "123456")]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    // Nor is one in a session that was not just created by a login.
    let mut member = site.member("bob").await;
    site.world.pass(61);
    let page = member.browser.submit(&form, "/account/login/second-factor", &[("code", "123456")]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}

/// Opens the confirmation of a new app.
async fn begins_setup(guest: &mut Guest) -> (Page, SoftApp) {
    let page = guest.browser.visit("/account/two-factor/setup?method=totp").await;
    let page = guest.browser.submit(&page.form_with("method"), "", &[]).await;
    let page = guest.browser.follow(page).await;
    let app = SoftApp::with_key(&key(&page));
    (page, app)
}

const CONFIRM: &str = "/account/two-factor/setup/confirm";
const COMPLETE: &str = "/account/two-factor/setup/complete";

/// T166: a setup that is open in two tabs is confirmed in both: at the same moment, and in one after the other.
#[tokio::test]
async fn t166_a_setup_that_is_open_in_two_tabs_is_confirmed_in_both() {
    let site = Site::new();
    let mut ada = site.newcomer("ada").await;
    let (page, app) = begins_setup(&mut ada).await;
    let form = page.form_with("code");
    let mut second = ada.browser.clone();
    let code = app.code_at(site.world.now());
    leads_to(&ada.browser.submit(&form, CONFIRM, &[("code", &code)]).await, COMPLETE);
    leads_to(&second.submit(&form, CONFIRM, &[("code", &code)]).await, COMPLETE);
    assert_eq!(second.cookies[SESSION], ada.browser.cookies[SESSION]);
    assert!(!second.cookies.contains_key(SETUP));
    assert!(ada.browser.get(COMPLETE).await.says("Your second factor is set up"));
    // The other tab, with the cookies of now.
    leads_to(&ada.browser.submit(&form, CONFIRM, &[("code", &code)]).await, COMPLETE);
    assert_eq!(ada.browser.get("/secret").await.body, "secret");
}

/// T166
#[tokio::test]
async fn t166_a_step_up_a_password_and_switching_off_are_sent_twice() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    for (page, field, there) in [
        ("/account/verify?next=%2Fsecret", "code", "/secret"),
        ("/account/password", "current", "/account/two-factor"),
        ("/account/two-factor/disable", "attempt", "/account/two-factor"),
    ] {
        site.world.pass(30);
        let form = ada.browser.get(page).await.form_with(field);
        let mut second = ada.browser.clone();
        let (code, password) = (ada.person.code(), ada.person.password.clone());
        let filled: &[(&str, &str)] = match field {
            "code" => &[("code", &code)],
            "current" => &[("current", &password), ("new", "a new long password"), ("again", "a new long password")],
            _ => &[("sure", "yes")],
        };
        let path = page.split('?').next().unwrap();
        leads_to(&ada.browser.submit(&form, path, filled).await, there);
        leads_to(&second.submit(&form, path, filled).await, there);
        assert_eq!(second.cookies[SESSION], ada.browser.cookies[SESSION], "{page}");
        assert_eq!(ada.browser.get("/who").await.body, "ada", "{page}");
    }
}

/// T167: a page that was on its way with the old cookie is no reason to sign in, and is not led round in circles.
#[tokio::test]
async fn t167_a_page_with_the_replaced_cookie_says_so_and_asks_for_no_password() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    let mut tab = ada.browser.clone();
    let form = ada.browser.get("/account/verify").await.form_with("code");
    ada.browser.submit(&form, "/account/verify", &[("code", &ada.person.code())]).await;
    let page = tab.get("/secret").await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert!(page.says("renewed by another request") && page.says("href=\"&#x2f;secret\""), "{}", page.body);
    // Signing out with it ends no session, and says so.
    let out = tab.get("/account/logout").await.form_to("/account/logout");
    assert_eq!(tab.submit(&out, "", &[]).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ada.browser.get("/who").await.body, "ada");
    site.world.pass(60);
    assert!(tab.get("/secret").await.location().unwrap().starts_with("/account/login?"));
}
