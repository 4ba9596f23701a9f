//! The users of the stand-alone server.

use countersign_engine::{
    User,
    core::{Secret, Timestamp, UserChange, UserId},
};

use super::{Must, Plan};
use crate::row::{Columns, Decoded, FromColumns};

/// One user.
#[derive(Clone, Debug)]
pub struct UserRow {
    /// Names the user for ever.
    pub id: UserId,
    /// The name as it was given.
    pub name: String,
    /// The one spelling of the name; no two users share it.
    pub canonical_name: String,
    /// Where mail goes.
    pub email: Option<String>,
    /// The hash of the password, with its parameters.
    pub password_hash: Secret,
    /// Whether the user may sign in.
    pub active: bool,
    /// Whether the user runs the place.
    pub staff: bool,
    /// Changes with every change of the user's credentials.
    pub stamp: String,
    /// When the user was added.
    pub created: Timestamp,
    /// When the password was last set.
    pub password_changed: Timestamp,
}

pub(crate) const SEEN: &str = "SELECT id, name, active, staff, stamp FROM app_user WHERE id = $1";
pub(crate) const OF_SESSION: &str = "
    SELECT session.key, session.user_id, session.level, session.stamp, session.device_id, session.created,
           session.last_seen, session.signed_in, session.verified, session.method,
           session.repeat_of, session.repeat_call, session.repeat_until, session.repeat_sealed,
           app_user.id, app_user.name, app_user.active, app_user.staff, app_user.stamp
    FROM session JOIN app_user ON app_user.id = session.user_id WHERE session.key = $1";
pub(crate) const OF_TOKEN: &str = "
    SELECT token.id, token.key, token.user_id, token.kind, token.name, token.scopes, token.level, token.stamp,
           token.device_id, token.method, token.signed_in, token.verified, token.created, token.expires,
           token.last_used, token.client_id, token.family,
           app_user.id, app_user.name, app_user.active, app_user.staff, app_user.stamp
    FROM token JOIN app_user ON app_user.id = token.user_id WHERE token.key = $1";
pub(crate) const BY_ID: &str = "
    SELECT id, name, canonical_name, email, password_hash, active, staff, stamp, created, password_changed
    FROM app_user WHERE id = $1";
pub(crate) const BY_CANONICAL_NAME: &str = "
    SELECT id, name, canonical_name, email, password_hash, active, staff, stamp, created, password_changed
    FROM app_user WHERE canonical_name = $1";
pub(crate) const ALL: &str = "
    SELECT id, name, canonical_name, email, password_hash, active, staff, stamp, created, password_changed
    FROM app_user ORDER BY canonical_name";
pub(crate) const INSERT: &str = "
    INSERT INTO app_user
        (id, name, canonical_name, email, password_hash, active, staff, stamp, created, password_changed)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (canonical_name) DO NOTHING";
pub(crate) const SET_PASSWORD: &str = "
    UPDATE app_user SET password_hash = $1, stamp = $2, password_changed = $3 WHERE id = $4 AND stamp = $5
    RETURNING id, name, canonical_name, email, password_hash, active, staff, stamp, created, password_changed";
pub(crate) const SET_HASH_IF: &str = "
    UPDATE app_user SET password_hash = $1 WHERE id = $2 AND password_hash = $3";
/// New name, user, name that was seen. No row if another user has the new one.
pub(crate) const SET_CANONICAL_NAME: &str = "
    UPDATE app_user SET canonical_name = $1
    WHERE id = $2 AND canonical_name = $3
      AND NOT EXISTS (SELECT 1 FROM app_user AS other WHERE other.canonical_name = $1)";
pub(crate) const SET_ACTIVE: &str = "
    UPDATE app_user SET active = $1, stamp = $2 WHERE id = $3
    RETURNING id, name, canonical_name, email, password_hash, active, staff, stamp, created, password_changed";

pub(super) fn plan<'b>(plan: &mut Plan<'b>, change: &'b UserChange) {
    match change {
        UserChange::SetPassword { user, expected_stamp, stamp, hash, at } => {
            let (hash, stamp, expected) = (hash.expose(), stamp.as_str(), expected_stamp.as_str());
            let values = vec![hash.into(), stamp.into(), (*at).into(), user.into(), expected.into()];
            plan.step(Must::OneRow, SET_PASSWORD, values);
        }
    }
}

impl FromColumns for User {
    fn read(columns: &mut Columns<'_>) -> Decoded<Self> {
        Ok(Self {
            id: columns.id()?,
            name: columns.text()?.into(),
            active: columns.flag("active")?,
            staff: columns.flag("staff")?,
            stamp: columns.text()?.into(),
        })
    }
}

impl FromColumns for UserRow {
    fn read(columns: &mut Columns<'_>) -> Decoded<Self> {
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
