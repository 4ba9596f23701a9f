//! What a session keeps of the call that opened it: read by what the session came from, closed once, gone with the session.

use std::sync::Arc;

use countersign_engine::{
    Store,
    core::{
        Change, Predecessor, Repeat, RestorationChange, Sealed, SealedResult, Session, SessionChange, SessionKey,
        UserId, Written,
    },
    port::Retention,
};

use super::{ada, at, commit, done, session};
use crate::all_at_once;

/// A session that came from `of`, whose call may be repeated until the seventieth second.
fn opened(key: &str, of: &str) -> Session {
    let repeat = Repeat {
        of: Predecessor::new(of),
        call: format!("step-up/{of}"),
        until: at(70),
        sealed: Some(SealedResult(vec![0, 1, 255])),
    };
    Session { repeat: Some(repeat), ..session(key, &ada()) }
}

fn close(key: &str) -> Change<Sealed> {
    Change::Session(SessionChange::CloseRepeat(SessionKey::new(key)))
}

async fn after(store: &Arc<dyn Store>, of: &str) -> Option<Session> {
    store.session_after(&Predecessor::new(of)).await.expect("a read")
}

pub(super) async fn a_session_is_found_by_what_it_came_from(store: Arc<dyn Store>) {
    let (first, second) = (opened("first", "attempt"), opened("second", "first"));
    for row in [&first, &second] {
        done(&store, vec![Change::Session(SessionChange::Create(row.clone()))]).await;
    }
    done(&store, vec![Change::Session(SessionChange::Create(session("plain", &ada())))]).await;
    assert_eq!(after(&store, "attempt").await, Some(first.clone()));
    assert_eq!(after(&store, "first").await, Some(second.clone()));
    assert_eq!(store.session(&first.key).await.expect("a read"), Some(first));
    for of in ["second", "plain", "Attempt", "attemp", ""] {
        assert_eq!(after(&store, of).await, None, "{of}");
    }
}

pub(super) async fn a_repeat_is_closed_once(store: Arc<dyn Store>) {
    let row = opened("key", "attempt");
    done(&store, vec![Change::Session(SessionChange::Create(row.clone()))]).await;
    done(&store, vec![Change::Session(SessionChange::Create(session("plain", &ada())))]).await;
    done(&store, vec![close("key"), Change::Session(SessionChange::Touch { key: row.key.clone(), at: at(90) })]).await;
    let closed = Session { last_seen: at(90), ..row.used() };
    assert_eq!(after(&store, "attempt").await, Some(closed), "where it came from stays");
    for key in ["key", "plain", "none"] {
        let marker = Change::Session(SessionChange::Create(session("marker", &ada())));
        assert_eq!(commit(&store, vec![close(key), marker]).await, Written::Conflict, "{key}");
        assert_eq!(store.session(&SessionKey::new("marker")).await.expect("a read"), None, "{key}");
    }
}

pub(super) async fn a_repeat_is_closed_before_its_session_ends(store: Arc<dyn Store>) {
    done(&store, vec![Change::Session(SessionChange::Create(opened("key", "attempt")))]).await;
    // In whatever order they are said.
    done(&store, vec![Change::Session(SessionChange::End(SessionKey::new("key"))), close("key")]).await;
    assert_eq!(after(&store, "attempt").await, None);
}

pub(super) async fn a_repeat_ends_with_its_session(store: Arc<dyn Store>) {
    let ends: [Change<Sealed>; 4] = [
        Change::Session(SessionChange::End(SessionKey::new("key"))),
        Change::Session(SessionChange::EndAll { user: ada() }),
        Change::Session(SessionChange::EndVerifiedBy {
            user: ada(),
            device: countersign_engine::core::DeviceId::new("phone"),
            except: None,
        }),
        Change::Restoration(RestorationChange::Note { at: at(1) }),
    ];
    for end in ends {
        done(&store, vec![Change::Session(SessionChange::Create(opened("key", "attempt")))]).await;
        done(&store, vec![end.clone()]).await;
        assert_eq!(after(&store, "attempt").await, None, "{end:?}");
        assert_eq!(commit(&store, vec![close("key")]).await, Written::Conflict, "{end:?}");
    }
}

pub(super) async fn what_cannot_be_repeated_any_more_is_forgotten_and_its_session_stays(store: Arc<dyn Store>) {
    for key in ["one", "other"] {
        done(&store, vec![Change::Session(SessionChange::Create(opened(key, &format!("attempt of {key}"))))]).await;
    }
    for (now, is_unused) in [(69, true), (70, false), (70, false)] {
        let retention = Retention {
            now: at(now),
            sessions_before: at(0),
            enrolments_before: at(0),
            events_before: None,
            nodes_before: at(0),
            credible_until: at(9999),
        };
        assert_eq!(store.purge(&retention).await.expect("the store can forget"), 0, "no row goes");
        for key in ["one", "other"] {
            let row = store.session(&SessionKey::new(key)).await.expect("a read").expect("it stays");
            assert_eq!(row.is_unused(), is_unused, "{key} at {now}");
        }
    }
}

pub(super) async fn t163_one_of_many_closings_wins(store: Arc<dyn Store>) {
    const RACERS: usize = 32;
    done(&store, vec![Change::Session(SessionChange::Create(opened("key", "attempt")))]).await;
    let written = all_at_once(RACERS, |number| {
        let store = Arc::clone(&store);
        let marker = Change::Session(SessionChange::Create(session(&format!("marker {number}"), &UserId::new("bob"))));
        async move { commit(&store, vec![close("key"), marker]).await }
    });
    let winners = written.await.into_iter().filter(|written| *written == Written::Done).count();
    assert_eq!(winners, 1);
    assert_eq!(store.sessions(&UserId::new("bob")).await.expect("a read").len(), 1);
}
