//! Devices.

use countersign_engine::core::{
    Device, DeviceChange, DeviceName, Kind, Sealed, Status, UserId,
    throttle::{Streak, Throttle},
};

use super::{Must, Plan, PlanError, storable, version};
use crate::{
    row::{Columns, Decoded, FromColumns},
    value::Values,
};

pub(crate) const ONE: &str = "
    SELECT id, user_id, kind, name, status, version, failures, last_failure, recognized_failures,
           last_recognized_failure, created, last_used, state
    FROM device WHERE id = $1";
pub(crate) const AFTER: &str = "
    SELECT id, user_id, kind, name, status, version, failures, last_failure, recognized_failures,
           last_recognized_failure, created, last_used, state
    FROM device WHERE id > $1 ORDER BY id LIMIT $2";
pub(crate) const ADD: &str = "
    INSERT INTO device
        (id, user_id, kind, name, status, version, failures, last_failure, recognized_failures,
         last_recognized_failure, created, last_used, state)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (id) DO NOTHING";
/// Owner, kind and birth stay what they were: the state is sealed to them.
pub(crate) const UPDATE: &str = "
    UPDATE device
    SET name = $1, status = $2, version = $3, failures = $4, last_failure = $5, recognized_failures = $6,
        last_recognized_failure = $7, last_used = $8, state = $9
    WHERE id = $10 AND version = $11 AND user_id = $12";
/// User, most. A row if there are no more setups than that.
pub(crate) const LIMIT_SETUPS: &str = "
    SELECT 1 WHERE (SELECT count(*) FROM device WHERE user_id = $1 AND status = 'enrolling') <= $2";
pub(crate) const REMOVE: &str = "DELETE FROM device WHERE id = $1 AND version = $2";
pub(crate) const REMOVE_ALL: &str = "DELETE FROM device WHERE user_id = $1";
pub(crate) const PURGE: &str = "
    DELETE FROM device WHERE id IN
        (SELECT id FROM device WHERE status = 'enrolling' AND created < $1 LIMIT $2)
        AND status = 'enrolling' AND created < $1";

/// Hold rows until the commit, all of a user's in one order for everyone. PostgreSQL only.
const LOCK: &str = "SELECT 1 FROM device WHERE id = $1 FOR UPDATE";
const LOCK_ALL: &str = "SELECT 1 FROM device WHERE user_id = $1 ORDER BY id FOR UPDATE";

pub(super) fn plan<'b>(plan: &mut Plan<'b>, change: &'b DeviceChange<Sealed>) -> Result<(), PlanError> {
    match change {
        DeviceChange::RemoveAll { user } => plan.step(Must::Run, REMOVE_ALL, vec![user.into()]),
        DeviceChange::Remove { device, expected_version } => {
            plan.step(Must::OneRow, REMOVE, vec![device.into(), version(*expected_version)?]);
        }
        DeviceChange::Add(device) => plan.step(Must::OneRow, ADD, added(device)?),
        DeviceChange::Update(device) => plan.step(Must::OneRow, UPDATE, updated(device)?),
        DeviceChange::LimitSetups { user, max } => {
            plan.step(Must::OneRow, LIMIT_SETUPS, vec![user.into(), (*max).into()]);
        }
    }
    Ok(())
}

/// Locks what the change will write.
pub(super) fn lock<'b>(plan: &mut Plan<'b>, change: &'b DeviceChange<Sealed>) {
    match change {
        DeviceChange::RemoveAll { user } => plan.step(Must::Run, LOCK_ALL, vec![user.into()]),
        DeviceChange::Remove { device, .. } => plan.step(Must::Run, LOCK, vec![device.into()]),
        DeviceChange::Update(device) => plan.step(Must::Run, LOCK, vec![(&device.id).into()]),
        DeviceChange::Add(_) | DeviceChange::LimitSetups { .. } => {}
    }
}

/// The user whose rows are counted: those that another batch adds meanwhile cannot be locked.
pub(super) fn counts_rows_of(change: &DeviceChange<Sealed>) -> Option<&UserId> {
    match change {
        DeviceChange::LimitSetups { user, .. } => Some(user),
        DeviceChange::RemoveAll { .. }
        | DeviceChange::Remove { .. }
        | DeviceChange::Add(_)
        | DeviceChange::Update(_) => None,
    }
}

fn added(device: &Device<Sealed>) -> Result<Values<'_>, PlanError> {
    Ok(vec![
        (&device.id).into(),
        (&device.user).into(),
        device.kind.as_str().into(),
        device.name.as_str().into(),
        device.status.as_str().into(),
        storable(device.version)?.into(),
        device.throttle.failures.into(),
        device.throttle.last_failure.into(),
        device.throttle.recognized.map_or(0, |streak| streak.failures).into(),
        device.throttle.recognized.map(|streak| streak.last).into(),
        device.created.into(),
        device.last_used.into(),
        device.state.0.as_slice().into(),
    ])
}

fn updated(device: &Device<Sealed>) -> Result<Values<'_>, PlanError> {
    let version = storable(device.version)?;
    Ok(vec![
        device.name.as_str().into(),
        device.status.as_str().into(),
        version.into(),
        device.throttle.failures.into(),
        device.throttle.last_failure.into(),
        device.throttle.recognized.map_or(0, |streak| streak.failures).into(),
        device.throttle.recognized.map(|streak| streak.last).into(),
        device.last_used.into(),
        device.state.0.as_slice().into(),
        (&device.id).into(),
        version.saturating_sub(1).into(),
        (&device.user).into(),
    ])
}

impl FromColumns for Device<Sealed> {
    fn read(columns: &mut Columns<'_>) -> Decoded<Self> {
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
                recognized: streak(columns)?,
            },
            created: columns.time()?,
            last_used: columns.time_if_any()?,
            state: Sealed(columns.bytes()?),
        })
    }
}

fn streak(columns: &mut Columns<'_>) -> Decoded<Option<Streak>> {
    let failures = columns.number("recognized_failures")?;
    Ok(columns.time_if_any()?.map(|last| Streak { failures, last }))
}
