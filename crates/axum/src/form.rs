//! The bodies of forms: limited in length and time, strictly parsed, and verified before a handler reads a field.
//!
//! A body that is not a form, is too long or too slow, or has a broken escape, a NUL, or a repeated or missing field is
//! rejected with a page that says so. Unknown fields are ignored.

use std::time::Duration;

use axum::{
    body,
    extract::{FromRequest, Request},
    http::{HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use countersign_engine::core::{Secret, Session};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use crate::{FormToken, Visitor, csrf::Bound, fault, message::Message, redirect::LocalPath, site::Site};

/// The maximum length of a form, in bytes.
const MAX_SIZE: usize = 16 * 1024;

/// The time within which a form must arrive.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The type of a form of ours, with the value that it is bound to.
pub(crate) trait Posted: DeserializeOwned + Send {
    /// The value that the token is bound to.
    const BOUND: Bound;
    /// What happens if the form is sent again after the browser got the session that the first one created.
    const SENT_TWICE: Option<SentTwice> = None;
}

/// A form that creates a session.
pub(crate) struct SentTwice {
    /// The name of its call.
    pub(crate) call: &'static str,
    /// The redirect after success.
    pub(crate) there: fn(&Site, &Session, Option<&LocalPath>) -> LocalPath,
}

/// The fields of a form of ours. Its token was verified first.
pub(crate) struct Form<T> {
    pub(crate) visitor: Visitor,
    pub(crate) fields: T,
}

impl<S: Sync, T: Posted> FromRequest<S> for Form<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let Some(visitor) = request.extensions().get::<Visitor>().cloned() else {
            return Err(fault::unprotected().into_response());
        };
        let text = match text(request).await {
            Ok(text) => text,
            Err(message) => return Err(message.show(&visitor).await),
        };
        match fields(&text, &visitor, T::BOUND) {
            Ok(fields) => Ok(Self { visitor, fields }),
            Err(message) => Err(match was_done(&text, &visitor, &message, T::BOUND, T::SENT_TWICE).await {
                Some(there) => there.into_response(),
                None => message.show(&visitor).await,
            }),
        }
    }
}

/// The redirect for a stale form that was sent twice and is already done: this browser has the session that it created.
/// Nothing is changed.
async fn was_done(
    form: &str,
    visitor: &Visitor,
    message: &Message,
    bound: Bound,
    twice: Option<SentTwice>,
) -> Option<LocalPath> {
    #[derive(Default, Deserialize)]
    struct Next {
        #[serde(default)]
        next: String,
    }
    let SentTwice { call, there } = twice.filter(|_| matches!(message, Message::FormStale))?;
    let signed_in = visitor.signed_in().await.ok().flatten()?;
    let repeat = signed_in.session().repeat.as_ref();
    let repeat = repeat.filter(|repeat| repeat.is_of(call) && repeat.is_recent(visitor.engine().now()))?;
    let is_of_this = match bound {
        Bound::Session => token(form).is_some_and(|tag| visitor.tag_held_before(&repeat.of, tag)),
        Bound::Pending => visitor.cookies().pending.is_none(),
        Bound::Nonce | Bound::Any => false,
    };
    let Next { next } = serde_html_form::from_str(form).unwrap_or_default();
    is_of_this.then(|| there(visitor.site(), signed_in.session(), visitor.site().next(&next).as_ref()))
}

/// Reads the form in a request.
pub(crate) async fn read<T: DeserializeOwned>(request: Request, bound: Bound) -> Result<(Visitor, T), Response> {
    let Some(visitor) = request.extensions().get::<Visitor>().cloned() else {
        return Err(fault::unprotected().into_response());
    };
    let read = text(request).await.and_then(|text| fields(&text, &visitor, bound));
    match read {
        Ok(fields) => Ok((visitor, fields)),
        Err(message) => Err(message.show(&visitor).await),
    }
}

fn fields<T: DeserializeOwned>(text: &str, visitor: &Visitor, bound: Bound) -> Result<T, Message> {
    if !token(text).is_some_and(|tag| visitor.tag_holds(bound, tag)) {
        return Err(Message::FormStale);
    }
    serde_html_form::from_str(text).map_err(|_| Message::FormFields)
}

/// The body of a request with a form, ours or a host's.
pub(crate) async fn text(request: Request) -> Result<String, Message> {
    let kind = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if !kind.split(|c| *c == b';').next().unwrap_or_default().trim_ascii().eq_ignore_ascii_case(KIND) {
        return Err(Message::FormKind);
    }
    let body = tokio::time::timeout(TIMEOUT, body::to_bytes(request.into_body(), MAX_SIZE)).await;
    let body = body.map_err(|_| Message::FormSlow)?.map_err(|_| Message::FormLong)?;
    let text = std::str::from_utf8(&body).ok().filter(|text| is_well_formed(text)).ok_or(Message::FormBroken)?;
    Ok(text.to_owned())
}

const KIND: &[u8] = b"application/x-www-form-urlencoded";

/// The token among the fields, if there is exactly one. Tokens contain no character that needs an escape.
fn token(form: &str) -> Option<&str> {
    let mut tokens =
        form.split('&').filter_map(|field| field.split_once('=')).filter(|(name, _)| *name == FormToken::FIELD);
    let (_, token) = tokens.next()?;
    if tokens.next().is_some() { None } else { Some(token) }
}

/// Whether the escapes are complete and decode to text without a NUL.
fn is_well_formed(form: &str) -> bool {
    let mut decoded = Vec::with_capacity(form.len());
    let mut bytes = form.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => match (bytes.next().and_then(digit), bytes.next().and_then(digit)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return false,
            },
            0..=b' ' | 0x7f.. => return false,
            plain => plain,
        });
    }
    !decoded.contains(&0) && std::str::from_utf8(&decoded).is_ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A secret field.
pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_form_is_well_formed_or_refused() {
        for form in ["", "a=b", "a=%C3%A9&b=+%2B", "a", "=&=", "a=b=c"] {
            assert!(is_well_formed(form), "{form}");
        }
        for form in ["%", "%4", "a=%zz", "a=%C3", "a=%C3&b=%A9", "a=%00", "a=\0", "a=b c", "a=é", "a=%ff", "a=\n"] {
            assert!(!is_well_formed(form), "{form}");
        }
    }

    #[test]
    fn a_form_has_one_token() {
        assert_eq!(token("a=b&form=x&c=d"), Some("x"));
        for form in ["", "form", "a=b", "form=x&form=x", "Form=x", "xform=x"] {
            assert_eq!(token(form), None, "{form}");
        }
    }

    proptest! {
        #[test]
        fn what_a_browser_sends_is_well_formed(fields in prop::collection::vec(("[^\0]*", "[^\0]*"), 0..4)) {
            let form = serde_html_form::to_string(&fields).unwrap();
            prop_assert!(is_well_formed(&form), "{form}");
        }
    }
}
