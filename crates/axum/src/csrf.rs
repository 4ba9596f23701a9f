//! Protection of forms against cross-site request forgery (CSRF).
//!
//! Every form has a token, a keyed hash over a value that the browser already holds: its session, its pending login, or
//! a random value in a cookie. A form from another site, or for another session, is rejected before a handler sees its
//! fields. The check of `Origin` and `Sec-Fetch-Site` in the layer is a second defence, not a substitute.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
    response::Response,
};
use countersign_engine::{
    AttemptToken, Engine, NewSession,
    core::{Predecessor, SessionKey},
};
use serde::de::DeserializeOwned;

use crate::{Visitor, form};

/// The value that a form is bound to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bound {
    /// The session, even if it has ended.
    Session,
    /// The pending login.
    Pending,
    /// The random value in a cookie.
    Nonce,
    /// The first of these that exists.
    Any,
}

/// The value that a form of one browser is bound to.
pub(crate) enum Bond<'a> {
    Session(SessionKey),
    Pending(&'a AttemptToken),
    Nonce(&'a str),
}

impl Bond<'_> {
    pub(crate) fn tag(&self, engine: &Engine) -> String {
        engine.tag(&self.parts())
    }

    fn tag_holds(&self, engine: &Engine, tag: &str) -> bool {
        engine.tag_holds(&self.parts(), tag)
    }

    fn parts(&self) -> [&str; 3] {
        match self {
            Self::Session(key) => ["form", "session", key.as_str()],
            Self::Pending(token) => ["form", "pending", token.expose()],
            Self::Nonce(nonce) => ["form", "nonce", nonce],
        }
    }
}

impl Visitor {
    /// The value that a form of this browser would be bound to, if it exists.
    pub(crate) fn bond(&self, bound: Bound) -> Option<Bond<'_>> {
        let cookies = self.cookies();
        let session = || cookies.session.as_ref().map(|token| Bond::Session(token.key()));
        let pending = || cookies.pending.as_ref().map(Bond::Pending);
        match bound {
            Bound::Session => session(),
            Bound::Pending => pending(),
            Bound::Nonce => Some(Bond::Nonce(self.nonce())),
            Bound::Any => session().or_else(pending).or_else(|| Some(Bond::Nonce(self.nonce()))),
        }
    }

    /// The token for a form in the new session.
    pub(crate) fn tag_of_session(&self, new_session: &NewSession) -> String {
        Bond::Session(new_session.signed_in().session().key.clone()).tag(self.engine())
    }

    /// The token for a form in the new pending login.
    pub(crate) fn tag_of_login(&self, login: &AttemptToken) -> String {
        Bond::Pending(login).tag(self.engine())
    }

    /// Whether `tag` was made for a form of this browser.
    pub(crate) fn tag_holds(&self, bound: Bound, tag: &str) -> bool {
        self.bond(bound).is_some_and(|bond| bond.tag_holds(self.engine(), tag))
    }
}

impl Visitor {
    /// Whether `tag` was made for a form in the session that came before this browser's.
    pub(crate) fn tag_held_before(&self, predecessor: &Predecessor, tag: &str) -> bool {
        Bond::Session(SessionKey::new(predecessor.as_str())).tag_holds(self.engine(), tag)
    }
}

/// The token for a form on a host's own page: the value of a hidden field named [`FormToken::FIELD`].
#[derive(Clone, Debug)]
pub struct FormToken(String);

impl FormToken {
    /// The name of the hidden field.
    pub const FIELD: &str = "form";

    /// The value of the hidden field.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for FormToken {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        Ok(Self(visitor.tag(Bound::Any).unwrap_or_default()))
    }
}

/// The fields of a host's own form, whose token was checked before they were read.
#[derive(Clone, Debug)]
pub struct CheckedForm<T>(pub T);

impl<S: Sync, T: DeserializeOwned + Send> FromRequest<S> for CheckedForm<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let (_, fields) = form::read(request, Bound::Any).await?;
        Ok(Self(fields))
    }
}
