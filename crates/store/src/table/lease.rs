//! Tasks that one node does at a time.

use countersign_engine::core::{LeaseChange, time::CLOCK_TOLERANCE};

use super::{Must, Plan};

/// Name, holder, end, now, the latest end that is credible. No row changes while somebody else has it.
pub(crate) const TAKE: &str = "
    INSERT INTO lease (name, holder, until) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE lease.holder = excluded.holder OR lease.until <= $4 OR lease.until > $5";

pub(super) fn plan<'b>(plan: &mut Plan<'b>, change: &'b LeaseChange) {
    match change {
        LeaseChange::Take { name, holder, at, until } => {
            let credible = until.after(CLOCK_TOLERANCE).into();
            let values = vec![name.as_str().into(), holder.into(), (*until).into(), (*at).into(), credible];
            plan.step(Must::OneRow, TAKE, values);
        }
    }
}
