//! A sign-in that is started again while the code of an earlier one is still good.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use countersign_engine::{
    Error, NewSession, SignedIn,
    core::{DeviceId, DeviceName, Kind, Refusal, Secret, view::AnswerForm},
    flow::{Enrolment, LoginChallenge, RequestContext, Stateless, Submitted},
    memory::MemoryStore,
    restored,
};
use countersign_testkit::{Behaviour, Person, World, other_code, refusal};

const NUMBER: &str = "+31 6 12345658";

fn world() -> World {
    World::with_every_method(Arc::new(MemoryStore::default()))
}

fn request_context() -> RequestContext {
    RequestContext::default()
}

/// Sets a device up to which codes are sent, and lets the cooldown pass.
async fn adds(world: &World, signed_in: &SignedIn, kind: Kind, to: &str) -> SignedIn {
    let enrolment = Enrolment { kind, name: DeviceName::parse("Phone").unwrap(), to: Some(to.into()) };
    let attempt = world.engine.begin_enrolment(signed_in, enrolment, &request_context()).await.unwrap();
    let code = world.outbox.code().into();
    let new_session = world.engine.confirm_enrolment(signed_in, &attempt, &code, &request_context()).await.unwrap();
    world.pass(60);
    new_session.signed_in().clone()
}

async fn with_sms(world: &World) -> (Person, SignedIn) {
    let ada = world.user("ada");
    let signed_in = adds(world, &ada.signs_in_with_password().await, Kind::SMS, NUMBER).await;
    (ada, signed_in)
}

async fn answers(world: &World, asked: &LoginChallenge, code: &str) -> Result<NewSession, Error> {
    let device = &asked.view.device.id;
    world
        .engine
        .answer(&asked.token, device, &code.into(), &request_context())
        .await
        .map(|(new_session, _)| new_session)
}

fn good_until(asked: &LoginChallenge) -> Option<countersign_engine::core::Timestamp> {
    match asked.view.device.answer {
        AnswerForm::Sent { until, .. } => until,
        other => panic!("no code is sent to it: {other:?}"),
    }
}

async fn failures(world: &World, person: &Person) -> u32 {
    world.store.factors(&person.user.id).await.unwrap().devices[0].throttle.failures
}

#[tokio::test]
async fn the_code_in_hand_is_asked_for_and_opens_the_door() {
    let world = world();
    let (ada, _) = with_sms(&world).await;
    let first = ada.is_asked().await;
    let (code, until) = (world.outbox.code(), good_until(&first));
    // Given up, as by the button that starts over.
    world.engine.sign_out(None, Some(&first.token), &request_context()).await.unwrap();
    world.pass(30);
    let sent = world.outbox.count();
    let again = ada.is_asked().await;
    assert_eq!((again.unsent.as_ref(), world.outbox.count()), (None, sent), "nothing was sent, and nothing is missing");
    assert_eq!(good_until(&again), until, "its life counts from sending");
    answers(&world, &again, &code).await.unwrap();
}

/// T171: wrong tries count wherever they are typed, and each is compared with one code.
#[tokio::test]
async fn t171_wrong_tries_count_wherever_they_are_typed() {
    let world = world();
    let (ada, _) = with_sms(&world).await;
    let mut asked = vec![ada.is_asked().await];
    let old = world.outbox.code();
    world.pass(60);
    asked.push(ada.is_asked().await);
    let code = world.outbox.code();
    for _ in 0..3 {
        world.pass(10);
        asked.push(ada.is_asked().await);
    }
    for (number, attempt) in (1..).zip(&asked[2..]) {
        assert_eq!(refusal(answers(&world, attempt, &other_code(&code)).await), Refusal::CodeWrong);
        assert_eq!(failures(&world, &ada).await, number);
        world.pass(1 << number);
    }
    assert_eq!(refusal(answers(&world, &asked[2], &old).await), Refusal::CodeWrong, "only the last one is looked at");
    assert_eq!(failures(&world, &ada).await, 4);
}

/// T171: it is good once for all attempts, and for no longer than it would have been.
#[tokio::test]
async fn t171_a_shared_code_is_good_once_and_in_its_time() {
    let world = world();
    let (ada, _) = with_sms(&world).await;
    let first = ada.is_asked().await;
    let code = world.outbox.code();
    let again = ada.is_asked().await;
    answers(&world, &again, &code).await.unwrap();
    assert_eq!(refusal(answers(&world, &first, &code).await), Refusal::CodeUsed);
    // The cooldown was given back with the code, so a new one is sent; used codes are never shown as good.
    let third = ada.is_asked().await;
    let next = world.outbox.code();
    assert!(third.unsent.is_none() && good_until(&third).is_some());
    assert_eq!(refusal(answers(&world, &third, &code).await), Refusal::CodeWrong);
    world.pass(1);
    let fourth = ada.is_asked().await;
    world.pass(299);
    assert_eq!(refusal(answers(&world, &fourth, &next).await), Refusal::NoCodeSent);
    let shown = world.engine.challenge(&fourth.token, None, &request_context()).await.unwrap();
    assert_eq!(good_until(&shown), None);
}

/// T171: what was sent for a sign-in is good in no step-up and no setup, nor the other way round, nor at another address.
#[tokio::test]
async fn t171_a_code_serves_the_purpose_that_it_was_sent_for() {
    let world = world();
    let (ada, signed_in) = with_sms(&world).await;
    let engine = &world.engine;
    let signing_in = ada.is_asked().await;
    let (code, device) = (world.outbox.code(), signing_in.view.device.id.clone());
    let step_up = engine.begin_step_up(&signed_in, None).await.unwrap();
    assert_eq!(good_until(&step_up), None);
    let step =
        async |code: &str| engine.step_up(&signed_in, &step_up.token, &device, &code.into(), &request_context()).await;
    assert_eq!(refusal(step(&code).await), Refusal::NoCodeSent);
    // A step-up's code and a setup's code, to the same number, at the sign-in.
    world.pass(300);
    engine.send_step_up(&signed_in, &step_up.token, &device, &request_context()).await.unwrap();
    let of_step_up = world.outbox.code();
    world.outbox.behaves(Behaviour::Fails);
    let asked = ada.is_asked().await;
    world.outbox.behaves(Behaviour::Takes);
    assert_eq!(asked.unsent, Some(Refusal::SendingFailed));
    assert_eq!(good_until(&asked), None);
    assert_eq!(refusal(answers(&world, &asked, &of_step_up).await), Refusal::NoCodeSent);
    step(&of_step_up).await.unwrap();
}

#[tokio::test]
async fn t171_a_code_is_good_for_the_device_that_it_was_sent_to() {
    let world = world();
    let ada = world.user("ada");
    let signed_in = adds(&world, &ada.signs_in_with_password().await, Kind::SMS, NUMBER).await;
    adds(&world, &signed_in, Kind::CALL, "+49 30 1234567").await;
    let first = ada.is_asked().await;
    let code = world.outbox.code();
    let again = ada.is_asked().await;
    let other: &DeviceId = &again.view.others[0].id;
    let refused = world.engine.answer(&again.token, other, &code.as_str().into(), &request_context()).await;
    assert_eq!(refusal(refused.map(|_| ())), Refusal::NoCodeSent);
    let shown = world.engine.challenge(&again.token, Some(other), &request_context()).await.unwrap();
    assert_eq!(good_until(&shown), None);
    answers(&world, &first, &code).await.unwrap();
}

#[tokio::test]
async fn a_client_that_keeps_nothing_takes_the_code_that_another_front_end_sent() {
    let world = world();
    let (ada, _) = with_sms(&world).await;
    let password = ada.password.as_str().into();
    let pending = ada.is_asked().await;
    let asked = world.engine.sign_in_stateless("ada", &password, Submitted::Nothing, &request_context()).await.unwrap();
    assert!(matches!(&asked, Stateless::Owed(asked) if asked.unsent.is_none()), "{asked:?}");
    let code = Secret::from(world.outbox.code());
    let done =
        world.engine.sign_in_stateless("ada", &password, Submitted::Code(&code), &request_context()).await.unwrap();
    assert!(matches!(done, Stateless::Done(_)));
    assert_eq!(refusal(answers(&world, &pending, code.expose()).await), Refusal::CodeUsed);
    // And the last one, where each front end has sent one.
    let asked = world.engine.sign_in_stateless("ada", &password, Submitted::Nothing, &request_context()).await.unwrap();
    assert!(matches!(asked, Stateless::Owed(_)));
    world.pass(60);
    ada.is_asked().await;
    let code = Secret::from(world.outbox.code());
    let done =
        world.engine.sign_in_stateless("ada", &password, Submitted::Code(&code), &request_context()).await.unwrap();
    assert!(matches!(done, Stateless::Done(_)));
}

/// T119: a code from before a restore is good in no sign-in that begins after it, either.
#[tokio::test]
async fn t119_a_code_from_before_a_restore_is_not_shared() {
    let world = world();
    let (ada, _) = with_sms(&world).await;
    ada.is_asked().await;
    let code = world.outbox.code();
    world.pass(1);
    restored::note(&*world.store, world.now()).await.unwrap();
    world.pass(1);
    let again = ada.is_asked().await;
    assert_eq!(good_until(&again), None);
    assert_eq!(refusal(answers(&world, &again, &code).await), Refusal::NoCodeSent);
}
