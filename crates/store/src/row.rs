//! Between rows and types.
//!
//! A row is read from left to right, in the order in which its statement names the columns. A column that holds what the
//! type cannot say is an error that names the column and never shows what stands in it.

use std::net::IpAddr;

use countersign_engine::core::{
    Budget, Device, DeviceName, Event, EventKind, Id, Kind, Level, Node, Sealed, Secret, Session, Status, Timestamp,
    throttle::Throttle,
};
use rusqlite::{
    Result, Row,
    types::{FromSql, Type},
};

use crate::users::UserRow;

/// What can be made of a row.
pub(crate) trait FromColumns: Sized {
    /// Takes what it needs of the columns that come next.
    fn read(columns: &mut Columns<'_>) -> Result<Self>;
}

impl FromColumns for Device<Sealed> {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            id: columns.id()?,
            user: columns.id()?,
            kind: columns.take::<String>().map(Kind::new)?,
            name: columns.word("name", |text| DeviceName::parse(text).ok())?,
            status: columns.word("status", Status::parse)?,
            version: columns.number("version")?,
            throttle: Throttle { failures: columns.number("failures")?, last_failure: columns.time_if_any()? },
            created: columns.time()?,
            last_used: columns.time_if_any()?,
            state: Sealed(columns.take()?),
        })
    }
}

impl FromColumns for Session {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            key: columns.id()?,
            user: columns.id()?,
            level: columns.word("level", Level::parse)?,
            stamp: columns.take()?,
            device: columns.id_if_any()?,
            created: columns.time()?,
            last_seen: columns.time()?,
            signed_in: columns.time()?,
            verified: columns.time_if_any()?,
        })
    }
}

impl FromColumns for Event {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            at: columns.time()?,
            user: columns.id()?,
            kind: columns.word("kind", EventKind::parse)?,
            device: columns.id_if_any()?,
            method: columns.take::<Option<String>>()?.map(Kind::new),
            attempt: columns.id_if_any()?,
            address: columns.address_if_any()?,
        })
    }
}

impl FromColumns for Budget {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { spent: columns.number("spent")?, until: columns.time()? })
    }
}

impl FromColumns for Node {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            id: columns.id()?,
            started: columns.time()?,
            seen: columns.time()?,
            version: columns.take()?,
            keys: columns.take::<String>()?.split_whitespace().map(str::to_owned).collect(),
            sealing_since: columns.time()?,
        })
    }
}

impl FromColumns for UserRow {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            id: columns.id()?,
            name: columns.take()?,
            canonical_name: columns.take()?,
            email: columns.take()?,
            password_hash: columns.take::<String>().map(Secret::new)?,
            active: columns.take()?,
            staff: columns.take()?,
            stamp: columns.take()?,
            created: columns.time()?,
            password_changed: columns.time()?,
        })
    }
}

/// The column of this name holds what no program of ours has written.
#[derive(Debug, thiserror::Error)]
#[error("the column `{0}` holds something unknown")]
struct Strange(&'static str);

/// The columns of one row, to be taken one after the other.
pub(crate) struct Columns<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Columns<'r> {
    /// The columns of `row` from the first one on.
    pub(crate) fn of(row: &'r Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    /// Whether the next column is empty: an outer join found nothing.
    pub(crate) fn at_null(&self) -> Result<bool> {
        Ok(self.row.get_ref(self.next)?.data_type() == Type::Null)
    }

    pub(crate) fn take<T: FromSql>(&mut self) -> Result<T> {
        let value = self.row.get(self.next)?;
        self.next += 1;
        Ok(value)
    }

    /// The next column through `parse`, which knows every word that `column` may hold.
    fn word<T>(&mut self, column: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        let word = parse(self.row.get_ref(self.next)?.as_str()?).ok_or_else(|| self.strange(column, Type::Text))?;
        self.next += 1;
        Ok(word)
    }

    pub(crate) fn number<T: TryFrom<i64>>(&mut self, column: &'static str) -> Result<T> {
        let number: i64 = self.row.get(self.next)?;
        let number = T::try_from(number).map_err(|_| self.strange(column, Type::Integer))?;
        self.next += 1;
        Ok(number)
    }

    pub(crate) fn id<T>(&mut self) -> Result<Id<T>> {
        self.take::<Box<str>>().map(Id::new)
    }

    pub(crate) fn id_if_any<T>(&mut self) -> Result<Option<Id<T>>> {
        Ok(self.take::<Option<Box<str>>>()?.map(Id::new))
    }

    fn time(&mut self) -> Result<Timestamp> {
        self.take().map(Timestamp::from_millis)
    }

    fn time_if_any(&mut self) -> Result<Option<Timestamp>> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp::from_millis))
    }

    fn address_if_any(&mut self) -> Result<Option<IpAddr>> {
        if self.at_null()? {
            self.next += 1;
            return Ok(None);
        }
        self.word("address", |text| text.parse().ok()).map(Some)
    }

    fn strange(&self, column: &'static str, held: Type) -> rusqlite::Error {
        rusqlite::Error::FromSqlConversionFailure(self.next, held, Box::new(Strange(column)))
    }
}
