//! Device cookies: how a browser gets one, and what it is good for.

use countersign_engine::core::Level;

use super::site::{BROWSER, SESSION, Site};

/// D4, at the door: strangers use up the account's budget, and the owner comes in at the first try where they came in before.
#[tokio::test]
async fn the_owner_comes_in_where_they_came_in_before_whatever_strangers_do() {
    let site = Site::new();
    let mut ada = site.halfway("ada").await;
    let code = ada.person.code();
    let page = ada.answers(&code).await;
    let given: Vec<_> = page.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    let cookie = given.iter().find(|cookie| cookie.starts_with(BROWSER)).unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Max-Age=7776000"));
    assert!(!cookie.contains("ada"), "who uses a browser is nobody's business: {cookie}");
    site.world.pass(30);

    let mut stranger = site.browser();
    for guess in 0..30 {
        let form = stranger.get("/account/login").await.form_with("password");
        let page = stranger.submit(&form, "", &[("name", "ada"), ("password", &format!("guess {guess}"))]).await;
        assert_eq!(page.says("Too many failed attempts"), guess >= 20, "{guess}: {}", page.body);
    }
    let form = stranger.get("/account/login").await.form_with("password");
    let elsewhere = stranger.submit(&form, "", &[("name", "ada"), ("password", &ada.person.password)]).await;
    assert!(elsewhere.says("Too many failed attempts"), "{}", elsewhere.body);

    ada.browser.cookies.remove(SESSION);
    let form = ada.browser.get("/account/login").await.form_with("password");
    let page = ada.browser.submit(&form, "", &[("name", "ada"), ("password", &ada.person.password)]).await;
    ada.browser.follow(page).await;
    let code = ada.person.code();
    let page = ada.answers(&code).await;
    assert!(page.status.is_redirection(), "{}", page.body);
    let sessions = site.world.store.sessions(&ada.person.user.id).await.unwrap();
    assert!(sessions.iter().any(|session| session.level == Level::Aal2 && session.created == site.world.now()));
}

/// A sign-in in a browser with a device cookie warns of incorrect codes before the second factor. T125: in another
/// browser, the password alone shows neither failures nor names.
#[tokio::test]
async fn t125_a_user_with_a_device_cookie_is_told_of_wrong_codes() {
    let site = Site::new();
    let mut ada = site.halfway("ada").await;
    let code = ada.person.code();
    ada.answers(&code).await;
    let home = ada.browser.cookies.remove(BROWSER).unwrap();
    ada.browser.cookies.remove(SESSION);
    site.world.pass(30);
    ada.signs_in("").await;
    for _ in 0..3 {
        let wrong = ada.person.wrong_code();
        ada.answers(&wrong).await;
        site.world.pass(60);
    }
    let page = ada.browser.get("/account/login/second-factor").await;
    assert!(
        !page.says("incorrect codes have been entered for") && !page.says("Phone"),
        "to the password alone nothing is told: {}",
        page.body
    );
    assert!(page.says("Open your authenticator app and enter the code it shows."), "{}", page.body);
    ada.browser.cookies.insert(BROWSER.into(), home);
    let page = ada.browser.get("/account/login/second-factor").await;
    assert!(page.says("3 incorrect codes have been entered"), "{}", page.body);
    assert!(page.says("someone knows your password"), "{}", page.body);
    let code = ada.person.code();
    assert!(ada.answers(&code).await.status.is_redirection());
}
