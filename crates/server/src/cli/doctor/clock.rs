//! Compares this machine's clock with the clock of the database server.

use std::time::Duration;

use countersign_store::PostgresStore;

use super::{Report, State};
use crate::clock::{self, Apart};

/// A larger difference means that the time service does not work.
const DOUBT: Duration = Duration::from_secs(2);
/// With a larger difference, a code from an app belongs to another time step here than there.
const FAILURE: Duration = Duration::from_secs(30);

pub(super) async fn compare(store: &PostgresStore, report: &mut Report) {
    match clock::apart(store).await {
        Ok(apart) => {
            let (state, found) = judged(apart);
            report.say(state, "clock", found);
        }
        Err(fault) => report.fail("clock", fault),
    }
}

/// What to report about this difference.
fn judged(Apart { span, way }: Apart) -> (State, String) {
    if span <= DOUBT {
        return (State::Ok, "it agrees with the database server's clock".into());
    }
    let state = if span > FAILURE { State::Fail } else { State::Warn };
    let text = format!(
        "it is {:.1} s {way} the database server's clock: one of them is wrong. If it is this one, codes from apps are \
                     judged by a wrong time; run a time service on both",
        span.as_secs_f64()
    );
    (state, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_seconds_are_a_doubt_and_a_period_of_a_code_is_a_failure() {
        for (millis, state, text) in [
            (0, State::Ok, "agrees"),
            (2_000, State::Ok, "agrees"),
            (2_001, State::Warn, "2.0 s behind"),
            (30_000, State::Warn, "30.0 s behind"),
            (30_001, State::Fail, "30.0 s behind"),
        ] {
            let (found, said) = judged(Apart { span: Duration::from_millis(millis), way: "behind" });
            assert!(found == state && said.contains(text), "{millis}: {found:?} {said}");
        }
    }
}
