//! The example works: a user with a password alone is sent to the setup, and only a second factor gives access to the
//! vault.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{convert::Infallible, path::Path};

use countersign_testkit::{Browser, Page, SoftApp};
use hello::{People, app};
use http::{Request, Response};
use tower::{Service, ServiceExt as _, util::BoxCloneService};

const LOGIN: &str = "/sign-in/login";
const SETUP: &str = "/sign-in/two-factor/setup";
const PASSWORD: &str = "correct horse battery";

type Site = BoxCloneService<Request<String>, Response<axum::body::Body>, Infallible>;

fn site(folder: &Path) -> Site {
    let people = People::open(&folder.join("people.db")).unwrap();
    people.add_once("ada", PASSWORD).unwrap();
    let (site, _) = app(people, folder, 3000).unwrap();
    site.map_request(|request: Request<String>| request.map(axum::body::Body::from)).boxed_clone()
}

async fn signs_in<S>(browser: &mut Browser<S>, password: &str) -> Page
where
    S: Service<Request<String>, Response = Response<axum::body::Body>, Error = Infallible> + Clone,
{
    let form = browser.visit("/vault").await.form_with("password");
    let answer = browser.submit(&form, LOGIN, &[("name", "ada"), ("password", password)]).await;
    browser.follow(answer).await
}

#[tokio::test]
async fn the_vault_opens_for_a_second_factor_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut browser = Browser::at(site(folder.path()), "localhost:3000");
    assert!(browser.get("/").await.says("Hello, stranger"));

    let refused = signs_in(&mut browser, "wrong").await;
    assert!(refused.status.is_client_error());
    let page = signs_in(&mut browser, PASSWORD).await;
    assert!(!page.says("The vault is open"), "a password alone opens nothing");
    assert!(browser.get("/").await.says("Hello, ada"));

    let begun = browser.submit(&page.form_with("method"), SETUP, &[]).await;
    let page = browser.follow(begun).await;
    let (_, key) = page.body.split_once("<code class=\"key\"").unwrap();
    let key = key.split_once('>').unwrap().1.split('<').next().unwrap();
    let now = countersign::engine::Clock::now(&countersign::engine::SystemClock);
    let code = SoftApp::with_key(key).code_at(now);
    let answer = browser.submit(&page.form_with("code"), SETUP, &[("code", &code)]).await;
    assert!(answer.status.is_redirection());
    assert!(browser.get("/vault").await.says("The vault is open, ada"));
}
