//! Forgetting: exactly what is over, and nothing that still means something.

use std::{sync::Arc, time::Duration};

use countersign_engine::{
    Store,
    core::{AttemptId, Change, Device, Sealed, Session, Status, Timestamp, Written},
};

use super::{ada, at, commit, device, done, event, is_spent, session};

const NOW: Timestamp = at(1_000_000);
const SESSIONS: Timestamp = at(900_000);
const ENROLMENTS: Timestamp = at(800_000);
const MOMENT: Duration = Duration::from_millis(1);

async fn purge(store: &Arc<dyn Store>) -> u64 {
    store.purge(NOW, SESSIONS, ENROLMENTS).await.expect("the store can forget")
}

fn attempt(id: &str, until: Timestamp) -> Change<Sealed> {
    Change::SpendAttempt { attempt: AttemptId::new(id), until }
}

fn charge(key: &str, at: Timestamp) -> Change<Sealed> {
    Change::Spend { key: key.into(), amount: 1, limit: 1, at, window: Duration::from_hours(1) }
}

fn seen(key: &str, last_seen: Timestamp) -> Change<Sealed> {
    Change::OpenSession(Session { last_seen, ..session(key, &ada()) })
}

fn enrolling(id: &str, created: Timestamp) -> Change<Sealed> {
    Change::AddDevice(Device { status: Status::Enrolling, created, ..device(id, &ada()) })
}

pub(super) async fn what_is_over_is_forgotten_to_the_millisecond(store: Arc<dyn Store>) {
    let ends_now = NOW.before(Duration::from_hours(1));
    let over = vec![
        attempt("over", NOW.before(MOMENT)),
        attempt("ends now", NOW),
        charge("ends now", ends_now),
        seen("idle", SESSIONS.before(MOMENT)),
        enrolling("abandoned", ENROLMENTS.before(MOMENT)),
    ];
    let running = vec![
        attempt("running", NOW.after(MOMENT)),
        charge("running", ends_now.after(MOMENT)),
        seen("used", SESSIONS),
        enrolling("running", ENROLMENTS),
        Change::Record(event(&ada(), 1)),
        super::move_factors(&ada(), 0),
    ];
    done(&store, running).await;
    let before = super::picture(&store, &ada()).await;
    done(&store, over).await;
    assert_eq!(purge(&store).await, 5);
    assert_eq!(super::picture(&store, &ada()).await, before);
    assert!(
        is_spent(&store, "running").await && !is_spent(&store, "over").await && !is_spent(&store, "ends now").await
    );
    let written = commit(&store, vec![charge("running", NOW)]).await;
    assert_eq!(written, Written::Overspent { key: "running".into(), until: NOW.after(MOMENT) });
    assert_eq!(purge(&store).await, 0, "what is forgotten is forgotten once");
}

pub(super) async fn a_confirmed_device_is_never_forgotten(store: Arc<dyn Store>) {
    for status in [Status::Active, Status::Disabled] {
        let device = Device { status, created: at(0), ..device(status.as_str(), &ada()) };
        done(&store, vec![Change::AddDevice(device)]).await;
    }
    assert_eq!(purge(&store).await, 0);
    assert_eq!(store.factors(&ada()).await.expect("a read").devices.len(), 2);
}

pub(super) async fn a_great_many_rows_are_forgotten(store: Arc<dyn Store>) {
    const MANY: usize = 2_345;
    done(&store, (0..MANY).map(|number| attempt(&format!("attempt {number}"), NOW)).collect()).await;
    done(&store, (0..MANY).map(|number| seen(&format!("session {number}"), at(0))).collect()).await;
    done(&store, vec![attempt("running", NOW.after(MOMENT))]).await;
    assert_eq!(purge(&store).await, 2 * u64::try_from(MANY).unwrap_or(0));
    assert!(store.sessions(&ada()).await.expect("a read").is_empty());
    assert!(is_spent(&store, "running").await);
}

pub(super) async fn an_attempt_that_was_forgotten_may_be_spent_again(store: Arc<dyn Store>) {
    done(&store, vec![attempt("attempt", NOW)]).await;
    assert_eq!(commit(&store, vec![attempt("attempt", NOW)]).await, Written::Conflict);
    assert_eq!(purge(&store).await, 1);
    done(&store, vec![attempt("attempt", NOW)]).await;
}
