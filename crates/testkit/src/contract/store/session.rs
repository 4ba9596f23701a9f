//! Sessions: opened once, touched forwards, ended before others open.

use std::sync::Arc;

use countersign_engine::{
    Store,
    core::{Change, DeviceId, RestorationChange, Session, SessionChange, SessionKey, Timestamp, TokenChange, UserId},
};

use super::{ada, at, done, session};

async fn keys(store: &Arc<dyn Store>, user: &UserId) -> Vec<String> {
    let sessions = store.sessions(user).await.expect("a read");
    sessions.iter().map(|session| session.key.to_string()).collect()
}

fn touch(key: &str, at: Timestamp) -> Change<countersign_engine::core::Sealed> {
    Change::Session(SessionChange::Touch { key: SessionKey::new(key), at })
}

pub(super) async fn sessions_come_newest_first(store: Arc<dyn Store>) {
    for (key, last_seen) in [("b", 20), ("old", 10), ("c", 20), ("new", 30), ("a", 20)] {
        done(
            &store,
            vec![Change::Session(SessionChange::Create(Session { last_seen: at(last_seen), ..session(key, &ada()) }))],
        )
        .await;
    }
    assert_eq!(keys(&store, &ada()).await, ["new", "c", "b", "a", "old"]);
    done(&store, vec![touch("old", at(40))]).await;
    assert_eq!(keys(&store, &ada()).await, ["old", "new", "c", "b", "a"]);
}

pub(super) async fn a_touch_never_goes_back(store: Arc<dyn Store>) {
    let opened = session("key", &ada());
    done(&store, vec![Change::Session(SessionChange::Create(opened.clone()))]).await;
    for (touched, expected) in [(19, 20), (20, 20), (21, 21), (5, 21), (1_000_000, 1_000_000), (999_999, 1_000_000)] {
        done(&store, vec![touch("key", at(touched))]).await;
        let read = store.session(&opened.key).await.expect("a read");
        assert_eq!(read, Some(Session { last_seen: at(expected), ..opened.clone() }), "touched at {touched}");
    }
}

pub(super) async fn a_touch_of_nothing_is_nothing(store: Arc<dyn Store>) {
    done(&store, vec![touch("none", at(1))]).await;
    assert_eq!(store.session(&SessionKey::new("none")).await.expect("a read"), None);
}

pub(super) async fn ends_come_before_openings(store: Arc<dyn Store>) {
    for key in ["one", "two"] {
        done(&store, vec![Change::Session(SessionChange::Create(session(key, &ada())))]).await;
    }
    // In whatever order they are said.
    done(
        &store,
        vec![
            Change::Session(SessionChange::Create(session("new", &ada()))),
            Change::Session(SessionChange::EndAll { user: ada() }),
        ],
    )
    .await;
    assert_eq!(keys(&store, &ada()).await, ["new"]);
    let renew = vec![
        Change::Session(SessionChange::Create(session("newer", &ada()))),
        Change::Session(SessionChange::End(SessionKey::new("new"))),
    ];
    done(&store, renew).await;
    assert_eq!(keys(&store, &ada()).await, ["newer"]);
}

pub(super) async fn a_action_may_rest_on_the_session_it_ends(store: Arc<dyn Store>) {
    done(&store, vec![Change::Session(SessionChange::Create(session("old", &ada())))]).await;
    let old = || SessionKey::new("old");
    let replaced = vec![
        Change::Session(SessionChange::End(old())),
        Change::Session(SessionChange::Create(session("new", &ada()))),
        Change::Session(SessionChange::Require(old())),
    ];
    done(&store, replaced).await;
    assert_eq!(keys(&store, &ada()).await, ["new"]);
}

pub(super) async fn ending_all_ends_those_of_one_user(store: Arc<dyn Store>) {
    let bob = UserId::new("bob");
    for (key, user) in [("one", ada()), ("two", ada()), ("his", bob.clone())] {
        done(&store, vec![Change::Session(SessionChange::Create(session(key, &user)))]).await;
    }
    done(&store, vec![Change::Session(SessionChange::EndAll { user: ada() })]).await;
    assert!(keys(&store, &ada()).await.is_empty());
    assert_eq!(keys(&store, &bob).await, ["his"]);
    assert_eq!(store.session(&SessionKey::new("one")).await.expect("a read"), None);
}

pub(super) async fn an_ended_key_may_open_again(store: Arc<dyn Store>) {
    let (end, open) = (
        Change::Session(SessionChange::End(SessionKey::new("key"))),
        Change::Session(SessionChange::Create(session("key", &ada()))),
    );
    done(&store, vec![open.clone()]).await;
    done(&store, vec![open, end.clone()]).await;
    done(&store, vec![end]).await;
    assert!(keys(&store, &ada()).await.is_empty());
}

pub(super) async fn sessions_are_ended_by_the_device_that_verified_them(store: Arc<dyn Store>) {
    let bob = UserId::new("bob");
    let by = |device: &str, key: &str, user: &UserId| {
        Change::Session(SessionChange::Create(Session { device: Some(DeviceId::new(device)), ..session(key, user) }))
    };
    let none = Change::Session(SessionChange::Create(Session { device: None, ..session("none", &ada()) }));
    done(&store, vec![by("phone", "one", &ada()), by("phone", "two", &ada()), by("tablet", "three", &ada()), none])
        .await;
    done(&store, vec![by("phone", "his", &bob)]).await;
    let end = |but: Option<&str>| {
        Change::Session(SessionChange::EndVerifiedBy {
            user: ada(),
            device: DeviceId::new("phone"),
            except: but.map(SessionKey::new),
        })
    };
    let left = async |user: &UserId| {
        let mut keys = keys(&store, user).await;
        keys.sort();
        keys
    };
    done(&store, vec![end(Some("two"))]).await;
    assert_eq!(left(&ada()).await, ["none", "three", "two"]);
    // Ends come before new rows, in whatever order they are listed.
    done(&store, vec![by("phone", "new", &ada()), end(None)]).await;
    assert_eq!(left(&ada()).await, ["new", "none", "three"]);
    assert_eq!(left(&bob).await, ["his"]);
}

pub(super) async fn a_restore_is_told_with_every_account_and_ends_what_was_open(store: Arc<dyn Store>) {
    let bob = UserId::new("bob");
    done(&store, vec![super::move_factors(&ada(), 0)]).await;
    for user in [ada(), bob.clone()] {
        let opened = Change::Session(SessionChange::Create(session(&format!("session of {user}"), &user)));
        let made = Change::Token(TokenChange::Issue(super::token::token(&format!("token of {user}"), &user)));
        let given =
            super::device_cookie::put(super::device_cookie::cookie(&user, 0, &format!("browser of {user}")), None);
        done(&store, vec![opened, made, given]).await;
    }
    let restored = async |user: &UserId| store.factors(user).await.expect("a read").account.restored;
    assert_eq!((restored(&ada()).await, restored(&bob).await), (None, None));
    for moment in [at(50), at(70), at(60)] {
        done(&store, vec![Change::Restoration(RestorationChange::Note { at: moment })]).await;
        assert_eq!((restored(&ada()).await, restored(&bob).await), (Some(moment), Some(moment)));
    }
    done(&store, vec![super::move_factors(&ada(), 1), super::move_factors(&bob, 0)]).await;
    assert_eq!((restored(&ada()).await, restored(&bob).await), (Some(at(60)), Some(at(60))));
    for user in [ada(), bob] {
        assert!(store.sessions(&user).await.expect("a read").is_empty());
        assert!(store.tokens(&user).await.expect("a read").is_empty());
        assert!(store.device_cookies(&user).await.expect("a read").is_empty());
    }
}
