//! Attempts that are closed.

use countersign_engine::core::AttemptChange;

use super::{Must, Plan};

pub(crate) const ONE: &str = "SELECT 1 FROM spent_attempt WHERE id = $1";
pub(crate) const CLOSE: &str = "
    INSERT INTO spent_attempt (id, until) VALUES ($1, $2)
    ON CONFLICT (id) DO NOTHING";
pub(crate) const PURGE: &str = "
    DELETE FROM spent_attempt WHERE id IN (SELECT id FROM spent_attempt WHERE until <= $1 LIMIT $2)
        AND until <= $1";

pub(super) fn plan<'b>(plan: &mut Plan<'b>, change: &'b AttemptChange) {
    match change {
        AttemptChange::Close { attempt, until } => {
            plan.step(Must::OneRow, CLOSE, vec![attempt.into(), (*until).into()]);
        }
    }
}
