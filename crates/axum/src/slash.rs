//! Paths with a trailing slash, for clients and proxies that add one.
//!
//! GET and HEAD are redirected (308) to the path in the table of routes, so that a page has one URL. The target is
//! never built from the path of the request, only from the table's own path and ids of letters, digits, `-`, `_` and
//! `.`. Other methods are served directly: not every client repeats a body after a redirect.

use axum::{
    Router,
    extract::{FromRequestParts, Path, Request},
    http::{HeaderValue, Method, StatusCode, header::LOCATION},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};

/// Routes with and without a trailing slash.
pub(crate) trait WithSlash {
    /// Adds this route with and without a trailing slash.
    fn route_with_slash(self, path: &str, methods: MethodRouter) -> Self;
}

impl WithSlash for Router {
    fn route_with_slash(self, path: &str, methods: MethodRouter) -> Self {
        let table: Box<str> = path.into();
        let redirected = methods.clone().route_layer(from_fn(move |request: Request, next: Next| {
            let table = table.clone();
            async move { redirect(&table, request, next).await }
        }));
        self.route(path, methods).route(&format!("{path}/"), redirected)
    }
}

/// Redirects to the path without the slash if the request only reads, and otherwise serves it.
async fn redirect(table: &str, request: Request, next: Next) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let ids = Path::<Vec<String>>::from_request_parts(&mut parts, &()).await.map(|Path(ids)| ids).unwrap_or_default();
    match target(table, &ids, parts.uri.query()) {
        Some(location) => (StatusCode::PERMANENT_REDIRECT, [(LOCATION, location)]).into_response(),
        None => next.run(Request::from_parts(parts, body)).await,
    }
}

/// The table's path with these ids, and the query.
fn target(table: &str, ids: &[String], query: Option<&str>) -> Option<HeaderValue> {
    let is_plain = |id: &&String| {
        !id.is_empty()
            && id.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c))
            && id.chars().any(|c| c != '.')
    };
    let mut ids = ids.iter();
    let mut path = String::with_capacity(table.len());
    for segment in table.split('/').skip(1) {
        path.push('/');
        path.push_str(if segment.starts_with('{') { ids.next().filter(is_plain)? } else { segment });
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    HeaderValue::from_str(&format!("{path}{query}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(table: &str, ids: &[&str], query: Option<&str>) -> Option<String> {
        let ids: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
        target(table, &ids, query).map(|target| target.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_redirect_leads_to_the_path_of_the_table() {
        assert_eq!(to("/account/login", &[], None).as_deref(), Some("/account/login"));
        assert_eq!(to("/account/login", &[], Some("next=%2F")).as_deref(), Some("/account/login?next=%2F"));
        assert_eq!(to("/a/{id}/b", &["x-1_y"], None).as_deref(), Some("/a/x-1_y/b"));
        for id in ["", ".", "..", "/evil.example", "x/y", "\\", "%2e", "a b", "\u{e9}"] {
            assert_eq!(to("/a/{id}/b", &[id], None), None, "{id}");
        }
        assert_eq!(to("/a/{id}/b", &[], None), None);
    }
}
