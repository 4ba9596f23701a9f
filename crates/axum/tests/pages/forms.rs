//! Forms: who made them, and in which order they are sent. No field decides anything that it was not made for.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use countersign_engine::core::throttle::ThrottleRule;
use countersign_testkit::{Form, Page, SoftApp, WISHES};

use crate::site::{Guest, NONCE, PENDING, SESSION, Site, key};

const EVERY_FORM: &[&str] = &[
    "login",
    "second factor",
    "restart",
    "logout",
    "begin",
    "codes",
    "password",
    "disable",
    "verify",
    "confirm",
    "cancel",
    "prefer",
    "rename",
    "remove",
    "send",
    "send to verify",
    "send to set up",
];

/// Forms whose response is a page that cannot be opened again.
const SHOWS: [&str; 2] = ["codes", "send to verify"];

/// A user with a form, filled in correctly.
async fn form(site: &Site, name: &str) -> (Guest, Form) {
    form_of(site, name, &name.replace(' ', "-")).await
}

async fn form_of(site: &Site, name: &str, user: &str) -> (Guest, Form) {
    match name {
        "login" => {
            let mut guest = site.guest(user);
            let form = guest.browser.get("/account/login").await.form_with("password");
            let password = guest.person.password.clone();
            (guest, filled(form, &[("name", user), ("password", &password)]))
        }
        "second factor" => {
            let mut guest = site.halfway(user).await;
            let form = guest.browser.get("/account/login/second-factor").await.form_with("code");
            let code = guest.person.code();
            (guest, filled(form, &[("code", &code)]))
        }
        "restart" => {
            let mut guest = site.halfway(user).await;
            let form = guest.browser.get("/account/login/second-factor").await.form_to("/account/login/restart");
            (guest, form)
        }
        "logout" => {
            let mut guest = site.member(user).await;
            let form = guest.browser.get("/account/two-factor").await.form_to("/account/logout");
            (guest, form)
        }
        "begin" => {
            let mut guest = site.member(user).await;
            let form = guest.browser.get("/account/two-factor/setup?method=totp").await.form_with("method");
            (guest, form)
        }
        "codes" => {
            let mut guest = site.member(user).await;
            let form = guest.browser.get("/account/two-factor/backup-codes").await.form_with("attempt");
            (guest, form)
        }
        "password" => {
            let mut guest = site.member(user).await;
            let form = guest.browser.get("/account/password").await.form_with("again");
            let (current, new) = (guest.person.password.clone(), "a new long password");
            (guest, filled(form, &[("current", &current), ("new", new), ("again", new)]))
        }
        "disable" => {
            let mut guest = site.member(user).await;
            let form = guest.browser.get("/account/two-factor/disable").await.form_with("attempt");
            (guest, filled(form, &[("sure", "yes")]))
        }
        "verify" => {
            let mut guest = site.member(user).await;
            let form = guest.browser.get("/account/verify").await.form_with("code");
            let code = guest.person.code();
            (guest, filled(form, &[("code", &code)]))
        }
        "confirm" | "cancel" => {
            let mut guest = site.newcomer(user).await;
            let page = guest.browser.get("/account/two-factor/setup?method=totp").await;
            let page = guest.browser.submit(&page.form_with("method"), "", &[]).await;
            let page = guest.browser.follow(page).await;
            if name == "cancel" {
                return (guest, page.form_to("/account/two-factor/setup/cancel"));
            }
            let code = SoftApp::with_key(&key(&page)).code_at(site.world.now());
            (guest, filled(page.form_with("code"), &[("code", &code)]))
        }
        "prefer" | "rename" | "remove" => {
            let mut guest = site.member(user).await;
            guest.sets_up(&site.world).await;
            let page = guest.browser.get("/account/two-factor").await;
            let prefer = page.forms().into_iter().find(|form| form.action.ends_with("/prefer")).unwrap();
            if name == "prefer" {
                return (guest, prefer);
            }
            let action = prefer.action.replace("/prefer", &format!("/{name}"));
            let form = guest.browser.get(&action).await.form_to(&action);
            (guest, form)
        }
        "send" | "send to verify" | "send to set up" => form_that_sends(site, name, user).await,
        other => panic!("there is no form {other}"),
    }
}

/// A user with a phone, who can be sent a code by the form.
async fn form_that_sends(site: &Site, name: &str, user: &str) -> (Guest, Form) {
    let mut guest = site.newcomer(user).await;
    guest.sets_up_phone(&site.world).await;
    let (page, action) = match name {
        "send" => {
            guest.browser = site.browser();
            guest.signs_in("").await;
            ("/account/login/second-factor", "/account/login/send")
        }
        "send to verify" => ("/account/verify", "/account/verify/send"),
        _ => {
            let page = guest.browser.get("/account/two-factor/setup?method=call").await;
            guest.browser.submit(&page.form_with("method"), "", &[("to", &format!("{}9", guest.number()))]).await;
            ("/account/two-factor/setup/confirm", "/account/two-factor/setup/send")
        }
    };
    let form = guest.browser.get(page).await.form_to(action);
    site.world.pass(60);
    (guest, form)
}

fn filled(mut form: Form, values: &[(&str, &str)]) -> Form {
    for (name, value) in values {
        form.fields.retain(|(field, _)| field != name);
        form.fields.push(((*name).into(), (*value).into()));
    }
    form
}

fn with(form: &Form, name: &str, value: Option<&str>) -> Form {
    let mut form = form.clone();
    form.fields.retain(|(field, _)| field != name);
    form.fields.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    form
}

fn gives_a_session(page: &Page) -> bool {
    let given = page.headers.get_all("set-cookie").iter();
    given
        .map(|cookie| cookie.to_str().unwrap())
        .any(|cookie| cookie.starts_with("countersign=") && !cookie.contains("Max-Age=0"))
}

/// The code of the refusal that this page tells; empty if it tells none.
fn refusal(page: &Page) -> &'static str {
    page.extensions.get::<countersign_axum::Refused>().map_or("", |refused| refused.0)
}

/// R87: a form is rejected without the CSRF token of its own session, whatever cookies come with it.
#[tokio::test]
async fn no_form_is_taken_that_was_not_made_for_this_browser() {
    let site = Site::with_every_method();
    let mut stranger = site.browser();
    let foreign = stranger.get("/account/login").await.form_with("password").fields[0].1.clone();
    for name in EVERY_FORM.iter().copied() {
        let (mut guest, form) = form(&site, name).await;
        let cookies = guest.browser.cookies.clone();
        // The same form, made for another user or for none, is rejected.
        let (_, others) = form_of(&site, name, &format!("not-{}", name.replace(' ', "-"))).await;
        let others = others.fields.iter().find(|(field, _)| field == "form").unwrap().1.clone();
        for tag in [None, Some(""), Some("x"), Some(&*foreign), Some(&*others)] {
            let page = guest.browser.submit(&with(&form, "form", tag), "", &[]).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{name} with the token {tag:?}");
            assert!(page.says("no longer valid") && !gives_a_session(&page), "{name}");
        }
        for (header, value, status) in [
            ("sec-fetch-site", "cross-site", StatusCode::FORBIDDEN),
            ("sec-fetch-site", "same-site", StatusCode::FORBIDDEN),
            ("origin", "http://evil.example", StatusCode::FORBIDDEN),
            ("origin", "null", StatusCode::FORBIDDEN),
        ] {
            let headers = guest.browser.headers.clone();
            guest.browser.headers.insert(HeaderName::from_static(header), HeaderValue::from_static(value));
            let page = guest.browser.submit(&form, "", &[]).await;
            assert_eq!(page.status, status, "{name} with {header}: {value}");
            assert!(page.says("another site") && !gives_a_session(&page), "{name}");
            guest.browser.headers = headers;
        }
        guest.browser.cookies = cookies;
        guest.browser.headers.insert("origin", HeaderValue::from_static("http://localhost:8000"));
        guest.browser.headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        let page = guest.browser.submit(&form, "", &[]).await;
        assert!(
            page.status.is_redirection() || SHOWS.contains(&name) && page.status == StatusCode::OK,
            "{name}: {}",
            page.body
        );
    }
}

#[tokio::test]
async fn t12_no_step_can_be_left_out_or_taken_from_another_flow() {
    let site = Site::with_every_method();
    for name in EVERY_FORM.iter().copied() {
        let (mut guest, form) = form(&site, name).await;
        // Sent without the cookie it rests on, a form does nothing.
        let resting_on = match name {
            "login" => NONCE,
            "second factor" | "restart" | "send" => PENDING,
            _ => SESSION,
        };
        let cookies = guest.browser.cookies.clone();
        guest.browser.cookies.remove(resting_on);
        let page = guest.browser.submit(&form, "", &[]).await;
        assert!(matches!(page.status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED), "{name}: {}", page.status);
        assert!(!gives_a_session(&page), "{name}");
        guest.browser.cookies = cookies.clone();
        // Sent to every other address, it does nothing either.
        for path in [
            "/account/login/second-factor",
            "/account/verify",
            "/account/two-factor/setup/confirm",
            "/account/two-factor/disable",
            "/account/two-factor/backup-codes",
            "/account/two-factor/devices/x/remove",
            "/account/two-factor/devices/x/prefer",
            "/account/password",
        ] {
            if path == form.action {
                continue;
            }
            let mut other = form.clone();
            other.action = path.into();
            let page = guest.browser.submit(&other, "", &[]).await;
            let harmless = page.status.is_client_error()
                || page.location().is_some_and(|way| {
                    way.starts_with("/account/two-factor/setup") || way.starts_with("/account/verify?")
                });
            assert!(harmless && !gives_a_session(&page), "{name} at {path}: {} {:?}", page.status, page.location());
            guest.browser.cookies = cookies.clone();
        }
    }
}

#[tokio::test]
async fn t12_finished_flows_do_not_run_again() {
    let site = Site::with_every_method();
    for name in EVERY_FORM.iter().copied() {
        let (mut guest, form) = form(&site, name).await;
        let cookies = guest.browser.cookies.clone();
        guest.browser.submit(&form, "", &[]).await;
        if matches!(name, "second factor" | "confirm" | "verify" | "password" | "disable") {
            // Sent twice, it gives the same session once more, until that is used.
            let first = guest.browser.clone();
            guest.browser.cookies = cookies.clone();
            guest.browser.submit(&form, "", &[]).await;
            assert_eq!(guest.browser.cookies[SESSION], first.cookies[SESSION], "{name}");
            assert_eq!(guest.browser.get("/who").await.status, StatusCode::OK, "{name}");
        }
        guest.browser.cookies = cookies;
        let page = guest.browser.submit(&form, "", &[]).await;
        let repeatable = matches!(name, "login" | "logout" | "begin" | "prefer" | "rename" | "restart" | "cancel");
        assert!(repeatable || !gives_a_session(&page), "{name}: {}", page.status);
        assert!(page.status != StatusCode::OK && !page.status.is_server_error(), "{name}: {}", page.status);
    }
}

/// T8: at neither step of a login does an extra field make a wrong answer pass, and none spares the second factor.
#[tokio::test]
async fn t8_a_field_nobody_asked_for_decides_nothing() {
    // No limit refuses an answer before it is checked.
    let site = Site::built(
        |parts| {
            parts.config.throttle = ThrottleRule::OFF;
            let limits = &mut parts.config.password_attempts;
            (limits.per_account, limits.per_address, limits.rate_per_ip) = (u32::MAX, u32::MAX, 0);
        },
        |_| {},
    );
    let mut ada = site.halfway("ada").await;
    let second_step = ada.browser.get("/account/login/second-factor").await.form_with("code");
    let mut stranger = site.browser();
    let first_step = stranger.get("/account/login").await.form_with("password");
    let (right, wrong) = (ada.person.password.clone(), ada.person.wrong_code());
    let wrong_code = filled(second_step, &[("code", &wrong)]);
    let wrong_password = filled(first_step.clone(), &[("name", "ada"), ("password", "a guess")]);
    let right_password = filled(first_step, &[("name", "ada"), ("password", &right)]);
    for wish in WISHES {
        for value in ["1", "true", "yes", "aal2", "id-ada"] {
            let page = ada.browser.submit(&with(&wrong_code, wish, Some(value)), "", &[]).await;
            assert_eq!(refusal(&page), "code-wrong", "{wish}={value}");
            assert!(page.status.is_client_error() && !gives_a_session(&page), "{wish}={value}");
            let page = stranger.clone().submit(&with(&wrong_password, wish, Some(value)), "", &[]).await;
            assert_eq!(refusal(&page), "invalid-credentials", "{wish}={value}");
            assert!(page.status.is_client_error() && !gives_a_session(&page), "{wish}={value}");
            let page = stranger.clone().submit(&with(&right_password, wish, Some(value)), "", &[]).await;
            assert_eq!(page.location().as_deref(), Some("/account/login/second-factor"), "{wish}={value}");
            assert!(!gives_a_session(&page), "{wish}={value}");
        }
    }
    let mut newcomer = site.newcomer("new").await;
    for wish in WISHES {
        let query = format!("/secret?{wish}=1&{wish}=true");
        assert!(newcomer.browser.get(&query).await.status.is_redirection(), "{query}");
    }
}

#[tokio::test]
async fn w01_a_password_alone_never_changes_factors_that_exist() {
    let site = Site::new();
    // Two password-only sessions; one of them sets up a device.
    let mut ada = site.newcomer("ada").await;
    let page = ada.browser.get("/account/two-factor/setup").await;
    let begin = page.form_with("method");
    let page = ada.browser.submit(&begin, "", &[]).await;
    let page = ada.browser.follow(page).await;
    let confirm = page.form_with("code");
    let app = SoftApp::with_key(&key(&page));
    let mut thief = std::mem::replace(&mut ada.browser, site.browser());
    ada.signs_in("").await;
    ada.sets_up(&site.world).await;
    for (form, value) in [(&confirm, app.code_at(site.world.now())), (&begin, String::new())] {
        let page = thief.submit(form, "", &[("code", &value)]).await;
        assert!(
            !gives_a_session(&page) && page.status == StatusCode::UNAUTHORIZED,
            "the first setup ended this session"
        );
    }
    // A verified session that has grown old begins nothing either.
    let begin = ada.browser.get("/account/two-factor/setup").await.form_with("method");
    site.world.pass(601);
    let page = ada.browser.submit(&begin, "", &[]).await;
    assert_eq!(page.location().as_deref(), Some("/account/verify?next=%2Faccount%2Ftwo-factor%2Fsetup"));
}

#[tokio::test]
async fn a_hosts_own_form_is_checked_too() {
    let site = Site::new();
    let mut stranger = site.browser();
    let token = stranger.get("/own").await.body;
    assert_eq!(stranger.post("/own", &[("form", &token), ("word", "hello")]).await.body, "hello");
    assert_eq!(stranger.post("/own", &[("word", "hello")]).await.status, StatusCode::FORBIDDEN);
    let mut ada = site.newcomer("ada").await;
    assert_eq!(ada.browser.post("/own", &[("form", &token), ("word", "hello")]).await.status, StatusCode::FORBIDDEN);
    let token = ada.browser.get("/own").await.body;
    assert_eq!(ada.browser.post("/own", &[("form", &token), ("word", "hello")]).await.body, "hello");
}
