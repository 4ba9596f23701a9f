//! What every answer carries: cookies, headers, and the right refusal of a wrong method.

use axum::http::{HeaderValue, Method, StatusCode};
use countersign_axum::Origins;
use countersign_testkit::{Browser, Page};

use crate::site::{BROWSER, PENDING, SETUP, Site};

const PAGES: &[&str] = &[
    "/account/login",
    "/account/login/second-factor",
    "/account/logout",
    "/account/verify",
    "/account/two-factor",
    "/account/two-factor/setup",
    "/account/two-factor/setup/confirm",
    "/account/two-factor/setup/complete",
    "/account/two-factor/qr.svg",
    "/account/two-factor/qr.png",
    "/account/two-factor/backup-codes",
    "/account/two-factor/disable",
    "/account/two-factor/devices/x/remove",
    "/account/password",
    "/account/nothing",
    "/account/static/nothing.css",
    "/account",
    "/account/",
    "/",
    "/secret",
    "/panic",
];

fn is_careful(path: &str, page: &Page) {
    let csp = page.headers["content-security-policy"].to_str().unwrap();
    assert!(csp.starts_with("default-src 'none';") && csp.contains("frame-ancestors 'none'"), "{path}: {csp}");
    assert!(!csp.contains("unsafe") && !csp.contains('*'), "{path}: {csp}");
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(page.headers.get(name).unwrap(), value, "{path}: {name}");
    }
}

#[tokio::test]
async fn every_page_is_careful_for_everybody() {
    let site = Site::new();
    for mut browser in [
        site.browser(),
        site.halfway("half").await.browser,
        site.newcomer("new").await.browser,
        site.member("member").await.browser,
    ] {
        for path in PAGES {
            let page = browser.get(path).await;
            is_careful(path, &page);
            assert!(page.status != StatusCode::INTERNAL_SERVER_ERROR, "{path}");
            assert_eq!(page.status == StatusCode::SERVICE_UNAVAILABLE, *path == "/panic", "{path}: {}", page.body);
            is_careful(path, &browser.send(Method::HEAD, path, None).await);
            is_careful(path, &browser.send(Method::POST, path, Some("x".into())).await);
        }
    }
}

#[tokio::test]
async fn only_a_page_that_has_something_for_it_runs_the_script() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    let runs = |page: &countersign_testkit::Page| {
        let allowed = page.headers["content-security-policy"].to_str().unwrap().contains("script-src");
        assert_eq!(page.body.contains("<script"), allowed, "{}", page.body);
        allowed
    };
    for (path, scripted) in [
        ("/account/login", true),
        ("/account/password", true),
        ("/account/two-factor", true),
        ("/account/two-factor/backup-codes", false),
        ("/account/two-factor/disable", false),
        ("/account/logout", false),
        ("/account/nothing", false),
        ("/", false),
    ] {
        assert_eq!(runs(&ada.browser.get(path).await), scripted, "{path}");
    }
    let page = ada.browser.get("/account/two-factor/backup-codes").await;
    let page = ada.browser.submit(&page.form_with("attempt"), "", &[]).await;
    is_careful("made", &page);
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("script-src 'self'"));
    let script = page.body.split("<script src=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#x2f;", "/");
    let script = ada.browser.get(&script).await;
    assert_eq!(
        (script.status, &script.headers["content-type"]),
        (StatusCode::OK, &HeaderValue::from_static("text/javascript; charset=utf-8"))
    );
    assert_eq!(script.headers["cache-control"], "public, max-age=31536000, immutable");
}

#[tokio::test]
async fn a_wrong_method_is_told_which_are_right() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    for (method, path, allow) in [
        (Method::PUT, "/account/login", "GET,HEAD,POST"),
        (Method::DELETE, "/account/two-factor", "GET,HEAD"),
        (Method::POST, "/account/two-factor", "GET,HEAD"),
        (Method::POST, "/account/two-factor/qr.svg", "GET,HEAD"),
        (Method::POST, "/account/two-factor/setup/complete", "GET,HEAD"),
        (Method::GET, "/account/login/restart", "POST"),
        (Method::GET, "/account/two-factor/setup/cancel", "POST"),
        (Method::GET, "/account/two-factor/devices/x/prefer", "POST"),
        (Method::OPTIONS, "/account/password", "GET,HEAD,POST"),
        (Method::PATCH, "/account/logout", "GET,HEAD,POST"),
    ] {
        let page = ada.browser.send(method.clone(), path, None).await;
        assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert_eq!(page.headers["allow"], allow, "{method} {path}");
        assert!(page.says("Method not allowed"), "{method} {path}");
    }
    let page = ada.browser.send(Method::PUT, "/account/nothing/at/all", None).await;
    assert!(page.status == StatusCode::NOT_FOUND && page.says("Page not found"));
}

#[tokio::test]
async fn cookies_are_as_narrow_as_they_can_be() {
    for https in [false, true] {
        let site = Site::built(
            |_| {},
            |settings| {
                if https {
                    settings.origins = Origins::Public("https://example.org".parse().unwrap());
                }
            },
        );
        let mut ada = site.guest("ada");
        if https {
            ada.browser = Browser::at(site.app.clone(), "example.org");
        }
        let mut seen = vec![];
        let page = ada.browser.get("/account/login").await;
        seen.extend(given(&page));
        seen.extend(given(&ada.signs_in("").await));
        let page = ada.browser.get("/account/two-factor/setup").await;
        seen.extend(given(&ada.browser.submit(&page.form_with("method"), "", &[]).await));
        ada.sets_up(&site.world).await;
        ada.browser.cookies.clear();
        seen.extend(given(&ada.signs_in("").await));
        assert_eq!(seen.len(), 5, "{seen:#?}");
        for cookie in &seen {
            assert_eq!(cookie.starts_with("__Host-"), https, "{cookie}");
            assert_eq!(cookie.contains("; Secure"), https, "{cookie}");
            assert!(
                cookie.contains("; HttpOnly") && cookie.contains("; Path=/") && !cookie.contains("Domain"),
                "{cookie}"
            );
            let attempt = cookie.contains(PENDING) || cookie.contains(SETUP);
            let known = cookie.contains(BROWSER);
            assert!(cookie.contains(if attempt || known { "SameSite=Strict" } else { "SameSite=Lax" }), "{cookie}");
            assert_eq!(cookie.contains("Max-Age=7776000"), known, "{cookie}");
            assert_eq!(cookie.contains("Max-Age=600"), attempt, "{cookie}");
        }
        assert_eq!(page.headers.contains_key("strict-transport-security"), https);
    }
}

fn given(page: &Page) -> Vec<String> {
    page.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn r85_every_grant_gives_a_new_session_and_takes_what_led_there() {
    let site = Site::new();
    let mut ada = site.guest("ada");
    let mut seen = std::collections::BTreeSet::new();
    ada.signs_in("").await;
    assert!(seen.insert(ada.browser.cookies["countersign"].clone()));
    ada.sets_up(&site.world).await;
    assert!(seen.insert(ada.browser.cookies["countersign"].clone()), "after setting up");
    assert!(!ada.browser.cookies.contains_key(SETUP));
    ada.signs_in("").await;
    assert!(ada.browser.cookies.contains_key(PENDING));
    ada.answers(&ada.person.code()).await;
    assert!(seen.insert(ada.browser.cookies["countersign"].clone()), "after signing in over a session");
    assert!(!ada.browser.cookies.contains_key(PENDING));
    for old in &seen {
        let mut browser = site.browser();
        browser.cookies.insert("countersign".into(), old.clone());
        let alive = browser.get("/who").await.status == StatusCode::OK;
        assert_eq!(alive, *old == ada.browser.cookies["countersign"], "only the newest session is alive");
    }
}

#[tokio::test]
async fn a_qr_image_is_there_while_a_setup_runs_and_for_nobody_else() {
    let site = Site::new();
    let mut ada = site.newcomer("ada").await;
    for image in ["/account/two-factor/qr.svg", "/account/two-factor/qr.png"] {
        assert_eq!(ada.browser.get(image).await.status, StatusCode::NOT_FOUND);
    }
    let page = ada.browser.get("/account/two-factor/setup").await;
    ada.browser.submit(&page.form_with("method"), "", &[]).await;
    for _ in 0..2 {
        let svg = ada.browser.get("/account/two-factor/qr.svg").await;
        assert_eq!(
            (svg.status, &svg.headers["content-type"]),
            (StatusCode::OK, &HeaderValue::from_static("image/svg+xml; charset=utf-8"))
        );
        assert!(svg.says("<svg") && svg.says("fill=\"#fff\""), "on white");
        let png = ada.browser.get("/account/two-factor/qr.png").await;
        assert_eq!(
            (png.status, &png.headers["content-type"]),
            (StatusCode::OK, &HeaderValue::from_static("image/png"))
        );
    }
    let mut eve = site.newcomer("eve").await;
    eve.browser.cookies.insert(SETUP.into(), ada.browser.cookies[SETUP].clone());
    assert_eq!(eve.browser.get("/account/two-factor/qr.svg").await.status, StatusCode::NOT_FOUND);
    let page = ada.browser.get("/account/two-factor/setup/confirm").await;
    let mut running = ada.browser.clone();
    let page = ada.browser.submit(&page.form_to("/account/two-factor/setup/cancel"), "", &[]).await;
    assert!(ada.browser.follow(page).await.says("Setup cancelled"));
    for browser in [&mut ada.browser, &mut running] {
        assert_eq!(browser.get("/account/two-factor/qr.svg").await.status, StatusCode::NOT_FOUND);
    }
}
