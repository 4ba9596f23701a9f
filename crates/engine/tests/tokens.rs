//! Personal tokens: who may make one, what it opens, and everything that ends it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use countersign_engine::{
    BearerToken, Caller, ProgramToken, SignedIn,
    core::{
        DeviceId, DeviceName, EventKind, Kind, Level, Refusal, Scopes, Session, Timestamp, TokenId, flow::Purpose,
        token::TokenRule,
    },
    flow::{NewToken, RequestContext},
    memory::MemoryStore,
};
use countersign_testkit::{Person, World, refusal};

fn script() -> NewToken {
    let (name, scopes) = (DeviceName::parse("Script").unwrap(), Scopes::parse("read").unwrap());
    NewToken { name, scopes, lifetime: None }
}

async fn makes(world: &World, signed_in: &SignedIn) -> ProgramToken {
    world.engine.make_token(signed_in, script(), &RequestContext::default()).await.unwrap().0
}

async fn shown(world: &World, token: &ProgramToken) -> Option<Caller> {
    world.engine.bearer(&BearerToken::parse(token.expose()).unwrap()).await.unwrap()
}

async fn opens(world: &World, token: &ProgramToken) -> bool {
    shown(world, token).await.is_some()
}

async fn events(world: &World, person: &Person) -> Vec<EventKind> {
    let events = world.store.events(&person.user.id, 50).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_token_is_made_by_a_session_that_has_just_proved_a_device() {
    let world = World::new();
    let (ada, bob) = (world.user("ada"), world.user("bob"));
    let newcomer = bob.signs_in_with_password().await;
    let made = world.engine.make_token(&newcomer, script(), &RequestContext::default()).await;
    assert_eq!(refusal(made), Refusal::NotEnabled);
    let signed_in = ada.sets_up().await;
    let token = makes(&world, &signed_in).await;
    assert!(token.expose().starts_with("cst_") && token.expose().len() == 47);
    let Some(Caller::Token(presented)) = shown(&world, &token).await else { panic!("it opens nothing") };
    assert_eq!(presented.user().name, "ada");
    assert!(Caller::Token(presented.clone()).may("read") && !Caller::Token(presented.clone()).may("write"));
    let proved = presented.token().proved();
    assert_eq!((proved.level, proved.verified), (Level::Aal2, signed_in.session().verified));
    assert_eq!(proved.amr(), ["pwd", "otp", "mfa"]);
    assert_eq!(events(&world, &ada).await[0], EventKind::TokenMade);
    world.pass(601);
    let made = world.engine.make_token(&signed_in, script(), &RequestContext::default()).await;
    assert_eq!(refusal(made), Refusal::VerificationNeeded);
}

#[tokio::test]
async fn a_token_is_no_stronger_than_when_it_was_made() {
    let world = World::new();
    let signed_in = world.user("ada").sets_up().await;
    let token = makes(&world, &signed_in).await;
    world.pass(3600);
    let caller = shown(&world, &token).await.unwrap();
    let now = world.now();
    assert!(caller.proved().reaches(Level::Aal2, Duration::from_hours(2), now));
    assert!(!caller.proved().reaches(Level::Aal2, Duration::from_mins(30), now));
    assert!(!caller.proved().reaches(Level::PhishingResistant, Duration::MAX, now));
}

#[tokio::test]
async fn a_store_never_sees_a_token() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let token = makes(&world, &signed_in).await;
    let rows = format!("{:?}", world.store.tokens(&ada.user.id).await.unwrap());
    assert!(!rows.contains(token.expose()) && rows.contains(token.key().as_str()));
    assert!(!format!("{token:?}").contains(token.expose()));
}

#[tokio::test]
async fn a_token_ends_at_its_time_and_says_when_it_was_used() {
    let world = World::new();
    let signed_in = world.user("ada").sets_up().await;
    let new = NewToken { lifetime: Some(Duration::from_mins(10)), ..script() };
    let (token, view) = world.engine.make_token(&signed_in, new, &RequestContext::default()).await.unwrap();
    assert_eq!((view.expires, view.last_used), (world.now().after(Duration::from_mins(10)), None));
    let used = async || world.engine.tokens(&signed_in).await.unwrap()[0].last_used;
    let start = world.now();
    let at = |seconds| Some(Timestamp::from_seconds(start.as_seconds() + seconds));
    for (passed, expected) in [(0, at(0)), (59, at(0)), (1, at(60)), (10, at(60))] {
        world.pass(passed);
        assert!(opens(&world, &token).await);
        assert_eq!(used().await, expected);
    }
    world.pass(529);
    assert!(opens(&world, &token).await);
    world.pass(1);
    assert!(!opens(&world, &token).await);
    assert!(world.engine.tokens(&signed_in).await.unwrap().is_empty());
    world.engine.purge().await.unwrap();
    assert!(world.store.tokens(&signed_in.user().id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_token_has_a_limit_in_life_and_in_number() {
    let world = World::built(Arc::new(MemoryStore::default()), |parts| {
        parts.config.tokens = TokenRule { longest: Duration::from_hours(1), most: 2, ..TokenRule::default() };
    });
    let signed_in = world.user("ada").sets_up().await;
    for seconds in [0, 3601] {
        let new = NewToken { lifetime: Some(Duration::from_secs(seconds)), ..script() };
        let made = world.engine.make_token(&signed_in, new, &RequestContext::default()).await;
        assert_eq!(refusal(made), Refusal::LifetimeInvalid { longest: Duration::from_hours(1) });
    }
    makes(&world, &signed_in).await;
    makes(&world, &signed_in).await;
    let third = world.engine.make_token(&signed_in, script(), &RequestContext::default()).await;
    assert_eq!(refusal(third), Refusal::TooManyTokens { most: 2 });
    let first = world.engine.tokens(&signed_in).await.unwrap()[0].id.clone();
    world.engine.end_token(&signed_in, &first, &RequestContext::default()).await.unwrap();
    makes(&world, &signed_in).await;
}

#[tokio::test]
async fn a_token_is_ended_by_its_owner_only() {
    let world = World::new();
    let (ada, eve) = (world.user("ada"), world.user("eve"));
    let (hers, eves) = (ada.sets_up().await, eve.sets_up().await);
    // Setting up takes a while; both have proved a device just now.
    let token = makes(&world, &hers).await;
    let id = world.engine.tokens(&hers).await.unwrap()[0].id.clone();
    let ended = world.engine.end_token(&eves, &id, &RequestContext::default()).await;
    assert_eq!(refusal(ended), Refusal::TokenUnknown);
    assert!(opens(&world, &token).await && world.engine.tokens(&eves).await.unwrap().is_empty());
    world.engine.end_token(&hers, &id, &RequestContext::default()).await.unwrap();
    assert!(!opens(&world, &token).await);
    assert_eq!(events(&world, &ada).await[0], EventKind::TokenEnded);
    assert_eq!(refusal(world.engine.end_token(&hers, &id, &RequestContext::default()).await), Refusal::TokenUnknown);
    world.pass(601);
    assert_eq!(
        refusal(world.engine.end_token(&hers, &id, &RequestContext::default()).await),
        Refusal::VerificationNeeded
    );
}

#[tokio::test]
async fn t36_a_token_dies_with_the_password() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let token = makes(&world, &signed_in).await;
    // By whatever means: the engine is not told.
    world.users.set_password(&ada.user.id, "another password");
    assert!(!opens(&world, &token).await);
}

#[tokio::test]
async fn t36_a_change_of_password_removes_the_rows_too() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let token = makes(&world, &signed_in).await;
    let (current, new) = (ada.password.as_str().into(), "another long password".into());
    world.engine.change_password(&signed_in, &current, &new, &RequestContext::default()).await.unwrap();
    assert!(!opens(&world, &token).await);
    assert!(world.store.tokens(&ada.user.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn t36_a_token_of_a_deactivated_user_opens_nothing() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let token = makes(&world, &signed_in).await;
    world.users.change(&ada.user.id, |user| user.active = false);
    assert!(!opens(&world, &token).await);
}

#[tokio::test]
async fn t36_r107_switching_off_ends_every_token() {
    let world = World::new();
    for staff in [false, true] {
        let ada = world.user(if staff { "ada" } else { "bob" });
        let signed_in = ada.sets_up().await;
        let token = makes(&world, &signed_in).await;
        if staff {
            world.engine.disable_two_factor(&ada.user).await.unwrap();
        } else {
            let attempt = world.engine.begin(&signed_in, Purpose::Disable).await.unwrap();
            world.engine.disable(&signed_in, &attempt, &RequestContext::default()).await.unwrap();
        }
        assert!(!opens(&world, &token).await);
    }
}

#[tokio::test]
async fn t36_r107_a_token_goes_with_the_device_that_vouched_for_it_and_stays_with_another() {
    let world = World::new();
    let ada = world.user("ada");
    let first = ada.sets_up().await;
    let by_phone = makes(&world, &first).await;
    // A second device vouches for the session that set it up.
    let (attempt, app) = ada.begins_setup(&first).await.unwrap();
    let code = app.code_at(world.now());
    let context = RequestContext::default();
    let second = world.engine.confirm_enrolment(&first, &attempt, &code.as_str().into(), &context).await.unwrap();
    let second = second.signed_in().clone();
    let by_tablet = makes(&world, &second).await;
    let phone = first.session().device.clone().unwrap();
    let attempt = world.engine.begin(&second, Purpose::RemoveDevice).await.unwrap();
    world.engine.remove_device(&second, &attempt, &phone, &context).await.unwrap();
    assert!(!opens(&world, &by_phone).await && opens(&world, &by_tablet).await);
}

#[tokio::test]
async fn t36_r107_new_backup_codes_end_what_the_old_ones_vouched_for() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let by_app = makes(&world, &signed_in).await;
    let codes = ada.makes_backup_codes(&signed_in).await;
    let new_session = ada.signs_in_with_backup_code(&codes[0]).await.unwrap();
    let by_code = makes(&world, new_session.signed_in()).await;
    assert_eq!(shown(&world, &by_code).await.unwrap().proved().method, Some(Kind::BACKUP_CODES));
    ada.makes_backup_codes(&signed_in).await;
    assert!(!opens(&world, &by_code).await && opens(&world, &by_app).await);
}

#[tokio::test]
async fn a_token_outlives_the_session_in_which_it_was_made() {
    let world = World::new();
    let signed_in = world.user("ada").sets_up().await;
    let token = makes(&world, &signed_in).await;
    world.engine.sign_out(Some(&signed_in), None, &RequestContext::default()).await.unwrap();
    assert!(opens(&world, &token).await);
    let made = world.engine.make_token(&signed_in, script(), &RequestContext::default()).await;
    assert_eq!(refusal(made), Refusal::SignInNeeded);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_or_all_but_one() {
    let world = World::new();
    let ada = world.user("ada");
    let setup = ada.sets_up().await;
    let there = ada.signs_in(&ada.code()).await.unwrap();
    world.pass(30);
    let here = ada.signs_in(&ada.code()).await.unwrap();
    let signed_in = here.signed_in();
    let (engine, context) = (&world.engine, RequestContext::default());
    let views = engine.sessions(signed_in).await.unwrap();
    assert_eq!(views.len(), 3);
    assert_eq!(views.iter().filter(|view| view.current).count(), 1);
    engine.end_session(signed_in, &there.signed_in().session().key, &context).await.unwrap();
    assert!(ada.session(there.token()).await.is_none() && ada.session(here.token()).await.is_some());
    assert_eq!(events(&world, &ada).await[0], EventKind::SessionEnded);
    let none = engine.end_session(signed_in, &there.signed_in().session().key, &context).await;
    assert_eq!(refusal(none), Refusal::SessionUnknown);
    engine.end_other_sessions(signed_in, &context).await.unwrap();
    let left = world.store.sessions(&ada.user.id).await.unwrap();
    assert_eq!(left, [Session { last_seen: world.now(), ..signed_in.session().clone() }]);
    assert_eq!(refusal(engine.end_other_sessions(&setup, &context).await), Refusal::SignInNeeded);
    world.pass(601);
    assert_eq!(refusal(engine.end_other_sessions(signed_in, &context).await), Refusal::VerificationNeeded);
    assert_eq!(engine.sessions(signed_in).await.unwrap().len(), 1, "looking is free");
}

#[tokio::test]
async fn nobody_ends_the_sessions_of_others() {
    let world = World::new();
    let (ada, eve) = (world.user("ada"), world.user("eve"));
    let (hers, eves) = (ada.sets_up().await, eve.sets_up().await);
    let ended = world.engine.end_session(&eves, &hers.session().key, &RequestContext::default()).await;
    assert_eq!(refusal(ended), Refusal::SessionUnknown);
    world.engine.end_other_sessions(&eves, &RequestContext::default()).await.unwrap();
    assert_eq!(world.store.sessions(&ada.user.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_device_gets_another_name_and_goes_on_answering() {
    let world = World::new();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let phone = signed_in.session().device.clone().unwrap();
    let name = || DeviceName::parse("Old telephone").unwrap();
    world.engine.rename(&signed_in, &phone, name(), &RequestContext::default()).await.unwrap();
    assert_eq!(world.engine.factors(&signed_in).await.unwrap().devices[0].name, name());
    assert_eq!(events(&world, &ada).await[0], EventKind::DeviceRenamed);
    ada.signs_in(&ada.code()).await.unwrap();
    let none = world.engine.rename(&signed_in, &DeviceId::new("none"), name(), &RequestContext::default()).await;
    assert_eq!(refusal(none), Refusal::DeviceUnknown);
    world.pass(601);
    let late = world.engine.rename(&signed_in, &phone, name(), &RequestContext::default()).await;
    assert_eq!(refusal(late), Refusal::VerificationNeeded);
    let unknown = world.engine.end_token(&signed_in, &TokenId::new("none"), &RequestContext::default()).await;
    assert_eq!(refusal(unknown), Refusal::VerificationNeeded);
}
