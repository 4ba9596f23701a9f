//! Strangers and owners: whose failures are whose, and what each can do to the other.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use countersign_engine::{
    BrowserToken, Error, NewSession,
    core::{Refusal, Secret, Status, flow::Purpose},
    flow::{LoginChallenge, RequestContext, SignIn},
    memory::MemoryStore,
};
use countersign_testkit::{HookedUsers, Person, World, all_at_once, refusal};

fn from(browser: Option<&BrowserToken>) -> RequestContext {
    RequestContext { browser: browser.cloned(), ..RequestContext::default() }
}

/// Gives the right password.
async fn is_asked(world: &World, person: &Person, context: &RequestContext) -> Result<LoginChallenge, Error> {
    match world.engine.sign_in(&person.user.name, &person.password.as_str().into(), context).await? {
        SignIn::Pending(challenge) => Ok(challenge),
        SignIn::Complete(_) => panic!("there is no second factor"),
    }
}

async fn signs_in(world: &World, person: &Person, answer: &str, context: &RequestContext) -> Result<NewSession, Error> {
    let asked = is_asked(world, person, context).await?;
    let answered = world.engine.answer(&asked.token, &asked.view.device.id, &answer.into(), context).await;
    answered.map(|(new_session, _)| new_session)
}

/// A world with Ada, who has an authenticator app, and the browser she is known by.
async fn ada_at_home() -> (World, Person, BrowserToken) {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    let new_session = signs_in(&world, &ada, &ada.code(), &RequestContext::default()).await.unwrap();
    world.pass(30);
    (world, ada, new_session.browser().unwrap().clone())
}

/// D4, T22: an attacker without the password moves nothing of the second factor, and never keeps the owner out.
#[tokio::test]
async fn t22_strangers_without_the_password_never_keep_the_owner_out() {
    let (world, ada, home) = ada_at_home().await;
    let before = world.store.factors(&ada.user.id).await.unwrap();
    let mut looked_at = 0;
    for guess in 0..10_000_u32 {
        let address = IpAddr::V4(Ipv4Addr::from_bits(0xc633_6400 + guess % 1000));
        let context = RequestContext { address: Some(address), ..RequestContext::default() };
        let refused = refusal(world.engine.sign_in("ada", &format!("guess {guess}").as_str().into(), &context).await);
        looked_at += usize::from(refused == Refusal::InvalidCredentials);
        if guess % 1000 == 999 {
            signs_in(&world, &ada, &ada.code(), &from(Some(&home))).await.unwrap();
            world.pass(30);
        }
    }
    assert_eq!(looked_at, 20, "strangers share one budget");
    assert!(matches!(refusal(is_asked(&world, &ada, &from(None)).await), Refusal::TooManyFailures { .. }));
    let after = world.store.factors(&ada.user.id).await.unwrap();
    assert_eq!(after.account, before.account);
    assert_eq!(after.devices[0].throttle, before.devices[0].throttle);
}

/// D4: an attacker with the password can bring one device to its cap, no more; the owner does not wait for their failures, is
/// told, and gets in another way.
#[tokio::test]
async fn a_stranger_with_the_password_brings_one_device_to_its_cap_and_the_owner_is_told() {
    let (world, ada, home) = ada_at_home().await;
    let signed_in = signs_in(&world, &ada, &ada.code(), &from(Some(&home))).await.unwrap().signed_in().clone();
    let codes = ada.makes_backup_codes(&signed_in).await;
    for failure in 1..100 {
        world.pass(901);
        assert_eq!(refusal(signs_in(&world, &ada, &ada.wrong_code(), &from(None)).await), Refusal::CodeWrong);
        let at_home = is_asked(&world, &ada, &from(Some(&home))).await.unwrap();
        assert_eq!(at_home.view.device.locked_until, None, "the owner waits for failure {failure} of a stranger");
        let elsewhere = is_asked(&world, &ada, &from(None)).await.unwrap();
        assert!(elsewhere.view.device.locked_until.is_some() && elsewhere.view.disabled.is_empty());
    }
    world.pass(901);
    assert_eq!(refusal(signs_in(&world, &ada, &ada.wrong_code(), &from(None)).await), Refusal::DeviceDisabled);
    let told = is_asked(&world, &ada, &from(Some(&home))).await.unwrap();
    assert_eq!(told.view.disabled.len(), 1, "the one who signs in is told which device was disabled");
    assert!(told.view.device.kind.is_fallback());
    world
        .engine
        .answer(&told.token, &told.view.device.id, &codes[0].as_str().into(), &from(Some(&home)))
        .await
        .unwrap();
}

/// D4: with two apps and backup codes, and all the time in the world, one app is all that can be taken.
#[tokio::test]
async fn an_attacker_with_the_password_disables_one_device_of_many() {
    let (world, ada, home) = ada_at_home().await;
    let signed_in = signs_in(&world, &ada, &ada.code(), &from(Some(&home))).await.unwrap().signed_in().clone();
    let (attempt, second) = ada.begins_setup(&signed_in).await.unwrap();
    world.pass(30);
    let code = second.code_at(world.now());
    let new_session =
        world.engine.confirm_enrolment(&signed_in, &attempt, &code.into(), &from(Some(&home))).await.unwrap();
    let codes = ada.makes_backup_codes(new_session.signed_in()).await;
    let is_disabled = |device: &&countersign_engine::core::Device<_>| device.status == Status::Disabled;
    for _ in 0..400 {
        world.pass(901);
        let Ok(challenge) = is_asked(&world, &ada, &from(None)).await else { continue };
        let view = &challenge.view;
        for device in [&view.device].into_iter().chain(&view.others) {
            let wrong = if device.kind.is_fallback() { "0000-0000-0000-0000-0" } else { "000000" };
            let _ = world.engine.answer(&challenge.token, &device.id, &wrong.into(), &from(None)).await;
        }
    }
    let factors = world.store.factors(&ada.user.id).await.unwrap();
    assert_eq!(factors.devices.iter().filter(is_disabled).count(), 1);
    assert!(factors.devices.iter().all(|device| device.kind.is_fallback() || device.throttle.failures <= 100));
    let told = is_asked(&world, &ada, &from(Some(&home))).await.unwrap();
    assert_eq!((told.view.disabled.len(), told.view.device.kind.is_fallback()), (1, false));
    let app = if told.view.device.id == factors.devices[0].id { ada.app() } else { second };
    let answer = app.code_at(world.now());
    world.engine.answer(&told.token, &told.view.device.id, &answer.into(), &from(Some(&home))).await.unwrap();
    world.pass(901);
    let elsewhere = is_asked(&world, &ada, &from(None)).await.unwrap();
    let list = elsewhere.view.others.iter().find(|device| device.kind.is_fallback()).unwrap();
    world.engine.answer(&elsewhere.token, &list.id, &codes[0].as_str().into(), &from(None)).await.unwrap();
}

/// The owner's own mistakes slow the owner down as they would any user, and those of others do not.
#[tokio::test]
async fn a_device_cookie_waits_for_its_own_failures() {
    let (world, ada, home) = ada_at_home().await;
    let context = from(Some(&home));
    for _ in 0..2 {
        assert_eq!(refusal(signs_in(&world, &ada, &ada.wrong_code(), &context).await), Refusal::CodeWrong);
        let refused = refusal(signs_in(&world, &ada, &ada.code(), &context).await);
        assert!(matches!(refused, Refusal::DeviceLocked { .. }), "{refused:?}");
        world.pass(4);
    }
    signs_in(&world, &ada, &ada.code(), &context).await.unwrap();
    // The sign-ins that stopped half way are charged until their window is over.
    world.pass(15 * 60);
    for guess in 0..21 {
        let refused = refusal(world.engine.sign_in("ada", &"wrong".into(), &context).await);
        assert_eq!(matches!(refused, Refusal::TooManyFailures { .. }), guess == 20);
    }
    assert!(is_asked(&world, &ada, &from(None)).await.is_ok(), "and strangers do not wait for the owner's slips");
}

/// D4: a client behind the same IP address as the owner, or in the same /64, uses up nothing that the owner's browser needs.
#[tokio::test]
async fn a_device_cookie_is_apart_from_strangers_at_its_own_address() {
    let world = World::built(Arc::new(MemoryStore::default()), |parts| parts.config.password_attempts.per_address = 3);
    let ada = world.user("ada");
    ada.sets_up().await;
    let home =
        signs_in(&world, &ada, &ada.code(), &RequestContext::default()).await.unwrap().browser().unwrap().clone();
    for [stranger, owner] in [["192.0.2.1", "::ffff:192.0.2.1"], ["2001:db8::bad", "2001:db8::1"]] {
        let at = |address: &str, browser| RequestContext { address: Some(address.parse().unwrap()), ..from(browser) };
        let guess =
            async |name, context: &RequestContext| refusal(world.engine.sign_in(name, &"wrong".into(), context).await);
        for _ in 0..3 {
            assert_eq!(guess("nobody", &at(stranger, None)).await, Refusal::InvalidCredentials);
        }
        for _ in 0..20 {
            assert_eq!(
                guess("ada", &at(owner, Some(&home))).await,
                Refusal::InvalidCredentials,
                "looked at all the same"
            );
        }
        let used_up = guess("ada", &at(owner, Some(&home))).await;
        assert!(matches!(used_up, Refusal::TooManyFailures { .. }), "its own budget bounds it: {used_up:?}");
        let foreign = guess("nobody", &at(stranger, Some(&home))).await;
        assert!(matches!(foreign, Refusal::TooManyFailures { .. }), "known to ada, and to nobody else: {foreign:?}");
        world.pass(15 * 60);
        for _ in 0..3 {
            assert!(is_asked(&world, &ada, &at(owner, Some(&home))).await.is_ok());
            assert_eq!(guess("nobody", &at(stranger, None)).await, Refusal::InvalidCredentials);
        }
        let refused = guess("nobody", &at(stranger, None)).await;
        assert!(matches!(refused, Refusal::TooManyFailures { .. }), "the owner's sign-ins give strangers nothing back");
        world.pass(15 * 60);
    }
}

/// A device cookie is good for the user who signed in in that browser, for its lifetime, unchanged.
#[tokio::test]
async fn a_browser_is_known_to_those_who_signed_in_there_and_nobody_else() {
    let (world, ada, home) = ada_at_home().await;
    let bob = world.user("bob");
    for _ in 0..20 {
        let _ = world.engine.sign_in("bob", &"wrong".into(), &from(None)).await;
        let _ = world.engine.sign_in("ada", &"wrong".into(), &from(None)).await;
    }
    let bob_signs_in = async |browser: &BrowserToken| {
        world.engine.sign_in("bob", &bob.password.as_str().into(), &from(Some(browser))).await
    };
    assert!(matches!(refusal(bob_signs_in(&home).await), Refusal::TooManyFailures { .. }));
    world.pass(15 * 60);
    let Ok(SignIn::Complete(new_session)) = bob_signs_in(&home).await else { panic!("bob has no second factor") };
    let both = new_session.browser().unwrap().clone();
    for _ in 0..20 {
        let _ = world.engine.sign_in("bob", &"wrong".into(), &from(None)).await;
        let _ = world.engine.sign_in("ada", &"wrong".into(), &from(None)).await;
    }
    assert!(bob_signs_in(&both).await.is_ok(), "one browser may be known to several");
    assert!(is_asked(&world, &ada, &from(Some(&both))).await.is_ok());
    let (first, rest) = both.expose().split_at(1);
    let broken = BrowserToken::new(format!("{}{rest}", if first == "A" { "B" } else { "A" }));
    for stranger in [broken, BrowserToken::new(""), BrowserToken::new("x".repeat(3000))] {
        let refused = refusal(is_asked(&world, &ada, &from(Some(&stranger))).await);
        assert!(matches!(refused, Refusal::TooManyFailures { .. }), "{refused:?}");
    }
    world.pass(90 * 24 * 3600);
    for _ in 0..20 {
        let _ = world.engine.sign_in("ada", &"wrong".into(), &from(None)).await;
    }
    assert!(is_asked(&world, &ada, &from(Some(&both))).await.is_err(), "known for ninety days, not longer");
}

#[tokio::test]
async fn where_browsers_are_not_to_be_known_none_is() {
    let world =
        World::built(Arc::new(MemoryStore::default()), |parts| parts.config.device_cookie_lifetime = Duration::ZERO);
    let ada = world.user("ada");
    ada.sets_up().await;
    let new_session = signs_in(&world, &ada, &ada.code(), &RequestContext::default()).await.unwrap();
    assert!(new_session.browser().is_none());
}

/// Signs in as often as this with the password alone, each time as a new browser.
async fn signs_in_in_many_browsers(world: &World, person: &Person, times: usize) -> Vec<BrowserToken> {
    let mut browsers = vec![];
    for _ in 0..times {
        let password = person.password.as_str().into();
        let Ok(SignIn::Complete(new_session)) = world.engine.sign_in(&person.user.name, &password, &from(None)).await
        else {
            panic!("the password is enough")
        };
        browsers.extend(new_session.browser().cloned());
    }
    browsers
}

/// Gives a wrong answer to the device that is asked, once.
async fn guesses(world: &World, person: &Person, browser: &BrowserToken) -> Option<Refusal> {
    let context = from(Some(browser));
    let asked = is_asked(world, person, &context).await.ok()?;
    let answered = world.engine.answer(&asked.token, &asked.view.device.id, &"000000".into(), &context).await;
    Some(refusal(answered))
}

/// T105: cookies of sign-ins that proved no device are worth nothing at the second step, and end with the first device.
#[tokio::test]
async fn t105_a_cookie_from_before_the_first_device_is_not_recognized_by_it() {
    let world = World::new();
    let ada = world.user("ada");
    let browsers = signs_in_in_many_browsers(&world, &ada, 210).await;
    assert_eq!(browsers.len(), 16, "a user's browsers are bounded");
    let signed_in = ada.sets_up().await;
    let (attempt, second) = ada.begins_setup(&signed_in).await.unwrap();
    let code = second.code_at(world.now());
    let mine = world.engine.confirm_enrolment(&signed_in, &attempt, &code.into(), &from(None)).await.unwrap();
    let home = mine.browser().unwrap().clone();
    world.pass(30);
    let mut judged = 0;
    for guess in 0..200 {
        let refused = guesses(&world, &ada, &browsers[guess % browsers.len()]).await;
        judged += usize::from(refused == Some(Refusal::CodeWrong));
    }
    assert_eq!(judged, 1, "they wait for each other's failures like any stranger");
    let cookies = world.store.device_cookies(&ada.user.id).await.unwrap();
    assert!(cookies.iter().all(|cookie| cookie.device.is_some()), "{cookies:?}");
    signs_in(&world, &ada, &ada.code(), &from(Some(&home))).await.unwrap();
}

/// T139: an attacker who copied a device cookie before the password changed has nothing after, even once the owner has signed
/// in there again.
#[tokio::test]
async fn t139_a_copy_of_a_device_cookie_ends_with_the_password_it_was_given_for() {
    let (world, ada, copied) = ada_at_home().await;
    let recognised = async |browser: &BrowserToken, password: &str| {
        let SignIn::Pending(asked) = world.engine.sign_in("ada", &password.into(), &from(Some(browser))).await.unwrap()
        else {
            panic!("an app is owed")
        };
        asked.view.device.name.is_some()
    };
    assert!(recognised(&copied, &ada.password).await);
    let session = signs_in(&world, &ada, &ada.code(), &from(Some(&copied))).await.unwrap();
    let (old, new) = (Secret::new(&*ada.password), Secret::new("a new long password"));
    let changed = world.engine.change_password(session.signed_in(), &old, &new, &from(Some(&copied))).await.unwrap();
    assert!(recognised(changed.browser().unwrap(), new.expose()).await, "the owner's own browser goes on");
    assert!(!recognised(&copied, new.expose()).await, "and a copy from before does not");
}

/// T105: what was proved in a browser before the password changed is worth nothing after.
#[tokio::test]
async fn t105_a_change_of_password_ends_every_device_cookie_but_its_own() {
    let world = World::new();
    let ada = world.user("ada");
    let browsers = signs_in_in_many_browsers(&world, &ada, 6).await;
    let signed_in = ada.signs_in_with_password().await;
    let (old, new) = (Secret::new(&*ada.password), Secret::new("a new long password"));
    let changed = world.engine.change_password(&signed_in, &old, &new, &from(None)).await.unwrap();
    let mut looked_at = 0;
    for guess in 0..120 {
        let context = from(Some(&browsers[guess % browsers.len()]));
        let refused = refusal(world.engine.sign_in("ada", &"wrong".into(), &context).await);
        looked_at += usize::from(refused == Refusal::InvalidCredentials);
    }
    assert_eq!(looked_at, 20, "the budget of strangers");
    let own = from(changed.browser());
    assert!(world.engine.sign_in("ada", &new, &own).await.is_ok(), "the one in which it was changed is no stranger");
}

/// T105: the removal of all devices, by the owner or by staff, and another stamp, as a deactivation gives, end what was proved
/// in browsers.
#[tokio::test]
async fn t105_a_reset_a_removal_of_all_devices_and_another_stamp_end_device_cookies() {
    for how in ["reset by staff", "removal by the owner", "another stamp"] {
        let (world, ada, home) = ada_at_home().await;
        match how {
            "reset by staff" => world.engine.disable_two_factor(&ada.user).await.unwrap(),
            "removal by the owner" => {
                let new_session = ada.signs_in(&ada.code()).await.unwrap();
                let attempt = world.engine.begin(new_session.signed_in(), Purpose::Disable).await.unwrap();
                world.engine.disable(new_session.signed_in(), &attempt, &RequestContext::default()).await.unwrap();
            }
            _ => world.users.change(&ada.user.id, |user| user.stamp = "another".into()),
        }
        for guess in 0..21 {
            let _ = world.engine.sign_in("ada", &format!("guess {guess}").as_str().into(), &from(None)).await;
        }
        let refused = refusal(world.engine.sign_in("ada", &"wrong".into(), &from(Some(&home))).await);
        assert!(matches!(refused, Refusal::TooManyFailures { .. }), "{how}: {refused:?}");
    }
}

/// T105: all browsers with a device cookie wait for each other's failures; and codes are sent where answers are taken.
#[tokio::test]
async fn t105_browsers_with_a_device_cookie_wait_for_each_other() {
    let (world, ada, home) = ada_at_home().await;
    let work = signs_in(&world, &ada, &ada.code(), &from(None)).await.unwrap().browser().unwrap().clone();
    world.pass(30);
    assert_eq!(guesses(&world, &ada, &home).await, Some(Refusal::CodeWrong));
    let refused = guesses(&world, &ada, &work).await;
    assert!(matches!(refused, Some(Refusal::DeviceLocked { failures: 1, .. })), "{refused:?}");
}

/// T105: a browser that somebody planted before the owner signed in there says nothing of the owner's.
#[tokio::test]
async fn t105_a_planted_cookie_does_not_become_its_planters() {
    let (world, ada, _) = ada_at_home().await;
    let mallory = world.user("mallory");
    let password = mallory.password.as_str().into();
    let Ok(SignIn::Complete(new_session)) = world.engine.sign_in("mallory", &password, &from(None)).await else {
        panic!()
    };
    let planted = new_session.browser().unwrap().clone();
    signs_in(&world, &ada, &ada.code(), &from(Some(&planted))).await.unwrap();
    world.pass(30);
    assert_eq!(guesses(&world, &ada, &planted).await, Some(Refusal::CodeWrong));
    let refused = guesses(&world, &ada, &planted).await;
    assert!(matches!(refused, Some(Refusal::DeviceLocked { .. })), "{refused:?}");
    let cookies = world.store.device_cookies(&ada.user.id).await.unwrap();
    assert_eq!(cookies.len(), 3, "the setup, the sign-in at home and this one: {cookies:?}");
    let throttle = &world.store.factors(&ada.user.id).await.unwrap().devices[0].throttle;
    assert_eq!((throttle.failures, throttle.recognized), (1, None), "the planter is a stranger");
}

/// Guesses that run beside each other are no cheaper than guesses in a row: each is charged before it is looked at.
#[tokio::test]
async fn parallel_guesses_share_the_budget_of_guesses_in_a_row() {
    let ready = World::new();
    let ada = ready.user("ada");
    let looked_at = Arc::new(AtomicUsize::new(0));
    let users = HookedUsers::counting(ready.users.clone(), &looked_at, Duration::from_millis(50));
    let world = World::built(ready.store.clone(), |parts| parts.users = users);
    for round in 0..3 {
        let (engine, right) = (world.engine.clone(), ada.password.clone());
        let outcomes = all_at_once(200, move |number| {
            let (engine, right) = (engine.clone(), right.clone());
            let guess = if number == 199 { right } else { format!("guess {number}") };
            async move { engine.sign_in("ada", &guess.as_str().into(), &RequestContext::default()).await }
        })
        .await;
        assert!(outcomes.iter().all(Result::is_err), "the right one came when the budget was used up");
        let wrong = |outcome: &&Result<_, Error>| matches!(outcome, Err(Error::Refused(Refusal::InvalidCredentials)));
        assert_eq!(outcomes.iter().filter(wrong).count(), if round == 0 { 20 } else { 0 });
        assert_eq!(looked_at.load(Ordering::SeqCst), 20);
    }
}
