//! Proving the password again, and changing it.

use axum::http::StatusCode;

use crate::site::{SESSION, Site};

#[tokio::test]
async fn to_prove_the_password_again_nothing_else_is_asked_for() {
    let site = Site::new();
    let mut ada = site.newcomer("ada").await;
    site.world.pass(601);
    let page = ada.browser.visit("/account/two-factor/setup").await;
    assert!(page.says("Confirm your password") && page.says("You are signed in as"), "{}", page.body);
    assert!(!page.says("<label for=\"name\">") && page.says("<label for=\"password\">"), "{}", page.body);
    let form = page.form_with("password");
    let wrong = ada.browser.submit(&form, "", &[("password", "not the password")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.says("You are signed in as") && !wrong.says("<label for=\"name\">"), "{}", wrong.body);
    let session = ada.browser.cookies[SESSION].clone();
    let password = ada.person.password.clone();
    let page = ada.browser.submit(&wrong.form_with("password"), "", &[("password", &password)]).await;
    assert_eq!(page.location().as_deref(), Some("/account/two-factor/setup"));
    assert_ne!(ada.browser.cookies[SESSION], session);
    assert_eq!(ada.browser.get("/account/two-factor/setup").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_stranger_is_asked_for_both_whatever_the_address_says() {
    let site = Site::new();
    let mut stranger = site.browser();
    let page = stranger.get("/account/login?again=yes").await;
    assert!(page.says("<label for=\"name\">") && !page.says("You are signed in as"), "{}", page.body);
    let form = page.form_with("password");
    let page = stranger.submit(&form, "", &[("name", "ada"), ("password", "x"), ("again", "yes")]).await;
    assert!(page.says("<label for=\"name\">") && !page.says("You are signed in as"), "{}", page.body);
}

/// The field that has the cursor, and those that are described by the problem.
fn cursor(body: &str) -> (String, Vec<String>) {
    let fields: Vec<_> = body.split("<input id=\"").skip(1).map(|rest| rest.split('>').next().unwrap()).collect();
    let name = |field: &&str| field.split('"').next().unwrap().to_owned();
    let focused: Vec<_> = fields.iter().filter(|field| field.contains(" autofocus")).map(name).collect();
    assert_eq!(focused.len(), 1, "{fields:?}");
    let described = fields.iter().filter(|field| field.contains("problem\"")).map(name).collect();
    (focused[0].clone(), described)
}

#[tokio::test]
async fn the_cursor_is_in_the_field_that_was_wrong() {
    let site = Site::new();
    let mut ada = site.newcomer("ada").await;
    let page = ada.browser.get("/account/password").await;
    assert_eq!(cursor(&page.body), ("current".to_owned(), vec![]));
    let form = page.form_with("again");
    let password = ada.person.password.clone();
    for (current, new, again, wrong) in [
        ("wrong", "a new long password", "a new long password", "current"),
        (&*password, &*password, &*password, "new"),
        (&*password, "a new long password", "another long password", "again"),
    ] {
        let page = ada.browser.submit(&form, "", &[("current", current), ("new", new), ("again", again)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert_eq!(cursor(&page.body), (wrong.to_owned(), vec![wrong.to_owned()]));
    }
    let page = ada.browser.get("/account/two-factor/setup?method=totp").await;
    let page = ada.browser.submit(&page.form_with("method"), "", &[]).await;
    let page = ada.browser.follow(page).await;
    let page = ada.browser.submit(&page.form_with("code"), "", &[("code", "123456"), ("name", "")]).await;
    assert_eq!(cursor(&page.body), ("name".to_owned(), vec!["name".to_owned()]));
}
