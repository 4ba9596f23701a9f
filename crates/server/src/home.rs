//! The server's own pages: a redirect from `/` to the account page, a page that requires a second factor, and two
//! probes.
//!
//! `/` redirects and has no content, so that the account page has one URL, in links, in `next` and in browser
//! histories.
//!
//! `/healthz` reports that the process responds, `/readyz` that the database does too. Neither reports anything else.

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

/// The first path segments that belong to the server or to Countersign's pages.
pub(crate) const TAKEN: [&str; 6] = ["account", "secret", "healthz", "readyz", "doctor", ".well-known"];

/// The account page, below the library's default mount.
const ACCOUNT: &str = "/account/two-factor";

/// The pages, still to be protected by the site's layer.
pub(crate) fn pages(site: Countersign) -> Router {
    Router::new()
        .route("/", get(account))
        .route("/secret", get(secret))
        .route("/secret/", get(async || Redirect::permanent("/secret")))
        .fallback(nothing)
        .with_state(site)
}

/// The probes for supervisors. They need no session.
pub(crate) fn probes(engine: Engine) -> Router {
    Router::new()
        .route("/healthz", get(async || StatusCode::NO_CONTENT))
        .route("/readyz", get(ready))
        .with_state((engine, Arc::default()))
}

/// The templates by name; each can be replaced by a file of the same name.
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

/// The page for paths that do not exist.
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
