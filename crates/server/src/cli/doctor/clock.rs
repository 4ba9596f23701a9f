//! This machine's clock beside that of the database's machine.
//!
//! Codes from apps, throttles and sessions all go by the clock of the node that a request comes to. Where every node agrees
//! with the one database, the nodes agree with each other.

use std::time::Duration;

use countersign_engine::{Clock as _, SystemClock, core::Timestamp};
use countersign_store::PostgresStore;

use super::{Report, State};

/// Above this, time services do not do their work.
const DOUBT: Duration = Duration::from_secs(2);
/// Above this, a code from an app is of another period here than there.
const FAILURE: Duration = Duration::from_secs(30);

pub(super) async fn compare(store: &PostgresStore, report: &mut Report) {
    let asked = SystemClock.now();
    match store.clock().await {
        Ok(there) => {
            let (state, found) = judged(asked, there, SystemClock.now());
            report.say(state, "clock", found);
        }
        Err(fault) => report.fail("clock", fault),
    }
}

/// What to say if the database had this time somewhen between the question and the answer.
fn judged(asked: Timestamp, there: Timestamp, answered: Timestamp) -> (State, String) {
    let (behind, ahead) = (there.since(answered), asked.since(there));
    let (apart, way) = if behind > ahead { (behind, "behind") } else { (ahead, "ahead of") };
    if apart <= DOUBT {
        return (State::Ok, "it agrees with the database's".into());
    }
    let state = if apart > FAILURE { State::Fail } else { State::Warn };
    let text = format!(
        "it is {:.1} s {way} the database's: one of them is wrong, and if it is this one, so is every answer to a code \
         from an app; run a time service on both",
        apart.as_secs_f64()
    );
    (state, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_way_took_counts_for_nothing() {
        let at = Timestamp::from_millis;
        for (there, state, way) in [
            (100_000, State::Ok, "agrees"),
            (103_000, State::Ok, "agrees"),
            (98_000, State::Ok, "agrees"),
            (106_000, State::Ok, "agrees"),
            (97_999, State::Warn, "2.0 s ahead of"),
            (106_001, State::Warn, "2.0 s behind"),
            (70_000, State::Warn, "30.0 s ahead of"),
            (69_000, State::Fail, "31.0 s ahead of"),
            (135_000, State::Fail, "31.0 s behind"),
        ] {
            let (found, text) = judged(at(100_000), at(there), at(104_000));
            assert!(found == state && text.contains(way), "{there}: {found:?} {text}");
        }
    }
}
