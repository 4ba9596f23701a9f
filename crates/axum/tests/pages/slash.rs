//! Addresses with a slash at their end.

use axum::http::{Method, StatusCode};

use crate::site::Site;

/// Every page of these is found without a session or leads somewhere, whatever is asked of it.
const PAGES: [&str; 16] = [
    "/account",
    "/account/login",
    "/account/login/second-factor",
    "/account/logout",
    "/account/verify",
    "/account/password",
    "/account/two-factor",
    "/account/two-factor/setup",
    "/account/two-factor/setup/confirm",
    "/account/two-factor/setup/complete",
    "/account/two-factor/qr.svg",
    "/account/two-factor/qr.png",
    "/account/two-factor/backup-codes",
    "/account/two-factor/backup-code-used",
    "/account/two-factor/disable",
    "/account/two-factor/devices/abc/remove",
];

#[tokio::test]
async fn t156_a_page_with_a_slash_leads_to_its_own_address() {
    let site = Site::new();
    let mut browser = site.browser();
    for path in PAGES {
        for (slashed, there) in [
            (format!("{path}/"), path.to_owned()),
            (format!("{path}/?next=%2Fsecret"), format!("{path}?next=%2Fsecret")),
        ] {
            for method in [Method::GET, Method::HEAD] {
                let page = browser.send(method, &slashed, None).await;
                assert_eq!(page.status, StatusCode::PERMANENT_REDIRECT, "{slashed}");
                assert_eq!(page.location(), Some(there.clone()));
            }
        }
        let twice = browser.get(&format!("{path}//")).await;
        assert_eq!(twice.status, StatusCode::NOT_FOUND, "{path}//");
    }
    for odd in ["/account/two-factor/devices/%2F%2Fevil.example/remove/", "/account/two-factor/devices/../remove/"] {
        let page = browser.get(odd).await;
        assert!(page.status != StatusCode::PERMANENT_REDIRECT, "{odd}: {:?}", page.location());
        assert!(page.location().is_none_or(|way| way.starts_with("/account/login")), "{odd}: {:?}", page.location());
    }
}

#[tokio::test]
async fn a_form_that_is_sent_to_an_address_with_a_slash_is_served() {
    let site = Site::new();
    let mut ada = site.guest("ada");
    let mut form = ada.browser.get("/account/login").await.form_with("password");
    form.action = "/account/login/".into();
    let password = ada.person.password.clone();
    let page = ada.browser.submit(&form, "", &[("name", "ada"), ("password", &password)]).await;
    assert_eq!((page.status, page.location().as_deref()), (StatusCode::SEE_OTHER, Some("/")));
    assert_eq!(ada.browser.get("/who").await.body, "ada");
    let page = ada.browser.get("/account/two-factor/setup/cancel/").await;
    assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED, "as without the slash");
}
