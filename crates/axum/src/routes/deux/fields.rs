//! The fields of a body: JSON, a URL-encoded form, or a multipart form, limited in length and time.
//!
//! In every format, a field occurs at most once. Unknown fields are ignored.

use std::{collections::BTreeMap, fmt, time::Duration};

use axum::{
    body::{self, Body, Bytes},
    extract::{FromRequest as _, Multipart, Request},
    http::{HeaderValue, header::CONTENT_TYPE},
};
use countersign_engine::{
    core::{Scopes, Secret},
    flow::Submitted,
};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::Value;

use super::told::Wrong;
use crate::trouble::Unread;

/// The maximum length of a body, in bytes.
const MAX_SIZE: usize = 16 * 1024;
/// The time within which a body must arrive.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The fields of a body.
#[derive(Default)]
pub(super) struct Fields(BTreeMap<String, Field>);

enum Field {
    Text(Secret),
    Null,
    /// A value that no form could hold.
    Other,
}

impl Fields {
    /// Parses the body of this request; an empty body has no fields.
    pub(super) async fn read(request: Request) -> Result<Self, Unread> {
        let (parts, body) = request.into_parts();
        let bytes = tokio::time::timeout(TIMEOUT, body::to_bytes(body, MAX_SIZE)).await;
        let bytes = bytes.map_err(|_| Unread::BodySlow)?.map_err(|_| Unread::BodyLong)?;
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let kind = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let fields = match kind.split(|c| *c == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase() {
            kind if kind == b"application/json" => json(&bytes),
            kind if kind == b"application/x-www-form-urlencoded" => form(&bytes),
            kind if kind == b"multipart/form-data" => in_parts(Request::from_parts(parts, Body::from(bytes))).await,
            _ => return Err(Unread::BodyKind),
        };
        fields.filter(Self::is_clean).ok_or(Unread::BodyBroken)
    }

    /// Rejects NUL, which the databases cannot store.
    fn is_clean(&self) -> bool {
        let texts = self.0.iter().map(|(name, field)| match field {
            Field::Text(text) => (name, text.expose()),
            Field::Null | Field::Other => (name, ""),
        });
        !texts.into_iter().any(|(name, text)| name.contains('\0') || text.contains('\0'))
    }

    fn of(pairs: impl IntoIterator<Item = (String, Field)>) -> Option<Self> {
        let mut fields = BTreeMap::new();
        let twice = pairs.into_iter().any(|(name, field)| fields.insert(name, field).is_some());
        (!twice).then_some(Self(fields))
    }

    /// The text of an optional field, which must not be empty.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&Secret>, Wrong> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Field::Text(text)) if text.expose().trim().is_empty() => Err(Wrong(name, "deux-blank")),
            Some(Field::Text(text)) => Ok(Some(text)),
            Some(Field::Null) => Err(Wrong(name, "deux-null")),
            Some(Field::Other) => Err(Wrong(name, "deux-invalid")),
        }
    }

    /// The text of a required field.
    pub(super) fn required(&self, name: &'static str) -> Result<&Secret, Wrong> {
        self.text(name)?.ok_or(Wrong(name, "deux-required"))
    }

    /// The code among the fields, if there is one; a code and a backup code together are an error.
    pub(super) fn submitted(&self) -> Result<Submitted<'_>, SubmittedWrong> {
        match (self.text("mfa_code"), self.text("backup_code")) {
            (Ok(None), Ok(None)) => Ok(Submitted::Nothing),
            (Ok(Some(code)), Ok(None)) => Ok(Submitted::Code(code)),
            (Ok(None), Ok(Some(code))) => Ok(Submitted::BackupCode(code)),
            (Ok(Some(_)), Ok(Some(_))) => Err(SubmittedWrong::Both),
            (one, other) => Err(SubmittedWrong::Fields([one.err(), other.err()].into_iter().flatten().collect())),
        }
    }

    /// The scopes among the fields, if there are any.
    pub(super) fn scopes(&self) -> Result<Option<Scopes>, Wrong> {
        match self.text("scope") {
            Ok(None) | Err(Wrong(_, "deux-blank")) => Ok(None),
            Ok(Some(text)) => Scopes::parse(text.expose()).map(Some).map_err(|_| Wrong("scope", "deux-invalid")),
            Err(wrong) => Err(wrong),
        }
    }
}

/// Why the code in the fields is invalid.
pub(super) enum SubmittedWrong {
    /// There are a code and a backup code.
    Both,
    /// A field is invalid.
    Fields(Vec<Wrong>),
}

fn json(body: &[u8]) -> Option<Fields> {
    let text = std::str::from_utf8(body).ok()?;
    serde_json::from_str(text).ok()
}

fn form(body: &[u8]) -> Option<Fields> {
    let pairs: Vec<(String, String)> = serde_html_form::from_bytes(body).ok()?;
    Fields::of(pairs.into_iter().map(|(name, text)| (name, Field::Text(text.into()))))
}

async fn in_parts(request: Request) -> Option<Fields> {
    let mut form = Multipart::from_request(request, &()).await.ok()?;
    let mut pairs = vec![];
    while let Some(part) = form.next_field().await.ok()? {
        let name = part.name()?.to_owned();
        let text: Bytes = part.bytes().await.ok()?;
        pairs.push((name, Field::Text(std::str::from_utf8(&text).ok()?.into())));
    }
    Fields::of(pairs)
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut pairs = vec![];
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    pairs.push((name, field(value)));
                }
                Fields::of(pairs).ok_or_else(|| A::Error::custom("a member is there twice"))
            }
        }

        from.deserialize_map(Object)
    }
}

/// A number is read as its digits, as in a form.
fn field(value: Value) -> Field {
    match value {
        Value::String(text) => Field::Text(text.into()),
        Value::Number(number) => Field::Text(number.to_string().into()),
        Value::Null => Field::Null,
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Field::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(kind: &'static str, body: &'static str) -> Result<Fields, Unread> {
        Fields::read(Request::put("/").header(CONTENT_TYPE, kind).body(Body::from(body)).unwrap()).await
    }

    async fn code(kind: &'static str, body: &'static str) -> String {
        let fields = read(kind, body).await.unwrap_or_else(|unread| panic!("{kind} {body}: {unread:?}"));
        match fields.text("mfa_code") {
            Ok(text) => text.map_or("none", Secret::expose).to_owned(),
            Err(Wrong(_, why)) => why.to_owned(),
        }
    }

    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";
    const PARTS: &str = "multipart/form-data; boundary=x";

    #[tokio::test]
    async fn a_body_may_have_any_of_three_forms() {
        for (kind, body) in [
            (JSON, r#"{"mfa_code": "012345", "more": [{}]}"#),
            ("Application/JSON; charset=utf-8", r#"{"mfa_code":"012345"}"#),
            (FORM, "mfa_code=012345&more=1"),
            (PARTS, "--x\r\nContent-Disposition: form-data; name=\"mfa_code\"\r\n\r\n012345\r\n--x--\r\n"),
        ] {
            assert_eq!(code(kind, body).await, "012345", "{kind}");
        }
        assert_eq!(code(JSON, r#"{"mfa_code": 12345}"#).await, "12345");
        assert_eq!(code("text/plain", "").await, "none");
    }

    #[tokio::test]
    async fn a_field_is_a_text_that_is_not_empty() {
        for (body, why) in [
            (r#"{"mfa_code": ""}"#, "deux-blank"),
            (r#"{"mfa_code": "  "}"#, "deux-blank"),
            (r#"{"mfa_code": null}"#, "deux-null"),
            (r#"{"mfa_code": true}"#, "deux-invalid"),
            (r#"{"mfa_code": ["1"]}"#, "deux-invalid"),
        ] {
            assert_eq!(code(JSON, body).await, why, "{body}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_refused() {
        for (kind, body) in [
            (JSON, "{"),
            (JSON, "[]"),
            (JSON, "\"mfa_code\""),
            (JSON, r#"{"a": "1", "a": "2"}"#),
            (JSON, r#"{"a": "\u0000"}"#),
            (FORM, "a=1&a=2"),
            (FORM, "a=%00"),
            (PARTS, "--y\r\n"),
            ("multipart/form-data", "--x--"),
        ] {
            assert_eq!(read(kind, body).await.err(), Some(Unread::BodyBroken), "{kind} {body}");
        }
        assert_eq!(read("text/plain", "a").await.err(), Some(Unread::BodyKind));
        let long: &'static str = "a".repeat(MAX_SIZE + 1).leak();
        assert_eq!(read(FORM, long).await.err(), Some(Unread::BodyLong));
    }
}
