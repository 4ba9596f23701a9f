//! A device that is lost: a backup code in its place, what is told then, and another device in its place.

use axum::http::StatusCode;
use countersign_testkit::{Page, SoftApp};

use crate::site::{Guest, Site, key};

/// Signs in with a backup code, on the way to this page.
async fn signs_in_with(ada: &mut Guest, code: &str, query: &str) -> Page {
    let page = ada.signs_in(query).await;
    let page = ada.browser.follow(page).await;
    let other = page.body.split("<form method=\"get\"").nth(1).unwrap();
    let device = other.split("name=\"device\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let page = ada.browser.get(&format!("/account/login/second-factor?device={device}")).await;
    assert!(page.says("autocomplete=\"off\"") && !page.says("one-time-code"), "{}", page.body);
    ada.browser.submit(&page.form_with("code"), "", &[("code", code)]).await
}

#[tokio::test]
async fn after_a_backup_code_one_is_told_how_many_are_left_and_what_to_do() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    let codes = ada.makes_backup_codes().await;
    assert_eq!(
        ada.browser.get("/account/two-factor/backup-code-used").await.location().as_deref(),
        Some("/account/two-factor")
    );
    ada.browser = site.browser();
    let page = signs_in_with(&mut ada, &codes[0], "?next=%2Fsecret").await;
    let way = "/account/two-factor/backup-code-used?next=%2Fsecret";
    assert_eq!((page.status, page.location().as_deref()), (StatusCode::SEE_OTHER, Some(way)));
    let page = ada.browser.get(way).await;
    assert!(page.says("You have 9 backup codes left") && page.says("replace it now"), "{}", page.body);
    assert!(page.says("href=\"&#x2f;secret\""), "and on to where one wanted to go: {}", page.body);
    assert!(!page.says("Create new backup codes"));
    for code in &codes[1..7] {
        ada.browser = site.browser();
        signs_in_with(&mut ada, code, "").await;
    }
    let page = ada.browser.get("/account/two-factor/backup-code-used").await;
    assert!(page.says("You have 3 backup codes left") && page.says("Create new backup codes"), "{}", page.body);
}

#[tokio::test]
async fn the_only_device_is_replaced_and_renamed() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    let page = ada.browser.get("/account/two-factor").await;
    assert!(!page.says("/remove\""), "the only device is not removed: {}", page.body);
    let id = page.body.split("devices/").nth(1).unwrap().split('/').next().unwrap().to_owned();

    let rename = format!("/account/two-factor/devices/{id}/rename");
    let form = ada.browser.get(&rename).await.form_to(&rename);
    let page = ada.browser.submit(&form, "", &[("name", "  ")]).await;
    assert!(page.status == StatusCode::UNPROCESSABLE_ENTITY && page.says("aria-invalid"), "{}", page.body);
    let page = ada.browser.submit(&form, "", &[("name", "Old phone")]).await;
    let page = ada.browser.follow(page).await;
    assert!(page.says("Device renamed") && page.says("Old phone"), "{}", page.body);
    assert_eq!(ada.browser.get("/account/two-factor/devices/nobodys/rename").await.status, StatusCode::NOT_FOUND);

    let setup = format!("/account/two-factor/setup?replace={id}");
    assert!(page.says(&format!("replace={id}")));
    let page = ada.browser.get(&setup).await;
    assert!(page.says("Old phone") && page.says("will be removed when the new device is set up"), "{}", page.body);
    let wrong = ada.browser.submit(&page.form_with("method"), "", &[("method", "sms")]).await;
    assert!(wrong.form_with("method").fields.contains(&("replace".into(), id.clone())), "{}", wrong.body);
    let page = ada.browser.submit(&page.form_with("method"), "", &[]).await;
    let page = ada.browser.follow(page).await;
    assert!(page.says("Old phone"), "what goes is told at the last step, too: {}", page.body);
    let app = SoftApp::with_key(&key(&page));
    let proof = [("code", &*app.code_at(site.world.now())), ("name", "New phone")];
    ada.browser.submit(&page.form_with("code"), "", &proof).await;
    let page = ada.browser.get("/account/two-factor").await;
    assert!(page.says("New phone") && !page.says("Old phone"), "{}", page.body);
    let gone = ada.browser.get(&setup).await;
    assert!(gone.status.is_client_error() && gone.says("does not exist or is no longer active"), "{}", gone.body);
}

#[tokio::test]
async fn a_name_is_not_typed_in_vain() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    let page = ada.browser.get("/account/two-factor").await;
    let action = page.body.split("href=\"").find(|rest| rest.contains("rename\"")).unwrap();
    let action = action.split('"').next().unwrap().replace("&#x2f;", "/");
    site.world.pass(601);
    let page = ada.browser.get(&action).await;
    assert!(page.location().unwrap().starts_with("/account/verify?next="), "the proof is asked for first");
}
