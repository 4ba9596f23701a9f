//! Purging: exactly the expired rows, and no others.

use std::{sync::Arc, time::Duration};

use countersign_engine::{
    Store,
    core::{
        AttemptChange, AttemptId, BudgetChange, Change, Device, DeviceChange, Event, EventChange, Node, NodeChange,
        Sealed, Session, SessionChange, Status, Timestamp, Token, TokenChange, Written, time::CLOCK_TOLERANCE,
    },
    port::Retention,
};

use super::{ada, at, commit, device, done, event, is_spent, node, session, token::token};

const NOW: Timestamp = at(1_000_000);
const SESSIONS: Timestamp = at(900_000);
const ENROLMENTS: Timestamp = at(800_000);
const EVENTS: Timestamp = at(700_000);
const NODES: Timestamp = at(600_000);
const MOMENT: Duration = Duration::from_millis(1);

async fn purge(store: &Arc<dyn Store>) -> u64 {
    purge_to(store, Some(EVENTS)).await
}

async fn purge_to(store: &Arc<dyn Store>, events_before: Option<Timestamp>) -> u64 {
    let retention = Retention {
        now: NOW,
        sessions_before: SESSIONS,
        enrolments_before: ENROLMENTS,
        events_before,
        nodes_before: NODES,
        credible_until: NOW.after(CLOCK_TOLERANCE),
    };
    store.purge(&retention).await.expect("the store can forget")
}

fn attempt(id: &str, until: Timestamp) -> Change<Sealed> {
    Change::Attempt(AttemptChange::Close { attempt: AttemptId::new(id), until })
}

fn charge(key: &str, at: Timestamp) -> Change<Sealed> {
    Change::Budget(BudgetChange::Charge { key: key.into(), amount: 1, limit: 1, at, window: Duration::from_hours(1) })
}

fn seen(key: &str, last_seen: Timestamp) -> Change<Sealed> {
    Change::Session(SessionChange::Create(Session { last_seen, ..session(key, &ada()) }))
}

fn enrolling(id: &str, created: Timestamp) -> Change<Sealed> {
    Change::Device(DeviceChange::Add(Device { status: Status::Enrolling, created, ..device(id, &ada()) }))
}

fn ends(id: &str, expires: Timestamp) -> Change<Sealed> {
    Change::Token(TokenChange::Issue(Token { expires, ..token(id, &ada()) }))
}

fn made(id: &str, created: Timestamp) -> Change<Sealed> {
    Change::Token(TokenChange::Issue(Token { created, expires: Timestamp::MAX, ..token(id, &ada()) }))
}

fn happened(at: Timestamp) -> Change<Sealed> {
    Change::Event(EventChange::Record(Event { at, ..event(&ada(), 0) }))
}

fn reported(id: &str, seen: Timestamp) -> Change<Sealed> {
    Change::Node(NodeChange::Report(Node { seen, ..node(id) }))
}

pub(super) async fn what_is_over_is_forgotten_to_the_millisecond(store: Arc<dyn Store>) {
    let ends_now = NOW.before(Duration::from_hours(1));
    let over = vec![
        attempt("over", NOW.before(MOMENT)),
        attempt("ends now", NOW),
        charge("ends now", ends_now),
        seen("idle", SESSIONS.before(MOMENT)),
        ends("over", NOW.before(MOMENT)),
        ends("ends now", NOW),
        made("made ahead", NOW.after(CLOCK_TOLERANCE).after(MOMENT)),
        enrolling("abandoned", ENROLMENTS.before(MOMENT)),
        happened(EVENTS.before(MOMENT)),
        reported("gone", NODES.before(MOMENT)),
    ];
    let running = vec![
        attempt("running", NOW.after(MOMENT)),
        charge("running", ends_now.after(MOMENT)),
        seen("used", SESSIONS),
        ends("running", NOW.after(MOMENT)),
        made("made by a clock a minute ahead", NOW.after(CLOCK_TOLERANCE)),
        enrolling("running", ENROLMENTS),
        happened(EVENTS),
        reported("running", NODES),
        super::move_factors(&ada(), 0),
    ];
    done(&store, running).await;
    let before = (super::picture(&store, &ada()).await, store.nodes().await.expect("a read"));
    done(&store, over).await;
    assert_eq!(purge(&store).await, 10);
    assert_eq!((super::picture(&store, &ada()).await, store.nodes().await.expect("a read")), before);
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
        done(&store, vec![Change::Device(DeviceChange::Add(device))]).await;
    }
    assert_eq!(purge(&store).await, 0);
    assert_eq!(store.factors(&ada()).await.expect("a read").devices.len(), 2);
}

pub(super) async fn events_are_kept_for_ever_if_that_is_wanted(store: Arc<dyn Store>) {
    done(&store, vec![happened(at(0))]).await;
    assert_eq!(purge_to(&store, None).await, 0);
    assert_eq!(store.events(&ada(), 9).await.expect("a read").len(), 1);
    assert_eq!(purge(&store).await, 1);
    assert!(store.events(&ada(), 9).await.expect("a read").is_empty());
}

pub(super) async fn a_great_many_rows_are_forgotten(store: Arc<dyn Store>) {
    const MANY: usize = 2_345;
    done(&store, (0..MANY).map(|number| attempt(&format!("attempt {number}"), NOW)).collect()).await;
    done(&store, (0..MANY).map(|number| seen(&format!("session {number}"), at(0))).collect()).await;
    done(&store, (0..MANY).map(|_| happened(at(0))).collect()).await;
    done(&store, vec![attempt("running", NOW.after(MOMENT)), happened(EVENTS)]).await;
    assert_eq!(purge(&store).await, 3 * u64::try_from(MANY).unwrap_or(0));
    assert!(store.sessions(&ada()).await.expect("a read").is_empty());
    assert_eq!(store.events(&ada(), u32::MAX).await.expect("a read").len(), 1);
    assert!(is_spent(&store, "running").await);
}

pub(super) async fn an_attempt_that_was_forgotten_may_be_spent_again(store: Arc<dyn Store>) {
    done(&store, vec![attempt("attempt", NOW)]).await;
    assert_eq!(commit(&store, vec![attempt("attempt", NOW)]).await, Written::Conflict);
    assert_eq!(purge(&store).await, 1);
    done(&store, vec![attempt("attempt", NOW)]).await;
}

/// T117: what is dated later than our clock could have is not kept until its time comes.
pub(super) async fn what_a_clock_ahead_has_dated_is_forgotten(store: Arc<dyn Store>) {
    let credible = NOW.after(CLOCK_TOLERANCE);
    done(&store, vec![seen("credible", credible), reported("credible", credible)]).await;
    let ahead = credible.after(MOMENT);
    done(&store, vec![seen("ahead", ahead), reported("ahead", ahead)]).await;
    assert_eq!(purge(&store).await, 2);
    assert_eq!(store.sessions(&ada()).await.expect("a read").len(), 1);
    assert_eq!(store.nodes().await.expect("a read").len(), 1);
}
