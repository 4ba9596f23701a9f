//! YubiKeys that a validation service knows: what is asked, what is charged for asking, and whom we believe.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use countersign_engine::{
    Error, NewSession, SignedIn,
    core::{DeviceName, Kind, Refusal, method::validation::ValidationResponse, view::AnswerForm},
    flow::{Enrolment, LoginChallenge, RequestContext},
    memory::MemoryStore,
};
use countersign_testkit::{Person, SoftYubikey, World, refusal};

fn world() -> World {
    World::with_every_method(Arc::new(MemoryStore::default()))
}

async fn confirms(world: &World, signed_in: &SignedIn, typed: &str) -> Result<NewSession, Error> {
    let enrolment = Enrolment { kind: Kind::YUBIKEY, name: DeviceName::parse("Key").unwrap(), to: None };
    let attempt = world.engine.begin_enrolment(signed_in, enrolment, &RequestContext::default()).await.unwrap();
    let setup = world.engine.setup(signed_in, &attempt).await.unwrap();
    assert!(setup.key.is_none() && setup.device.answer == AnswerForm::Press);
    world.engine.confirm_enrolment(signed_in, &attempt, &typed.into(), &RequestContext::default()).await
}

async fn with_key(world: &World) -> (Person, SoftYubikey) {
    let (ada, key) = (world.user("ada"), SoftYubikey::new(7));
    confirms(world, &ada.signs_in_with_password().await, &key.touch()).await.unwrap();
    (ada, key)
}

async fn answers(world: &World, challenge: &LoginChallenge, typed: &str) -> Result<NewSession, Error> {
    let device = &challenge.view.device.id;
    let answered = world.engine.answer(&challenge.token, device, &typed.into(), &RequestContext::default()).await;
    answered.map(|(new_session, _)| new_session)
}

async fn failures(world: &World, ada: &Person) -> u32 {
    world.store.factors(&ada.user.id).await.unwrap().devices[0].throttle.failures
}

#[tokio::test]
async fn the_first_answer_binds_the_key_and_no_other_key_answers() {
    let world = world();
    let (ada, key) = with_key(&world).await;
    let asked = world.validator.asked();
    let other = SoftYubikey::new(8).touch();
    assert_eq!(refusal(answers(&world, &ada.is_asked().await, &other).await), Refusal::CodeWrong);
    assert_eq!(world.validator.asked(), asked, "nobody is asked about another key");
    world.pass(1);
    answers(&world, &ada.is_asked().await, &key.touch()).await.unwrap();
}

#[tokio::test]
async fn an_answer_opens_the_door_once_whatever_the_service_says() {
    let world = world();
    let (ada, key) = with_key(&world).await;
    let typed = key.touch();
    answers(&world, &ada.is_asked().await, &typed).await.unwrap();
    assert_eq!(refusal(answers(&world, &ada.is_asked().await, &typed).await), Refusal::CodeUsed);
    assert_eq!(failures(&world, &ada).await, 0);
    world.validator.says(Some(ValidationResponse::Right { counter: Some(500) }));
    answers(&world, &ada.is_asked().await, &key.touch()).await.unwrap();
    for counter in [500, 499] {
        world.validator.says(Some(ValidationResponse::Right { counter: Some(counter) }));
        assert_eq!(refusal(answers(&world, &ada.is_asked().await, &key.touch()).await), Refusal::CodeUsed);
    }
}

#[tokio::test]
async fn a_wrong_answer_is_charged_and_nobodys_answer_is_not() {
    let world = world();
    let (ada, key) = with_key(&world).await;
    for (reply, refused, counted) in [
        (ValidationResponse::Unavailable, Refusal::MethodUnavailable, 0),
        (ValidationResponse::Used, Refusal::CodeUsed, 0),
        (ValidationResponse::Wrong, Refusal::CodeWrong, 1),
        (ValidationResponse::Unavailable, Refusal::MethodUnavailable, 1),
        (ValidationResponse::Wrong, Refusal::CodeWrong, 2),
    ] {
        world.validator.says(Some(reply));
        assert_eq!(refusal(answers(&world, &ada.is_asked().await, &key.touch()).await), refused);
        assert_eq!(failures(&world, &ada).await, counted);
        world.pass(2);
    }
    world.validator.says(None);
    answers(&world, &ada.is_asked().await, &key.touch()).await.unwrap();
    assert_eq!(failures(&world, &ada).await, 0);
}

#[tokio::test]
async fn a_key_that_nobody_knows_is_not_set_up() {
    let world = world();
    let ada = world.user("ada");
    let signed_in = ada.signs_in_with_password().await;
    for (reply, refused) in
        [(ValidationResponse::Wrong, Refusal::CodeWrong), (ValidationResponse::Unavailable, Refusal::MethodUnavailable)]
    {
        world.validator.says(Some(reply));
        assert_eq!(refusal(confirms(&world, &signed_in, &SoftYubikey::new(7).touch()).await), refused);
    }
    let nameless = SoftYubikey::new(7).named(countersign_engine::core::otp::yubikey::PublicId::new(&[]).unwrap());
    world.validator.says(None);
    assert_eq!(refusal(confirms(&world, &signed_in, &nameless.touch()).await), Refusal::CodeWrong);
    assert!(ada.signs_in_with_password().await.session().verified.is_none());
}
