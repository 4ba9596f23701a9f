//! Conversion between rows and types.
//!
//! A row is read from left to right, in the order in which its statement names the columns. A column whose value the
//! type cannot represent is an error that names the column and never shows the value.

use std::str::FromStr;

use countersign_engine::core::{Id, Kind, Timestamp};
use rusqlite::types::{Type, ValueRef};

/// What was read of a row, or why it cannot be.
pub(crate) type Decoded<T> = Result<T, DecodeError>;

/// A column holds what no program of ours has written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("the column `{0}` has an unknown value")]
    Unknown(&'static str),
    #[error("the column at position {0} has an invalid value")]
    Place(usize),
}

impl From<DecodeError> for rusqlite::Error {
    fn from(error: DecodeError) -> Self {
        Self::FromSqlConversionFailure(0, Type::Null, Box::new(error))
    }
}

/// A row of either database, by the places of its columns. Nothing is an empty column.
pub(crate) trait Row {
    fn text(&self, place: usize) -> Decoded<Option<&str>>;
    fn number(&self, place: usize) -> Decoded<Option<i64>>;
    fn bytes(&self, place: usize) -> Decoded<Option<&[u8]>>;
}

impl Row for rusqlite::Row<'_> {
    fn text(&self, place: usize) -> Decoded<Option<&str>> {
        self.get_ref(place).ok().and_then(|value| value.as_str_or_null().ok()).ok_or(DecodeError::Place(place))
    }

    fn number(&self, place: usize) -> Decoded<Option<i64>> {
        self.get_ref(place).ok().and_then(|value| value.as_i64_or_null().ok()).ok_or(DecodeError::Place(place))
    }

    fn bytes(&self, place: usize) -> Decoded<Option<&[u8]>> {
        match self.get_ref(place) {
            Ok(ValueRef::Null) => Ok(None),
            Ok(ValueRef::Blob(bytes)) => Ok(Some(bytes)),
            _ => Err(DecodeError::Place(place)),
        }
    }
}

impl Row for tokio_postgres::Row {
    fn text(&self, place: usize) -> Decoded<Option<&str>> {
        self.try_get(place).map_err(|_| DecodeError::Place(place))
    }

    fn number(&self, place: usize) -> Decoded<Option<i64>> {
        self.try_get(place).map_err(|_| DecodeError::Place(place))
    }

    fn bytes(&self, place: usize) -> Decoded<Option<&[u8]>> {
        self.try_get(place).map_err(|_| DecodeError::Place(place))
    }
}

/// What can be made of a row.
pub(crate) trait FromColumns: Sized {
    /// Takes what it needs of the columns that come next.
    fn read(columns: &mut Columns<'_>) -> Decoded<Self>;
}

/// One after the other, as a join has them.
impl<A: FromColumns, B: FromColumns> FromColumns for (A, B) {
    fn read(columns: &mut Columns<'_>) -> Decoded<Self> {
        Ok((A::read(columns)?, B::read(columns)?))
    }
}

/// The columns of one row, to be taken one after the other.
pub(crate) struct Columns<'r> {
    row: &'r dyn Row,
    next: usize,
}

impl<'r> Columns<'r> {
    /// The columns of `row` from the first one on.
    pub(crate) fn of(row: &'r dyn Row) -> Self {
        Self { row, next: 0 }
    }

    fn place(&mut self) -> usize {
        let place = self.next;
        self.next += 1;
        place
    }

    /// Whether the next column, which holds text if anything, is empty: an outer join found nothing.
    pub(crate) fn at_null(&self) -> Decoded<bool> {
        Ok(self.row.text(self.next)?.is_none())
    }

    pub(crate) fn text_if_any(&mut self) -> Decoded<Option<&'r str>> {
        let place = self.place();
        self.row.text(place)
    }

    pub(crate) fn text(&mut self) -> Decoded<&'r str> {
        let place = self.place();
        self.row.text(place)?.ok_or(DecodeError::Place(place))
    }

    pub(crate) fn bytes(&mut self) -> Decoded<Vec<u8>> {
        let place = self.place();
        self.row.bytes(place)?.map(Vec::from).ok_or(DecodeError::Place(place))
    }

    pub(crate) fn bytes_if_any(&mut self) -> Decoded<Option<Vec<u8>>> {
        let place = self.place();
        Ok(self.row.bytes(place)?.map(Vec::from))
    }

    fn integer(&mut self) -> Decoded<i64> {
        let place = self.place();
        self.row.number(place)?.ok_or(DecodeError::Place(place))
    }

    /// The next column through `parse`, which knows every word that `column` may hold.
    pub(crate) fn word<T>(&mut self, column: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Decoded<T> {
        parse(self.text()?).ok_or(DecodeError::Unknown(column))
    }

    pub(crate) fn number<T: TryFrom<i64>>(&mut self, column: &'static str) -> Decoded<T> {
        T::try_from(self.integer()?).map_err(|_| DecodeError::Unknown(column))
    }

    pub(crate) fn flag(&mut self, column: &'static str) -> Decoded<bool> {
        match self.integer()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Unknown(column)),
        }
    }

    pub(crate) fn id<T>(&mut self) -> Decoded<Id<T>> {
        self.text().map(Id::new)
    }

    pub(crate) fn id_if_any<T>(&mut self) -> Decoded<Option<Id<T>>> {
        Ok(self.text_if_any()?.map(Id::new))
    }

    pub(crate) fn kind_if_any(&mut self) -> Decoded<Option<Kind>> {
        Ok(self.text_if_any()?.map(|kind| Kind::new(kind.to_owned())))
    }

    pub(crate) fn time(&mut self) -> Decoded<Timestamp> {
        self.integer().map(Timestamp::from_millis)
    }

    pub(crate) fn time_if_any(&mut self) -> Decoded<Option<Timestamp>> {
        let place = self.place();
        Ok(self.row.number(place)?.map(Timestamp::from_millis))
    }

    /// The next column, which holds the text of a `T` if anything.
    pub(crate) fn parsed_if_any<T: FromStr>(&mut self, column: &'static str) -> Decoded<Option<T>> {
        let text = self.text_if_any()?;
        text.map(|text| text.parse().map_err(|_| DecodeError::Unknown(column))).transpose()
    }
}
