//! Notices: a page shows them once after a redirect, and no other site can cause one.

use axum::http::StatusCode;
use countersign_axum::Origins;
use countersign_testkit::{Browser, Page};

use crate::site::{NOTICE, SESSION, Site};

const ACCOUNT: &str = "/account/two-factor";

fn cookie(page: &Page) -> Option<String> {
    let cookies = page.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
    cookies.filter(|cookie| cookie.contains(NOTICE)).map(str::to_owned).next()
}

/// T159
#[tokio::test]
async fn t159_a_notice_is_shown_once_and_is_in_no_address() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    let rename = ada.browser.get(ACCOUNT).await.body;
    let rename = rename.split("href=\"").find(|rest| rest.contains("rename\"")).unwrap();
    let rename = rename.split('"').next().unwrap().replace("&#x2f;", "/");
    let form = ada.browser.get(&rename).await.form_with("name");
    let page = ada.browser.submit(&form, &rename, &[("name", "Watch")]).await;
    assert_eq!(page.location().as_deref(), Some(ACCOUNT));
    let given = cookie(&page).unwrap();
    assert_eq!(given, "countersign-notice=renamed; HttpOnly; SameSite=Lax; Path=/; Max-Age=600");
    let page = ada.browser.follow(page).await;
    assert!(page.says("role=\"status\"") && page.says("Device renamed"), "{}", page.body);
    assert_eq!(
        cookie(&page).as_deref(),
        Some("countersign-notice=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"),
        "the page that shows it takes it away"
    );
    let page = ada.browser.get(ACCOUNT).await;
    assert!(!page.says("role=\"status\"") && cookie(&page).is_none(), "{}", page.body);
}

/// T159
#[tokio::test]
async fn t159_neither_a_link_nor_a_planted_cookie_makes_a_page_say_its_own_words() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    for query in ["why=password-changed", "notice=password-changed", "why=%3Cb%3Ecall+us", "message=call+us"] {
        let page = ada.browser.get(&format!("{ACCOUNT}?{query}")).await;
        assert!(!page.says("role=\"status\"") && !page.says("call us"), "{query}: {}", page.body);
    }
    for planted in ["call-us", "<b>call</b>", "why-renamed", "sign-in", "RENAMED", "renamed.next", "", "%72enamed"] {
        ada.browser.cookies.insert(NOTICE.into(), planted.into());
        let page = ada.browser.get(ACCOUNT).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.says("role=\"status\"") && !page.says("call"), "{planted}: {}", page.body);
    }
    // By https only the cookie counts that no neighbouring host can set.
    let site =
        Site::built(|_| {}, |settings| settings.origins = Origins::Public("https://example.org".parse().unwrap()));
    let mut browser = Browser::at(site.app.clone(), "example.org");
    browser.headers = site.browser().headers;
    browser.cookies.insert(NOTICE.into(), "signed-out".into());
    assert!(!browser.get("/account/login").await.says("You are signed out"));
    browser.cookies.insert("__Host-countersign-notice".into(), "signed-out".into());
    let page = browser.get("/account/login").await;
    assert!(page.says("You are signed out"), "{}", page.body);
    assert!(cookie(&page).unwrap().contains("Secure"));
}

#[tokio::test]
async fn an_ended_session_says_so_at_the_sign_in_page() {
    let site = Site::new();
    let mut stranger = site.browser();
    let page = stranger.visit("/secret").await;
    assert!(page.says("<label for=\"password\">") && !page.says("Your session has ended"), "{}", page.body);

    // One that was ended elsewhere, and one that was not used for too long.
    let mut ada = site.member("ada").await;
    let mut other = site.member("bob").await;
    ada.browser.cookies.insert(SESSION.into(), "A".repeat(other.browser.cookies[SESSION].len()));
    site.world.pass(11 * 60 * 60);
    for (browser, path) in [(&mut ada.browser, "/who"), (&mut other.browser, ACCOUNT)] {
        let page = browser.get(path).await;
        assert!(page.location().unwrap().starts_with("/account/login?next="), "{:?}", page.location());
        let page = browser.follow(page).await;
        assert!(page.says("Your session has ended. Sign in again."), "{}", page.body);
        assert!(page.says("<label for=\"name\">"), "{}", page.body);
    }

    // After signing out, the page says that, and nothing else.
    let mut eve = site.member("eve").await;
    let page = eve.browser.get("/account/logout").await.form_to("/account/logout");
    let page = eve.browser.submit(&page, "", &[]).await;
    let page = eve.browser.follow(page).await;
    assert!(page.says("You are signed out") && !page.says("has ended"), "{}", page.body);
    assert!(!eve.browser.visit("/secret").await.says("has ended"));
}

#[tokio::test]
async fn the_well_known_address_leads_to_the_password_page() {
    let site = Site::built(|_| {}, |settings| settings.mount = "/sign-in".into());
    let page = site.browser().get("/.well-known/change-password").await;
    assert_eq!((page.status, page.location().as_deref()), (StatusCode::SEE_OTHER, Some("/sign-in/password")));
    assert!(page.headers.contains_key("content-security-policy"), "it is within the layer");
    let page =
        site.browser().get("/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn home_is_where_a_sign_in_and_the_links_to_the_start_page_lead() {
    let site = Site::built(|_| {}, |settings| settings.home = "/who".into());
    let mut ada = site.guest("ada");
    assert_eq!(ada.signs_in("").await.location().as_deref(), Some("/who"));
    assert_eq!(ada.signs_in("?next=%2Fsecret").await.location().as_deref(), Some("/secret"));
    let page = ada.browser.get("/account/nowhere").await;
    assert_eq!(page.body.matches("href=\"&#x2f;who\"").count(), 2, "{}", page.body);
}
