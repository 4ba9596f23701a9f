use countersign_core::{Budget, BudgetChange, Timestamp, time::CLOCK_TOLERANCE};

use super::{Rows, Stop};

impl Rows {
    pub(super) fn change_budgets(&mut self, change: BudgetChange) -> Result<(), Stop> {
        match change {
            BudgetChange::Charge { key, amount, limit, at, window } => {
                return self.charge(key, amount, limit, at, at.after(window));
            }
            BudgetChange::Refund { key, amount, until } => {
                if let Some(budget) = self.budgets.get_mut(&key).filter(|budget| budget.until <= until) {
                    budget.spent = budget.spent.saturating_sub(amount);
                    if budget.spent == 0 {
                        budget.until = Timestamp::from_millis(0);
                    }
                }
            }
            BudgetChange::Restart { key, until, beyond } => {
                if let Some(budget) = self.budgets.get_mut(&key).filter(|budget| budget.until > beyond) {
                    budget.until = until;
                }
            }
            BudgetChange::Remove { name } => {
                let is_below = |key: &str| key.strip_prefix(&*name).is_some_and(|rest| rest.starts_with('/'));
                self.budgets.retain(|key, _| *key != name && !is_below(key));
            }
        }
        Ok(())
    }

    fn charge(&mut self, key: String, amount: u32, limit: u32, at: Timestamp, until: Timestamp) -> Result<(), Stop> {
        let budget = self.budgets.get(&key).copied().filter(|budget| budget.until > at);
        let budget = budget.unwrap_or(Budget { spent: 0, until });
        let Some(spent) = budget.spent.checked_add(amount).filter(|spent| *spent <= limit) else {
            return Err(Stop::Overspent(key, budget.until));
        };
        let is_credible = budget.until <= until.after(CLOCK_TOLERANCE);
        let until = if is_credible { budget.until } else { until };
        self.budgets.insert(key, Budget { spent, until });
        Ok(())
    }
}
