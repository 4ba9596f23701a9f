//! When we could not decide, the answer is neither yes nor no.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::http::{HeaderValue, StatusCode, header::ACCEPT};
use countersign_engine::Fault;
use countersign_testkit::HookedUsers;

use crate::{
    log::Log,
    site::{SESSION, Site},
};

#[tokio::test]
async fn a_fault_is_an_incident_and_its_cause_goes_to_the_log() {
    let log = Log::start();
    let down = Arc::new(AtomicBool::new(false));
    let line = Arc::clone(&down);
    let reach = move |_| {
        let down = line.load(Ordering::SeqCst);
        let fault = Fault::busy("reach the users at ldap.internal", Duration::from_millis(2100));
        async move { if down { Err(fault) } else { Ok(()) } }
    };
    let site = Site::built(|parts| parts.users = HookedUsers::new(Arc::clone(&parts.users), reach), |_| {});
    let mut ada = site.member("ada").await;
    let mut stranger = site.guest("eve");
    let (login, mut half) = (stranger.browser.get("/account/login").await, site.halfway("half").await);
    let challenge = half.browser.get("/account/login/second-factor").await;
    down.store(true, Ordering::SeqCst);
    let code = half.person.code();
    for page in [
        ada.browser.get("/secret").await,
        ada.browser.get("/account/two-factor").await,
        stranger.browser.submit(&login.form_with("password"), "", &[("name", "eve"), ("password", "x")]).await,
        half.browser.get("/account/login/second-factor").await,
        half.browser.submit(&challenge.form_with("code"), "", &[("code", &code)]).await,
    ] {
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(page.headers["retry-after"], "3");
        assert!(page.headers.get("set-cookie").is_none() && page.location().is_none());
        assert!(!page.says("ldap"), "a stranger never sees a cause: {}", page.body);
        let incident = page.body.split("<code class=\"key\">").nth(1).unwrap().split('<').next().unwrap();
        let line = log.lines(incident).remove(0);
        assert!(line.contains("ERROR") && line.contains("could not reach the users at ldap.internal"), "{line}");
    }
    down.store(false, Ordering::SeqCst);
    assert_eq!(ada.browser.get("/secret").await.body, "secret", "the session has survived");
    let page = half.browser.submit(&challenge.form_with("code"), "", &[("code", &code)]).await;
    assert_eq!(page.location().as_deref(), Some("/"), "and so has the pending login");
    assert!(half.browser.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn a_panic_is_a_fault_too() {
    let site = Site::new();
    let mut ada = site.member("ada").await;
    let held = ada.browser.cookies.clone();
    let page = ada.browser.get("/panic").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.says("Something went wrong") && !page.says("a secret in a panic"));
    assert_eq!(ada.browser.cookies, held);
}

#[tokio::test]
async fn a_page_that_cannot_be_rendered_is_a_fault() {
    let site = Site::built(
        |_| {},
        |settings| settings.own_templates.push(("home.html".into(), "{{ nothing.at.all }}".into())),
    );
    let page = site.browser().get("/").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.says("Something went wrong") && !page.says("at.all"), "{}", page.body);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_a_fault_in_the_form_of_its_client() {
    let site = Site::built(|_| {}, |settings| settings.answer_within = Some(Duration::from_secs(30)));
    let mut browser = site.browser();
    let page = browser.get("/never").await;
    assert_eq!((page.status, &page.headers["retry-after"]), (StatusCode::SERVICE_UNAVAILABLE, &"5".parse().unwrap()));
    assert_eq!(page.headers["cache-control"], "no-store");
    assert!(page.says("Something went wrong"), "{}", page.body);

    browser.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let told = browser.get("/never").await;
    assert_eq!((told.status, &told.headers["retry-after"]), (StatusCode::SERVICE_UNAVAILABLE, &"5".parse().unwrap()));
    assert_eq!(told.headers["content-type"], "application/problem+json");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&told.body).unwrap()["code"], "fault");

    let mut patient = Site::new().browser();
    let waiting = tokio::time::timeout(Duration::from_hours(1), patient.get("/never"));
    assert!(waiting.await.is_err(), "where nothing is said, nobody is given up");
}
