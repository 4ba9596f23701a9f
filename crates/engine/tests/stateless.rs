//! Clients that keep nothing between two requests: what they are asked, and what is left of a session that goes on.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use countersign_engine::{
    SignedIn,
    core::{DeviceName, Kind, Level, Refusal, Secret},
    flow::{Enrolment, Proof, RequestContext, Stateless, Submitted},
    memory::MemoryStore,
};
use countersign_testkit::{World, refusal};

fn world() -> World {
    World::with_every_method(Arc::new(MemoryStore::default()))
}

fn enrolment(kind: Kind, to: &str) -> Enrolment {
    Enrolment { kind, name: DeviceName::parse("Device").unwrap(), to: Some(to.into()) }
}

/// Sets a first device up.
async fn enables(world: &World, signed_in: &SignedIn, kind: Kind, to: &str) {
    let (engine, context) = (&world.engine, RequestContext::default());
    engine.begin_enrolment_stateless(signed_in, enrolment(kind.clone(), to), &context).await.unwrap();
    let code = world.outbox.code().into();
    engine.confirm_enrolment_stateless(signed_in, &kind, &code, &context).await.unwrap();
    world.pass(60);
}

/// Signs in with the device that is asked.
async fn signs_in(world: &World, password: &str) -> SignedIn {
    let (engine, password, context) = (&world.engine, password.into(), RequestContext::default());
    let asked = engine.sign_in_stateless("ada", &password, Submitted::Nothing, &context).await;
    assert!(matches!(asked, Ok(Stateless::Owed(_))), "{asked:?}");
    let code = Secret::from(world.outbox.code());
    match engine.sign_in_stateless("ada", &password, Submitted::Code(&code), &context).await.unwrap() {
        Stateless::Done(new_session) => new_session.signed_in().clone(),
        Stateless::Owed(asked) => panic!("owed: {asked:?}"),
    }
}

/// A mailbox that is asked first proves less than an action on factors asks for, and would use a code up for nothing.
#[tokio::test]
async fn an_action_asks_for_the_strongest_device_and_not_for_the_one_that_is_asked_first() {
    let (world, context) = (world(), RequestContext::default());
    let ada = world.user("ada");
    enables(&world, &ada.signs_in_with_password().await, Kind::EMAIL, "ada@example.com").await;
    let signed_in = signs_in(&world, &ada.password).await;
    let setup = world.engine.begin_enrolment(&signed_in, enrolment(Kind::SMS, "+31612345658"), &context).await.unwrap();
    let code = world.outbox.code().into();
    let own = world.engine.confirm_enrolment(&signed_in, &setup, &code, &context).await.unwrap().signed_in().clone();
    world.pass(601);
    let asked = world.engine.disable_stateless(&own, Proof::Owed(Submitted::Nothing), &context).await.unwrap();
    assert!(matches!(&asked, Stateless::Owed(asked) if asked.kind == Kind::SMS), "{asked:?}");
    let code = Secret::from(world.outbox.code());
    let off = world.engine.disable_stateless(&own, Proof::Owed(Submitted::Code(&code)), &context).await.unwrap();
    assert!(matches!(off, Stateless::Done(_)));
    assert_eq!(world.store.sessions(&ada.user.id).await.unwrap().len(), 1, "the proof's own session is gone");
}

/// What is under way in a session that is lowered meanwhile rests on what it has proved no more.
#[tokio::test]
async fn a_lowered_session_is_not_raised_by_what_was_under_way_in_it() {
    let (world, context) = (world(), RequestContext::default());
    let ada = world.user("ada");
    enables(&world, &ada.signs_in_with_password().await, Kind::SMS, "+31612345658").await;
    let before = signs_in(&world, &ada.password).await;
    assert_eq!(before.level(), Level::Aal2);
    let off = world.engine.disable_stateless(&before, Proof::Owed(Submitted::Nothing), &context).await.unwrap();
    assert!(matches!(&off, Stateless::Done(after) if after.level() == Level::Aal1), "{off:?}");
    let ended = world.engine.end_other_sessions(&before, &context).await;
    assert_eq!(refusal(ended), Refusal::SignInNeeded);
    let (old, new) = (ada.password.as_str().into(), "another long password".into());
    let changed = world.engine.change_password(&before, &old, &new, &context).await;
    assert_eq!(refusal(changed), Refusal::SignInNeeded);
    ada.signs_in_with_password().await;
    let sessions = world.store.sessions(&ada.user.id).await.unwrap();
    assert!(sessions.iter().all(|session| session.level == Level::Aal1), "{sessions:?}");
}
