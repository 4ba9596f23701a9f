//! Which pages a form may come from, by what browsers say of it, and what the log says of those that were rejected.

use axum::http::{HeaderValue, StatusCode};

use crate::{log::Log, site::Site};

/// B09: a proxy, or a browser, that says `Referrer-Policy: no-referrer` makes browsers send `Origin: null` with a site's own forms.
#[tokio::test]
async fn t157_a_null_origin_is_ours_where_the_browser_says_that_it_is_the_same() {
    let site = Site::new();
    for (origin, fetch_site, is_ours) in [
        ("null", Some("same-origin"), true),
        ("null", None, false),
        ("null", Some("cross-site"), false),
        ("null", Some("same-site"), false),
        ("null", Some("none"), false),
        ("null", Some("same-origin, cross-site"), false),
        ("http://evil.example", Some("same-origin"), false),
        ("NULL", Some("same-origin"), false),
        ("http://localhost:8000", Some("same-origin"), true),
        ("http://localhost:8000", None, true),
    ] {
        let mut ada = site.guest("ada");
        let form = ada.browser.get("/account/login").await.form_with("password");
        ada.browser.headers.insert("origin", HeaderValue::from_static(origin));
        if let Some(fetch_site) = fetch_site {
            ada.browser.headers.insert("sec-fetch-site", HeaderValue::from_static(fetch_site));
        }
        let password = ada.person.password.clone();
        let page = ada.browser.submit(&form, "", &[("name", "ada"), ("password", &password)]).await;
        let expected = if is_ours { StatusCode::SEE_OTHER } else { StatusCode::FORBIDDEN };
        assert_eq!(page.status, expected, "{origin} {fetch_site:?}");
        let wrong = ada.browser.submit(&form, "", &[("form", "x")]).await;
        assert_eq!(wrong.status, StatusCode::FORBIDDEN, "never without the form's token");
    }
}

#[tokio::test]
async fn t157_the_log_says_why_a_request_was_rejected() {
    let log = Log::start();
    let site = Site::new();
    let mut browser = site.browser();
    let form = browser.get("/account/login").await.form_with("password");
    browser.submit(&form, "", &[("form", "x")]).await;
    let lines = log.lines("the form's token is missing, or was made for another session or browser");
    assert!(lines.iter().any(|line| line.contains("WARN") && line.contains("request rejected")), "{lines:?}");
    let origin = "http://a-page-of-this-test.example";
    browser.headers.insert("origin", HeaderValue::from_static(origin));
    browser.headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    browser.submit(&form, "", &[("password", "a secret password")]).await;
    let lines = log.lines(origin);
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in ["request rejected", "another site sent it", "cross-site", "http://localhost:8000"] {
        assert!(lines[0].contains(part), "{part}: {lines:?}");
    }
    assert_eq!(log.lines("a secret password"), [""; 0]);
    for _ in 0..50 {
        browser.submit(&form, "", &[]).await;
    }
    assert!(log.lines(origin).len() <= 10, "a client cannot fill the log");
}
