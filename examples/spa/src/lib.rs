//! A single page in front of the JSON API: signing in, setting up and stepping up by `fetch`.
//!
//! The page, its script and its style sheet are plain files below `web/`, to be read and copied, without a build step.
//! The session is in a cookie that no script can read. The host adds little: a content security policy under which the
//! page may run its script and send requests to this site, a QR image, and one route that requires a recent
//! verification.

mod ada;

use axum::{
    Json, Router,
    extract::State,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::{get, post},
};
use countersign::{
    Countersign, Origins, Settings, SettingsError, SignedIn, VerifiedCallerWithin, Visitor, context, engine::Engine,
};
use qrcode::{QrCode, render::svg};
use serde_json::{Value, json};

pub use ada::{Ada, Terminal};

/// What the page may do: load files of this site, run its script, send requests to this site. Forms cannot be
/// submitted.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
);

/// The page and the vault, together with Countersign's API and pages.
pub fn app(engine: Engine, port: u16) -> Result<Router, SettingsError> {
    let settings = Settings {
        own_templates: vec![("index.html".into(), include_str!("../web/index.html").into())],
        ..Settings::new(Origins::Loopback { port })
    };
    let countersign = Countersign::new(engine, settings)?;
    let own = Router::new()
        .route("/", get(page).with_state(countersign.clone()))
        .route("/app.js", get(async || file("text/javascript; charset=utf-8", include_str!("../web/app.js"))))
        .route("/style.css", get(async || file("text/css; charset=utf-8", include_str!("../web/style.css"))))
        .route("/qr", post(qr))
        .route("/vault", get(vault));
    Ok(countersign.protect(own).merge(countersign.routes()))
}

/// The page is a template because of one line: the file name of Countersign's style sheet changes with its content.
async fn page(visitor: Visitor, State(countersign): State<Countersign>) -> Response {
    let mut page = countersign.render(&visitor, "index.html", context!()).await;
    page.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    page
}

fn file(kind: &'static str, content: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind)], content)
}

/// Draws a key's `otpauth:` URL as a QR code. It comes in a body, since it is as secret as the key.
async fn qr(_: SignedIn, uri: String) -> Response {
    match QrCode::new(&uri) {
        Ok(code) if uri.starts_with("otpauth:") => {
            ([(CONTENT_TYPE, "image/svg+xml")], code.render::<svg::Color<'_>>().build()).into_response()
        }
        _ => StatusCode::UNPROCESSABLE_ENTITY.into_response(),
    }
}

/// Requires a second factor within the last minute. Otherwise the response has a header with what is required (RFC
/// 9470), which the page's script follows.
async fn vault(VerifiedCallerWithin(caller): VerifiedCallerWithin<60>) -> Json<Value> {
    Json(json!({ "owner": caller.user().name, "holds": "a letter, two rings and a map without names" }))
}
