//! Concurrent commits: one wins, the others get a conflict, and nothing else changes.

use std::{sync::Arc, time::Duration};

use countersign_engine::{
    Store,
    core::{
        AccountChange, BudgetChange, Change, Device, DeviceChange, DeviceId, EventChange, Sealed, SessionChange,
        Status, Timestamp, TokenChange, UserId, Written,
    },
};

use super::{ada, at, commit, device, done, event, move_factors, session, spend_attempt, token::token};
use crate::all_at_once;

const MANY: usize = 64;

/// Commits what `changes` makes of each number, all at once, and counts how many were done.
async fn contest(store: &Arc<dyn Store>, changes: impl Fn(usize) -> Vec<Change<Sealed>>) -> usize {
    let outcomes = all_at_once(MANY, |number| {
        let (store, changes) = (Arc::clone(store), changes(number));
        async move { commit(&store, changes).await }
    });
    outcomes.await.into_iter().filter(|written| *written == Written::Done).count()
}

async fn events(store: &Arc<dyn Store>, user: &UserId) -> usize {
    store.events(user, u32::MAX).await.expect("a read").len()
}

pub(super) async fn one_of_many_updates_wins(store: Arc<dyn Store>) {
    done(&store, vec![Change::Device(DeviceChange::Add(device("phone", &ada())))]).await;
    for version in 2..10 {
        let winners = contest(&store, |number| {
            let state = Sealed(number.to_be_bytes().to_vec());
            let device = Device { version, state, ..device("phone", &ada()) };
            vec![Change::Device(DeviceChange::Update(device)), Change::Event(EventChange::Record(event(&ada(), 1)))]
        });
        assert_eq!(winners.await, 1);
    }
    assert_eq!(events(&store, &ada()).await, 8, "a loser left its event behind");
}

pub(super) async fn one_of_many_openings_of_everything_wins(store: Arc<dyn Store>) {
    let contested = [
        spend_attempt("attempt"),
        Change::Device(DeviceChange::Add(device("phone", &ada()))),
        Change::Session(SessionChange::Create(session("key", &ada()))),
        move_factors(&ada(), 0),
        move_factors(&ada(), 1),
        Change::Device(DeviceChange::Remove { device: DeviceId::new("phone"), expected_version: 1 }),
    ];
    for (round, change) in contested.into_iter().enumerate() {
        let winners =
            contest(&store, |_| vec![change.clone(), Change::Event(EventChange::Record(event(&ada(), 1)))]).await;
        assert_eq!(winners, 1, "{change:?}");
        assert_eq!(events(&store, &ada()).await, round + 1, "a loser left its event behind");
    }
}

pub(super) async fn a_budget_is_not_overspent_by_many(store: Arc<dyn Store>) {
    let spend = |amount| {
        Change::Budget(BudgetChange::Charge {
            key: "budget".into(),
            amount,
            limit: 10,
            at: at(0),
            window: Duration::from_hours(1),
        })
    };
    assert_eq!(contest(&store, |_| vec![spend(1), Change::Event(EventChange::Record(event(&ada(), 1)))]).await, 10);
    assert_eq!(events(&store, &ada()).await, 10);
    done(&store, vec![Change::Budget(BudgetChange::Refund { key: "budget".into(), amount: 9, until: Timestamp::MAX })])
        .await;
    assert_eq!(contest(&store, |_| vec![spend(3)]).await, 3);
}

pub(super) async fn t120_a_limit_in_number_is_not_exceeded_by_many(store: Arc<dyn Store>) {
    let make = |number: usize| {
        vec![
            Change::Token(TokenChange::Issue(token(&format!("token {number}"), &ada()))),
            Change::Token(TokenChange::LimitPersonal { user: ada(), stamp: "stamp".into(), at: at(20), max: 5 }),
            Change::Event(EventChange::Record(event(&ada(), 1))),
        ]
    };
    assert_eq!((contest(&store, make).await, events(&store, &ada()).await), (5, 5));
    let begin = |number: usize| {
        let setup = Device { status: Status::Enrolling, ..device(&format!("device {number}"), &ada()) };
        vec![
            Change::Device(DeviceChange::Add(setup)),
            Change::Device(DeviceChange::LimitSetups { user: ada(), max: 8 }),
            Change::Event(EventChange::Record(event(&ada(), 1))),
        ]
    };
    assert_eq!((contest(&store, begin).await, events(&store, &ada()).await), (8, 13));
}

pub(super) async fn neighbours_of_a_conflict_are_not_disturbed(store: Arc<dyn Store>) {
    done(&store, vec![spend_attempt("over")]).await;
    let lonely = |number: usize| UserId::new(format!("user {number}"));
    let winners = contest(&store, |number| {
        let user = lonely(number);
        let mut changes = vec![
            Change::Device(DeviceChange::Add(device(&format!("device {number}"), &user))),
            Change::Session(SessionChange::Create(session(&format!("session {number}"), &user))),
            Change::Event(EventChange::Record(event(&user, 1))),
        ];
        if number.is_multiple_of(3) {
            changes.push(spend_attempt("over"));
        }
        changes
    });
    assert_eq!(winners.await, MANY - MANY.div_ceil(3));
    for number in 0..MANY {
        let user = lonely(number);
        let expected = usize::from(!number.is_multiple_of(3));
        let devices = store.factors(&user).await.expect("a read").devices.len();
        let sessions = store.sessions(&user).await.expect("a read").len();
        assert_eq!([devices, sessions, events(&store, &user).await], [expected; 3], "{user}");
    }
}

pub(super) async fn what_was_answered_is_seen_at_once(store: Arc<dyn Store>) {
    let seen = all_at_once(MANY, |number| {
        let store = Arc::clone(&store);
        async move {
            let user = UserId::new(format!("user {number}"));
            for round in 0..10 {
                let opened = session(&format!("session {number} {round}"), &user);
                let spent = format!("attempt {number} {round}");
                let changes = vec![
                    Change::Session(SessionChange::Create(opened.clone())),
                    move_factors(&user, round),
                    spend_attempt(&spent),
                    Change::Event(EventChange::Record(event(&user, 1))),
                ];
                done(&store, changes).await;
                assert_eq!(store.session(&opened.key).await.expect("a read"), Some(opened));
                assert_eq!(store.factors(&user).await.expect("a read").account.factors, round + 1);
                assert!(super::is_spent(&store, &spent).await);
            }
            events(&store, &user).await
        }
    });
    assert_eq!(seen.await, [10; MANY]);
}

/// One task replaces Ada's only device again and again; a reader meanwhile sees one device, the preferred one.
pub(super) async fn factors_are_read_as_of_one_moment(store: Arc<dyn Store>) {
    const ROUNDS: u64 = 100;
    let name = |version: u64| format!("device {version}");
    let replace = move |version: u64| {
        let preferred = Some(DeviceId::new(name(version)));
        vec![
            Change::Device(DeviceChange::RemoveAll { user: ada() }),
            Change::Device(DeviceChange::Add(device(&name(version), &ada()))),
            Change::Account(AccountChange::BumpFactorSet { user: ada(), expected_version: version - 1, preferred }),
        ]
    };
    done(&store, replace(1)).await;
    let writer = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for version in 2..=ROUNDS {
                done(&store, replace(version)).await;
            }
        }
    });
    let mut last = 0;
    while last < ROUNDS {
        let factors = store.factors(&ada()).await.expect("a read");
        assert!(factors.devices.iter().map(|device| &device.id).eq(&factors.account.preferred), "{factors:?}");
        assert!(factors.account.factors >= last, "time went back");
        last = factors.account.factors;
        tokio::task::yield_now().await;
    }
    writer.await.expect("the replacing goes well");
}
