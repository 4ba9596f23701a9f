//! The accessibility of every page: in light and dark mode, on screens of three widths, with and without scripts,
//! checked by axe-core.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a trial fails by panicking")]

mod inspector;
mod map;
mod tour;
mod walk;

use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use tokio::net::TcpListener;
use trials::{PASSWORD, Person, Scripts, Server, code_of};

use crate::{
    inspector::Inspector,
    tour::{SUBMIT, Tour},
};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible_with_scripts() {
    every_page_is_accessible(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible_without_scripts() {
    every_page_is_accessible(Scripts::Off).await;
}

async fn every_page_is_accessible(scripts: Scripts) {
    let mut tour = Tour::begins(scripts).await;
    walk::knocks(&mut tour).await;
    walk::changes_the_password(&mut tour).await;
    walk::sets_up_every_method(&mut tour).await;
    let codes = walk::makes_backup_codes(&mut tour).await;
    walk::manages_devices(&mut tour).await;
    walk::verifies_again(&mut tour).await;
    walk::signs_in_by_every_device(&mut tour, &codes).await;
    walk::disables(&mut tour).await;
    walk::meets_a_fault(&mut tour).await;
    tour.ends().await;
}

/// The server's own pages.
#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_the_server_are_accessible() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::demo(folder.path());
    let person = Person::at(&server.address, Scripts::On, (1280, 900)).await;
    let mut inspector = Inspector::new(&person, Scripts::Off, Some("accessible-server")).await;
    for path in ["/", "/nowhere"] {
        person.opens(path).await;
        inspector.inspects(&person).await;
    }
    person.opens("/account/login").await;
    person.types("name", "demo").await;
    person.types("password", PASSWORD).await;
    person.clicks(SUBMIT).await;
    person.opens("/").await;
    inspector.inspects(&person).await;
    person.opens("/account/two-factor/setup").await;
    person.clicks_on("Authenticator app").await;
    if !person.sees("code.key").await {
        person.clicks(SUBMIT).await;
    }
    let code = code_of(&person.text("code.key").await);
    person.types("code", &code).await;
    person.clicks(SUBMIT).await;
    for path in ["/", "/secret"] {
        person.opens(path).await;
        inspector.inspects(&person).await;
    }
    assert_eq!(person.path().await, "/secret");
    assert!(inspector.faults().is_empty(), "{}", inspector.faults().join("\n"));
    person.leaves().await;
}

/// A page with one error of each kind: a text with low contrast in dark mode only, two targets that are too small, and
/// an element that is too wide for the smallest screen.
const FAULTY: &str = r#"<!doctype html><html lang="en"><head><title>Faulty</title><style>
body { background: #fff; color: #000 }
@media (prefers-color-scheme: dark) { body { background: #000; color: #333 } }
a { display: inline-block; width: 9px; height: 9px; overflow: hidden; color: inherit }
</style></head><body><main><h1>Faulty</h1><p>Text</p><nav aria-label="Links"><a href="/a">a</a><a href="/b">b</a></nav>
<div style="width: 350px">Wide</div></main></body></html>"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_inspector_finds_what_is_wrong() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tour::serves(listener, Router::new().route("/", get(async || ([(CONTENT_TYPE, "text/html")], FAULTY))));
    for scripts in [Scripts::On, Scripts::Off] {
        let person = Person::at(&address, Scripts::On, (1280, 900)).await;
        let mut inspector = Inspector::new(&person, scripts, None).await;
        person.opens("/").await;
        inspector.inspects(&person).await;
        let found =
            |words: &[&str]| inspector.faults().iter().any(|fault| words.iter().all(|word| fault.contains(word)));
        let in_dark = scripts == Scripts::On;
        assert_eq!(found(&["dark", "color-contrast"]), in_dark, "{:?}", inspector.faults());
        assert!(!found(&["light", "color-contrast"]), "{:?}", inspector.faults());
        assert!(found(&["light", "target-size"]), "{:?}", inspector.faults());
        assert_eq!(found(&["dark", "target-size"]), in_dark, "{:?}", inspector.faults());
        assert!(found(&["320 px", "px wide"]) && !found(&["390 px", "px wide"]), "{:?}", inspector.faults());
        person.leaves().await;
    }
}
