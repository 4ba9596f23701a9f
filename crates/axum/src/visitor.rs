//! Whoever sent a request, as far as the request tells.
//!
//! The layer makes one [`Visitor`] a request and puts it among the extensions; extractors find it there. Cookies are read
//! once. The session behind the cookie is read from the store only when somebody asks, and then once.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, connect_info::MockConnectInfo},
    http::{HeaderValue, Method, Uri, header::ACCEPT, request::Parts},
    response::{IntoResponse, Response},
};
use countersign_engine::{self as engine, Engine, Fault, advance::Visit};
use tokio::sync::OnceCell;

use crate::{
    cookies::{Cookies, Name},
    csrf::Bound,
    fault, hosts,
    redirect::LocalPath,
    site::Site,
};

/// Whoever sent the request, signed in or not.
#[derive(Clone)]
pub struct Visitor(Arc<Known>);

struct Known {
    site: Arc<Site>,
    method: Method,
    uri: Uri,
    reads_html: bool,
    address: Option<IpAddr>,
    cookies: Cookies,
    session: OnceCell<Option<engine::SignedIn>>,
    /// A value that was drawn because the request brought none.
    nonce: OnceLock<String>,
}

impl Visitor {
    pub(crate) fn new(site: Arc<Site>, request: &Request) -> Self {
        let headers = request.headers();
        let extensions = request.extensions();
        let peer = extensions.get().map(|ConnectInfo(peer)| peer);
        let peer: Option<&SocketAddr> = peer.or_else(|| extensions.get().map(|MockConnectInfo(peer)| peer));
        let accept = headers.get(ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
        Self(Arc::new(Known {
            method: request.method().clone(),
            uri: request.uri().clone(),
            reads_html: accept.windows(HTML.len()).any(|part| part == HTML),
            address: peer.map(|peer| hosts::client(peer.ip(), headers, &site.proxies)),
            cookies: site.names.read(headers),
            session: OnceCell::new(),
            nonce: OnceLock::new(),
            site,
        }))
    }

    /// The user, if somebody is signed in.
    pub async fn signed_in(&self) -> Result<Option<&engine::SignedIn>, Fault> {
        let Some(token) = &self.0.cookies.session else { return Ok(None) };
        let session = self.0.session.get_or_try_init(|| self.engine().session(token)).await?;
        Ok(session.as_ref())
    }

    /// Where the request comes from, if the server says so.
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

    /// Where the browser is, to come back to: nowhere, if it sent something, or is on no path that one could be sent to.
    pub(crate) fn here(&self) -> Option<LocalPath> {
        let here = self.0.uri.path_and_query().filter(|_| self.opens());
        here.and_then(|here| self.0.site.next(here.as_str()))
    }

    pub(crate) fn query(&self) -> &str {
        self.0.uri.query().unwrap_or_default()
    }

    /// Whether this is somebody looking at a page, who can be led elsewhere.
    pub(crate) fn is_looking(&self) -> bool {
        self.0.reads_html && self.opens()
    }

    fn opens(&self) -> bool {
        matches!(self.0.method, Method::GET | Method::HEAD)
    }

    /// What the engine is told of the request.
    pub(crate) fn visit(&self) -> Visit {
        let Cookies { session, browser, .. } = &self.0.cookies;
        let language = Some(self.0.site.templates.texts().language());
        Visit { address: self.0.address, session: session.clone(), browser: browser.clone(), next: None, language }
    }

    /// The token for a form bound to this.
    pub(crate) fn tag(&self, bound: Bound) -> Option<String> {
        self.bond(bound).map(|bond| bond.tag(self.engine()))
    }

    /// The value that binds the forms of nobody in particular; drawn if the request brought none.
    pub(crate) fn nonce(&self) -> &str {
        let Known { cookies, nonce, .. } = &*self.0;
        match &cookies.nonce {
            Some(nonce) => nonce,
            None => nonce.get_or_init(|| self.engine().new_id::<()>().as_str().to_owned()),
        }
    }

    /// The cookie that the browser has to be given because a value was drawn.
    pub(crate) fn drawn_nonce(&self) -> Option<HeaderValue> {
        self.0.nonce.get().map(|nonce| self.0.site.names.give(Name::Nonce, nonce, None))
    }
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
