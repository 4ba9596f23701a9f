//! Between rows and types.
//!
//! A row is read from left to right, in the order in which its statement names the columns. A column that holds what the
//! type cannot say is an error that names the column and never shows what stands in it.

use std::{net::IpAddr, str::FromStr};

use countersign_engine::{
    User,
    core::{
        Account, Budget, Client, ClientKind, ClientName, ClientSecretHash, ClientType, Delivery, DeliveryStatus,
        Device, DeviceCookie, DeviceName, Event, EventKind, Factors, Id, Kind, Level, Node, Repeat, Scopes, Sealed,
        SealedResult, Secret, Session, Status, Timestamp, Token, TokenKind, UserId,
        throttle::{Streak, Throttle},
    },
};
use rusqlite::types::{Type, ValueRef};

use crate::users::UserRow;

type Result<T> = std::result::Result<T, Strange>;

/// A column holds what no program of ours has written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Strange {
    #[error("the column `{0}` holds something unknown")]
    Unknown(&'static str),
    #[error("the column at place {0} holds something else than it should")]
    Place(usize),
}

impl From<Strange> for rusqlite::Error {
    fn from(strange: Strange) -> Self {
        Self::FromSqlConversionFailure(0, Type::Null, Box::new(strange))
    }
}

/// A row of either database, by the places of its columns. Nothing is an empty column.
pub(crate) trait Row {
    fn text(&self, place: usize) -> Result<Option<&str>>;
    fn number(&self, place: usize) -> Result<Option<i64>>;
    fn bytes(&self, place: usize) -> Result<Option<&[u8]>>;
}

impl Row for rusqlite::Row<'_> {
    fn text(&self, place: usize) -> Result<Option<&str>> {
        self.get_ref(place).ok().and_then(|value| value.as_str_or_null().ok()).ok_or(Strange::Place(place))
    }

    fn number(&self, place: usize) -> Result<Option<i64>> {
        self.get_ref(place).ok().and_then(|value| value.as_i64_or_null().ok()).ok_or(Strange::Place(place))
    }

    fn bytes(&self, place: usize) -> Result<Option<&[u8]>> {
        match self.get_ref(place) {
            Ok(ValueRef::Null) => Ok(None),
            Ok(ValueRef::Blob(bytes)) => Ok(Some(bytes)),
            _ => Err(Strange::Place(place)),
        }
    }
}

impl Row for tokio_postgres::Row {
    fn text(&self, place: usize) -> Result<Option<&str>> {
        self.try_get(place).map_err(|_| Strange::Place(place))
    }

    fn number(&self, place: usize) -> Result<Option<i64>> {
        self.try_get(place).map_err(|_| Strange::Place(place))
    }

    fn bytes(&self, place: usize) -> Result<Option<&[u8]>> {
        self.try_get(place).map_err(|_| Strange::Place(place))
    }
}

/// What the rows of `account::FACTORS` say, taken one after the other.
pub(crate) struct FactorsOf(pub(crate) Factors<Sealed>);

impl FactorsOf {
    pub(crate) fn new(user: &UserId) -> Self {
        Self(Factors { account: Account::new(user.clone()), devices: Vec::new() })
    }

    pub(crate) fn add(&mut self, row: &dyn Row) -> Result<()> {
        let mut columns = Columns::of(row);
        self.0.account.factors = columns.number("factors")?;
        self.0.account.preferred = columns.id_if_any()?;
        self.0.account.restored = columns.time_if_any()?;
        if !columns.at_null()? {
            self.0.devices.push(Device::read(&mut columns)?);
        }
        Ok(())
    }
}

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
            kind: columns.text().map(|kind| Kind::new(kind.to_owned()))?,
            name: columns.word("name", |text| DeviceName::parse(text).ok())?,
            status: columns.word("status", Status::parse)?,
            version: columns.number("version")?,
            throttle: Throttle {
                failures: columns.number("failures")?,
                last_failure: columns.time_if_any()?,
                recognized: columns.streak()?,
            },
            created: columns.time()?,
            last_used: columns.time_if_any()?,
            state: Sealed(columns.bytes()?),
        })
    }
}

impl FromColumns for Session {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            key: columns.id()?,
            user: columns.id()?,
            level: columns.word("level", Level::parse)?,
            stamp: columns.text()?.into(),
            device: columns.id_if_any()?,
            created: columns.time()?,
            last_seen: columns.time()?,
            signed_in: columns.time()?,
            verified: columns.time_if_any()?,
            method: columns.kind_if_any()?,
            repeat: columns.repeat_if_any()?,
        })
    }
}

impl FromColumns for Token {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            id: columns.id()?,
            key: columns.id()?,
            user: columns.id()?,
            kind: columns.word("kind", TokenKind::parse)?,
            name: columns.word("name", |text| DeviceName::parse(text).ok())?,
            scopes: columns.word("scopes", |text| Scopes::parse(text).ok())?,
            level: columns.word("level", Level::parse)?,
            stamp: columns.text()?.into(),
            device: columns.id_if_any()?,
            method: columns.kind_if_any()?,
            signed_in: columns.time()?,
            verified: columns.time_if_any()?,
            created: columns.time()?,
            expires: columns.time()?,
            last_used: columns.time_if_any()?,
            client: columns.id_if_any()?,
            family: columns.id_if_any()?,
        })
    }
}

impl FromColumns for Client {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            id: columns.id()?,
            name: columns.word("name", |text| ClientName::parse(text).ok())?,
            kind: columns.client_kind()?,
            scopes: columns.word("scopes", |text| Scopes::parse(text).ok())?,
            created: columns.time()?,
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
            method: columns.kind_if_any()?,
            attempt: columns.id_if_any()?,
            address: columns.address_if_any()?,
        })
    }
}

impl FromColumns for Delivery {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            id: columns.id()?,
            user: columns.id()?,
            device: columns.id()?,
            channel: columns.text().map(|kind| Kind::new(kind.to_owned()))?,
            attempt: columns.id()?,
            region: columns.text()?.to_owned(),
            price: columns.number("price")?,
            created: columns.time()?,
            status: columns.word("status", DeliveryStatus::parse)?,
            noted: columns.time()?,
            reference: columns.text_if_any()?.map(str::to_owned),
            reason: columns.text_if_any()?.map(str::to_owned),
            verified: columns.time_if_any()?,
        })
    }
}

impl FromColumns for DeviceCookie {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            user: columns.id()?,
            slot: columns.number("slot")?,
            browser: columns.id()?,
            stamp: columns.text()?.into(),
            device: columns.id_if_any()?,
            created: columns.time()?,
            last_seen: columns.time()?,
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
            version: columns.text()?.to_owned(),
            keys: columns.text()?.split_whitespace().map(str::to_owned).collect(),
            sealing_since: columns.time()?,
            host: columns.text_if_any()?.map(str::to_owned),
            listen_address: columns.parsed_if_any("listen_address")?,
        })
    }
}

impl FromColumns for User {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            id: columns.id()?,
            name: columns.text()?.into(),
            active: columns.flag("active")?,
            staff: columns.flag("staff")?,
            stamp: columns.text()?.into(),
        })
    }
}

/// One after the other, as a join has them.
impl<A: FromColumns, B: FromColumns> FromColumns for (A, B) {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok((A::read(columns)?, B::read(columns)?))
    }
}

impl FromColumns for UserRow {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            id: columns.id()?,
            name: columns.text()?.into(),
            canonical_name: columns.text()?.into(),
            email: columns.text_if_any()?.map(Into::into),
            password_hash: columns.text().map(Secret::new)?,
            active: columns.flag("active")?,
            staff: columns.flag("staff")?,
            stamp: columns.text()?.into(),
            created: columns.time()?,
            password_changed: columns.time()?,
        })
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
    fn at_null(&self) -> Result<bool> {
        Ok(self.row.text(self.next)?.is_none())
    }

    fn text_if_any(&mut self) -> Result<Option<&'r str>> {
        let place = self.place();
        self.row.text(place)
    }

    fn text(&mut self) -> Result<&'r str> {
        let place = self.place();
        self.row.text(place)?.ok_or(Strange::Place(place))
    }

    fn bytes(&mut self) -> Result<Vec<u8>> {
        let place = self.place();
        self.row.bytes(place)?.map(Vec::from).ok_or(Strange::Place(place))
    }

    fn bytes_if_any(&mut self) -> Result<Option<Vec<u8>>> {
        let place = self.place();
        Ok(self.row.bytes(place)?.map(Vec::from))
    }

    fn integer(&mut self) -> Result<i64> {
        let place = self.place();
        self.row.number(place)?.ok_or(Strange::Place(place))
    }

    /// The next column through `parse`, which knows every word that `column` may hold.
    fn word<T>(&mut self, column: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        parse(self.text()?).ok_or(Strange::Unknown(column))
    }

    pub(crate) fn number<T: TryFrom<i64>>(&mut self, column: &'static str) -> Result<T> {
        T::try_from(self.integer()?).map_err(|_| Strange::Unknown(column))
    }

    fn flag(&mut self, column: &'static str) -> Result<bool> {
        match self.integer()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Strange::Unknown(column)),
        }
    }

    fn id<T>(&mut self) -> Result<Id<T>> {
        self.text().map(Id::new)
    }

    fn id_if_any<T>(&mut self) -> Result<Option<Id<T>>> {
        Ok(self.text_if_any()?.map(Id::new))
    }

    fn client_kind(&mut self) -> Result<ClientKind> {
        let client_type = self.word("kind", ClientType::parse)?;
        let secret = self.text_if_any()?.map(|text| ClientSecretHash::parse(text).ok_or(Strange::Unknown("secret")));
        ClientKind::from_parts(client_type, secret.transpose()?).ok_or(Strange::Unknown("secret"))
    }

    fn kind_if_any(&mut self) -> Result<Option<Kind>> {
        Ok(self.text_if_any()?.map(|kind| Kind::new(kind.to_owned())))
    }

    fn time(&mut self) -> Result<Timestamp> {
        self.integer().map(Timestamp::from_millis)
    }

    fn time_if_any(&mut self) -> Result<Option<Timestamp>> {
        let place = self.place();
        Ok(self.row.number(place)?.map(Timestamp::from_millis))
    }

    fn repeat_if_any(&mut self) -> Result<Option<Repeat>> {
        let (of, call) = (self.id_if_any()?, self.text_if_any()?.map(str::to_owned));
        let (until, sealed) = (self.time_if_any()?, self.bytes_if_any()?.map(SealedResult));
        match (of, call, until) {
            (None, None, None) => Ok(None),
            (Some(of), Some(call), Some(until)) => Ok(Some(Repeat { of, call, until, sealed })),
            _ => Err(Strange::Unknown("repeat_of")),
        }
    }

    fn streak(&mut self) -> Result<Option<Streak>> {
        let failures = self.number("recognized_failures")?;
        Ok(self.time_if_any()?.map(|last| Streak { failures, last }))
    }

    fn address_if_any(&mut self) -> Result<Option<IpAddr>> {
        self.parsed_if_any("address")
    }

    /// The next column, which holds the text of a `T` if anything.
    fn parsed_if_any<T: FromStr>(&mut self, column: &'static str) -> Result<Option<T>> {
        let text = self.text_if_any()?;
        text.map(|text| text.parse().map_err(|_| Strange::Unknown(column))).transpose()
    }
}
