//! The contract of a store, for built-in and host stores.
//!
//! Each rule is a sentence and gets a fresh store. The suite looks at a store only through its port, so it knows nothing of
//! tables; and it goes to the edges of what the types can say, because that is where stores differ. It does not show that a
//! commit is durable: that takes a crash.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use countersign_engine::memory::MemoryStore;
//! # async fn test() {
//! countersign_testkit::contract::store::run(async || Arc::new(MemoryStore::default())).await;
//! # }
//! ```

mod budget;
mod client;
mod conflict;
mod delivery;
mod device_cookie;
mod duel;
mod node;
mod purge;
mod race;
mod repeat;
mod round_trip;
mod session;
mod token;

use std::{pin::Pin, sync::Arc};

use countersign_engine::{
    Store,
    core::{
        AccountChange, AttemptChange, AttemptId, Batch, Change, Device, DeviceId, DeviceName, Event, EventKind, Kind,
        Level, Node, NodeId, Sealed, Session, SessionKey, Status, Timestamp, UserId, Written, throttle::Throttle,
    },
};

type Rule = fn(Arc<dyn Store>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! rules {
    ($($module:ident { $($rule:ident)* })*) => {
        &[$($((stringify!($rule), |store| Box::pin($module::$rule(store)))),*),*]
    };
}

/// Every rule, by its name.
const RULES: &[(&str, Rule)] = rules! {
    round_trip {
        a_user_nobody_knows_has_an_empty_account
        every_column_of_a_device_comes_back
        every_column_of_a_device_can_change
        every_column_of_a_session_comes_back
        every_kind_of_event_comes_back
        ids_are_what_they_are_letter_by_letter
        devices_come_oldest_first
        events_come_newest_first_and_no_more_than_asked
        nobody_sees_what_is_anothers
        a_store_that_works_says_so
    }
    conflict {
        a_conflict_of_any_kind_undoes_the_whole_batch
        a_action_that_has_come_true_rests_on_what_it_saw
        two_of_a_name_in_one_batch_conflict
        removals_come_before_additions
        ends_of_what_is_not_there_are_no_conflict
        nothing_to_write_is_done
        the_set_of_devices_counts_from_one
        a_removed_account_counts_from_nothing
        a_password_of_nobody_is_not_set_and_undoes_the_batch
        a_limit_counts_the_setups_of_one_user
    }
    budget {
        a_budget_holds_as_much_as_its_limit
        a_budget_shows_what_it_holds
        a_budget_is_empty_again_at_the_end_of_its_window
        a_charge_beyond_the_limit_is_refused_at_once
        the_limit_is_the_one_of_the_charge
        a_refund_goes_down_to_nothing_and_no_further
        nothing_is_given_back_from_a_later_window
        charges_of_one_batch_add_up
        budgets_do_not_overflow
        an_overspent_batch_is_undone
        a_window_that_a_clock_ahead_has_dated_begins_anew
        budgets_are_removed_with_those_whose_names_go_on
    }
    session {
        sessions_come_newest_first
        a_touch_never_goes_back
        a_touch_of_nothing_is_nothing
        ends_come_before_openings
        a_action_may_rest_on_the_session_it_ends
        ending_all_ends_those_of_one_user
        an_ended_key_may_open_again
        sessions_are_ended_by_the_device_that_verified_them
        a_restore_is_told_with_every_account_and_ends_what_was_open
    }
    repeat {
        a_session_is_found_by_what_it_came_from
        a_repeat_is_closed_once
        a_repeat_is_closed_before_its_session_ends
        a_repeat_ends_with_its_session
        what_cannot_be_repeated_any_more_is_forgotten_and_its_session_stays
        t163_one_of_many_closings_wins
    }
    delivery {
        every_column_of_a_delivery_comes_back
        a_delivery_is_added_once
        a_last_word_stands_and_a_first_one_comes_first
        a_code_that_comes_back_is_noted_once
        deliveries_are_forgotten_with_the_events
    }
    token {
        every_column_of_a_token_comes_back
        tokens_come_by_their_birth_the_last_one_first
        a_token_is_made_once
        a_token_is_touched_forwards_only
        tokens_are_ended_by_name_by_device_and_by_user
        tokens_are_ended_but_for_those_of_a_grant
        what_requires_a_token_conflicts_once_it_has_ended
        a_limit_counts_the_running_personal_tokens_of_one_stamp
    }
    client {
        every_column_of_a_client_comes_back
        a_client_is_added_once
        a_client_gets_another_secret_if_it_has_one
        a_client_is_removed_together_with_its_tokens
        clients_come_by_their_names_and_then_by_their_ids
    }
    device_cookie {
        every_column_of_a_device_cookie_comes_back
        a_slot_is_taken_from_the_browser_that_is_named
        a_slot_goes_to_one_of_many
        device_cookies_end_by_user_and_by_browser
    }
    node {
        every_column_of_a_node_comes_back
        a_report_takes_the_place_of_the_one_before
        a_task_is_one_nodes_until_its_end
        a_task_is_given_back_by_ending_it
        a_task_that_a_clock_ahead_has_taken_is_free
        what_was_to_be_written_with_a_task_is_not_written_without_it
        one_of_many_nodes_has_the_task
        devices_come_by_their_ids_and_each_once
    }
    purge {
        events_are_kept_for_ever_if_that_is_wanted
        what_is_over_is_forgotten_to_the_millisecond
        a_confirmed_device_is_never_forgotten
        a_great_many_rows_are_forgotten
        what_a_clock_ahead_has_dated_is_forgotten
        an_attempt_that_was_forgotten_may_be_spent_again
    }
    race {
        one_of_many_updates_wins
        one_of_many_openings_of_everything_wins
        a_budget_is_not_overspent_by_many
        t120_a_limit_in_number_is_not_exceeded_by_many
        neighbours_of_a_conflict_are_not_disturbed
        what_was_answered_is_seen_at_once
        factors_are_read_as_of_one_moment
    }
    duel {
        a_session_that_rests_on_no_factors_does_not_outlive_the_first
        a_session_that_rests_on_factors_does_not_outlive_their_change
        t168_a_session_that_is_written_anew_ends_all_the_same
        the_end_of_all_sessions_takes_a_replaced_one_along
        of_two_sessions_that_end_all_one_is_the_first
        the_end_of_all_devices_takes_along_what_an_ended_session_added
        the_end_of_all_devices_takes_along_what_came_with_another
        the_end_of_all_tokens_takes_along_what_a_set_of_devices_vouched_for
        the_end_of_all_tokens_takes_along_what_an_ended_session_made
        the_end_of_a_client_takes_along_what_it_is_being_given
        what_is_confirmed_in_time_is_not_forgotten
    }
};

/// Holds a store to every rule; `make` makes an empty one. Needs a runtime with more than one thread for the races to be
/// worth their name.
///
/// # Panics
///
/// When a rule is broken: with the names of all that are.
pub async fn run<S: Store + 'static>(make: impl AsyncFn() -> Arc<S>) {
    let mut broken = Vec::new();
    for (name, rule) in RULES {
        let store = make().await;
        if tokio::spawn(rule(store)).await.is_err() {
            broken.push(*name);
        }
    }
    assert!(broken.is_empty(), "the store breaks {} of {} rules: {broken:#?}", broken.len(), RULES.len());
}

/// A batch of changes whose devices are sealed already.
///
/// # Panics
///
/// Never.
pub fn batch(changes: Vec<Change<Sealed>>) -> Batch<Sealed> {
    let nothing = Batch::new(vec![]).seal(|device| Err(device.id.clone())).expect("there is nothing to seal");
    nothing.with_changes(changes)
}

/// Writes these changes as one batch.
async fn commit(store: &Arc<dyn Store>, changes: Vec<Change<Sealed>>) -> Written {
    let receipt = store.commit(batch(changes)).await.expect("the store can write");
    receipt.written().clone()
}

/// Writes these changes, which nothing stands against.
async fn done(store: &Arc<dyn Store>, changes: Vec<Change<Sealed>>) {
    assert_eq!(commit(store, changes).await, Written::Done);
}

/// Some moments after the epoch.
const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn ada() -> UserId {
    UserId::new("ada")
}

/// An active device of version 1, made at the tenth second.
fn device(id: &str, user: &UserId) -> Device<Sealed> {
    Device {
        id: DeviceId::new(id),
        user: user.clone(),
        kind: Kind::TOTP,
        name: DeviceName::parse("Phone").expect("a name"),
        status: Status::Active,
        version: 1,
        throttle: Throttle::default(),
        created: at(10),
        last_used: None,
        state: Sealed(id.as_bytes().to_vec()),
    }
}

/// A session with two factors, last used at the twentieth second.
fn session(key: &str, user: &UserId) -> Session {
    Session {
        key: SessionKey::new(key),
        user: user.clone(),
        level: Level::Aal2,
        stamp: "stamp".into(),
        device: Some(DeviceId::new("phone")),
        created: at(10),
        last_seen: at(20),
        signed_in: at(10),
        verified: Some(at(11)),
        method: Some(Kind::TOTP),
        repeat: None,
    }
}

fn event(user: &UserId, seconds: i64) -> Event {
    Event::new(at(seconds), user.clone(), EventKind::SignedIn)
}

/// A node that was started at the tenth second.
fn node(id: &str) -> Node {
    Node {
        id: NodeId::new(id),
        started: at(10),
        seen: at(20),
        version: "1.2.3".into(),
        keys: vec!["first".into(), "2".into()],
        sealing_since: at(15),
        host: None,
        listen_address: None,
    }
}

fn spend_attempt(id: &str) -> Change<Sealed> {
    Change::Attempt(AttemptChange::Close { attempt: AttemptId::new(id), until: at(600) })
}

fn move_factors(user: &UserId, seen: u64) -> Change<Sealed> {
    Change::Account(AccountChange::BumpFactorSet { user: user.clone(), expected_version: seen, preferred: None })
}

async fn is_spent(store: &Arc<dyn Store>, attempt: &str) -> bool {
    store.attempt_spent(&AttemptId::new(attempt)).await.expect("the store can read")
}

/// Everything of a user's that a store shows, and every client, as text that can be compared.
async fn picture(store: &Arc<dyn Store>, user: &UserId) -> String {
    let factors = store.factors(user).await.expect("the store can read");
    let sessions = store.sessions(user).await.expect("the store can read");
    let tokens = store.tokens(user).await.expect("the store can read");
    let events = store.events(user, u32::MAX).await.expect("the store can read");
    let clients = client::all(store).await;
    format!("{factors:?} {sessions:?} {tokens:?} {events:?} {clients:?}")
}
