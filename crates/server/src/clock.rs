//! Compares this machine's clock with the clock of the database's machine.
//!
//! Codes from apps, throttles and sessions are judged by the clock of the node that handles the request. If every node
//! agrees with the one database, the nodes agree with each other.

use std::time::Duration;

use countersign_engine::{Clock as _, Fault, SystemClock, core::Timestamp};
use countersign_store::PostgresStore;

/// The difference between two clocks and its direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Apart {
    pub(crate) span: Duration,
    /// The direction, from this machine's point of view: `behind` or `ahead of`.
    pub(crate) way: &'static str,
}

/// Asks the database server for the time. The time that the query took does not count as a difference.
pub(crate) async fn apart(store: &PostgresStore) -> Result<Apart, Fault> {
    let asked = SystemClock.now();
    let there = store.clock().await?;
    Ok(between(asked, there, SystemClock.now()))
}

/// The difference, given that the database had this time at some moment between the query and its result.
fn between(asked: Timestamp, there: Timestamp, answered: Timestamp) -> Apart {
    let (behind, ahead) = (there.since(answered), asked.since(there));
    if behind > ahead { Apart { span: behind, way: "behind" } } else { Apart { span: ahead, way: "ahead of" } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_way_took_counts_for_nothing() {
        let at = Timestamp::from_millis;
        for (there, millis, way) in [
            (100_000, 0, "ahead of"),
            (103_000, 0, "ahead of"),
            (104_000, 0, "ahead of"),
            (98_000, 2_000, "ahead of"),
            (106_001, 2_001, "behind"),
            (30_000, 70_000, "ahead of"),
            (164_001, 60_001, "behind"),
        ] {
            let expected = Apart { span: Duration::from_millis(millis), way };
            assert_eq!(between(at(100_000), at(there), at(104_000)), expected, "{there}");
        }
    }
}
