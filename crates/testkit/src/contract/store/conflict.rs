//! All of a batch or none of it, and each change only on what it saw.

use std::{sync::Arc, time::Duration};

use countersign_engine::{
    Store,
    core::{
        Account, AccountChange, AttemptChange, AttemptId, BudgetChange, Change, ClientChange, ClientId, Device,
        DeviceChange, DeviceId, EventChange, Sealed, SessionChange, SessionKey, Status, Timestamp, TokenChange,
        TokenId, UserChange, UserId, Written,
    },
};

use super::{
    ada, at, client, commit, device, done, event, is_spent, move_factors, picture, session, spend_attempt, token::token,
};

/// A place where something can go wrong: Ada has two devices, two sessions, two tokens, an account of version 2, an attempt
/// that is over and a budget that holds 3; and there are two clients, one of them public.
async fn set_up(store: &Arc<dyn Store>) {
    let phone = Device { version: 3, ..device("phone", &ada()) };
    let changes = vec![
        Change::Device(DeviceChange::Add(phone)),
        Change::Device(DeviceChange::Add(device("tablet", &ada()))),
        Change::Session(SessionChange::Create(session("here", &ada()))),
        Change::Session(SessionChange::Create(session("there", &ada()))),
        Change::Token(TokenChange::Issue(token("script", &ada()))),
        Change::Token(TokenChange::Issue(token("old", &ada()))),
        Change::Client(ClientChange::Add(client::client("wiki"))),
        Change::Client(ClientChange::Add(client::public("phone"))),
        Change::Event(EventChange::Record(event(&ada(), 1))),
        move_factors(&ada(), 0),
        spend_attempt("over"),
        charge(3),
    ];
    done(store, changes).await;
    done(store, vec![move_factors(&ada(), 1)]).await;
}

/// A charge to a budget that may hold ten for an hour.
fn charge(amount: u32) -> Change<Sealed> {
    let window = Duration::from_hours(1);
    Change::Budget(BudgetChange::Charge { key: "messages".into(), amount, limit: 10, at: at(100), window })
}

fn update(id: &str, version: u64) -> Change<Sealed> {
    Change::Device(DeviceChange::Update(Device { version, ..device(id, &ada()) }))
}

fn remove(id: &str, seen: u64) -> Change<Sealed> {
    Change::Device(DeviceChange::Remove { device: DeviceId::new(id), expected_version: seen })
}

fn expect_factors(user: &UserId, seen: u64) -> Change<Sealed> {
    Change::Account(AccountChange::RequireFactorSet { user: user.clone(), expected_version: seen })
}

/// Every way in which a change conflicts with the place set up.
fn conflicts() -> Vec<(&'static str, Change<Sealed>)> {
    let bob = UserId::new("bob");
    vec![
        ("an attempt that is over", spend_attempt("over")),
        ("an attempt that is over, with another end", {
            Change::Attempt(AttemptChange::Close { attempt: AttemptId::new("over"), until: at(9_999) })
        }),
        ("a first set where there is one", move_factors(&ada(), 0)),
        ("a set that was moved since", move_factors(&ada(), 1)),
        ("a set from the future", move_factors(&ada(), 3)),
        ("a set beyond all versions", move_factors(&ada(), u64::MAX)),
        ("a set that is not there", move_factors(&bob, 1)),
        ("expecting no set where there is one", expect_factors(&ada(), 0)),
        ("expecting a set that was moved since", expect_factors(&ada(), 1)),
        ("expecting a set from the future", expect_factors(&ada(), 3)),
        ("expecting a set beyond all versions", expect_factors(&ada(), u64::MAX)),
        ("expecting a set that is not there", expect_factors(&bob, 1)),
        ("an update of what was updated since", update("phone", 3)),
        ("an update that skips one", update("phone", 5)),
        ("an update of nothing", update("watch", 2)),
        ("an update of what is another user's by now", {
            Change::Device(DeviceChange::Update(Device { version: 4, ..device("phone", &bob) }))
        }),
        ("an addition under a taken id", Change::Device(DeviceChange::Add(device("phone", &ada())))),
        ("an addition under another user's id", Change::Device(DeviceChange::Add(device("phone", &bob)))),
        ("a removal of what was updated since", remove("phone", 2)),
        ("a removal from the future", remove("phone", 4)),
        ("a removal beyond all versions", remove("phone", u64::MAX)),
        ("a removal of nothing", remove("watch", 1)),
        ("an action whose session has ended", Change::Session(SessionChange::Require(SessionKey::new("none")))),
        ("a session under a taken key", Change::Session(SessionChange::Create(session("here", &ada())))),
        ("a token under a taken name", Change::Token(TokenChange::Issue(token("script", &ada())))),
        ("an action whose client is not there", Change::Client(ClientChange::Require(ClientId::new("none")))),
        ("a client under a taken id", Change::Client(ClientChange::Add(client::public("wiki")))),
        ("a removal of no client", Change::Client(ClientChange::Remove(ClientId::new("none")))),
        ("another secret for no client", client::rotate("none", 7)),
        ("another secret for a public client", client::rotate("phone", 7)),
        ("a session under another user's key", Change::Session(SessionChange::Create(session("here", &bob)))),
    ]
}

/// One change of every kind that nothing stands against, and that would be seen.
fn witnesses() -> Vec<Change<Sealed>> {
    vec![
        spend_attempt("new"),
        move_factors(&UserId::new("carol"), 0),
        Change::Device(DeviceChange::Add(device("laptop", &ada()))),
        update("tablet", 2),
        Change::Device(DeviceChange::Add(device("key", &UserId::new("carol")))),
        Change::Session(SessionChange::End(SessionKey::new("there"))),
        Change::Session(SessionChange::Create(session("new", &ada()))),
        Change::Session(SessionChange::Touch { key: SessionKey::new("here"), at: at(500) }),
        Change::Token(TokenChange::Issue(token("new", &ada()))),
        Change::Token(TokenChange::Revoke(TokenId::new("old"))),
        Change::Client(ClientChange::Add(client::client("new"))),
        client::rotate("wiki", 7),
        Change::Session(SessionChange::Create(session("hers", &UserId::new("carol")))),
        charge(1),
        Change::Budget(BudgetChange::Charge {
            key: "calls".into(),
            amount: 1,
            limit: 1,
            at: at(100),
            window: Duration::from_hours(1),
        }),
        Change::Event(EventChange::Record(event(&ada(), 2))),
        Change::Event(EventChange::Record(event(&UserId::new("carol"), 2))),
    ]
}

pub(super) async fn a_conflict_of_any_kind_undoes_the_whole_batch(store: Arc<dyn Store>) {
    set_up(&store).await;
    let users = [ada(), UserId::new("bob"), UserId::new("carol")];
    let mut before = Vec::new();
    for user in &users {
        before.push(picture(&store, user).await);
    }
    for (what, conflict) in conflicts() {
        let mut changes = witnesses();
        changes.push(conflict);
        assert_eq!(commit(&store, changes).await, Written::Conflict, "{what}");
        for (user, before) in users.iter().zip(&before) {
            assert_eq!(picture(&store, user).await, *before, "{what} left something behind");
        }
        assert!(!is_spent(&store, "new").await, "{what} spent an attempt");
    }
    // The budgets hold what they held: seven more, or one call.
    let calls = Change::Budget(BudgetChange::Charge {
        key: "calls".into(),
        amount: 1,
        limit: 1,
        at: at(100),
        window: Duration::from_hours(1),
    });
    done(&store, vec![charge(7), calls]).await;
    assert!(matches!(commit(&store, vec![charge(1)]).await, Written::Overspent { .. }));
}

pub(super) async fn a_action_that_has_come_true_rests_on_what_it_saw(store: Arc<dyn Store>) {
    set_up(&store).await;
    let mut changes = witnesses();
    changes.push(update("phone", 4));
    changes.push(expect_factors(&ada(), 2));
    done(&store, changes.clone()).await;
    assert_eq!(commit(&store, changes).await, Written::Conflict, "what was done once is not done twice");
    assert!(is_spent(&store, "new").await);
    let factors = store.factors(&ada()).await.expect("a read");
    let versions: Vec<_> = factors.devices.iter().map(|device| (device.id.as_str(), device.version)).collect();
    assert_eq!(versions, [("laptop", 1), ("phone", 4), ("tablet", 2)]);
    done(&store, vec![remove("phone", 4)]).await;
    assert_eq!(commit(&store, vec![update("phone", 5)]).await, Written::Conflict);
}

pub(super) async fn two_of_a_name_in_one_batch_conflict(store: Arc<dyn Store>) {
    let add = Change::Device(DeviceChange::Add(device("phone", &ada())));
    let open = Change::Session(SessionChange::Create(session("key", &ada())));
    for change in [spend_attempt("new"), add, open, move_factors(&ada(), 0)] {
        assert_eq!(commit(&store, vec![change.clone(), change.clone()]).await, Written::Conflict, "{change:?}");
        done(&store, vec![change]).await;
    }
}

pub(super) async fn removals_come_before_additions(store: Arc<dyn Store>) {
    set_up(&store).await;
    // In whatever order they are said.
    let again = Change::Device(DeviceChange::Add(Device { version: 4, ..device("phone", &ada()) }));
    done(&store, vec![again, remove("phone", 3)]).await;
    let only = Change::Device(DeviceChange::Add(device("only", &ada())));
    done(&store, vec![only, Change::Device(DeviceChange::RemoveAll { user: ada() })]).await;
    let devices = store.factors(&ada()).await.expect("a read").devices;
    assert!(devices.iter().map(|device| device.id.as_str()).eq(["only"]));
}

pub(super) async fn ends_of_what_is_not_there_are_no_conflict(store: Arc<dyn Store>) {
    let changes = vec![
        Change::Session(SessionChange::End(SessionKey::new("none"))),
        Change::Session(SessionChange::EndAll { user: ada() }),
        Change::Token(TokenChange::Revoke(TokenId::new("none"))),
        Change::Token(TokenChange::RevokeAll { user: ada() }),
        Change::Device(DeviceChange::RemoveAll { user: ada() }),
        Change::Budget(BudgetChange::Refund { key: "none".into(), amount: 1, until: Timestamp::MAX }),
    ];
    done(&store, changes).await;
}

pub(super) async fn nothing_to_write_is_done(store: Arc<dyn Store>) {
    done(&store, vec![]).await;
}

pub(super) async fn the_set_of_devices_counts_from_one(store: Arc<dyn Store>) {
    let phone = Some(DeviceId::new("phone"));
    done(&store, vec![expect_factors(&ada(), 0)]).await;
    for (seen, preferred) in [(0, None), (1, phone.clone()), (2, phone), (3, None)] {
        done(
            &store,
            vec![Change::Account(AccountChange::BumpFactorSet {
                user: ada(),
                expected_version: seen,
                preferred: preferred.clone(),
            })],
        )
        .await;
        let account = store.factors(&ada()).await.expect("a read").account;
        assert_eq!((account.factors, account.preferred), (seen + 1, preferred));
        done(&store, vec![expect_factors(&ada(), seen + 1)]).await;
    }
    // Several moves of one batch follow each other.
    done(&store, vec![move_factors(&ada(), 4), move_factors(&ada(), 5), expect_factors(&ada(), 6)]).await;
}

pub(super) async fn a_removed_account_counts_from_nothing(store: Arc<dyn Store>) {
    let remove = || Change::Account(AccountChange::Remove { user: ada() });
    done(&store, vec![remove()]).await;
    done(&store, vec![move_factors(&ada(), 0)]).await;
    done(&store, vec![move_factors(&ada(), 1)]).await;
    done(&store, vec![remove()]).await;
    assert_eq!(store.factors(&ada()).await.expect("a read").account, Account::new(ada()));
    assert_eq!(commit(&store, vec![expect_factors(&ada(), 2)]).await, Written::Conflict);
    done(&store, vec![expect_factors(&ada(), 0)]).await;
}

/// A store with a table of users conflicts, one without has a fault: neither writes anything.
pub(super) async fn a_password_of_nobody_is_not_set_and_undoes_the_batch(store: Arc<dyn Store>) {
    let set = Change::User(UserChange::SetPassword {
        user: ada(),
        expected_stamp: "stamp".into(),
        stamp: "another".into(),
        hash: "hash".into(),
        at: at(1),
    });
    let batch = super::batch(vec![set, Change::Session(SessionChange::Create(session("key", &ada())))]);
    let written = store.commit(batch).await.map(|receipt| receipt.written().clone());
    assert!(matches!(written, Err(_) | Ok(Written::Conflict)), "{written:?}");
    assert_eq!(store.session(&SessionKey::new("key")).await.expect("a read"), None);
}

pub(super) async fn a_limit_counts_the_setups_of_one_user(store: Arc<dyn Store>) {
    let limit = |most| Change::Device(DeviceChange::LimitSetups { user: ada(), max: most });
    let begin = |id| Change::Device(DeviceChange::Add(Device { status: Status::Enrolling, ..device(id, &ada()) }));
    let his = Device { status: Status::Enrolling, ..device("his", &UserId::new("bob")) };
    for added in [device("phone", &ada()), Device { status: Status::Disabled, ..device("old", &ada()) }, his] {
        done(&store, vec![Change::Device(DeviceChange::Add(added)), limit(0)]).await;
    }
    done(&store, vec![begin("one"), limit(1)]).await;
    assert_eq!(
        commit(&store, vec![begin("two"), limit(1)]).await,
        Written::Conflict,
        "it counts what the batch begins"
    );
    assert!(store.device(&DeviceId::new("two")).await.expect("a read").is_none());
    done(&store, vec![begin("two"), limit(1), remove("one", 1)]).await;
}
