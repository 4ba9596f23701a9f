//! What ends with the device that vouched for it, and with the user whom the host has removed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use countersign_engine::{
    BearerToken,
    core::{ClientName, ClientType, DeviceName, Kind, Level, Scopes, flow::Purpose},
    flow::{NewToken, Proof, RequestContext, SignIn, Stateless, Submitted},
};
use countersign_testkit::{World, refusal};

fn name() -> DeviceName {
    DeviceName::parse("Codes").unwrap()
}

#[tokio::test]
async fn t113_new_backup_codes_end_every_other_session_that_the_old_ones_vouched_for() {
    let world = World::new();
    let ada = world.user("ada");
    let own = ada.sets_up().await;
    let codes = ada.makes_backup_codes(&own).await;
    let by_app = ada.signs_in(&ada.code()).await.unwrap();
    let by_code = ada.signs_in_with_backup_code(&codes[0]).await.unwrap();
    let attempt = world.engine.begin(&own, Purpose::BackupCodes).await.unwrap();
    let made = world.engine.make_backup_codes(&own, &attempt, name(), &RequestContext::default()).await.unwrap();
    assert!(made.renewed.is_none(), "no code had vouched for this session");
    assert!(ada.session(by_code.token()).await.is_none() && ada.session(by_app.token()).await.is_some());
    assert!(world.engine.factors(&own).await.is_ok());
}

#[tokio::test]
async fn t113_the_session_that_makes_them_goes_on_under_another_token_and_ends_with_the_new_ones() {
    let world = World::new();
    let ada = world.user("ada");
    let by_app = ada.sets_up().await;
    let codes = ada.makes_backup_codes(&by_app).await;
    let before = ada.signs_in_with_backup_code(&codes[0]).await.unwrap();
    world.pass(60);
    let attempt = world.engine.begin(before.signed_in(), Purpose::BackupCodes).await.unwrap();
    let made =
        world.engine.make_backup_codes(before.signed_in(), &attempt, name(), &RequestContext::default()).await.unwrap();
    let renewed = made.renewed.unwrap();
    assert!(ada.session(before.token()).await.is_none(), "the old token opens nothing");
    let after = ada.session(renewed.token()).await.unwrap();
    assert_eq!(after.session().proved(), before.signed_in().session().proved(), "no stronger and no fresher");
    ada.makes_backup_codes(&by_app).await;
    assert!(ada.session(renewed.token()).await.is_none(), "the new codes vouch for it, and have ended");
}

/// A client that keeps nothing cannot be handed another token, so its session goes on under the one it has, and so do the
/// tokens of its grant; everybody else's end.
#[tokio::test]
async fn t113_a_client_that_keeps_nothing_goes_on_with_the_token_it_has() {
    let (world, context) = (World::new(), RequestContext::default());
    let ada = world.user("ada");
    let by_app = ada.sets_up().await;
    let codes = ada.makes_backup_codes(&by_app).await;
    let own = ada.signs_in_with_backup_code(&codes[0]).await.unwrap();
    let (client, scopes) = (ClientName::parse("Wiki").unwrap(), Scopes::parse("read").unwrap());
    let (client, _) = world.engine.add_client(client, ClientType::Public, scopes.clone()).await.unwrap();
    let given = world.engine.give_tokens(&client, own.signed_in(), scopes, &context).await.unwrap().unwrap();
    world.pass(1);
    let other = ada.signs_in_with_backup_code(&codes[1]).await.unwrap();
    let nothing = Proof::Owed(Submitted::Nothing);
    let made = world.engine.make_backup_code_stateless(own.signed_in(), nothing, name(), &context).await.unwrap();
    assert!(matches!(made, Stateless::Done(_)), "{made:?}");
    assert!(ada.session(other.token()).await.is_none());
    let after = ada.session(own.token()).await.unwrap();
    assert_eq!(after.session().proved(), own.signed_in().session().proved());
    let exchanged = world.engine.exchange(&client, &given.refresh.expose().into(), None, &context).await.unwrap();
    ada.makes_backup_codes(&by_app).await;
    assert!(ada.session(own.token()).await.is_none(), "the new code vouches for it, and has ended");
    refusal(world.engine.exchange(&client, &exchanged.refresh.expose().into(), None, &context).await);
}

/// A host gives the id again and its stamps are all alike: what the first user had is not the second one's.
#[tokio::test]
async fn t131_a_forgotten_user_leaves_nothing_to_the_next_user_of_the_id() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let session = ada.signs_in(&ada.code()).await.unwrap();
    let new = NewToken { name: name(), scopes: Scopes::parse("read").unwrap(), lifetime: None };
    let (token, _) = world.engine.make_token(&signed_in, new, &RequestContext::default()).await.unwrap();
    let token = BearerToken::parse(token.expose()).unwrap();
    assert!(world.engine.bearer(&token).await.unwrap().is_some());
    let recognized = RequestContext { browser: session.browser().cloned(), ..RequestContext::default() };
    refusal(world.engine.sign_in("ada", &"wrong".into(), &recognized).await);
    let cookies = world.store.device_cookies(&ada.user.id).await.unwrap();
    let browser = &cookies.last().unwrap().browser;
    let (bob, budget) = (world.user("bob"), format!("password/user/{}/browser/{browser}", ada.user.id));
    let of_bob = bob.sets_up().await;
    assert!(world.store.budget(&budget).await.unwrap().is_some());

    world.engine.forget_user(&ada.user.id).await.unwrap();
    let factors = world.store.factors(&ada.user.id).await.unwrap();
    assert_eq!((factors.devices.len(), factors.account.factors), (0, 0));
    assert_eq!(world.store.tokens(&ada.user.id).await.unwrap(), []);
    assert_eq!(world.store.budget(&budget).await.unwrap(), None);
    assert!(ada.session(session.token()).await.is_none(), "the id is another user's now");
    assert!(world.engine.bearer(&token).await.unwrap().is_none(), "the token grants no access to the new user");
    refusal(world.engine.sign_in("ada", &"wrong".into(), &recognized).await);
    assert_eq!(world.store.budget(&budget).await.unwrap(), None, "the device cookie has no budget of its own");
    assert!(!world.store.events(&ada.user.id, 50).await.unwrap().is_empty(), "what happened is kept");
    let Ok(SignIn::Complete(new_session)) = ada.enters_password().await else { panic!("there is no device") };
    assert_eq!(new_session.signed_in().level(), Level::Aal1);
    assert_eq!(world.engine.factors(&of_bob).await.unwrap().devices[0].kind, Kind::TOTP, "bob has what he had");
    world.engine.sign_in("ada", &ada.password.as_str().into(), &recognized).await.unwrap();
    let cookies = world.store.device_cookies(&ada.user.id).await.unwrap();
    assert!(cookies.iter().all(|cookie| cookie.browser != *browser), "the old cookie is replaced, not renewed");
    world.engine.forget_user(&ada.user.id).await.unwrap();
}
