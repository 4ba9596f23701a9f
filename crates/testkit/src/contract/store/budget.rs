//! Budgets: charged by many, never beyond their limit, empty again after a while.

use std::{sync::Arc, time::Duration};

use countersign_engine::{
    Store,
    core::{Budget, BudgetChange, Change, DeviceChange, EventChange, Sealed, SessionChange, Timestamp, Written},
};

use super::{ada, at, commit, done, event};

const HOUR: Duration = Duration::from_hours(1);

/// A charge, at a moment, to a budget with this limit and a window of an hour.
fn charge(amount: u32, limit: u32, seconds: i64) -> Change<Sealed> {
    charge_to("budget", amount, limit, seconds)
}

fn charge_to(key: &str, amount: u32, limit: u32, seconds: i64) -> Change<Sealed> {
    Change::Budget(BudgetChange::Charge { key: key.into(), amount, limit, at: at(seconds), window: HOUR })
}

fn refund(amount: u32) -> Change<Sealed> {
    Change::Budget(BudgetChange::Refund { key: "budget".into(), amount, until: Timestamp::MAX })
}

fn overspent_until(until: Timestamp) -> Written {
    Written::Overspent { key: "budget".into(), until }
}

pub(super) async fn a_budget_holds_as_much_as_its_limit(store: Arc<dyn Store>) {
    done(&store, vec![charge(4, 10, 0)]).await;
    done(&store, vec![charge(5, 10, 60)]).await;
    assert_eq!(commit(&store, vec![charge(2, 10, 120)]).await, overspent_until(at(3600)));
    done(&store, vec![charge(1, 10, 120)]).await;
    assert_eq!(commit(&store, vec![charge(1, 10, 120)]).await, overspent_until(at(3600)));
    done(&store, vec![charge(0, 10, 120)]).await;
    done(&store, vec![charge_to("another", 10, 10, 120)]).await;
}

pub(super) async fn a_budget_shows_what_it_holds(store: Arc<dyn Store>) {
    assert_eq!(store.budget("budget").await.expect("the store can read"), None);
    done(&store, vec![charge(4, 10, 0), charge(2, 10, 60), charge_to("another", 9, 9, 60)]).await;
    let shown = async || store.budget("budget").await.expect("the store can read");
    assert_eq!(shown().await, Some(Budget { spent: 6, until: at(3600) }));
    done(&store, vec![charge(1, 10, 3600)]).await;
    assert_eq!(shown().await, Some(Budget { spent: 1, until: at(7200) }), "a new window begins at nothing");
    assert_eq!(commit(&store, vec![charge(10, 10, 3601)]).await, overspent_until(at(7200)));
    assert_eq!(shown().await, Some(Budget { spent: 1, until: at(7200) }), "what was not charged is not held");
}

pub(super) async fn a_budget_is_empty_again_at_the_end_of_its_window(store: Arc<dyn Store>) {
    done(&store, vec![charge(10, 10, 100)]).await;
    let last = Change::Budget(BudgetChange::Charge {
        key: "budget".into(),
        amount: 1,
        limit: 10,
        at: at(3700).before(Duration::from_millis(1)),
        window: HOUR,
    });
    assert_eq!(commit(&store, vec![last]).await, overspent_until(at(3700)));
    done(&store, vec![charge(10, 10, 3700)]).await;
    assert_eq!(commit(&store, vec![charge(1, 10, 3701)]).await, overspent_until(at(7300)));
    // A clock that goes back finds the window it left.
    assert_eq!(commit(&store, vec![charge(1, 10, -50)]).await, overspent_until(at(7300)));
}

pub(super) async fn a_charge_beyond_the_limit_is_refused_at_once(store: Arc<dyn Store>) {
    assert_eq!(commit(&store, vec![charge(11, 10, 100)]).await, overspent_until(at(3700)));
    done(&store, vec![charge(10, 10, 200)]).await;
    assert_eq!(commit(&store, vec![charge(11, 10, 300)]).await, overspent_until(at(3800)));
    assert_eq!(commit(&store, vec![charge(11, 10, 3800)]).await, overspent_until(at(7400)));
    assert_eq!(commit(&store, vec![charge_to("budget", 1, 0, 9999)]).await, overspent_until(at(13_599)));
}

pub(super) async fn the_limit_is_the_one_of_the_charge(store: Arc<dyn Store>) {
    done(&store, vec![charge(5, 10, 0)]).await;
    assert_eq!(commit(&store, vec![charge(1, 5, 1)]).await, overspent_until(at(3600)));
    assert_eq!(commit(&store, vec![charge(0, 4, 1)]).await, overspent_until(at(3600)));
    done(&store, vec![charge(0, 5, 1), charge(15, 20, 1)]).await;
}

pub(super) async fn a_refund_goes_down_to_nothing_and_no_further(store: Arc<dyn Store>) {
    done(&store, vec![charge(8, 10, 0)]).await;
    done(&store, vec![refund(3)]).await;
    done(&store, vec![charge(5, 10, 1)]).await;
    done(&store, vec![refund(u32::MAX)]).await;
    // A window in which nothing is left is over.
    assert_eq!(commit(&store, vec![charge(11, 10, 2)]).await, overspent_until(at(3602)));
    done(&store, vec![charge(10, 10, 2)]).await;
    assert_eq!(commit(&store, vec![charge(1, 10, 2)]).await, overspent_until(at(3602)));
}

pub(super) async fn charges_of_one_batch_add_up(store: Arc<dyn Store>) {
    assert_eq!(commit(&store, vec![charge(6, 10, 0), charge(6, 10, 0)]).await, overspent_until(at(3600)));
    done(&store, vec![charge(6, 10, 0), charge(4, 10, 0)]).await;
    assert_eq!(commit(&store, vec![charge(1, 10, 0)]).await, overspent_until(at(3600)));
}

pub(super) async fn budgets_do_not_overflow(store: Arc<dyn Store>) {
    done(&store, vec![charge(u32::MAX, u32::MAX, 0)]).await;
    assert_eq!(commit(&store, vec![charge(1, u32::MAX, 0)]).await, overspent_until(at(3600)));
    assert_eq!(commit(&store, vec![charge(u32::MAX, u32::MAX, 0)]).await, overspent_until(at(3600)));
    // A window may have no length, or no end.
    let spend = |key: &str, window| {
        Change::Budget(BudgetChange::Charge { key: key.into(), amount: 1, limit: 1, at: at(0), window })
    };
    for _ in 0..3 {
        done(&store, vec![spend("none", Duration::ZERO)]).await;
    }
    done(&store, vec![spend("for ever", Duration::MAX)]).await;
    let until = Timestamp::from_millis(i64::MAX);
    let written = commit(&store, vec![spend("for ever", Duration::MAX)]).await;
    assert_eq!(written, Written::Overspent { key: "for ever".into(), until });
}

pub(super) async fn an_overspent_batch_is_undone(store: Arc<dyn Store>) {
    done(&store, vec![charge(10, 10, 0)]).await;
    let changes = vec![
        super::spend_attempt("new"),
        Change::Device(DeviceChange::Add(super::device("phone", &ada()))),
        Change::Session(SessionChange::Create(super::session("key", &ada()))),
        Change::Event(EventChange::Record(event(&ada(), 1))),
        charge_to("a budget before", 1, 1, 0),
        charge(1, 10, 0),
    ];
    let before = super::picture(&store, &ada()).await;
    assert_eq!(commit(&store, changes).await, overspent_until(at(3600)));
    assert_eq!(super::picture(&store, &ada()).await, before);
    assert!(!super::is_spent(&store, "new").await);
    done(&store, vec![charge_to("a budget before", 1, 1, 0)]).await;
}

/// T117: a window whose end no right clock can have written keeps what it holds and ends one window from now.
pub(super) async fn a_window_that_a_clock_ahead_has_dated_begins_anew(store: Arc<dyn Store>) {
    let year = 365 * 24 * 3600;
    let shown = async || store.budget("budget").await.expect("the store can read");
    done(&store, vec![charge(4, 10, year)]).await;
    done(&store, vec![charge(3, 10, 0)]).await;
    assert_eq!(shown().await, Some(Budget { spent: 7, until: at(3600) }));
    done(&store, vec![charge_to("early", 1, 10, 60)]).await;
    done(&store, vec![charge_to("early", 1, 10, 0)]).await;
    let early = store.budget("early").await.expect("the store can read");
    assert_eq!(early, Some(Budget { spent: 2, until: at(3660) }), "clocks of nodes may differ by a minute");
    done(&store, vec![charge_to("full", 10, 10, year)]).await;
    let restart = |beyond| Change::Budget(BudgetChange::Restart { key: "full".into(), until: at(3600), beyond });
    done(&store, vec![restart(at(year + 3600))]).await;
    assert_eq!(store.budget("full").await.expect("a read").map(|budget| budget.until), Some(at(year + 3600)));
    done(&store, vec![restart(at(3660))]).await;
    assert_eq!(store.budget("full").await.expect("a read"), Some(Budget { spent: 10, until: at(3600) }));
}

pub(super) async fn nothing_is_given_back_from_a_later_window(store: Arc<dyn Store>) {
    let back = |until| Change::Budget(BudgetChange::Refund { key: "budget".into(), amount: 1, until });
    done(&store, vec![charge(3, 10, 0)]).await;
    done(&store, vec![charge(1, 10, 60)]).await;
    done(&store, vec![back(at(60 + 3600))]).await;
    done(&store, vec![charge(5, 10, 3600)]).await;
    done(&store, vec![back(at(60 + 3600))]).await;
    assert_eq!(store.budget("budget").await.expect("a read"), Some(Budget { spent: 5, until: at(7200) }));
}

pub(super) async fn budgets_are_removed_with_those_whose_names_go_on(store: Arc<dyn Store>) {
    let names = ["user/1", "user/1/browser/a", "user/1/", "user/10", "user/1.", "user/10/browser/a", "user"];
    done(&store, names.map(|name| charge_to(name, 1, 10, 0)).into()).await;
    let remove = |name: &str| Change::Budget(BudgetChange::Remove { name: name.into() });
    done(&store, vec![remove("user/1"), remove("nothing")]).await;
    let mut left = vec![];
    for name in names {
        if store.budget(name).await.expect("the store can read").is_some() {
            left.push(name);
        }
    }
    assert_eq!(left, ["user/10", "user/1.", "user/10/browser/a", "user"]);
}
