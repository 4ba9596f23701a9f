//! Events.

use countersign_engine::core::{Event, EventChange, EventKind, Kind};

use super::{Must, Plan};
use crate::{
    row::{Columns, Decoded, FromColumns},
    value::Values,
};

pub(crate) const OF_USER: &str = "
    SELECT at, user_id, kind, device_id, method, attempt_id, address
    FROM event WHERE user_id = $1 ORDER BY id DESC LIMIT $2";
pub(crate) const RECORD: &str = "
    INSERT INTO event (at, user_id, kind, device_id, method, attempt_id, address)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
/// Looks at the oldest events only, so that no index by time is needed: one in every commit would be dear.
pub(crate) const PURGE: &str = "
    DELETE FROM event WHERE at < $1 AND id IN (SELECT id FROM event ORDER BY id LIMIT $2)";

pub(super) fn plan<'b>(plan: &mut Plan<'b>, change: &'b EventChange) {
    match change {
        EventChange::Record(event) => plan.step(Must::OneRow, RECORD, recorded(event)),
    }
}

fn recorded(event: &Event) -> Values<'_> {
    vec![
        event.at.into(),
        (&event.user).into(),
        event.kind.as_str().into(),
        event.device.as_ref().into(),
        event.method.as_ref().map(Kind::as_str).into(),
        event.attempt.as_ref().into(),
        event.address.map(|address| address.to_string()).into(),
    ]
}

impl FromColumns for Event {
    fn read(columns: &mut Columns<'_>) -> Decoded<Self> {
        Ok(Self {
            at: columns.time()?,
            user: columns.id()?,
            kind: columns.word("kind", EventKind::parse)?,
            device: columns.id_if_any()?,
            method: columns.kind_if_any()?,
            attempt: columns.id_if_any()?,
            address: columns.parsed_if_any("address")?,
        })
    }
}
