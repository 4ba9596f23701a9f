use std::time::Duration;

use crate::Timestamp;

/// A budget that has been charged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// How much was charged.
    pub spent: u32,
    /// When it is empty again.
    pub until: Timestamp,
}

/// A change to budgets.
#[derive(Clone, Debug)]
pub enum BudgetChange {
    /// Charges a budget. Answers [`Written::Overspent`](crate::Written::Overspent) if the total would exceed `limit`.
    Charge {
        /// Names the budget.
        key: String,
        /// How much.
        amount: u32,
        /// The maximum total.
        limit: u32,
        /// The moment of the charge.
        at: Timestamp,
        /// How long after its first charge a budget is empty again.
        window: Duration,
    },
    /// Refunds a charge, down to zero, in the window that was charged: a charge from an earlier window is not refunded
    /// in a later one. A window in which nothing is left is closed.
    Refund {
        /// Names the budget.
        key: String,
        /// How much.
        amount: u32,
        /// The latest end of the window that was charged.
        until: Timestamp,
    },
    /// Gives a budget that a fast clock has dated another end: it keeps what it holds.
    Restart {
        /// Names the budget.
        key: String,
        /// When it is empty again from now on.
        until: Timestamp,
        /// Only if it would be empty again after this moment.
        beyond: Timestamp,
    },
    /// Removes a budget, and every budget whose name continues this one after a slash.
    Remove {
        /// The name.
        name: String,
    },
}

impl BudgetChange {
    pub(super) fn order(&self) -> (u8, &str) {
        match self {
            Self::Charge { key, .. } | Self::Refund { key, .. } | Self::Restart { key, .. } => (0, key),
            Self::Remove { name } => (0, name),
        }
    }
}
