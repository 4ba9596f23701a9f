//! The server's own pages: the way from `/` to the account page, a page for those who have proved a second factor, and two
//! probes.
//!
//! `/` redirects and shows nothing itself, so that the account page has one address: the one that links, `next` and histories
//! have.
//!
//! `/healthz` says that the process answers, `/readyz` that the database does too. Neither says anything else, to anybody.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{Redirect, Response},
    routing::get,
};
use countersign_axum::{Countersign, Verified, Visitor, context};
use countersign_engine::{Engine, FailureStreak};

/// First segments of paths that are the server's own, or those of Countersign's pages.
pub(crate) const TAKEN: [&str; 6] = ["account", "secret", "healthz", "readyz", "doctor", ".well-known"];

/// The account page, below the mount that the library has by default.
const ACCOUNT: &str = "/account/two-factor";

/// The pages, to be protected.
pub(crate) fn pages(site: Countersign) -> Router {
    Router::new()
        .route("/", get(account))
        .route("/secret", get(secret))
        .route("/secret/", get(async || Redirect::permanent("/secret")))
        .fallback(nothing)
        .with_state(site)
}

/// What a supervisor asks; it needs no session and is for no browser.
pub(crate) fn probes(engine: Engine) -> Router {
    Router::new()
        .route("/healthz", get(async || StatusCode::NO_CONTENT))
        .route("/readyz", get(ready))
        .with_state((engine, Arc::default()))
}

/// Templates by name; each can be replaced by a file of its name.
pub(crate) fn templates() -> Vec<(String, String)> {
    vec![("secret.html".into(), include_str!("../templates/secret.html").into())]
}

/// The texts of these pages.
pub(crate) fn texts() -> Vec<String> {
    vec![include_str!("../locales/en/server.ftl").into()]
}

async fn account() -> Redirect {
    Redirect::to(ACCOUNT)
}

async fn secret(State(site): State<Countersign>, visitor: Visitor, Verified(_): Verified) -> Response {
    site.render(&visitor, "secret.html", context! {}).await
}

/// The page for what does not exist.
pub(crate) async fn nothing(State(site): State<Countersign>, visitor: Visitor) -> Response {
    let mut response = site.render(&visitor, "message.html", context! { message => "message-not-found" }).await;
    if response.status().is_success() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

async fn ready(State((engine, streak)): State<(Engine, Arc<FailureStreak>)>) -> StatusCode {
    match engine.ready().await {
        Ok(()) => {
            streak.succeeded();
            StatusCode::NO_CONTENT
        }
        Err(fault) => {
            if let Some(failures) = streak.failed() {
                tracing::error!(%fault, failures, "not ready");
            }
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
