//! Proofs of different strength in one session: a weaker one neither lowers the session nor renews it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use countersign_engine::{
    SignedIn,
    core::{DeviceId, DeviceName, Kind, Level, Refusal, flow::Purpose},
    flow::{Enrolment, RequestContext},
    memory::MemoryStore,
};
use countersign_testkit::{Person, World, refusal};

fn request_context() -> RequestContext {
    RequestContext::default()
}

fn mailbox() -> Enrolment {
    Enrolment { kind: Kind::EMAIL, name: DeviceName::parse("Mail").unwrap(), to: Some("ada@example.org".into()) }
}

/// A user with an app and, as the default device, a mailbox; the session was verified by the app a minute ago.
async fn with_app_and_mailbox(world: &World) -> (Person, SignedIn, DeviceId) {
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let signed_in = confirmed(world, &signed_in).await;
    let devices = world.engine.factors(&signed_in).await.unwrap().devices;
    let mailbox = devices.into_iter().find(|device| device.kind == Kind::EMAIL).unwrap().id;
    world.engine.prefer(&signed_in, &mailbox).await.unwrap();
    world.pass(60);
    (ada, signed_in, mailbox)
}

fn world() -> World {
    World::with_every_method(Arc::new(MemoryStore::default()))
}

#[tokio::test]
async fn t155_confirming_a_mailbox_leaves_the_session_as_it_was() {
    let world = world();
    let ada = world.user("ada");
    let before = ada.sets_up().await;
    let after = confirmed(&world, &before).await;
    assert_ne!(after.session().key, before.session().key);
    assert_eq!(after.session().proved(), before.session().proved(), "level, method and times");
    assert_eq!(after.session().device, before.session().device);
}

async fn confirmed(world: &World, signed_in: &SignedIn) -> SignedIn {
    let attempt = world.engine.begin_enrolment(signed_in, mailbox(), &request_context()).await.unwrap();
    let code = world.outbox.code();
    world
        .engine
        .confirm_enrolment(signed_in, &attempt, &code.into(), &request_context())
        .await
        .unwrap()
        .signed_in()
        .clone()
}

#[tokio::test]
async fn t155_stepping_up_by_mail_neither_lowers_a_session_nor_makes_its_proof_recent() {
    let world = world();
    let (_, old, mailbox) = with_app_and_mailbox(&world).await;
    world.pass(3600);
    let step = world.engine.begin_step_up(&old, Some(&mailbox)).await.unwrap();
    let sent = world.engine.send_step_up(&old, &step.token, &mailbox, &request_context()).await.unwrap();
    let code = world.outbox.code();
    let new_session =
        world.engine.step_up(&old, &sent.token, &mailbox, &code.into(), &request_context()).await.unwrap();
    let new = new_session.signed_in();
    assert_eq!(new.level(), Level::Aal2);
    assert_eq!(new.session().proved(), old.session().proved());
    assert_eq!(refusal(world.engine.begin(new, Purpose::Disable).await), Refusal::VerificationNeeded);
}

#[tokio::test]
async fn t155_where_more_is_asked_for_a_mailbox_is_neither_offered_nor_sent_a_code() {
    let world = world();
    let (ada, signed_in, mailbox) = with_app_and_mailbox(&world).await;
    let sent = world.outbox.count();
    let step = world.engine.begin_step_up_to(Level::Aal2, &signed_in, Some(&mailbox)).await.unwrap();
    assert_eq!(step.view.device.kind, Kind::TOTP, "although the mailbox is the default, and was chosen");
    assert!(step.view.others.is_empty(), "{:?}", step.view.others);
    let refused = world.engine.send_step_up(&signed_in, &step.token, &mailbox, &request_context()).await;
    assert_eq!(refusal(refused), Refusal::DeviceUnknown);
    assert_eq!(world.outbox.count(), sent, "nothing was sent");
    let refused = world.engine.step_up(&signed_in, &step.token, &mailbox, &"000000".into(), &request_context()).await;
    assert_eq!(refusal(refused), Refusal::DeviceUnknown);
    // More than the user's devices can give is not asked for.
    let step = world.engine.begin_step_up_to(Level::PhishingResistant, &signed_in, None).await.unwrap();
    let app = step.view.device.id;
    world.pass(30);
    let done =
        world.engine.step_up(&signed_in, &step.token, &app, &ada.code().as_str().into(), &request_context()).await;
    assert!(done.unwrap().signed_in().session().verified > signed_in.session().verified);
}

#[tokio::test]
async fn t155_a_session_whose_device_is_gone_is_not_renewed_by_a_weaker_one() {
    let world = world();
    let (_, signed_in, _) = with_app_and_mailbox(&world).await;
    let app = signed_in.session().device.clone().unwrap();
    let attempt = world.engine.begin(&signed_in, Purpose::RemoveDevice).await.unwrap();
    world.engine.remove_device(&signed_in, &attempt, &app, &request_context()).await.unwrap();
    let refused = world.engine.begin_step_up(&signed_in, None).await;
    assert_eq!(refusal(refused), Refusal::SignInNeeded, "a code by mail would lead to the same page again");
}
