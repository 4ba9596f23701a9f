use countersign_core::{Account, AccountChange, UserId};

use super::{Rows, Stop};

impl Rows {
    pub(super) fn change_accounts(&mut self, change: AccountChange) -> Result<(), Stop> {
        match change {
            AccountChange::BumpFactorSet { user, expected_version, preferred } => {
                self.require_factor_set(&user, expected_version)?;
                let factors = expected_version.saturating_add(1);
                self.accounts.insert(user.clone(), Account { factors, preferred, ..Account::new(user) });
            }
            AccountChange::RequireFactorSet { user, expected_version } => {
                self.require_factor_set(&user, expected_version)?;
            }
            AccountChange::Remove { user } => drop(self.accounts.remove(&user)),
        }
        Ok(())
    }

    fn require_factor_set(&self, user: &UserId, expected_version: u64) -> Result<(), Stop> {
        let version = self.accounts.get(user).map_or(0, |account| account.factors);
        if version == expected_version { Ok(()) } else { Err(Stop::Conflict) }
    }
}
