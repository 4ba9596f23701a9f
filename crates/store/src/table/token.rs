//! Access tokens, refresh tokens and personal tokens.

use countersign_engine::core::{
    ClientId, DeviceName, FamilyId, Kind, Level, Scopes, Token, TokenChange, TokenKind, UserId, time::CLOCK_TOLERANCE,
};

use super::{Must, Plan};
use crate::{
    row::{Columns, Decoded, FromColumns},
    value::Values,
};

pub(crate) const BY_KEY: &str = "
    SELECT id, key, user_id, kind, name, scopes, level, stamp, device_id, method, signed_in, verified,
           created, expires, last_used, client_id, family
    FROM token WHERE key = $1";
pub(crate) const OF_USER: &str = "
    SELECT id, key, user_id, kind, name, scopes, level, stamp, device_id, method, signed_in, verified,
           created, expires, last_used, client_id, family
    FROM token WHERE user_id = $1 ORDER BY created DESC, id DESC";
pub(crate) const EXISTS: &str = "SELECT 1 FROM token WHERE id = $1";
pub(crate) const ISSUE: &str = "
    INSERT INTO token (id, key, user_id, kind, name, scopes, level, stamp, device_id, method, signed_in, verified,
        created, expires, last_used, client_id, family)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    ON CONFLICT DO NOTHING";
/// User, stamp, now, the latest moment that is credible, most. A row if no more personal tokens are running than that.
pub(crate) const LIMIT_PERSONAL: &str = "
    SELECT 1 WHERE (SELECT count(*) FROM token
        WHERE user_id = $1 AND kind = 'personal' AND stamp = $2 AND expires > $3
            AND created <= $4 AND signed_in <= $4 AND (verified IS NULL OR verified <= $4)) <= $5";
pub(crate) const TOUCH: &str = "
    UPDATE token SET last_used = $1 WHERE id = $2 AND (last_used IS NULL OR last_used < $1)";
pub(crate) const REVOKE: &str = "DELETE FROM token WHERE id = $1";
pub(crate) const REVOKE_ALL: &str = "DELETE FROM token WHERE user_id = $1";
pub(crate) const REVOKE_ALL_EXCEPT_FAMILY: &str = "DELETE FROM token WHERE user_id = $1 AND family IS DISTINCT FROM $2";
/// User, device, and a family that stays: of no token if it is empty.
pub(crate) const REVOKE_OF_DEVICE: &str = "
    DELETE FROM token WHERE user_id = $1 AND device_id = $2 AND family IS DISTINCT FROM $3";
pub(crate) const REVOKE_OF_CLIENT: &str = "DELETE FROM token WHERE client_id = $1";
/// For a database that was put back: what was ended since then stays ended.
pub(crate) const REVOKE_EVERY: &str = "DELETE FROM token";
pub(crate) const PURGE: &str = "
    DELETE FROM token WHERE id IN (SELECT id FROM token WHERE expires <= $1 OR created > $2 LIMIT $3)
        AND (expires <= $1 OR created > $2)";

/// `EXISTS`, keeping the row from being removed until the commit. PostgreSQL only, as are the next two.
const LOCK: &str = "SELECT 1 FROM token WHERE id = $1 FOR UPDATE";
/// Holds all of a user's rows until the commit, in one order for everyone.
const LOCK_ALL: &str = "SELECT 1 FROM token WHERE user_id = $1 ORDER BY id FOR UPDATE";
/// The same of a client's, so that a batch that revokes by user and one that revokes by client take the rows they share in
/// one order.
const LOCK_OF_CLIENT: &str = "SELECT 1 FROM token WHERE client_id = $1 ORDER BY id FOR UPDATE";

pub(super) fn plan<'b>(plan: &mut Plan<'b>, change: &'b TokenChange) {
    match change {
        TokenChange::Require(token) => {
            let statement = plan.either(EXISTS, LOCK);
            plan.step(Must::OneRow, statement, vec![token.into()]);
        }
        TokenChange::RevokeAll { user } => {
            plan.in_order(LOCK_ALL, user.into());
            plan.step(Must::Run, REVOKE_ALL, vec![user.into()]);
        }
        TokenChange::RevokeAllExcept { user, family } => {
            plan.in_order(LOCK_ALL, user.into());
            plan.step(Must::Run, REVOKE_ALL_EXCEPT_FAMILY, vec![user.into(), family.into()]);
        }
        TokenChange::RevokeVerifiedBy { user, device, except } => {
            plan.in_order(LOCK_ALL, user.into());
            let except = except.as_ref().map_or("", FamilyId::as_str);
            plan.step(Must::Run, REVOKE_OF_DEVICE, vec![user.into(), device.into(), except.into()]);
        }
        TokenChange::Revoke(token) => plan.step(Must::Run, REVOKE, vec![token.into()]),
        TokenChange::Issue(token) => plan.step(Must::OneRow, ISSUE, issued(token)),
        TokenChange::Touch { token, at } => plan.step(Must::Run, TOUCH, vec![(*at).into(), token.into()]),
        TokenChange::LimitPersonal { user, stamp, at, max } => {
            let credible = at.after(CLOCK_TOLERANCE).into();
            let values = vec![user.into(), stamp.as_str().into(), (*at).into(), credible, (*max).into()];
            plan.step(Must::OneRow, LIMIT_PERSONAL, values);
        }
    }
}

/// Revokes what was issued to a client.
pub(super) fn revoke_of_client<'b>(plan: &mut Plan<'b>, client: &'b ClientId) {
    plan.in_order(LOCK_OF_CLIENT, client.into());
    plan.step(Must::Run, REVOKE_OF_CLIENT, vec![client.into()]);
}

/// The user whose rows are counted: those that another batch adds meanwhile cannot be locked.
pub(super) fn counts_rows_of(change: &TokenChange) -> Option<&UserId> {
    match change {
        TokenChange::LimitPersonal { user, .. } => Some(user),
        TokenChange::Require(_)
        | TokenChange::RevokeAll { .. }
        | TokenChange::RevokeAllExcept { .. }
        | TokenChange::RevokeVerifiedBy { .. }
        | TokenChange::Revoke(_)
        | TokenChange::Issue(_)
        | TokenChange::Touch { .. } => None,
    }
}

fn issued(token: &Token) -> Values<'_> {
    vec![
        (&token.id).into(),
        (&token.key).into(),
        (&token.user).into(),
        token.kind.as_str().into(),
        token.name.as_str().into(),
        token.scopes.text().into(),
        token.level.as_str().into(),
        token.stamp.as_str().into(),
        token.device.as_ref().into(),
        token.method.as_ref().map(Kind::as_str).into(),
        token.signed_in.into(),
        token.verified.into(),
        token.created.into(),
        token.expires.into(),
        token.last_used.into(),
        token.client.as_ref().into(),
        token.family.as_ref().into(),
    ]
}

impl FromColumns for Token {
    fn read(columns: &mut Columns<'_>) -> Decoded<Self> {
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
