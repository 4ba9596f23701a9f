//! What a device has verified against the end of that device: nothing outlives it, and its end is one commit.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_engine::{
    Observer, SignedIn,
    core::{
        AccountChange, Change, ClientName, ClientType, DeviceChange, DeviceName, Event, EventKind, Scopes, Sealed,
        TokenChange, flow::Purpose,
    },
    flow::RequestContext,
    memory::MemoryStore,
    port::hooked::Hooked,
};
use countersign_testkit::{Failing, Fails, Gate, World, refusal};

use crate::course::Course;

/// A refresh token is exchanged while new backup codes are made: what the old ones vouched for ends, also what it is
/// exchanged for.
#[tokio::test]
async fn t112_no_token_outlives_the_backup_codes_that_vouched_for_it_by_being_exchanged() {
    for exchange_first in [true, false] {
        for course in Course::careful().await {
            let world = course.ready();
            let ada = world.user("ada");
            let own = ada.sets_up().await;
            let codes = ada.makes_backup_codes(&own).await;
            let (name, scopes) = (ClientName::parse("Wiki").unwrap(), Scopes::parse("read").unwrap());
            let (client, _) = world.engine.add_client(name, ClientType::Public, scopes.clone()).await.unwrap();
            let by_code = ada.signs_in_with_backup_code(&codes[0]).await.unwrap();
            let context = RequestContext::default();
            let given =
                world.engine.give_tokens(&client, by_code.signed_in(), scopes, &context).await.unwrap().unwrap();
            let attempt = world.engine.begin(&own, Purpose::BackupCodes).await.unwrap();
            let meets = |change: &Change<Sealed>| {
                matches!(
                    change,
                    Change::Token(TokenChange::Issue(_)) | Change::Account(AccountChange::BumpFactorSet { .. })
                )
            };
            let engine = course.gated(&world, 2, meets).engine;
            let (refresh, codes_name) = (given.refresh.expose().into(), DeviceName::parse("Codes").unwrap());
            let refreshing = engine.exchange(&client, &refresh, None, &context);
            let makes = engine.make_backup_codes(&own, &attempt, codes_name, &context);
            // The one that arrives last at the gate goes through it first.
            let (exchanged, made) = if exchange_first {
                let (made, exchanged) = tokio::join!(makes, refreshing);
                (exchanged, made)
            } else {
                tokio::join!(refreshing, makes)
            };
            made.unwrap();
            let left = course.rows.tokens(&ada.user.id).await.unwrap();
            assert_eq!(left, [], "exchange first: {exchange_first}");
            if let Ok(tokens) = exchanged {
                let again = engine.exchange(&client, &tokens.refresh.expose().into(), None, &context).await;
                refusal(again);
            }
        }
    }
}

/// Whatever is called after a device was removed fails.
#[derive(Debug)]
struct BreaksAfterRemoval(Arc<Hooked<Failing>>);

#[async_trait]
impl Observer for BreaksAfterRemoval {
    async fn after_commit(&self, events: &[&Event]) {
        if events.iter().any(|event| event.kind == EventKind::DeviceRemoved) {
            self.0.hook().arm(Some((0, Fails::Before)));
        }
    }
}

/// A session that is opened by a device between the reading and the removal of that device ends in the commit that removes
/// it: nothing is left for a second one, which may never come.
#[tokio::test]
async fn t128_a_removed_device_ends_the_sessions_that_were_late_in_the_same_commit() {
    let failing = Failing::before(Arc::new(MemoryStore::default()));
    let world = World::on(failing.clone());
    let ada = world.user("ada");
    let first = ada.sets_up().await;
    let lost = first.session().device.clone().unwrap();
    let own = confirms_another(&world, &ada, &first).await;
    let login = ada.is_asked().await;
    let removal = world.engine.begin(&own, Purpose::RemoveDevice).await.unwrap();
    let meets =
        |change: &Change<_>| matches!(change, Change::Device(DeviceChange::Update(_) | DeviceChange::Remove { .. }));
    let gated = World::built(Gate::before(failing.clone(), 2, meets), |parts| {
        parts.users = world.users.clone();
        parts.clock = world.clock.clone();
        parts.observer = Arc::new(BreaksAfterRemoval(failing.clone()));
    });
    let (context, code) = (RequestContext::default(), ada.code().into());
    // The one that arrives last at the gate goes through it first.
    let (removed, late) = tokio::join!(
        gated.engine.remove_device(&own, &removal, &lost, &context),
        gated.engine.answer(&login.token, &lost, &code, &context),
    );
    failing.hook().arm(None);
    removed.unwrap();
    late.unwrap();
    let sessions = world.store.sessions(&ada.user.id).await.unwrap();
    assert_eq!(sessions.iter().map(|session| &session.key).collect::<Vec<_>>(), [&own.session().key]);
}

async fn confirms_another(world: &World, ada: &countersign_testkit::Person, first: &SignedIn) -> SignedIn {
    let (attempt, app) = ada.begins_setup(first).await.unwrap();
    let code = app.code_at(world.now()).into();
    let new_session = world.engine.confirm_enrolment(first, &attempt, &code, &RequestContext::default()).await.unwrap();
    new_session.signed_in().clone()
}
