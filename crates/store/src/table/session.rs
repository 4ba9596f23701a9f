//! Sessions.

use countersign_engine::core::{Kind, Level, Repeat, SealedResult, Session, SessionChange, SessionKey};

use super::{Must, Plan};
use crate::{
    row::{Columns, DecodeError, Decoded, FromColumns},
    value::Values,
};

pub(crate) const ONE: &str = "
    SELECT key, user_id, level, stamp, device_id, created, last_seen, signed_in, verified,
           method, repeat_of, repeat_call, repeat_until, repeat_sealed
    FROM session WHERE key = $1";
pub(crate) const EXISTS: &str = "SELECT 1 FROM session WHERE key = $1";
pub(crate) const OF_USER: &str = "
    SELECT key, user_id, level, stamp, device_id, created, last_seen, signed_in, verified,
           method, repeat_of, repeat_call, repeat_until, repeat_sealed
    FROM session WHERE user_id = $1 ORDER BY last_seen DESC, key DESC";
pub(crate) const CREATE: &str = "
    INSERT INTO session (key, user_id, level, stamp, device_id, created, last_seen, signed_in, verified, method,
        repeat_of, repeat_call, repeat_until, repeat_sealed)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
    ON CONFLICT (key) DO NOTHING";
/// What completed a login attempt, or replaced a session.
pub(crate) const AFTER: &str = "
    SELECT key, user_id, level, stamp, device_id, created, last_seen, signed_in, verified,
           method, repeat_of, repeat_call, repeat_until, repeat_sealed
    FROM session WHERE repeat_of = $1";
pub(crate) const CLOSE_REPEAT: &str = "
    UPDATE session SET repeat_sealed = NULL WHERE key = $1 AND repeat_sealed IS NOT NULL";
/// Forgets the sealed results of calls that cannot be repeated any more. No row goes.
pub(crate) const PURGE_REPEATS: &str = "
    UPDATE session SET repeat_sealed = NULL WHERE key IN
        (SELECT key FROM session WHERE repeat_until <= $1 AND repeat_sealed IS NOT NULL LIMIT $2)
        AND repeat_until <= $1 AND repeat_sealed IS NOT NULL";
pub(crate) const TOUCH: &str = "UPDATE session SET last_seen = $1 WHERE key = $2 AND last_seen < $1";
pub(crate) const END: &str = "DELETE FROM session WHERE key = $1";
pub(crate) const END_ALL: &str = "DELETE FROM session WHERE user_id = $1";
/// User, device, and a key that stays: of no session if it is empty.
pub(crate) const END_OF_DEVICE: &str = "DELETE FROM session WHERE user_id = $1 AND device_id = $2 AND key <> $3";
/// For a database that was restored: a user who signed out since then stays signed out.
pub(crate) const END_EVERY: &str = "DELETE FROM session";
/// Those that were last used before $1, or after $2 by a clock that was ahead.
pub(crate) const PURGE: &str = "
    DELETE FROM session WHERE key IN
        (SELECT key FROM session WHERE last_seen < $1 OR last_seen > $2 LIMIT $3)
        AND (last_seen < $1 OR last_seen > $2)";

/// `EXISTS`, holding the row until the commit. PostgreSQL only, as is the next.
const LOCK: &str = "SELECT 1 FROM session WHERE key = $1 FOR UPDATE";
/// Holds all of a user's rows until the commit, in one order for everyone.
const LOCK_ALL: &str = "SELECT 1 FROM session WHERE user_id = $1 ORDER BY key FOR UPDATE";

pub(super) fn plan<'b>(plan: &mut Plan<'b>, change: &'b SessionChange) {
    match change {
        SessionChange::Require(key) => {
            let statement = plan.either(EXISTS, LOCK);
            plan.step(Must::OneRow, statement, vec![key.into()]);
        }
        SessionChange::CloseRepeat(key) => plan.step(Must::OneRow, CLOSE_REPEAT, vec![key.into()]),
        SessionChange::EndAll { user } => plan.step(Must::Run, END_ALL, vec![user.into()]),
        SessionChange::EndVerifiedBy { user, device, except } => {
            let except = except.as_ref().map_or("", SessionKey::as_str);
            plan.step(Must::Run, END_OF_DEVICE, vec![user.into(), device.into(), except.into()]);
        }
        // Another batch may be writing the session anew under its key. Only a statement that begins after that one has ended
        // finds the new row.
        SessionChange::End(key) => {
            plan.in_order(LOCK, key.into());
            plan.step(Must::Run, END, vec![key.into()]);
        }
        SessionChange::Create(session) => plan.step(Must::OneRow, CREATE, created(session)),
        SessionChange::Touch { key, at } => plan.step(Must::Run, TOUCH, vec![(*at).into(), key.into()]),
    }
}

/// Locks what the change will end.
pub(super) fn lock<'b>(plan: &mut Plan<'b>, change: &'b SessionChange) {
    match change {
        SessionChange::EndAll { user } | SessionChange::EndVerifiedBy { user, .. } => {
            plan.step(Must::Run, LOCK_ALL, vec![user.into()]);
        }
        SessionChange::End(key) => plan.step(Must::Run, LOCK, vec![key.into()]),
        SessionChange::Require(_)
        | SessionChange::CloseRepeat(_)
        | SessionChange::Create(_)
        | SessionChange::Touch { .. } => {}
    }
}

fn created(session: &Session) -> Values<'_> {
    let repeat = session.repeat.as_ref();
    vec![
        (&session.key).into(),
        (&session.user).into(),
        session.level.as_str().into(),
        session.stamp.as_str().into(),
        session.device.as_ref().into(),
        session.created.into(),
        session.last_seen.into(),
        session.signed_in.into(),
        session.verified.into(),
        session.method.as_ref().map(Kind::as_str).into(),
        repeat.map(|repeat| &repeat.of).into(),
        repeat.map(|repeat| repeat.call.as_str()).into(),
        repeat.map(|repeat| repeat.until).into(),
        repeat.and_then(|repeat| repeat.sealed.as_ref()).map(|SealedResult(sealed)| sealed.as_slice()).into(),
    ]
}

impl FromColumns for Session {
    fn read(columns: &mut Columns<'_>) -> Decoded<Self> {
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
            repeat: repeat(columns)?,
        })
    }
}

fn repeat(columns: &mut Columns<'_>) -> Decoded<Option<Repeat>> {
    let (of, call) = (columns.id_if_any()?, columns.text_if_any()?.map(str::to_owned));
    let (until, sealed) = (columns.time_if_any()?, columns.bytes_if_any()?.map(SealedResult));
    match (of, call, until) {
        (None, None, None) => Ok(None),
        (Some(of), Some(call), Some(until)) => Ok(Some(Repeat { of, call, until, sealed })),
        _ => Err(DecodeError::Unknown("repeat_of")),
    }
}
