//! A successful response of the API: a document, and cookies for a browser.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use countersign_engine::NewSession;
use serde::Serialize;

use super::{
    call::{Call, Client},
    document::{Opened, SessionDocument},
    operation::Shape,
};
use crate::cookies::Name;

/// The type of a response body.
pub(super) trait Gives: Send + 'static {
    /// Whether the response has a body.
    const IN_BODY: bool;
    /// The schema for the OpenAPI description; `None` without a body.
    fn shape() -> Option<Shape>;
    /// The body as JSON.
    fn json(&self) -> Vec<u8>;
}

impl Gives for () {
    const IN_BODY: bool = false;

    fn shape() -> Option<Shape> {
        None
    }

    fn json(&self) -> Vec<u8> {
        vec![]
    }
}

/// A JSON object.
pub(super) trait Document: Serialize + utoipa::ToSchema + Send + 'static {}

impl<T: Document> Gives for T {
    const IN_BODY: bool = true;

    fn shape() -> Option<Shape> {
        Some(Shape::of::<T>())
    }

    fn json(&self) -> Vec<u8> {
        // Documents are texts, numbers and lists of such: JSON can say them all.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// A successful response.
pub(super) struct Reply<R> {
    pub(super) document: R,
    cookies: Vec<HeaderValue>,
}

impl<R> From<R> for Reply<R> {
    fn from(document: R) -> Self {
        Self { document, cookies: vec![] }
    }
}

impl<R: Gives> Reply<R> {
    /// Adds a cookie.
    pub(super) fn giving(mut self, cookie: HeaderValue) -> Self {
        self.cookies.push(cookie);
        self
    }

    /// Keeps the cookies and replaces the document.
    pub(super) fn saying<Q>(self, other: impl FnOnce(R) -> Q) -> Reply<Q> {
        Reply { document: other(self.document), cookies: self.cookies }
    }
}

impl<R: Gives> IntoResponse for Reply<R> {
    fn into_response(self) -> Response {
        const KIND: HeaderValue = HeaderValue::from_static("application/json");
        let mut response = if R::IN_BODY {
            ([(header::CONTENT_TYPE, KIND)], self.document.json()).into_response()
        } else {
            StatusCode::NO_CONTENT.into_response()
        };
        for cookie in self.cookies {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

impl<T> Call<T> {
    /// Gives the client its new session: in cookies to a browser, in the body to a program. Removes the cookie of a
    /// pending setup.
    pub(super) fn granted(&self, new_session: &NewSession) -> Reply<Opened> {
        let reply = self.renewed(new_session);
        let holds_setup = self.client == Client::Browser && self.visitor.cookies().setup.is_some();
        if holds_setup { reply.giving(self.visitor.site().names.take(Name::Setup)) } else { reply }
    }

    /// The same for a session that is renewed after a verification: a pending setup is kept.
    pub(super) fn renewed(&self, new_session: &NewSession) -> Reply<Opened> {
        let session = SessionDocument::of_session(new_session.signed_in(), self.engine());
        let held = |text: &str| Some(text.to_owned()).filter(|_| self.client == Client::Program);
        let opened = Opened {
            session,
            token: held(new_session.token().expose()),
            browser: new_session.browser().and_then(|browser| held(browser.expose())),
            csrf: (self.client == Client::Browser).then(|| self.visitor.tag_of_session(new_session)),
        };
        let reply = Reply::from(opened);
        if self.client == Client::Program {
            return reply;
        }
        let (names, cookies) = (self.visitor.site().names, self.visitor.cookies());
        let mut reply = reply.giving(names.give(Name::Session, new_session.token().expose(), None));
        if let Some(browser) = new_session.browser() {
            let lasting = self.engine().config().device_cookie_lifetime;
            reply = reply.giving(names.give(Name::Browser, browser.expose(), Some(lasting)));
        }
        if cookies.pending.is_some() {
            reply = reply.giving(names.take(Name::Pending));
        }
        reply
    }
}
