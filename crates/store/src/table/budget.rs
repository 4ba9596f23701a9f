//! Budgets. One that has reached its `until` counts as empty, whether or not its row is still there.

use countersign_engine::core::{Budget, BudgetChange, Timestamp, time::CLOCK_TOLERANCE};

use super::{Must, Plan};
use crate::{
    row::{Columns, Decoded, FromColumns},
    value::Values,
};

/// Key, amount, end of a window that opens now, now, the latest end that is credible, limit. A window that a clock which
/// was ahead has dated begins anew with what the budget holds. No row changes when the budget would hold too much; that
/// the amount alone is within the limit is for the caller to see.
pub(crate) const CHARGE: &str = "
    INSERT INTO budget (key, spent, until) VALUES ($1, $2, $3)
    ON CONFLICT (key) DO UPDATE SET
        spent = CASE WHEN budget.until > $4 THEN budget.spent + excluded.spent ELSE excluded.spent END,
        until = CASE WHEN budget.until > $4 AND budget.until <= $5 THEN budget.until ELSE excluded.until END
    WHERE budget.until <= $4 OR budget.spent + excluded.spent <= $6";
pub(crate) const RESTART: &str = "UPDATE budget SET until = $1 WHERE key = $2 AND until > $3";
pub(crate) const ONE: &str = "SELECT spent, until FROM budget WHERE key = $1";
pub(crate) const UNTIL: &str = "SELECT until FROM budget WHERE key = $1 AND until > $2";
/// Amount, key, the latest end of the window that was charged. A window in which nothing is left is over: else the next
/// one to be charged would tell that there was something.
pub(crate) const REFUND: &str = "
    UPDATE budget SET spent = CASE WHEN spent > $1 THEN spent - $1 ELSE 0 END,
        until = CASE WHEN spent > $1 THEN until ELSE 0 END
    WHERE key = $2 AND until <= $3";
/// A name, and the first and the first no more of the names that continue it.
pub(crate) const REMOVE: &str = "DELETE FROM budget WHERE key = $1 OR (key >= $2 AND key < $3)";
pub(crate) const PURGE: &str = "
    DELETE FROM budget WHERE key IN (SELECT key FROM budget WHERE until <= $1 LIMIT $2)
        AND until <= $1";

/// A charge to a budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge<'b> {
    pub(crate) key: &'b str,
    at: Timestamp,
    /// When the budget would be empty again if this were its first charge.
    end: Timestamp,
}

impl Charge<'_> {
    /// Reads when the budget will be empty again.
    pub(crate) fn question(&self) -> (&'static str, Values<'_>) {
        (UNTIL, vec![self.key.into(), self.at.into()])
    }

    /// When it will be, by the answer to the question.
    pub(crate) fn until(&self, found: Option<i64>) -> Timestamp {
        found.map_or(self.end, Timestamp::from_millis)
    }
}

pub(super) fn plan<'b>(plan: &mut Plan<'b>, change: &'b BudgetChange) {
    match change {
        BudgetChange::Charge { key, amount, limit, at, window } => {
            charge(plan, Charge { key, at: *at, end: at.after(*window) }, *amount, *limit);
        }
        BudgetChange::Refund { key, amount, until } => {
            plan.step(Must::Run, REFUND, vec![(*amount).into(), key.as_str().into(), (*until).into()]);
        }
        BudgetChange::Restart { key, until, beyond } => {
            plan.step(Must::Run, RESTART, vec![(*until).into(), key.as_str().into(), (*beyond).into()]);
        }
        BudgetChange::Remove { name } => {
            // Everything from "name/" up to the next character after the slash.
            let [from, to] = ["/", "0"].map(|next| format!("{name}{next}"));
            plan.step(Must::Run, REMOVE, vec![name.as_str().into(), from.into(), to.into()]);
        }
    }
}

fn charge<'b>(plan: &mut Plan<'b>, charge: Charge<'b>, amount: u32, limit: u32) {
    if amount > limit {
        plan.step(Must::Refuse(charge), UNTIL, vec![charge.key.into(), charge.at.into()]);
    } else {
        let (end, credible) = (charge.end.into(), charge.end.after(CLOCK_TOLERANCE).into());
        let values = vec![charge.key.into(), amount.into(), end, charge.at.into(), credible, limit.into()];
        plan.step(Must::Afford(charge), CHARGE, values);
    }
}

impl FromColumns for Budget {
    fn read(columns: &mut Columns<'_>) -> Decoded<Self> {
        Ok(Self { spent: columns.number("spent")?, until: columns.time()? })
    }
}
