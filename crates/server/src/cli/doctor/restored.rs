//! What a restore from a backup has left in doubt.

use countersign_engine::{Clock as _, SystemClock, core::Timestamp};
use countersign_store::Opened;

use super::Report;
use crate::cli::{after_restore::Doubts, device::moment};

/// How many users are listed.
const MAX_NAMED: usize = 20;

pub(super) async fn examine(opened: &Opened, report: &mut Report) {
    let doubts = match Doubts::read(opened).await {
        Ok(doubts) => doubts,
        Err(fault) => return report.fail("restore", fault),
    };
    let Some(restored) = doubts.restored.map(Timestamp::from_millis) else { return };
    let at = moment(restored);
    if !restored.is_credible(SystemClock.now()) {
        return report.fail(
            "restore",
            format_args!(
                "the database was restored at {at}, by a clock that was ahead: until that time, all codes from apps \
                 count as used; correct the clock, and run `countersign after-restore` again"
            ),
        );
    }
    let users: Vec<_> = doubts.users.iter().filter(|user| !user.devices.is_empty()).collect();
    for user in users.iter().take(MAX_NAMED) {
        report.warn("restore", format_args!("{user}; generate new backup codes, and use each token once"));
    }
    if let Some(others) = users.len().checked_sub(MAX_NAMED).filter(|others| *others > 0) {
        report.warn("restore", format_args!("{others} more users: `countersign after-restore --list` lists them"));
    }
    report.ok(
        "restore",
        format_args!(
            "recorded at {at}; passwords, devices and users are as in the backup (`countersign after-restore --list`)"
        ),
    );
}
