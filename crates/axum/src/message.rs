//! Pages with nothing but a message.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use minijinja::context;

use crate::{Visitor, page::Page, site::Site};

/// The message of such a page. Its text is `message-<word>`, and the attribute `.next` says what to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Message {
    /// The path does not exist.
    NotFound,
    /// The method is not allowed for this path.
    MethodNotAllowed,
    /// The request came from another site.
    OtherSite,
    /// The body is not a form.
    FormKind,
    /// The form took too long to arrive.
    FormSlow,
    /// The form is too long.
    FormLong,
    /// The form cannot be read.
    FormBroken,
    /// The form was made for another browser or session.
    FormStale,
    /// A field is missing or repeated.
    FormFields,
    /// The backup codes of this form were already created.
    CodesMade,
}

impl Message {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 10] = [
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::OtherSite,
        Self::FormKind,
        Self::FormSlow,
        Self::FormLong,
        Self::FormBroken,
        Self::FormStale,
        Self::FormFields,
        Self::CodesMade,
    ];

    /// The id of the text.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::NotFound => "message-not-found",
            Self::MethodNotAllowed => "message-method-not-allowed",
            Self::OtherSite => "message-other-site",
            Self::FormKind => "message-form-kind",
            Self::FormSlow => "message-form-slow",
            Self::FormLong => "message-form-long",
            Self::FormBroken => "message-form-broken",
            Self::FormStale => "message-form-stale",
            Self::FormFields => "message-form-fields",
            Self::CodesMade => "message-codes-made",
        }
    }

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::FormKind => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::FormSlow => StatusCode::REQUEST_TIMEOUT,
            Self::FormLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::FormBroken => StatusCode::BAD_REQUEST,
            Self::OtherSite | Self::FormStale => StatusCode::FORBIDDEN,
            Self::FormFields => StatusCode::UNPROCESSABLE_ENTITY,
            Self::CodesMade => StatusCode::GONE,
        }
    }

    /// The reason for the log, if the request was rejected for the form or its origin.
    pub(crate) fn rejection(self) -> Option<&'static str> {
        match self {
            Self::OtherSite => Some("another site sent it, by `Origin` or `Sec-Fetch-Site`"),
            Self::FormStale => Some("the form's token is missing, or was made for another session or browser"),
            Self::FormKind => Some("the body is not a form, by `Content-Type`"),
            Self::FormSlow => Some("the form took too long to arrive"),
            Self::FormLong => Some("the form is too long or incomplete"),
            Self::FormBroken => Some("the form is not well-formed"),
            Self::FormFields => Some("a field of the form is missing or repeated"),
            Self::NotFound | Self::MethodNotAllowed | Self::CodesMade => None,
        }
    }

    pub(crate) async fn show(self, visitor: &Visitor) -> Response {
        let page = Page::new("message.html", context! { message => self.id() }).status(self.status());
        let mut response = page.show(visitor).await;
        response.extensions_mut().insert(self);
        response
    }
}

/// The response to a request that is not for this site: a line of text, without anything from the request.
pub(crate) fn misdirected(site: &Site, status: StatusCode) -> Response {
    const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
    let text = site.templates().texts().say("misdirected", &fluent_bundle::FluentArgs::new());
    (status, [(header::CONTENT_TYPE, TEXT)], text + "\n").into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_its_own_text() {
        let ids: BTreeSet<_> = Message::ALL.iter().map(|message| message.id()).collect();
        assert_eq!(ids.len(), Message::ALL.len());
    }
}
