//! Messages with codes.

use countersign_engine::core::{Delivery, DeliveryChange, DeliveryStatus, Kind, delivery::Note};

use super::{Must, Plan};
use crate::{
    row::{Columns, Decoded, FromColumns},
    value::Values,
};

pub(crate) const OF_USER: &str = "
    SELECT id, user_id, device_id, channel, attempt_id, region, price, created, status, noted,
           reference, reason, verified
    FROM delivery WHERE user_id = $1 ORDER BY created DESC, id DESC LIMIT $2";
pub(crate) const ADD: &str = "
    INSERT INTO delivery (id, user_id, device_id, channel, attempt_id, region, price, created, status, noted,
        reference, reason, verified)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (id) DO NOTHING";
/// The gateway's first word, if it has said nothing yet.
pub(crate) const NOTE_FIRST: &str = "
    UPDATE delivery SET status = $1, noted = $2, reference = coalesce($3, reference), reason = $4
    WHERE id = $5 AND status = 'waiting'";
/// The gateway's last word, if it has not said one yet.
pub(crate) const NOTE_LAST: &str = "
    UPDATE delivery SET status = $1, noted = $2, reference = coalesce($3, reference), reason = $4
    WHERE id = $5 AND status IN ('waiting', 'sent')";
pub(crate) const NOTE_VERIFIED: &str = "UPDATE delivery SET verified = $1 WHERE id = $2 AND verified IS NULL";
pub(crate) const PURGE: &str = "
    DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE created < $1 LIMIT $2)
        AND created < $1";

pub(super) fn plan<'b>(plan: &mut Plan<'b>, change: &'b DeliveryChange) {
    match change {
        DeliveryChange::Add(delivery) => plan.step(Must::OneRow, ADD, added(delivery)),
        DeliveryChange::Note(note) => {
            let is_last = note.status.follows(DeliveryStatus::Sent);
            plan.step(Must::Run, if is_last { NOTE_LAST } else { NOTE_FIRST }, noted(note));
        }
        DeliveryChange::NoteVerified { delivery, at } => {
            plan.step(Must::Run, NOTE_VERIFIED, vec![(*at).into(), delivery.into()]);
        }
    }
}

fn added(sent: &Delivery) -> Values<'_> {
    vec![
        (&sent.id).into(),
        (&sent.user).into(),
        (&sent.device).into(),
        sent.channel.as_str().into(),
        (&sent.attempt).into(),
        sent.region.as_str().into(),
        sent.price.into(),
        sent.created.into(),
        sent.status.as_str().into(),
        sent.noted.into(),
        sent.reference.as_deref().into(),
        sent.reason.as_deref().into(),
        sent.verified.into(),
    ]
}

fn noted(note: &Note) -> Values<'_> {
    vec![
        note.status.as_str().into(),
        note.at.into(),
        note.reference.as_deref().into(),
        note.reason.as_deref().into(),
        (&note.delivery).into(),
    ]
}

impl FromColumns for Delivery {
    fn read(columns: &mut Columns<'_>) -> Decoded<Self> {
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
