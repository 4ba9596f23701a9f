//! The front end for clients that were written for deux: the same paths, fields and statuses, at `/mfa`.
//!
//! It exists only where the settings enable it. It decides nothing and is not weaker than the others: all results come
//! from the engine, with the same throttle, budgets and marks. `docs/parity/deux.md` gives the reason for every
//! difference from deux. Old clients that cannot verify again may be exempt from it ([`Settings::deux`]).
//!
//! ```text
//! POST authtoken/login/ ──▶ {"token"} | {"mfa_required", "mfa_type"}   and again, with mfa_code or backup_code
//! POST oauth2/token/    ──▶ tokens    | the same
//! PUT  sms/request/ ──▶ a code ──▶ PUT sms/verify/ ──▶ on        GET /, DELETE /, POST recovery/
//! ```
//!
//! [`Settings::deux`]: crate::Settings::deux

mod authtoken;
mod fields;
mod oauth2;
mod recovery;
mod request;
mod sms;
mod status;
mod told;

use axum::{
    Router,
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any, get, post, put},
};

use self::request::{PublicRequest, SignedInRequest};
#[cfg(test)]
pub(crate) use self::told::refused_at_login;
use crate::{Visitor, redirect::LocalPath};

/// All routes, at their full paths. The paths of deux itself may also end in `.json`.
pub(crate) fn router(mount: &LocalPath) -> Router {
    let at = |path: &str| format!("{mount}{path}");
    let own = [
        ("/", "/.json", owned(|_| "GET, DELETE, OPTIONS", get(status::show).delete(status::disable))),
        ("/sms/request/", "/sms/request.json", owned(|_| "PUT, PATCH, OPTIONS", put(sms::request).patch(sms::request))),
        ("/sms/verify/", "/sms/verify.json", owned(|_| "PUT, PATCH, OPTIONS", put(sms::verify).patch(sms::verify))),
        ("/recovery/", "/recovery.json", owned(recovery::allowed, get(recovery::read).post(recovery::make))),
    ];
    let mut router = Router::new();
    for (path, suffixed, resource) in own {
        router = router.route(&at(path), resource.clone()).route(&at(suffixed), resource);
        router = router.route(&at(path.trim_end_matches('/')), unslashed());
    }
    for (path, resource) in [("/authtoken/login/", post(authtoken::login)), ("/oauth2/token/", post(oauth2::token))] {
        router = router.route(&at(path), opened(resource)).route(&at(path.trim_end_matches('/')), unslashed());
    }
    router.route(&at("/{*rest}"), any(nothing))
}

/// A resource of a user: authentication comes before the check of the method.
fn owned(allowed: fn(&Visitor) -> &'static str, methods: MethodRouter) -> MethodRouter {
    let described = async move |asking: SignedInRequest| told::described(&asking.visitor, allowed(&asking.visitor));
    let refused = async move |asking: SignedInRequest| told::not_allowed(&asking.visitor, allowed(&asking.visitor));
    methods.options(described).fallback(refused)
}

/// A resource that issues tokens.
fn opened(methods: MethodRouter) -> MethodRouter {
    const ALLOWED: &str = "POST, OPTIONS";
    let described = async |asking: PublicRequest| told::described(&asking.visitor, ALLOWED);
    let refused = async |asking: PublicRequest| told::not_allowed(&asking.visitor, ALLOWED);
    methods.options(described).fallback(refused)
}

/// Redirects a GET without the trailing slash to the path with it. Other methods are not redirected.
fn unslashed() -> MethodRouter {
    let led = async |uri: Uri| {
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let there = HeaderValue::from_str(&format!("{}/{query}", uri.path()));
        there.map_or(StatusCode::NOT_FOUND.into_response(), |there| {
            (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, there)]).into_response()
        })
    };
    get(led).fallback(nothing)
}

async fn nothing(asking: PublicRequest) -> Response {
    told::nothing(&asking.visitor)
}
