//! The sender of a request, as far as the request identifies it.
//!
//! The layer creates one [`Visitor`] per request and puts it into the extensions, where extractors find it. Cookies are
//! parsed once. The session is read from the store only when it is needed, and then once.

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderValue, Method, Uri, header::ACCEPT, request::Parts},
    response::{IntoResponse, Response},
};
use countersign_engine::{self as engine, BearerToken, Engine, Fault, SessionToken, flow::RequestContext};
use tokio::sync::OnceCell;

use crate::{
    bearer::Bearer,
    cookies::{Cookies, Name},
    csrf::Bound,
    fault,
    redirect::LocalPath,
    site::Site,
};

/// The sender of a request, signed in or not.
#[derive(Clone)]
pub struct Visitor(Arc<Known>);

struct Known {
    site: Arc<Site>,
    method: Method,
    uri: Uri,
    reader: Reader,
    address: Option<IpAddr>,
    bearer: Bearer,
    cookies: Cookies,
    caller: OnceCell<Option<engine::Caller>>,
    /// A random value that was drawn because the request had none.
    nonce: OnceLock<String>,
}

impl Visitor {
    pub(crate) fn new(site: Arc<Site>, request: &Request) -> Self {
        let headers = request.headers();
        let address = site.remote_ip(request);
        if address.is_none() {
            site.log_limits.warn_of_missing_peer();
        }
        let bearer = Bearer::read(headers, site.schemes());
        // A request with a bearer token is authenticated by it alone.
        let cookies = if bearer.is_shown() { Cookies::default() } else { site.names.read(headers) };
        Self(Arc::new(Known {
            method: request.method().clone(),
            uri: request.uri().clone(),
            reader: Reader::of(&site, request, &bearer),
            address,
            bearer,
            cookies,
            caller: OnceCell::new(),
            nonce: OnceLock::new(),
            site,
        }))
    }

    /// The user, if the request has a session.
    pub async fn signed_in(&self) -> Result<Option<&engine::SignedIn>, Fault> {
        Ok(match self.caller().await? {
            Some(engine::Caller::Session(signed_in)) => Some(signed_in),
            Some(engine::Caller::Token(_)) | None => None,
        })
    }

    /// The caller: a user in a session, by its cookie or a bearer token, or a program with a personal token.
    pub async fn caller(&self) -> Result<Option<&engine::Caller>, Fault> {
        let Known { bearer, cookies, caller, .. } = &*self.0;
        let caller = match (bearer, &cookies.session) {
            (Bearer::Token(token), _) => caller.get_or_try_init(|| self.engine().bearer(token)).await?,
            (Bearer::Absent, Some(token)) => {
                let read = async || Ok(self.engine().session(token).await?.map(engine::Caller::Session));
                caller.get_or_try_init(read).await?
            }
            (Bearer::Void, _) | (Bearer::Absent, None) => return Ok(None),
        };
        Ok(caller.as_ref())
    }

    /// The token of the session in the request, if another session replaced it a moment ago.
    pub(crate) async fn replaced(&self) -> Result<Option<&SessionToken>, Fault> {
        let Some(token) = self.session_token() else { return Ok(None) };
        Ok(self.engine().is_replaced(token).await?.then_some(token))
    }

    /// The session token in the request, valid or not.
    fn session_token(&self) -> Option<&SessionToken> {
        match &self.0.bearer {
            Bearer::Token(BearerToken::Session(token)) => Some(token),
            Bearer::Token(BearerToken::Program(_)) | Bearer::Void | Bearer::Absent => self.0.cookies.session.as_ref(),
        }
    }

    /// Whether the request has a bearer token, valid or not.
    pub(crate) fn shows_bearer(&self) -> bool {
        self.0.bearer.is_shown()
    }

    /// Whether errors are returned as JSON.
    pub(crate) fn reads_json(&self) -> bool {
        self.0.reader == Reader::Program
    }

    /// The IP address of the client, if the server provides it.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.address
    }

    pub(crate) fn site(&self) -> &Site {
        &self.0.site
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.site.engine
    }

    pub(crate) fn cookies(&self) -> &Cookies {
        &self.0.cookies
    }

    /// The path of this page, to come back to; `None` if the request changes something or its path is not valid as
    /// `next`.
    pub(crate) fn here(&self) -> Option<LocalPath> {
        let here = self.0.uri.path_and_query().filter(|_| self.opens());
        here.and_then(|here| self.0.site.next(here.as_str()))
    }

    pub(crate) fn method(&self) -> &Method {
        &self.0.method
    }

    pub(crate) fn path(&self) -> &str {
        self.0.uri.path()
    }

    pub(crate) fn query(&self) -> &str {
        self.0.uri.query().unwrap_or_default()
    }

    /// Whether the request is for a page, so that it can be redirected.
    pub(crate) fn is_looking(&self) -> bool {
        !self.reads_json() && self.opens()
    }

    fn opens(&self) -> bool {
        matches!(self.0.method, Method::GET | Method::HEAD)
    }

    /// The context of the request for the engine.
    pub(crate) fn request_context(&self) -> RequestContext {
        let browser = &self.0.cookies.browser;
        let language = Some(self.0.site.templates().texts().language());
        let (session, browser) = (self.session_token().cloned(), browser.clone());
        RequestContext { address: self.0.address, session, browser, language, ..RequestContext::default() }
    }

    /// The token for a form with this binding.
    pub(crate) fn tag(&self, bound: Bound) -> Option<String> {
        self.bond(bound).map(|bond| bond.tag(self.engine()))
    }

    /// The random value that binds forms before a sign-in; drawn if the request had none.
    pub(crate) fn nonce(&self) -> &str {
        let Known { cookies, nonce, .. } = &*self.0;
        match &cookies.nonce {
            Some(nonce) => nonce,
            None => nonce.get_or_init(|| self.engine().new_id::<()>().as_str().to_owned()),
        }
    }

    /// The cookie to set because a value was drawn.
    pub(crate) fn drawn_nonce(&self) -> Option<HeaderValue> {
        self.0.nonce.get().map(|nonce| self.0.site.names.give(Name::Nonce, nonce, None))
    }
}

/// The reader of a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reader {
    /// A user with a browser, who gets pages.
    Person,
    /// A program, which gets JSON: it sends a bearer token, uses a front end for programs, or does not accept pages.
    Program,
}

impl Reader {
    fn of(site: &Site, request: &Request, bearer: &Bearer) -> Self {
        let accept = request.headers().get(ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
        let reads_html = accept.windows(HTML.len()).any(|part| part == HTML);
        let entrances = [&site.api, &site.deux].into_iter().flatten();
        let asks_one = entrances.into_iter().any(|entrance| within(request.uri().path(), entrance));
        if asks_one || bearer.is_shown() || !reads_html { Self::Program } else { Self::Person }
    }
}

/// Whether a path is this one or below it.
pub(crate) fn within(path: &str, root: &LocalPath) -> bool {
    path.strip_prefix(root.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

const HTML: &[u8] = b"text/html";

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor").field("address", &self.0.address).finish_non_exhaustive()
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| fault::unprotected().into_response())
    }
}
