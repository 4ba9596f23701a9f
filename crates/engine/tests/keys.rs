//! Keys changed while everybody goes on working, and nodes that take turns.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use countersign_engine::{
    Error, Keeping, KeyId, Keyring, LIVE_FOR, Store,
    core::{Change, DeviceChange, Factors, Sealed, UserId},
    memory::MemoryStore,
};
use countersign_testkit::{Gate, Person, SeededRandom, World, all_at_once};

/// The lines of some keys, each under a random name.
fn lines<const N: usize>() -> [String; N] {
    let random = SeededRandom::new(7);
    [(); N].map(|()| Keyring::new_line(KeyId::draw(&random), &random).to_string())
}

fn ring(lines: &[&String]) -> Keyring {
    Keyring::parse(&lines.iter().map(|line| line.as_str()).collect::<String>()).unwrap()
}

fn id(line: &str) -> KeyId {
    Keyring::key_in(line).unwrap()
}

/// A world that seals with this key, on this store.
fn world(store: Arc<dyn Store>, line: &String) -> World {
    World::built(store, |parts| parts.keyring = ring(&[line]))
}

async fn states(world: &World, person: &Person) -> Vec<Sealed> {
    let Factors { devices, .. } = world.store.factors(&person.user.id).await.unwrap();
    devices.into_iter().map(|device| device.state).collect()
}

fn sealed_by(state: &Sealed, key: KeyId) -> bool {
    let name = key.to_string();
    state.0.windows(name.len()).any(|part| part == name.as_bytes())
}

/// Everything sealed anew, in pages of two.
async fn reseal(world: &World) -> (u64, usize) {
    let (mut cursor, mut resealed, mut closed) = (None, 0, 0);
    while let Some(page) = world.engine.reseal(cursor.as_ref(), 2).await.unwrap() {
        assert!(page.looked_at <= 2);
        resealed += page.resealed;
        closed += page.closed.len();
        cursor = Some(page.last);
    }
    (resealed, closed)
}

#[tokio::test]
async fn keys_change_and_nobody_notices() {
    let [old, new] = lines();
    let world = world(Arc::new(MemoryStore::default()), &old);
    let people: Vec<Person> = (0..5).map(|number| world.user(&format!("user {number}"))).collect();
    for person in &people {
        person.sets_up().await;
    }
    world.engine.replace_keys(ring(&[&old, &new]));
    let before = people[0].is_asked().await;
    world.engine.replace_keys(ring(&[&new, &old]));
    let code = people[0].code();
    people[0].answers(&before.token, &before.view.device.id, &code).await.expect("begun under the old key");
    let seals = world.engine.count_seals().await.unwrap();
    assert_eq!((seals.total(), seals.by_key[&id(&old)], seals.by_key[&id(&new)]), (5, 4, 1));
    assert_eq!(reseal(&world).await, (4, 0));
    assert_eq!(reseal(&world).await, (0, 0), "what is done is done once");
    for person in &people {
        for state in states(&world, person).await {
            assert!(sealed_by(&state, id(&new)) && !sealed_by(&state, id(&old)));
        }
    }
    world.engine.replace_keys(ring(&[&new]));
    world.pass(30);
    for person in &people {
        person.signs_in(&person.code()).await.expect("with the new key alone");
    }
}

#[tokio::test]
async fn work_that_was_interrupted_goes_on_where_it_is_not_done() {
    let [old, new] = lines();
    let world = world(Arc::new(MemoryStore::default()), &old);
    for number in 0..5 {
        world.user(&format!("user {number}")).sets_up().await;
    }
    world.engine.replace_keys(ring(&[&new, &old]));
    assert_eq!(world.engine.reseal(None, 2).await.unwrap().unwrap().resealed, 2);
    assert_eq!(reseal(&world).await, (3, 0));
}

/// 64 sign in while every state is sealed anew: all get in, and no answer is good twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_state_is_sealed_anew_while_its_owner_signs_in() {
    let [old, new] = lines();
    let store = Arc::new(MemoryStore::default());
    let world = Arc::new(world(store, &old));
    let people: Vec<Arc<Person>> = (0..16).map(|number| Arc::new(world.user(&format!("user {number}")))).collect();
    for person in &people {
        person.sets_up().await;
    }
    world.pass(30);
    world.engine.replace_keys(ring(&[&new, &old]));
    let turning = tokio::spawn({
        let world = Arc::clone(&world);
        async move { reseal(&world).await }
    });
    let outcomes = all_at_once(64, |number| {
        let person = Arc::clone(&people[number % 16]);
        async move { person.signs_in(&person.code()).await }
    });
    let outcomes = outcomes.await;
    turning.await.unwrap();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 16, "each code once: {outcomes:?}");
    assert!(outcomes.iter().all(|outcome| !matches!(outcome, Err(Error::Faulted(_)))), "{outcomes:?}");
    reseal(&world).await;
    assert_eq!(world.engine.count_seals().await.unwrap().by_key.keys().collect::<Vec<_>>(), [&id(&new)]);
}

/// The race is lost for certain: both have read the device before either writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_loser_of_a_race_for_a_row_reads_it_again() {
    let [old, new] = lines();
    let store = Arc::new(MemoryStore::default());
    let counted = |change: &Change<Sealed>| matches!(change, Change::Device(DeviceChange::Update(_)));
    let first = world(store.clone(), &old);
    let ada = first.user("ada");
    ada.sets_up().await;
    let gate = Gate::before(store, 2, counted);
    let second = World::built(gate, |parts| {
        parts.keyring = ring(&[&new, &old]);
        parts.users = first.users.clone();
        parts.clock = first.clock.clone();
    });
    let challenge = ada.is_asked().await;
    let (engine, code) = (second.engine.clone(), ada.code());
    let resealing = tokio::spawn(async move { engine.reseal(None, 10).await });
    let context = countersign_engine::flow::RequestContext::default();
    let answered =
        second.engine.answer(&challenge.token, &challenge.view.device.id, &code.as_str().into(), &context).await;
    answered.expect("the login goes on");
    resealing.await.unwrap().unwrap();
    let states = states(&first, &ada).await;
    assert!(states.iter().all(|state| sealed_by(state, id(&new))));
    // The same answer would have the same result for a minute.
    first.pass(61);
    let again =
        second.engine.answer(&challenge.token, &challenge.view.device.id, &code.as_str().into(), &context).await;
    assert!(matches!(again, Err(Error::Refused(_))), "{again:?}");
}

#[tokio::test]
async fn a_key_that_is_lost_is_a_fault_and_lets_nobody_in() {
    let [old, new] = lines();
    let world = world(Arc::new(MemoryStore::default()), &old);
    let ada = world.user("ada");
    ada.sets_up().await;
    let challenge = ada.is_asked().await;
    world.engine.replace_keys(ring(&[&new]));
    assert!(matches!(ada.enters_password().await, Err(Error::Faulted(_))), "the password is not enough");
    let answer = ada.answers(&challenge.token, &challenge.view.device.id, &ada.code()).await;
    assert!(answer.is_err());
    let before = states(&world, &ada).await;
    assert_eq!(reseal(&world).await, (0, 1));
    assert_eq!(states(&world, &ada).await, before, "it stays as it is");
    world.engine.replace_keys(ring(&[&new, &old]));
    ada.signs_in(&ada.code()).await.expect("the key was found again");
}

#[tokio::test]
async fn a_key_is_kept_for_as_long_as_anything_rests_on_it() {
    let [old, new] = lines();
    let world = world(Arc::new(MemoryStore::default()), &old);
    let engine = &world.engine;
    let ada = world.user("ada");
    ada.sets_up().await;
    let node = engine.start_node("1.0.0");
    engine.report(&node).await.unwrap();
    assert_eq!(engine.keeping(id(&old)).await.unwrap(), Some(Keeping::Seals));
    assert_eq!(engine.nodes_without(id(&new)).await.unwrap().len(), 1);

    // Elsewhere the new key is first already; this node has not read its file yet.
    let elsewhere = World::built(world.store.clone(), |parts| {
        parts.keyring = ring(&[&new, &old]);
        parts.clock = world.clock.clone();
    });
    let elsewhere = &elsewhere.engine;
    assert!(matches!(elsewhere.keeping(id(&old)).await.unwrap(), Some(Keeping::SealsAt(_))));
    assert_eq!(elsewhere.nodes_behind().await.unwrap().len(), 1);

    world.pass(5);
    engine.replace_keys(ring(&[&new, &old]));
    engine.report(&node).await.unwrap();
    assert!(elsewhere.nodes_behind().await.unwrap().is_empty());
    assert!(engine.nodes_without(id(&new)).await.unwrap().is_empty());
    let until = world.now().after(engine.config().login_timeout);
    assert_eq!(elsewhere.keeping(id(&old)).await.unwrap(), Some(Keeping::Pending { until }));
    world.pass(engine.config().login_timeout.as_secs());
    assert_eq!(elsewhere.keeping(id(&old)).await.unwrap(), Some(Keeping::Needed { states: 1 }));
    reseal(&world).await;
    assert_eq!(elsewhere.keeping(id(&old)).await.unwrap(), None);
    assert_eq!(elsewhere.keeping(id(&new)).await.unwrap(), Some(Keeping::Seals));
}

#[tokio::test]
async fn a_node_that_died_may_have_sealed_until_the_end() {
    let [old, new] = lines();
    let world = world(Arc::new(MemoryStore::default()), &old);
    world.engine.report(&world.engine.start_node("1.0.0")).await.unwrap();
    let died = world.now();
    world.engine.replace_keys(ring(&[&new, &old]));
    let timeout = world.engine.config().login_timeout;
    world.clock.pass(LIVE_FOR + Duration::from_secs(1));
    let until = died.after(LIVE_FOR).after(timeout);
    assert_eq!(world.engine.keeping(id(&old)).await.unwrap(), Some(Keeping::Pending { until }));
    world.engine.purge().await.unwrap();
    assert_eq!(world.engine.nodes().await.unwrap().len(), 1, "it is not forgotten as long as that matters");
    world.clock.pass(timeout);
    assert_eq!(world.engine.keeping(id(&old)).await.unwrap(), None);
    world.clock.pass(Duration::from_hours(1));
    world.engine.purge().await.unwrap();
    assert!(world.engine.nodes().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_node_at_a_time_forgets_what_is_over() {
    const HOUR: Duration = Duration::from_hours(1);
    let world = World::new();
    let nodes: Vec<_> = (0..64).map(|_| world.engine.start_node("1.0.0")).collect();
    for _ in 0..3 {
        let turns = all_at_once(nodes.len(), |number| {
            let (engine, node) = (world.engine.clone(), nodes[number].clone());
            async move { engine.purge_in_turn(&node, HOUR).await.unwrap() }
        });
        assert_eq!(turns.await.into_iter().flatten().count(), 1);
        world.clock.pass(HOUR);
    }
}

#[tokio::test]
async fn events_are_kept_for_as_long_as_the_policy_says() {
    for (keep_events, left) in [(None, 1), (Some(Duration::from_hours(48)), 0)] {
        let world = World::built(Arc::new(MemoryStore::default()), |parts| parts.config.keep_events = keep_events);
        let ada = world.user("ada");
        ada.signs_in_with_password().await;
        let events = async || world.store.events(&UserId::new(ada.user.id.as_str()), 9).await.unwrap().len();
        world.clock.pass(Duration::from_hours(47));
        world.engine.purge().await.unwrap();
        assert_eq!(events().await, 1);
        world.clock.pass(Duration::from_hours(2));
        world.engine.purge().await.unwrap();
        assert_eq!(events().await, left);
    }
}

/// T140: a node is told apart from its peers by what it seals with, and only as long as it runs.
#[tokio::test]
async fn t140_nodes_that_cannot_open_what_the_other_seals_are_found() {
    let [old, new] = lines();
    let world = world(Arc::new(MemoryStore::default()), &old);
    world.engine.report(&world.engine.start_node("1.0.0")).await.unwrap();
    let found = |keys: &[&String]| {
        let keyring = ring(keys);
        let elsewhere = World::built(world.store.clone(), |parts| {
            parts.keyring = keyring;
            parts.clock = world.clock.clone();
        });
        async move { elsewhere.engine.incompatible_nodes().await.unwrap().len() }
    };
    assert_eq!(found(&[&old]).await, 0);
    assert_eq!(found(&[&old, &new]).await, 0, "a new key that does not seal yet");
    assert_eq!(found(&[&new, &old]).await, 1, "the node could not open what is sealed here");
    assert_eq!(found(&[&new]).await, 1);
    world.clock.pass(LIVE_FOR + Duration::from_secs(1));
    assert_eq!(found(&[&new]).await, 0, "it runs no more");
}
