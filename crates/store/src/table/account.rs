//! A user's set of devices.

use countersign_engine::core::{Account, AccountChange, Device, Factors, Sealed, UserId};

use super::{Must, Plan, PlanError, version};
use crate::row::{Columns, Decoded, FromColumns, Row};

/// The account with its devices in one statement, so that both are read as of one moment. One row at least.
pub(crate) const FACTORS: &str = "
    SELECT coalesce(account.factors, 0), account.preferred, (SELECT at FROM restoration WHERE id = 1),
           device.id, device.user_id, device.kind, device.name, device.status, device.version,
           device.failures, device.last_failure, device.recognized_failures, device.last_recognized_failure,
           device.created, device.last_used, device.state
    FROM (SELECT CAST($1 AS TEXT) AS user_id) AS asked
    LEFT JOIN account ON account.user_id = asked.user_id
    LEFT JOIN device ON device.user_id = asked.user_id
    ORDER BY device.created, device.id";
pub(crate) const AT_VERSION: &str = "SELECT 1 FROM account WHERE user_id = $1 AND factors = $2";
pub(crate) const EXISTS: &str = "SELECT 1 FROM account WHERE user_id = $1";
pub(crate) const INSERT: &str = "
    INSERT INTO account (user_id, factors, preferred) VALUES ($1, 1, $2)
    ON CONFLICT (user_id) DO NOTHING";
pub(crate) const BUMP: &str = "
    UPDATE account SET factors = factors + 1, preferred = $1 WHERE user_id = $2 AND factors = $3";
pub(crate) const REMOVE: &str = "DELETE FROM account WHERE user_id = $1";

/// `AT_VERSION`, holding the row until the commit. The strongest lock, so that a batch that goes on to change the row does not
/// ask for a stronger one, which two at once would wait for for ever. PostgreSQL only.
const LOCK_AT_VERSION: &str = "SELECT 1 FROM account WHERE user_id = $1 AND factors = $2 FOR UPDATE";

pub(super) fn plan<'b>(plan: &mut Plan<'b>, change: &'b AccountChange) -> Result<(), PlanError> {
    match change {
        AccountChange::BumpFactorSet { user, expected_version: 0, preferred } => {
            plan.step(Must::OneRow, INSERT, vec![user.into(), preferred.as_ref().into()]);
        }
        AccountChange::BumpFactorSet { user, expected_version, preferred } => {
            plan.step(Must::OneRow, BUMP, vec![preferred.as_ref().into(), user.into(), version(*expected_version)?]);
        }
        AccountChange::RequireFactorSet { user, expected_version: 0 } => {
            plan.step(Must::NoRow, EXISTS, vec![user.into()]);
        }
        AccountChange::RequireFactorSet { user, expected_version } => {
            let statement = plan.either(AT_VERSION, LOCK_AT_VERSION);
            plan.step(Must::OneRow, statement, vec![user.into(), version(*expected_version)?]);
        }
        AccountChange::Remove { user } => plan.step(Must::Run, REMOVE, vec![user.into()]),
    }
    Ok(())
}

/// The user of this change, if it depends on there being no row: a row that is not there cannot be locked.
pub(super) fn depends_on_absence(change: &AccountChange) -> Option<&UserId> {
    match change {
        AccountChange::BumpFactorSet { user, expected_version: 0, .. }
        | AccountChange::RequireFactorSet { user, expected_version: 0 }
        | AccountChange::Remove { user } => Some(user),
        AccountChange::BumpFactorSet { .. } | AccountChange::RequireFactorSet { .. } => None,
    }
}

/// What the rows of `account::FACTORS` say, taken one after the other.
pub(crate) struct FactorsOf(pub(crate) Factors<Sealed>);

impl FactorsOf {
    pub(crate) fn new(user: &UserId) -> Self {
        Self(Factors { account: Account::new(user.clone()), devices: Vec::new() })
    }

    pub(crate) fn add(&mut self, row: &dyn Row) -> Decoded<()> {
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
