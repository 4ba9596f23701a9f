//! A value on its way into a statement, whichever database runs it.
//!
//! There are three types of column: text, whole numbers of 64 bits, and bytes. A flag is 0 or 1.

use std::borrow::Cow;

use bytes::BytesMut;
use countersign_engine::core::{Id, Timestamp};
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// A value to be bound.
#[derive(Clone)]
pub(crate) enum Value<'v> {
    Null,
    Number(i64),
    Text(Cow<'v, str>),
    Bytes(Cow<'v, [u8]>),
}

/// The same values, for as long as one likes: for a statement that another thread will run.
pub(crate) fn owned(values: Values<'_>) -> Values<'static> {
    let owned = values.into_iter().map(|value| match value {
        Value::Null => Value::Null,
        Value::Number(number) => Value::Number(number),
        Value::Text(text) => Value::Text(text.into_owned().into()),
        Value::Bytes(bytes) => Value::Bytes(bytes.into_owned().into()),
    });
    owned.collect()
}

/// The values of a statement, in the order of its placeholders.
pub(crate) type Values<'v> = Vec<Value<'v>>;

impl Value<'_> {
    /// Whether PostgreSQL could hold this. It has no text with a zero in it, so no row has one either.
    pub(crate) fn is_holdable(&self) -> bool {
        !matches!(self, Self::Text(text) if text.contains('\0'))
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'v, T> From<&'v Id<T>> for Value<'v> {
    fn from(id: &'v Id<T>) -> Self {
        id.as_str().into()
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Number(flag.into())
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Number(at.as_millis())
    }
}

impl<'v> From<&'v [u8]> for Value<'v> {
    fn from(bytes: &'v [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'v, T: Into<Value<'v>>> From<Option<T>> for Value<'v> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Number(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Prints no value: some are secret, and errors are logged.
impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "bytes",
        })
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, column: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Number(number) if *column == Type::INT8 => number.to_sql(column, out),
            Self::Text(text) if *column == Type::TEXT => text.as_ref().to_sql(column, out),
            Self::Bytes(bytes) if *column == Type::BYTEA => bytes.as_ref().to_sql(column, out),
            other => Err(format!("a column of type {column} was given {other:?}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
