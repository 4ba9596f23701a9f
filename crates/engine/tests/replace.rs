//! Devices that take the place of others, and what is the default then.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use countersign_engine::{
    AttemptToken, Error, SignedIn,
    core::{DeviceId, DeviceName, Kind, Refusal, flow::Purpose, sending::EmailRule, view::DeviceView},
    flow::{Enrolment, RequestContext},
    memory::MemoryStore,
};
use countersign_testkit::{Person, SoftApp, World, refusal};

fn request_context() -> RequestContext {
    RequestContext::default()
}

fn app(name: &str) -> Enrolment {
    Enrolment { kind: Kind::TOTP, name: DeviceName::parse(name).unwrap(), to: None }
}

async fn devices(world: &World, signed_in: &SignedIn) -> Vec<DeviceView> {
    world.engine.factors(signed_in).await.unwrap().devices
}

async fn default(world: &World, signed_in: &SignedIn) -> Option<DeviceId> {
    devices(world, signed_in).await.into_iter().find(|device| device.preferred).map(|device| device.id)
}

/// Confirms an app that is being set up.
async fn confirms(
    world: &World,
    person: &Person,
    signed_in: &SignedIn,
    attempt: &AttemptToken,
) -> Result<SignedIn, Error> {
    let key = world.engine.setup(signed_in, attempt).await?.key.unwrap();
    let app = SoftApp::with_key(key.text.expose());
    let code = app.code_at(world.now());
    let new_session = world.engine.confirm_enrolment(signed_in, attempt, &code.into(), &request_context()).await?;
    person.takes(app);
    world.pass(30);
    Ok(new_session.signed_in().clone())
}

async fn adds(world: &World, person: &Person, signed_in: &SignedIn, name: &str) -> SignedIn {
    let attempt = world.engine.begin_enrolment(signed_in, app(name), &request_context()).await.unwrap();
    confirms(world, person, signed_in, &attempt).await.unwrap()
}

async fn removes(world: &World, signed_in: &SignedIn, device: &DeviceId) -> Result<(), Error> {
    let attempt = world.engine.begin(signed_in, Purpose::RemoveDevice).await?;
    world.engine.remove_device(signed_in, &attempt, device, &request_context()).await
}

#[tokio::test]
async fn when_the_default_device_is_removed_the_next_one_is_the_default() {
    let world = World::new();
    let ada = world.user("ada");
    let first = ada.sets_up().await;
    let second = adds(&world, &ada, &first, "Second").await;
    let third = adds(&world, &ada, &second, "Third").await;
    let ids: Vec<_> = devices(&world, &third).await.into_iter().map(|device| device.id).collect();
    assert_eq!(default(&world, &third).await.as_ref(), Some(&ids[0]));
    removes(&world, &third, &ids[0]).await.unwrap();
    assert_eq!(default(&world, &third).await.as_ref(), Some(&ids[1]), "the oldest that is left");
    let stored = world.store.factors(&ada.user.id).await.unwrap().account.preferred;
    assert_eq!(stored.as_ref(), Some(&ids[1]), "also for a device that is added later");
    world.engine.prefer(&third, &ids[2]).await.unwrap();
    removes(&world, &third, &ids[1]).await.unwrap();
    assert_eq!(default(&world, &third).await.as_ref(), Some(&ids[2]), "the default is not another one for that");
}

#[tokio::test]
async fn t158_the_only_device_is_replaced_in_one_commit_and_takes_its_sessions_along() {
    let world = World::built(Arc::new(MemoryStore::default()), |parts| parts.config.devices_per_user = 1);
    let ada = world.user("ada");
    let mine = ada.sets_up().await;
    let other = ada.signs_in(&ada.code()).await.unwrap();
    let old = mine.session().device.clone().unwrap();
    let add = world.engine.begin_enrolment(&mine, app("New"), &request_context()).await;
    assert_eq!(refusal(add), Refusal::TooManyDevices { most: 1 });
    assert_eq!(world.engine.enrollable_instead(&mine, &old).await.unwrap(), [Kind::TOTP]);
    let attempt = world.engine.begin_replacement(&mine, &old, app("New"), &request_context()).await.unwrap();
    assert_eq!(world.engine.setup(&mine, &attempt).await.unwrap().replaces.unwrap().as_str(), "Phone");
    assert!(ada.session(other.token()).await.is_some(), "until then nothing has changed");
    world.pass(30);
    let signed_in = confirms(&world, &ada, &mine, &attempt).await.unwrap();
    let left = devices(&world, &signed_in).await;
    assert_eq!(left.iter().map(|device| device.name.as_str()).collect::<Vec<_>>(), ["New"]);
    assert!(left[0].preferred, "it takes the place of the default");
    assert!(ada.session(other.token()).await.is_none(), "the old device had verified it");
    assert!(ada.signs_in(&ada.code()).await.is_ok());
}

#[tokio::test]
async fn the_replacement_of_the_default_is_the_default_and_of_another_one_is_not() {
    let world = World::new();
    let ada = world.user("ada");
    let first = ada.sets_up().await;
    let mut signed_in = adds(&world, &ada, &first, "Second").await;
    for (place, is_default) in [(0, true), (0, false)] {
        let replaced = devices(&world, &signed_in).await[place].clone();
        assert_eq!(replaced.preferred, is_default, "{place}");
        let attempt =
            world.engine.begin_replacement(&signed_in, &replaced.id, app("New"), &request_context()).await.unwrap();
        signed_in = confirms(&world, &ada, &signed_in, &attempt).await.unwrap();
        let new = signed_in.session().device.clone();
        assert_eq!(default(&world, &signed_in).await == new, is_default);
    }
}

#[tokio::test]
async fn a_device_is_replaced_only_by_one_that_may_be_there_without_it() {
    let world = World::with_every_method_built(Arc::new(MemoryStore::default()), |parts| {
        parts.config.sending.email = EmailRule::Beside;
    });
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let app_id = signed_in.session().device.clone().unwrap();
    assert!(world.engine.enrollable(&signed_in).await.unwrap().contains(&Kind::EMAIL));
    assert!(!world.engine.enrollable_instead(&signed_in, &app_id).await.unwrap().contains(&Kind::EMAIL));
    let mail = || Enrolment {
        kind: Kind::EMAIL,
        name: DeviceName::parse("Mail").unwrap(),
        to: Some("ada@example.org".into()),
    };
    let refused = world.engine.begin_replacement(&signed_in, &app_id, mail(), &request_context()).await;
    assert_eq!(refusal(refused), Refusal::MethodUnknown);
    let unknown = DeviceId::new("nobody's");
    let refused = world.engine.begin_replacement(&signed_in, &unknown, app("New"), &request_context()).await;
    assert_eq!(refusal(refused), Refusal::DeviceUnknown);
    // With a mailbox beside it, the app is not the only device, and cannot go all the same.
    let attempt = world.engine.begin_enrolment(&signed_in, mail(), &request_context()).await.unwrap();
    let code = world.outbox.code();
    let new_session =
        world.engine.confirm_enrolment(&signed_in, &attempt, &code.into(), &request_context()).await.unwrap();
    let refused = removes(&world, new_session.signed_in(), &app_id).await;
    assert_eq!(refusal(refused), Refusal::LastDevice { others: 1 });
}

/// What a mailbox was to stand beside may have gone since its setup began.
#[tokio::test]
async fn a_mailbox_that_replaces_a_device_still_has_another_one_beside_it_when_it_is_confirmed() {
    let world = World::with_every_method_built(Arc::new(MemoryStore::default()), |parts| {
        parts.config.sending.email = EmailRule::Beside;
    });
    let ada = world.user("ada");
    let first = ada.sets_up().await;
    let app_id = first.session().device.clone().unwrap();
    let signed_in = adds(&world, &ada, &first, "Second").await;
    let second = signed_in.session().device.clone().unwrap();
    let mail =
        Enrolment { kind: Kind::EMAIL, name: DeviceName::parse("Mail").unwrap(), to: Some("ada@example.org".into()) };
    let attempt = world.engine.begin_replacement(&signed_in, &app_id, mail, &request_context()).await.unwrap();
    let code = world.outbox.code();
    removes(&world, &signed_in, &second).await.unwrap();
    let refused = world.engine.confirm_enrolment(&signed_in, &attempt, &code.into(), &request_context()).await;
    assert_eq!(refusal(refused), Refusal::MethodUnknown);
    assert_eq!(devices(&world, &signed_in).await[0].id, app_id, "the app stays");
}

#[tokio::test]
async fn a_device_that_was_removed_meanwhile_is_not_missed() {
    let world = World::new();
    let ada = world.user("ada");
    let first = ada.sets_up().await;
    let signed_in = adds(&world, &ada, &first, "Second").await;
    let ids: Vec<_> = devices(&world, &signed_in).await.into_iter().map(|device| device.id).collect();
    let attempt = world.engine.begin_replacement(&signed_in, &ids[0], app("New"), &request_context()).await.unwrap();
    removes(&world, &signed_in, &ids[0]).await.unwrap();
    let signed_in = confirms(&world, &ada, &signed_in, &attempt).await.unwrap();
    let names: Vec<_> = devices(&world, &signed_in).await.into_iter().map(|device| device.name.to_string()).collect();
    assert_eq!(names, ["Second", "New"]);
}
