//! Two concurrent commits, one of which removes what the other depends on: the result is that of one order or the
//! other.
//!
//! A database that lets many write at once finds these hard, where the one removes *all* rows of a user and the other adds
//! one. Each duel is fought by many users at the same time, since luck decides who comes first.

use std::sync::Arc;

use countersign_engine::{
    Store,
    core::{
        AccountChange, Change, ClientChange, ClientId, Device, DeviceChange, DeviceId, Sealed, Session, SessionChange,
        SessionKey, Status, TokenChange, UserId, Written,
    },
    port::Retention,
};

use super::{
    at,
    client::{client, given},
    commit, device, done, move_factors, session,
    token::token,
};
use crate::all_at_once;

const PAIRS: usize = 48;

type Changes = Vec<Change<Sealed>>;

/// What each of a pair writes for a user whose rows are as `before` says, and what became of both.
async fn duel(
    store: &Arc<dyn Store>,
    before: fn(&UserId) -> Changes,
    one: fn(&UserId) -> Changes,
    other: fn(&UserId) -> Changes,
) -> Vec<(UserId, Written, Written)> {
    let users: Vec<_> = (0..PAIRS).map(|number| UserId::new(format!("user {number}"))).collect();
    for user in &users {
        done(store, before(user)).await;
    }
    let outcomes = all_at_once(PAIRS * 2, |number| {
        let user = users.get(number / 2).expect("two for each").clone();
        let store = Arc::clone(store);
        let changes = if number % 2 == 0 { one(&user) } else { other(&user) };
        async move { commit(&store, changes).await }
    });
    let mut outcomes = outcomes.await.into_iter();
    let pair = |user: UserId| Some((user, outcomes.next()?, outcomes.next()?));
    users.into_iter().filter_map(pair).collect()
}

fn phone(user: &UserId) -> Device<Sealed> {
    device(&format!("phone of {user}"), user)
}

fn more(user: &UserId) -> Change<Sealed> {
    Change::Device(DeviceChange::Add(device(&format!("another of {user}"), user)))
}

fn key(user: &UserId, name: &str) -> SessionKey {
    SessionKey::new(format!("{name} of {user}"))
}

fn open(user: &UserId, name: &str) -> Change<Sealed> {
    Change::Session(SessionChange::Create(Session { key: key(user, name), ..session(name, user) }))
}

fn end_all(user: &UserId) -> Change<Sealed> {
    Change::Session(SessionChange::EndAll { user: user.clone() })
}

fn expect_factors(user: &UserId, seen: u64) -> Change<Sealed> {
    Change::Account(AccountChange::RequireFactorSet { user: user.clone(), expected_version: seen })
}

async fn sessions(store: &Arc<dyn Store>, user: &UserId) -> usize {
    store.sessions(user).await.expect("a read").len()
}

async fn devices(store: &Arc<dyn Store>, user: &UserId) -> Vec<DeviceId> {
    store.factors(user).await.expect("a read").devices.into_iter().map(|device| device.id).collect()
}

/// A session that depends on there being no devices, against the first change of the set, which ends all sessions.
pub(super) async fn a_session_that_rests_on_no_factors_does_not_outlive_the_first(store: Arc<dyn Store>) {
    let outcomes = duel(
        &store,
        |_| vec![],
        |user| vec![expect_factors(user, 0), open(user, "new")],
        |user| vec![move_factors(user, 0), end_all(user)],
    );
    for (user, _, moved) in outcomes.await {
        assert_eq!(moved, Written::Done);
        assert_eq!(sessions(&store, &user).await, 0, "{user}");
    }
}

/// The same with a set that is there.
pub(super) async fn a_session_that_rests_on_factors_does_not_outlive_their_change(store: Arc<dyn Store>) {
    let outcomes = duel(
        &store,
        |user| vec![move_factors(user, 0)],
        |user| vec![expect_factors(user, 1), open(user, "new")],
        |user| vec![move_factors(user, 1), end_all(user)],
    );
    for (user, _, moved) in outcomes.await {
        assert_eq!(moved, Written::Done);
        assert_eq!(sessions(&store, &user).await, 0, "{user}");
    }
}

/// T168: a session that goes on under its key, written anew, against its end.
pub(super) async fn t168_a_session_that_is_written_anew_ends_all_the_same(store: Arc<dyn Store>) {
    let outcomes = duel(
        &store,
        |user| vec![open(user, "own")],
        |user| {
            let own = key(user, "own");
            vec![
                Change::Session(SessionChange::Require(own.clone())),
                Change::Session(SessionChange::End(own)),
                open(user, "own"),
            ]
        },
        |user| vec![Change::Session(SessionChange::End(key(user, "own")))],
    );
    for (user, _, ended) in outcomes.await {
        assert_eq!(ended, Written::Done);
        assert_eq!(sessions(&store, &user).await, 0, "{user}");
    }
}

/// A session that is replaced by another, against the end of all.
pub(super) async fn the_end_of_all_sessions_takes_a_replaced_one_along(store: Arc<dyn Store>) {
    let outcomes = duel(
        &store,
        |user| vec![open(user, "old")],
        |user| {
            let old = key(user, "old");
            vec![
                Change::Session(SessionChange::Require(old.clone())),
                Change::Session(SessionChange::End(old)),
                open(user, "new"),
            ]
        },
        |user| vec![end_all(user)],
    );
    for (user, _, ended) in outcomes.await {
        assert_eq!(ended, Written::Done);
        assert_eq!(sessions(&store, &user).await, 0, "{user}");
    }
}

/// Of two sessions that each end all, one is the first.
pub(super) async fn of_two_sessions_that_end_all_one_is_the_first(store: Arc<dyn Store>) {
    let outcomes = duel(
        &store,
        |user| vec![open(user, "one"), open(user, "other")],
        |user| vec![Change::Session(SessionChange::Require(key(user, "one"))), end_all(user)],
        |user| vec![Change::Session(SessionChange::Require(key(user, "other"))), end_all(user)],
    );
    for (user, one, other) in outcomes.await {
        assert!((one == Written::Done) != (other == Written::Done), "{user}: {one:?} and {other:?}");
        assert_eq!(sessions(&store, &user).await, 0, "{user}");
    }
}

/// A device that a session adds, against the end of that session and of all devices.
pub(super) async fn the_end_of_all_devices_takes_along_what_an_ended_session_added(store: Arc<dyn Store>) {
    let outcomes = duel(
        &store,
        |user| vec![open(user, "old")],
        |user| vec![Change::Session(SessionChange::Require(key(user, "old"))), more(user)],
        |user| {
            vec![
                Change::Session(SessionChange::End(key(user, "old"))),
                Change::Device(DeviceChange::RemoveAll { user: user.clone() }),
            ]
        },
    );
    for (user, _, ended) in outcomes.await {
        assert_eq!(ended, Written::Done);
        assert_eq!(devices(&store, &user).await, [], "{user}");
    }
}

/// A device that is added beside a change of another, against the end of all.
pub(super) async fn the_end_of_all_devices_takes_along_what_came_with_another(store: Arc<dyn Store>) {
    let outcomes = duel(
        &store,
        |user| vec![Change::Device(DeviceChange::Add(phone(user)))],
        |user| vec![Change::Device(DeviceChange::Update(Device { version: 2, ..phone(user) })), more(user)],
        |user| vec![Change::Device(DeviceChange::RemoveAll { user: user.clone() })],
    );
    for (user, _, removed) in outcomes.await {
        assert_eq!(removed, Written::Done);
        assert_eq!(devices(&store, &user).await, [], "{user}");
    }
}

/// A token that depends on a set of devices, against a change of the set that revokes all tokens, or those of one
/// device.
pub(super) async fn the_end_of_all_tokens_takes_along_what_a_set_of_devices_vouched_for(store: Arc<dyn Store>) {
    let outcomes = duel(
        &store,
        |user| vec![move_factors(user, 0)],
        |user| vec![expect_factors(user, 1), Change::Token(TokenChange::Issue(token(&format!("new of {user}"), user)))],
        |user| {
            let phone = DeviceId::new("phone");
            vec![
                move_factors(user, 1),
                Change::Token(TokenChange::RevokeVerifiedBy { user: user.clone(), device: phone, except: None }),
            ]
        },
    );
    for (user, _, moved) in outcomes.await {
        assert_eq!(moved, Written::Done);
        assert_eq!(store.tokens(&user).await.expect("a read"), [], "{user}");
    }
}

/// A token that a session makes, against the end of that session and of all tokens.
pub(super) async fn the_end_of_all_tokens_takes_along_what_an_ended_session_made(store: Arc<dyn Store>) {
    let outcomes = duel(
        &store,
        |user| vec![open(user, "old")],
        |user| {
            let made = Change::Token(TokenChange::Issue(token(&format!("new of {user}"), user)));
            vec![Change::Session(SessionChange::Require(key(user, "old"))), made]
        },
        |user| vec![end_all(user), Change::Token(TokenChange::RevokeAll { user: user.clone() })],
    );
    for (user, _, ended) in outcomes.await {
        assert_eq!(ended, Written::Done);
        assert_eq!(store.tokens(&user).await.expect("a read"), [], "{user}");
    }
}

fn wiki(user: &UserId) -> ClientId {
    ClientId::new(format!("wiki of {user}"))
}

fn add_wiki(user: &UserId) -> Change<Sealed> {
    Change::Client(ClientChange::Add(client(wiki(user).as_str())))
}

/// A token that a client is given, against the removal of that client.
pub(super) async fn the_end_of_a_client_takes_along_what_it_is_being_given(store: Arc<dyn Store>) {
    let outcomes = duel(
        &store,
        |user| vec![add_wiki(user)],
        |user| {
            let given = given(&format!("new of {user}"), user, wiki(user).as_str());
            vec![Change::Client(ClientChange::Require(wiki(user))), Change::Token(TokenChange::Issue(given))]
        },
        |user| vec![Change::Client(ClientChange::Remove(wiki(user)))],
    );
    for (user, _, removed) in outcomes.await {
        assert_eq!(removed, Written::Done);
        assert_eq!(store.tokens(&user).await.expect("a read"), [], "{user}");
    }
}

/// The confirmation of a device against the forgetting of abandoned ones.
pub(super) async fn what_is_confirmed_in_time_is_not_forgotten(store: Arc<dyn Store>) {
    let outcomes = async {
        let purging = tokio::spawn({
            let store = Arc::clone(&store);
            async move {
                for _ in 0..20 {
                    let retention = Retention {
                        now: at(0),
                        sessions_before: at(0),
                        enrolments_before: at(1_000),
                        events_before: None,
                        nodes_before: at(0),
                        credible_until: at(9999),
                    };
                    store.purge(&retention).await.expect("the store can forget");
                }
            }
        });
        let outcomes = duel(
            &store,
            |user| vec![Change::Device(DeviceChange::Add(Device { status: Status::Enrolling, ..phone(user) }))],
            |_| vec![],
            |user| vec![Change::Device(DeviceChange::Update(Device { version: 2, ..phone(user) }))],
        );
        let outcomes = outcomes.await;
        purging.await.expect("the forgetting goes well");
        outcomes
    };
    for (user, _, confirmed) in outcomes.await {
        let there = devices(&store, &user).await.len();
        let expected = usize::from(confirmed == Written::Done);
        assert!(there >= expected, "{user}: a confirmed device was forgotten");
    }
}
