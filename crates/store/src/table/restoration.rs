//! When the database was last restored from a backup: one row, if ever.

use countersign_engine::core::RestorationChange;

use super::{Must, Plan, device_cookie, session, token};

pub(crate) const NOTE: &str = "
    INSERT INTO restoration (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at";

pub(super) fn plan<'b>(plan: &mut Plan<'b>, change: &'b RestorationChange) {
    match change {
        RestorationChange::Note { at } => {
            plan.step(Must::Run, session::END_EVERY, vec![]);
            plan.step(Must::Run, token::REVOKE_EVERY, vec![]);
            plan.step(Must::Run, device_cookie::END_EVERY, vec![]);
            plan.step(Must::OneRow, NOTE, vec![(*at).into()]);
        }
    }
}
