//! The layer around all pages, the host's and ours.
//!
//! ```text
//! request ─▶ host check ─▶ client IP ─▶ timeout ─▶ panics ─▶ origin of forms ─▶ handler
//!                                                                                  │
//! response ◀──────────────────── security headers ◀────────────────────────────────┘
//! ```

use std::{any::Any, fmt, net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{ORIGIN, SET_COOKIE},
    },
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use countersign_engine::{Engine, Fault};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    csrf::{CsrfLayer, ProtectionError},
};

use crate::{
    Settings, SettingsError, Visitor,
    cookies::Name,
    fault, headers,
    hosts::{Addressed, addressed},
    message::{self, Message},
    page::Page,
    routes,
    site::Site,
    trouble::Trouble,
    why::{NOTICE_LIFETIME, Why},
};

/// The maximum length of a body for a host's handler unless its route sets another, in bytes. Our own forms are
/// shorter.
const MAX_BODY_SIZE: usize = 256 * 1024;
/// `Retry-After` of a request that timed out.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Two-factor authentication for one site. Clones are cheap and share all state.
#[derive(Clone)]
pub struct Countersign {
    site: Arc<Site>,
}

impl Countersign {
    /// Checks the settings and reads the templates and texts.
    pub fn new(engine: Engine, settings: Settings) -> Result<Self, SettingsError> {
        Ok(Self { site: Arc::new(Site::new(engine, settings)?) })
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.site.engine
    }

    /// Reads templates, texts and static files again from the folders in the settings. After an error nothing has
    /// changed.
    pub fn reload(&self) -> Result<(), SettingsError> {
        self.site.reload()
    }

    /// Logs a request that names its client in `X-Forwarded-For` although its peer is not a trusted proxy; ten lines a
    /// minute at most. The layer calls this itself: it is for requests that are answered outside of it.
    pub fn warn_of_unlisted_proxy(&self, request: &Request) {
        self.site.warn_of_unlisted_proxy(request);
    }

    /// All pages, the JSON API and the front end for deux's clients, at their full paths and protected, to be merged
    /// into a host's outermost router. Where a gateway for calls is configured, its callbacks are included.
    pub fn routes(&self) -> Router {
        let Site { engine, paths, api, deux, .. } = &*self.site;
        let calls = engine.voice_callbacks().map(|_| routes::twilio(paths));
        let more = [api.as_ref().map(routes::api), deux.as_ref().map(routes::deux), calls].into_iter().flatten();
        self.protect(more.fold(routes::pages(paths), Router::merge))
    }

    /// `/.well-known/change-password`, where browsers and password managers find the page that changes the password: a
    /// redirect to it (W3C, A Well-Known URL for Changing Passwords). It is at the root of the site by definition, so
    /// it is not part of [`Countersign::routes`]: a host that has no other page for passwords merges it into its
    /// outermost router.
    pub fn change_password_route(&self) -> Router {
        self.protect(routes::change_password(&self.site.paths))
    }

    /// Wraps a host's own routes: host check, sessions, origin check of forms, security headers, a limit on bodies, and
    /// the fault page for a panic. Wrap the outermost router, because a guard remembers the path it sees. A header that
    /// a handler sets itself is kept, and so is the body limit of a route.
    pub fn protect(&self, router: Router) -> Router {
        let site = Arc::clone(&self.site);
        let caught = move |panic: Box<dyn Any + Send>| fault::panicked(&site, &*panic);
        // One layer, because each layer costs one allocation per request.
        let layers = ServiceBuilder::new()
            .layer(from_fn_with_state(Arc::clone(&self.site), around))
            .layer(CatchPanicLayer::custom(caught))
            .layer(CsrfLayer::new().with_rejection_response(empty))
            .layer(DefaultBodyLimit::max(MAX_BODY_SIZE));
        router.layer(layers)
    }

    /// The IP address of the client: the peer's, or the one that trusted proxies name. `None`, if the server adds no
    /// [`ConnectInfo`](axum::extract::ConnectInfo) to its requests.
    pub fn remote_ip(&self, request: &Request) -> Option<IpAddr> {
        self.site.remote_ip(request)
    }

    /// A host's page, usually one that extends `base.html`. The user and the form to sign out are available without
    /// further variables, as are `site`, `paths` and the function `t`.
    pub async fn render(&self, visitor: &Visitor, template: &str, context: minijinja::Value) -> Response {
        Page::new(template, context).show(visitor).await
    }
}

impl fmt::Debug for Countersign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Countersign").finish_non_exhaustive()
    }
}

/// The outermost step: checks the host, finds the client, and adds the headers of every response.
async fn around(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    site.warn_of_unlisted_proxy(&request);
    let mut response = match addressed(&site.origins, request.uri(), request.headers()) {
        Addressed::Here => {
            let visitor = Visitor::new(Arc::clone(&site), &request);
            request.extensions_mut().insert(visitor.clone());
            let sources = Sources::of(&request);
            let foreign = is_foreign(&site, &request);
            let mut response = if foreign { Response::default() } else { in_time(&site, next.run(request)).await };
            if foreign || response.extensions().get::<ProtectionError>().is_some() {
                response = Message::OtherSite.show(&visitor).await;
            }
            sources.log_rejection(&site, &response);
            response = visitor.retold(response);
            if let Some(why) = response.extensions().get::<Why>() {
                let notice = site.names.give(Name::Notice, why.as_str(), Some(NOTICE_LIFETIME));
                response.headers_mut().append(SET_COOKIE, notice);
            }
            if let Some(cookie) = visitor.drawn_nonce() {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        Addressed::Elsewhere { host } => {
            if let Some(left_out) = site.log_limits.other_host.admit(site.engine.now()) {
                let expected = site.origins.addresses().join(", ");
                let host = host.get(..MAX_LOGGED_HOST).unwrap_or(&host);
                tracing::warn!(host, expected, left_out, "request rejected: it is addressed to another host");
            }
            message::misdirected(&site, StatusCode::MISDIRECTED_REQUEST)
        }
        Addressed::Nowhere => message::misdirected(&site, StatusCode::BAD_REQUEST),
    };
    headers::harden(response.headers_mut(), site.origins.is_https());
    response
}

/// The maximum length of a foreign host name in the log, in bytes: no real one is longer (RFC 1035 section 2.3.4).
const MAX_LOGGED_HOST: usize = 255;

/// The response, or a fault if it takes too long.
async fn in_time(site: &Site, answer: impl Future<Output = Response>) -> Response {
    let Some(span) = site.answer_within else { return answer.await };
    let late = |_| fault::answer(site, &Fault::busy("answer a request in time", RETRY_AFTER), Some(RETRY_AFTER));
    tokio::time::timeout(span, answer).await.unwrap_or_else(late)
}

/// Whether a page of another origin sent this. The layer of tower-http compares hosts; a plain http page of the same
/// host is another origin too.
///
/// A page served with `Referrer-Policy: no-referrer`, which a proxy or a browser may set, sends its own forms with
/// `Origin: null`. Then `Sec-Fetch-Site`, which no script can set, says whether it is of this origin; a document of an
/// opaque origin, such as a sandboxed frame, is `cross-site` there (Fetch Metadata §2.3). The token of the form is
/// checked as always.
fn is_foreign(site: &Site, request: &Request) -> bool {
    let headers = request.headers();
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let is_same_origin = || only(headers, SEC_FETCH_SITE).is_some_and(|sent| sent == "same-origin");
    let is_ours = match origin.to_str() {
        Ok("null") => is_same_origin(),
        Ok(origin) => site.origins.sent(origin),
        Err(_) => false,
    };
    !request.method().is_safe() && !is_ours
}

/// The origin of a request that changes state: the log names it when the request is rejected.
#[derive(Default)]
struct Sources {
    origin: Option<String>,
    fetch_site: Option<String>,
}

impl Sources {
    /// Browsers send no longer headers of this kind.
    const MAX_LENGTH: usize = 300;

    fn of(request: &Request) -> Self {
        if request.method().is_safe() {
            return Self::default();
        }
        let text = |name: HeaderName| {
            let value = request.headers().get(name)?.to_str().ok()?;
            Some(value.chars().take(Self::MAX_LENGTH).collect())
        };
        Self { origin: text(ORIGIN), fetch_site: text(SEC_FETCH_SITE) }
    }

    /// Logs why this response rejects the request, if it does.
    fn log_rejection(&self, site: &Site, answer: &Response) {
        let Some(reason) = rejection(answer) else { return };
        let Some(left_out) = site.log_limits.rejected.admit(site.engine.now()) else { return };
        let (origin, fetch_site) = (self.origin.as_deref().unwrap_or("-"), self.fetch_site.as_deref().unwrap_or("-"));
        let expected = site.origins.addresses().join(", ");
        tracing::warn!(reason, origin, sec_fetch_site = fetch_site, expected, left_out, "request rejected");
    }
}

/// Why a request was rejected before it was processed.
fn rejection(answer: &Response) -> Option<&'static str> {
    let by_message = answer.extensions().get::<Message>().and_then(|message| message.rejection());
    let by_trouble = || match answer.extensions().get::<Trouble>()? {
        Trouble::Unread(unread) => unread.rejection(),
        _ => None,
    };
    by_message.or_else(by_trouble)
}

/// The value of a header that occurs once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).into_iter();
    values.next().filter(|_| values.next().is_none())
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

fn empty(_: ProtectionError) -> Response {
    Response::default()
}
