//! Whose codes are whose: what an attacker who has the password can use up, and what is kept for the owner.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use countersign_engine::{
    BrowserToken, Error,
    core::{Config, DeviceName, Kind, Refusal, sending::EmailRule},
    flow::{Enrolment, LoginChallenge, RequestContext, SignIn},
    memory::MemoryStore,
};
use countersign_testkit::{Outbox, Person, World, refusal};

const NUMBER: &str = "+31 6 12345658";
const MAILBOX: &str = "ada@example.org";

fn world(config: impl FnOnce(&mut Config)) -> World {
    let outbox = Arc::new(Outbox::default());
    let world = World::built(Arc::new(MemoryStore::default()), |parts| {
        for channel in [Kind::SMS, Kind::EMAIL] {
            parts.gateways.insert(channel, outbox.clone());
        }
        parts.config.sending.email = EmailRule::Alone;
        config(&mut parts.config);
    });
    World { outbox, ..world }
}

fn from(browser: Option<&BrowserToken>) -> RequestContext {
    RequestContext { browser: browser.cloned(), ..RequestContext::default() }
}

fn phone(kind: Kind, to: &str) -> Enrolment {
    Enrolment { kind, name: DeviceName::parse("Phone").unwrap(), to: Some(to.into()) }
}

/// Signs in with the password, and says whether a code was sent: while an earlier one is good, the challenge does not tell.
async fn is_sent(world: &World, person: &Person, browser: Option<&BrowserToken>) -> bool {
    let before = world.outbox.count();
    asks(world, person, browser).await;
    world.outbox.count() > before
}

/// Signs in with the password.
async fn asks(world: &World, person: &Person, browser: Option<&BrowserToken>) -> LoginChallenge {
    let asked = world.engine.sign_in(&person.user.name, &person.password.as_str().into(), &from(browser)).await;
    let Ok(SignIn::Pending(challenge)) = asked else { panic!("{asked:?}") };
    challenge
}

/// Signs in with the password and the code that is sent; the device cookie.
async fn signs_in(world: &World, person: &Person, browser: Option<&BrowserToken>) -> Result<BrowserToken, Refusal> {
    let challenge = asks(world, person, browser).await;
    if let Some(refusal) = challenge.unsent {
        return Err(refusal);
    }
    let (device, code) = (&challenge.view.device.id, world.outbox.code());
    let answered = world.engine.answer(&challenge.token, device, &code.into(), &from(browser)).await;
    Ok(answered.unwrap().0.browser().unwrap().clone())
}

/// Ada, to whom codes go by text message, and the cookie of the browser in which she has signed in.
async fn ada_at_home(world: &World) -> (Person, BrowserToken) {
    let (ada, context) = (world.user("ada"), RequestContext::default());
    let signed_in = ada.signs_in_with_password().await;
    let attempt = world.engine.begin_enrolment(&signed_in, phone(Kind::SMS, NUMBER), &context).await.unwrap();
    world.engine.confirm_enrolment(&signed_in, &attempt, &world.outbox.code().into(), &context).await.unwrap();
    let home = signs_in(world, &ada, None).await.unwrap();
    (ada, home)
}

fn too_soon_or_limited(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::SendingTooSoon { .. } | Refusal::SendingLimited { .. })
}

/// The attacker asks every minute of two days, at the moment before the owner too, and for a code to every device of theirs.
#[tokio::test]
async fn t107_the_owner_always_gets_a_code_while_a_stranger_asks_all_day() {
    let world = world(|_| {});
    let (ada, home) = ada_at_home(&world).await;
    let signed_in = {
        let challenge = asks(&world, &ada, Some(&home)).await;
        let (device, code) = (&challenge.view.device.id, world.outbox.code());
        let answered = world.engine.answer(&challenge.token, device, &code.into(), &from(Some(&home))).await;
        answered.unwrap().0.signed_in().clone()
    };
    let mail = phone(Kind::EMAIL, MAILBOX);
    let attempt = world.engine.begin_enrolment(&signed_in, mail, &RequestContext::default()).await.unwrap();
    world
        .engine
        .confirm_enrolment(&signed_in, &attempt, &world.outbox.code().into(), &RequestContext::default())
        .await
        .unwrap();
    let (before, mut owner_sent) = (world.outbox.count(), 0);
    for minute in 1..2 * 24 * 60 {
        world.pass(60);
        let stranger = asks(&world, &ada, None).await;
        for other in &stranger.view.others {
            let _ = world.engine.send(&stranger.token, &other.id, &RequestContext::default()).await;
        }
        if minute % 60 == 30 {
            signs_in(&world, &ada, Some(&home)).await.unwrap_or_else(|refusal| panic!("minute {minute}: {refusal:?}"));
            owner_sent += 1;
        }
    }
    let strangers = world.outbox.count() - before - owner_sent;
    assert_eq!(strangers, 2 * 10, "half of a user's codes a day");
}

/// Each of them alone, in a row: the codes that the owner does not type back are limited as before.
#[tokio::test]
async fn t107_strangers_use_half_of_an_address_and_the_owner_the_rest() {
    let world = world(|_| {});
    let (ada, home) = ada_at_home(&world).await;
    world.pass(300);
    for number in 0..12 {
        world.pass(60);
        assert_eq!(is_sent(&world, &ada, None).await, number < 5, "{number}");
    }
    for number in 5..12 {
        world.pass(60);
        assert_eq!(is_sent(&world, &ada, Some(&home)).await, number < 10, "{number}");
    }
}

/// With a session that ends after an idle hour, and ten codes a day for an address.
#[tokio::test]
async fn t108_an_owner_who_types_every_code_back_gets_the_twentieth() {
    for has_cookie in [false, true] {
        let world = world(|_| {});
        let (ada, home) = ada_at_home(&world).await;
        let home = Some(&home).filter(|_| has_cookie);
        for number in 0..20 {
            world.pass(3600);
            assert_eq!(signs_in(&world, &ada, home).await.err(), None, "{number}");
        }
    }
}

/// What is verified is given back to user and address up to a ceiling, and to region and money not at all.
#[tokio::test]
async fn t107_codes_that_are_typed_back_without_end_meet_a_ceiling() {
    type Change = fn(&mut Config);
    let limits: [(Change, usize); 4] = [
        (|_| {}, 50),
        (|config| config.sending.per_user_ceiling = 30, 30),
        (|config| config.sending.per_region = 25, 25),
        (
            |config| {
                config.sending.prices.usual = 100;
                config.sending.spend = Some(2200);
            },
            22,
        ),
    ];
    for (change, most) in limits {
        let world = world(change);
        let (ada, home) = ada_at_home(&world).await;
        let mut last = None;
        for _ in 0..60 {
            world.pass(60);
            last = signs_in(&world, &ada, Some(&home)).await.err();
        }
        assert!(matches!(last, Some(Refusal::SendingLimited { .. })), "{last:?}");
        assert_eq!(world.outbox.count(), most);
    }
}

/// So many codes may be good at once: where nothing else limits them, strangers fill half of the places.
#[tokio::test]
async fn t107_strangers_leave_places_for_codes_that_are_good_at_once() {
    let world = world(|config| {
        let sending = &mut config.sending;
        sending.cooldown = std::time::Duration::ZERO;
        for limit in [
            &mut sending.per_user,
            &mut sending.per_user_ceiling,
            &mut sending.per_address,
            &mut sending.per_address_ceiling,
        ] {
            *limit = 1000;
        }
    });
    let (ada, home) = ada_at_home(&world).await;
    world.pass(300);
    let before = world.outbox.count();
    for _ in 0..20 {
        asks(&world, &ada, None).await;
    }
    assert_eq!(world.outbox.count() - before, 5);
    for number in 0..7 {
        assert_eq!(is_sent(&world, &ada, Some(&home)).await, number < 5, "{number}");
    }
}

/// Somebody else with an account, and with a device cookie of their own, sets the owner's number up as theirs.
#[tokio::test]
async fn t107_a_device_cookie_is_worth_nothing_at_an_address_that_is_not_proved() {
    let world = world(|_| {});
    let (ada, home) = ada_at_home(&world).await;
    let bob = world.user("bob");
    bob.sets_up().await;
    let context = RequestContext {
        browser: bob.signs_in(&bob.code()).await.unwrap().browser().cloned(),
        ..RequestContext::default()
    };
    assert!(context.browser.is_some());
    world.pass(30);
    let challenge = bob.is_asked().await;
    let answered = world.engine.answer(&challenge.token, &challenge.view.device.id, &bob.code().into(), &context).await;
    let signed_in = answered.unwrap().0.signed_in().clone();
    let mut sent = 0;
    for _ in 0..8 {
        world.pass(60);
        match world.engine.begin_enrolment(&signed_in, phone(Kind::SMS, NUMBER), &context).await {
            Ok(_) => sent += 1,
            Err(Error::Refused(refused)) => assert!(too_soon_or_limited(&refused), "{refused:?}"),
            Err(fault) => panic!("{fault:?}"),
        }
        assert_eq!(signs_in(&world, &ada, Some(&home)).await.err(), None, "at the same moment");
    }
    assert_eq!(sent, 5);
    let refused = world.engine.begin_enrolment(&signed_in, phone(Kind::SMS, NUMBER), &context).await;
    assert!(too_soon_or_limited(&refusal(refused)));
}
