//! Tokens that an administrator gives to users, moves to other users, and replaces.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use countersign_engine::{
    NewSession, NewToken, PreviousOwner, TwoFactorStatus,
    core::{
        Change, DeviceChange, DeviceId, DeviceName, Envelope, Kind, Refusal, Sealed,
        flow::Purpose,
        method::{State, hotp},
        otp::Key,
    },
    flow::RequestContext,
    memory::MemoryStore,
};
use countersign_testkit::{Gate, Person, World, refusal};

fn request_context() -> RequestContext {
    RequestContext::default()
}

#[tokio::test]
async fn t151_a_code_counts_once_while_a_token_changes_hands() {
    let token = token(b"12345678901234567890");
    for moves_first in [false, true] {
        let world = World::new();
        let (ada, bob) = (world.user("ada"), world.user("bob"));
        assert_eq!(world.engine.take_over_device(&ada.user, &token).await.unwrap(), None, "nobody had it");
        let attempt = ada.is_asked().await.token;
        let answering = ada.answers(&attempt, &token.id, "755224");
        let taking = world.engine.take_over_device(&bob.user, &token);
        let (answered, handed_over) = if moves_first {
            let (handed_over, answered) = tokio::join!(taking, answering);
            (answered, handed_over)
        } else {
            tokio::join!(answering, taking)
        };
        let previous = PreviousOwner { user: ada.user.id.clone(), two_factor: TwoFactorStatus::Disabled };
        assert_eq!(handed_over.unwrap(), Some(previous));
        let attempt = bob.is_asked().await.token;
        let repeated = bob.answers(&attempt, &token.id, "755224").await;
        assert!(answered.is_ok() != repeated.is_ok(), "{answered:?} {repeated:?}");
        assert!(world.store.factors(&ada.user.id).await.unwrap().devices.is_empty());
    }
}

/// The race is certain: the answer is judged, and the move is decided, on the same row of a token that was never used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t151_an_answer_that_was_judged_before_a_token_moved_opens_nothing_after() {
    let token = token(b"12345678901234567890");
    for _ in 0..20 {
        let rows = Arc::new(MemoryStore::default());
        let ready = World::on(rows.clone());
        let (ada, bob) = (ready.user("ada"), ready.user("bob"));
        ready.engine.take_over_device(&ada.user, &token).await.unwrap();
        let attempt = ada.is_asked().await.token;
        let touches =
            |change: &Change<Sealed>| matches!(change, Change::Device(DeviceChange::Update(_) | DeviceChange::Add(_)));
        let world = World::built(Gate::before(rows, 2, touches), |parts| {
            parts.users = ready.users.clone();
            parts.clock = ready.clock.clone();
        });
        let (engine, device) = (world.engine.clone(), token.id.clone());
        let answering =
            tokio::spawn(async move { engine.answer(&attempt, &device, &"755224".into(), &request_context()).await });
        world.engine.take_over_device(&bob.user, &token).await.unwrap();
        if let Ok((new_session, _)) = answering.await.unwrap() {
            assert!(ada.session(new_session.token()).await.is_none(), "ended by the move");
        }
        assert!(world.store.factors(&ada.user.id).await.unwrap().devices.is_empty());
        bob.answers(&bob.is_asked().await.token, &token.id, "287082").await.unwrap();
    }
}

/// A token that counts, and whose codes begin anew.
fn token(key: &[u8; 20]) -> NewToken {
    let state = Envelope::new(State::Hotp(hotp::State::new(Key::new(*key))));
    NewToken { id: DeviceId::new("token"), kind: Kind::HOTP, name: DeviceName::parse("Token").unwrap(), state }
}

/// Gives this token to a user without a second factor, who signs in with it and sets up an app in that session.
async fn takes_token_and_app(world: &World, person: &Person, token: &NewToken) -> NewSession {
    world.engine.take_over_device(&person.user, token).await.unwrap();
    let first = person.answers(&person.is_asked().await.token, &token.id, "755224").await.unwrap();
    let (attempt, app) = person.begins_setup(first.signed_in()).await.unwrap();
    let code = app.code_at(world.now());
    world
        .engine
        .confirm_enrolment(first.signed_in(), &attempt, &code.as_str().into(), &request_context())
        .await
        .unwrap()
}

/// The default device goes to another user: the next one takes its place, and the sessions that it verified end.
#[tokio::test]
async fn t151_a_user_keeps_the_other_devices_when_a_token_changes_hands() {
    let world = World::new();
    let (ada, bob) = (world.user("ada"), world.user("bob"));
    let token = token(b"12345678901234567890");
    let own = takes_token_and_app(&world, &ada, &token).await;
    let app = own.signed_in().session().device.clone();
    let by_token = ada.answers(&ada.is_asked().await.token, &token.id, "287082").await.unwrap();

    let previous = world.engine.take_over_device(&bob.user, &token).await.unwrap();
    let two_factor = TwoFactorStatus::Enabled;
    assert_eq!(previous, Some(PreviousOwner { user: ada.user.id.clone(), two_factor }));
    let factors = world.store.factors(&ada.user.id).await.unwrap();
    assert_eq!((factors.devices.len(), factors.account.preferred), (1, app));
    assert!(ada.session(own.token()).await.is_some() && ada.session(by_token.token()).await.is_none());
    let factors = world.store.factors(&bob.user.id).await.unwrap();
    assert_eq!(factors.account.preferred, Some(token.id));
}

#[tokio::test]
async fn t151_a_default_token_with_another_secret_stays_the_default() {
    let world = World::new();
    let ada = world.user("ada");
    takes_token_and_app(&world, &ada, &token(b"12345678901234567890")).await;
    let renewed = token(b"another secret......");
    assert_eq!(world.engine.take_over_device(&ada.user, &renewed).await.unwrap(), None);
    let factors = world.store.factors(&ada.user.id).await.unwrap();
    assert_eq!((factors.devices.len(), factors.account.preferred), (2, Some(renewed.id)));
}

#[tokio::test]
async fn t152_an_expired_token_is_not_what_a_user_is_left_with() {
    let world = World::new();
    let ada = world.user("ada");
    let mut token = token(b"12345678901234567890");
    token.state.valid_until = Some(world.now().after(Duration::from_secs(20)));
    world.engine.take_over_device(&ada.user, &token).await.unwrap();
    let attempt = ada.is_asked().await.token;
    let first = ada.answers(&attempt, &token.id, "755224").await.unwrap();
    let (attempt, app) = ada.begins_setup(first.signed_in()).await.unwrap();
    let code = app.code_at(world.now());
    let new_session = world
        .engine
        .confirm_enrolment(first.signed_in(), &attempt, &code.as_str().into(), &request_context())
        .await
        .unwrap();
    let own = new_session.signed_in();
    let app = own.session().device.clone().unwrap();

    world.pass(30);
    let removal = world.engine.begin(own, Purpose::RemoveDevice).await.unwrap();
    let removed = world.engine.remove_device(own, &removal, &app, &request_context()).await;
    assert!(matches!(refusal(removed), Refusal::LastDevice { .. }));
    world.engine.remove_device(own, &removal, &token.id, &request_context()).await.unwrap();
}
