//! A proof that is asked for in the middle of something: what was begun before it goes on after it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use countersign_engine::{
    AttemptToken, Error, NewSession, SignedIn,
    core::{DeviceName, Kind, Level, Refusal, Status, flow::Purpose},
    flow::{Enrolment, RequestContext, SignIn},
    memory::MemoryStore,
};
use countersign_testkit::{Person, SoftApp, World, refusal};

fn request_context() -> RequestContext {
    RequestContext::default()
}

async fn steps_up(world: &World, person: &Person, signed_in: &SignedIn) -> NewSession {
    let challenge = world.engine.begin_step_up(signed_in, None).await.unwrap();
    let (attempt, device) = (challenge.token, challenge.view.device.id);
    world.engine.step_up(signed_in, &attempt, &device, &person.code().into(), &request_context()).await.unwrap()
}

async fn is_open(world: &World, signed_in: &SignedIn) -> bool {
    world.store.session(&signed_in.session().key).await.unwrap().is_some()
}

async fn confirms(
    world: &World,
    signed_in: &SignedIn,
    attempt: &AttemptToken,
    app: &SoftApp,
) -> Result<NewSession, Error> {
    world.engine.confirm_enrolment(signed_in, attempt, &app.code_at(world.now()).into(), &request_context()).await
}

/// T37: it goes on in the session that a step-up opens, again after another one, and in no other session.
#[tokio::test]
async fn t37_a_setup_survives_the_step_ups_of_its_own_session_and_belongs_to_no_other() {
    let world = World::new();
    let ada = world.user("ada");
    let mut own = ada.sets_up().await;
    world.pass(30);
    let elsewhere = ada.signs_in(&ada.code()).await.unwrap();
    world.pass(300);
    let (attempt, app) = ada.begins_setup(&own).await.unwrap();
    world.pass(301);
    assert_eq!(refusal(confirms(&world, &own, &attempt, &app).await), Refusal::VerificationNeeded);
    for _ in 0..2 {
        let before = own.clone();
        own = steps_up(&world, &ada, &own).await.signed_in().clone();
        assert!(
            matches!(confirms(&world, &before, &attempt, &app).await, Err(Error::Refused(_))),
            "that session has ended"
        );
        world.pass(30);
    }
    let renewed = steps_up(&world, &ada, elsewhere.signed_in()).await;
    let bob = world.user("bob").signs_in_with_password().await;
    for other in [renewed.signed_in(), &bob] {
        assert_eq!(refusal(world.engine.setup(other, &attempt).await), Refusal::AttemptExpired);
        assert_eq!(refusal(confirms(&world, other, &attempt, &app).await), Refusal::AttemptExpired);
    }
    assert!(world.engine.setup(&own, &attempt).await.unwrap().key.is_some());
    confirms(&world, &own, &attempt, &app).await.unwrap();
    // The same answer would have the same result for a minute.
    world.pass(60);
    assert_eq!(refusal(confirms(&world, &own, &attempt, &app).await), Refusal::AttemptExpired);
    let devices = world.store.factors(&ada.user.id).await.unwrap().devices;
    assert!(devices.len() == 2 && devices.iter().all(|device| device.status == Status::Active));
}

/// The code that was sent in it before is still good afterwards.
#[tokio::test]
async fn the_code_of_a_setup_is_good_after_a_step_up() {
    let world = World::with_every_method(Arc::new(MemoryStore::default()));
    let ada = world.user("ada");
    let own = ada.sets_up().await;
    world.pass(500);
    let phone =
        Enrolment { kind: Kind::SMS, name: DeviceName::parse("Phone").unwrap(), to: Some("+31612345658".into()) };
    let attempt = world.engine.begin_enrolment(&own, phone, &request_context()).await.unwrap();
    world.pass(101);
    let own = steps_up(&world, &ada, &own).await;
    let code = world.outbox.code().into();
    world.engine.confirm_enrolment(own.signed_in(), &attempt, &code, &request_context()).await.unwrap();
}

/// Other proofs and actions that replace a session take its setups along, too.
#[tokio::test]
async fn a_setup_survives_another_setup_and_new_backup_codes() {
    let world = World::new();
    let ada = world.user("ada");
    let own = ada.signs_in_with_password().await;
    let (first, app) = ada.begins_setup(&own).await.unwrap();
    let (second, other) = ada.begins_setup(&own).await.unwrap();
    let (third, last) = ada.begins_setup(&own).await.unwrap();
    let own = confirms(&world, &own, &first, &app).await.unwrap();
    let own = confirms(&world, own.signed_in(), &second, &other).await.unwrap();
    let form = world.engine.begin(own.signed_in(), Purpose::BackupCodes).await.unwrap();
    let name = || DeviceName::parse("Codes").unwrap();
    let made = world.engine.make_backup_codes(own.signed_in(), &form, name(), &request_context()).await.unwrap();
    let challenge = world.engine.begin_step_up(own.signed_in(), None).await.unwrap();
    let codes = challenge.view.others.iter().find(|device| device.kind == Kind::BACKUP_CODES).unwrap();
    let own = world
        .engine
        .step_up(own.signed_in(), &challenge.token, &codes.id, &made.codes[0], &request_context())
        .await
        .unwrap();
    let form = world.engine.begin(own.signed_in(), Purpose::BackupCodes).await.unwrap();
    let made = world.engine.make_backup_codes(own.signed_in(), &form, name(), &request_context()).await.unwrap();
    let own = made.renewed.expect("the old codes had verified this session");
    confirms(&world, own.signed_in(), &third, &last).await.unwrap();
}

#[tokio::test]
async fn a_user_without_a_device_has_nothing_to_step_up_with() {
    let world = World::new();
    let ada = world.user("ada");
    let own = ada.signs_in_with_password().await;
    for seconds in [0, 601, 60 * 60 * 25] {
        world.pass(seconds);
        assert_eq!(refusal(world.engine.begin_step_up(&own, None).await), Refusal::NotEnabled, "after {seconds} s");
    }
}

#[tokio::test]
async fn a_password_that_is_proved_again_in_a_session_lets_its_setup_go_on() {
    let world = World::new();
    let ada = world.user("ada");
    let own = ada.signs_in_with_password().await;
    world.pass(500);
    let (attempt, app) = ada.begins_setup(&own).await.unwrap();
    world.pass(101);
    assert_eq!(refusal(confirms(&world, &own, &attempt, &app).await), Refusal::PasswordNeeded);
    let password = ada.password.as_str().into();
    let new_session = world.engine.confirm_password(&own, &password, &request_context()).await.unwrap();
    assert!(!is_open(&world, &own).await, "the new session replaces it");
    assert_eq!(
        (new_session.signed_in().level(), new_session.signed_in().session().signed_in),
        (Level::Aal1, world.now())
    );
    confirms(&world, new_session.signed_in(), &attempt, &app).await.unwrap();
    // The same by signing in where the old session is sent along, as a browser does.
    let bob = world.user("bob");
    let SignIn::Complete(own) = bob.enters_password().await.unwrap() else { panic!("nothing more is owed") };
    world.pass(500);
    let (attempt, app) = bob.begins_setup(own.signed_in()).await.unwrap();
    world.pass(101);
    let shown = RequestContext { session: Some(own.token().clone()), ..request_context() };
    let SignIn::Complete(new_session) =
        world.engine.sign_in("bob", &bob.password.as_str().into(), &shown).await.unwrap()
    else {
        panic!("nothing more is owed")
    };
    confirms(&world, new_session.signed_in(), &attempt, &app).await.unwrap();
}

/// T37: a session that was signed out cannot be used, whichever client still has the token.
#[tokio::test]
async fn t37_a_setup_ends_with_the_session_that_was_signed_out_of() {
    let world = World::new();
    let ada = world.user("ada");
    let SignIn::Complete(own) = ada.enters_password().await.unwrap() else { panic!("nothing more is owed") };
    let (attempt, app) = ada.begins_setup(own.signed_in()).await.unwrap();
    world.engine.sign_out(Some(own.signed_in()), None, &request_context()).await.unwrap();
    let shown = RequestContext { session: Some(own.token().clone()), ..request_context() };
    let SignIn::Complete(new_session) =
        world.engine.sign_in("ada", &ada.password.as_str().into(), &shown).await.unwrap()
    else {
        panic!("nothing more is owed")
    };
    assert_eq!(refusal(confirms(&world, new_session.signed_in(), &attempt, &app).await), Refusal::AttemptExpired);
}

/// T25: a wrong password costs what it costs at the sign-in, and the session stays what it is.
#[tokio::test]
async fn t25_a_password_is_guessed_no_oftener_in_a_session_than_at_the_sign_in() {
    let world = World::new();
    let ada = world.user("ada");
    let own = ada.signs_in_with_password().await;
    let confirm =
        async |password: &str| world.engine.confirm_password(&own, &password.into(), &request_context()).await;
    for guess in 0..20 {
        assert_eq!(refusal(confirm(&format!("guess {guess}")).await), Refusal::PasswordWrong);
    }
    assert!(matches!(refusal(confirm(&ada.password).await), Refusal::TooManyFailures { .. }));
    assert!(is_open(&world, &own).await);
    let elsewhere = world.engine.sign_in("ada", &ada.password.as_str().into(), &request_context()).await;
    assert!(matches!(refusal(elsewhere), Refusal::TooManyFailures { .. }), "it is one budget");
    world.pass(15 * 60);
    confirm(&ada.password).await.unwrap();
    for _ in 0..25 {
        let own = ada.signs_in_with_password().await;
        world.engine.confirm_password(&own, &ada.password.as_str().into(), &request_context()).await.unwrap();
    }
}

/// T10: where there is a second factor, the password alone renews nothing.
#[tokio::test]
async fn t10_the_password_does_not_stand_in_for_a_second_factor() {
    let world = World::new();
    let ada = world.user("ada");
    let own = ada.sets_up().await;
    world.pass(601);
    let refused = world.engine.confirm_password(&own, &ada.password.as_str().into(), &request_context()).await;
    assert_eq!(refusal(refused), Refusal::VerificationNeeded);
    assert_eq!(refusal(ada.begins_setup(&own).await), Refusal::VerificationNeeded);
}
