//! T117: a clock that was ahead. What it has dated is not believed, and lengthens nothing beyond its own limit.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use countersign_engine::{
    Error, NewSession,
    core::{DeviceName, Kind, Refusal, Scopes, Timestamp, flow::Purpose, time::CLOCK_TOLERANCE},
    flow::{Enrolment, LoginChallenge, NewToken, RequestContext, SignIn},
    memory::MemoryStore,
};
use countersign_testkit::{Person, World, refusal, rounds};
use proptest::prelude::*;

fn from(new_session: &NewSession) -> RequestContext {
    RequestContext { browser: new_session.browser().cloned(), ..RequestContext::default() }
}

/// The right password; the device that is asked.
async fn is_asked(world: &World, ada: &Person, context: &RequestContext) -> Result<LoginChallenge, Error> {
    match world.engine.sign_in("ada", &ada.password.as_str().into(), context).await? {
        SignIn::Pending(challenge) => Ok(challenge),
        SignIn::Complete(_) => panic!("there is no second factor"),
    }
}

async fn answers(world: &World, ada: &Person, answer: &str, context: &RequestContext) -> Result<NewSession, Error> {
    let asked = is_asked(world, ada, context).await?;
    let device = asked.view.device.id.clone();
    world.engine.answer(&asked.token, &device, &answer.into(), context).await.map(|(new_session, _)| new_session)
}

/// How long it takes, read every few seconds, until `is_free` says so.
async fn waits(world: &World, longest: Duration, is_free: impl AsyncFnMut() -> bool) -> Duration {
    waits_by(world, 7, longest, is_free).await
}

/// How long it takes, read every so many seconds, until `is_free` says so.
async fn waits_by(world: &World, step: u64, longest: Duration, mut is_free: impl AsyncFnMut() -> bool) -> Duration {
    let began = world.now();
    while world.now().since(began) <= longest + Duration::from_secs(step) {
        if is_free().await {
            return world.now().since(began);
        }
        world.pass(step);
    }
    panic!("it lasts longer than {longest:?}")
}

/// A world with Ada, who has an app and was signed in a while ago; the clock then leaps ahead and is not yet put right.
async fn leap(ahead: Duration) -> (World, Person, Timestamp) {
    let world = World::new();
    let ada = world.user("ada");
    ada.sets_up().await;
    world.pass(60);
    let right = world.now();
    world.clock.set(right.after(ahead));
    (world, ada, right)
}

/// The same with Ada's telephone, to which codes are sent.
async fn leap_with_sms(ahead: Duration) -> (World, Person, Timestamp) {
    let world = World::with_every_method(Arc::new(MemoryStore::default()));
    let ada = world.user("ada");
    let (signed_in, context) = (ada.signs_in_with_password().await, RequestContext::default());
    let phone =
        Enrolment { kind: Kind::SMS, name: DeviceName::parse("Phone").unwrap(), to: Some("+31 6 12345658".into()) };
    let attempt = world.engine.begin_enrolment(&signed_in, phone, &context).await.unwrap();
    world.engine.confirm_enrolment(&signed_in, &attempt, &world.outbox.code().into(), &context).await.unwrap();
    world.pass(24 * 3600);
    let right = world.now();
    world.clock.set(right.after(ahead));
    (world, ada, right)
}

fn play(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test);
}

/// From just beyond what clocks may differ by, to years.
fn ahead() -> impl Strategy<Value = Duration> {
    prop_oneof![61..600_u64, 600..100_000_u64, 100_000..40_000_000_u64].prop_map(Duration::from_secs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(rounds(24)))]

    #[test]
    fn t117_a_lock_lasts_no_longer_than_its_delay(ahead in ahead(), failures in 1..4_usize, recognized: bool) {
        play(async move {
            let world = World::new();
            let ada = world.user("ada");
            ada.sets_up().await;
            let known = from(&ada.signs_in(&ada.code()).await.unwrap());
            let context = if recognized { known } else { RequestContext::default() };
            let right = world.now().after(Duration::from_mins(1));
            world.clock.set(right.after(ahead));
            // Its cookie is too old for a clock that is far enough ahead: then its failures are a stranger's.
            for _ in 0..failures {
                let _ = answers(&world, &ada, &ada.wrong_code(), &context).await;
                world.pass(600);
            }
            world.clock.set(right);
            let delay = Duration::from_secs(1 << (failures - 1));
            let free = async || is_asked(&world, &ada, &context).await.unwrap().view.device.locked_until.is_none();
            waits(&world, delay + Duration::from_secs(7), free).await;
            answers(&world, &ada, &ada.code(), &context).await.unwrap();
        });
    }

    #[test]
    fn t117_a_budget_of_passwords_lasts_no_longer_than_its_window(ahead in ahead(), full: bool) {
        play(async move {
            let (world, ada, right) = leap(ahead).await;
            let guesses = if full { 25 } else { 10 };
            for _ in 0..guesses {
                let _ = world.engine.sign_in("ada", &"wrong".into(), &RequestContext::default()).await;
            }
            world.clock.set(right);
            for _ in 0..25 {
                let _ = world.engine.sign_in("ada", &"wrong".into(), &RequestContext::default()).await;
            }
            let closed = refusal(world.engine.sign_in("ada", &"wrong".into(), &RequestContext::default()).await);
            assert!(matches!(closed, Refusal::TooManyFailures { .. }), "{closed:?}");
            let free = async || is_asked(&world, &ada, &RequestContext::default()).await.is_ok();
            waits(&world, Duration::from_secs(15 * 60 + 60 + 7), free).await;
        });
    }

    #[test]
    fn t117_a_cooldown_and_a_day_of_codes_last_no_longer_than_their_limits(ahead in ahead(), day: bool) {
        play(async move {
            let (world, ada, right) = leap_with_sms(ahead).await;
            for _ in 0..if day { 12 } else { 1 } {
                is_asked(&world, &ada, &RequestContext::default()).await.unwrap();
                world.pass(60);
            }
            world.clock.set(right);
            let limit = Duration::from_secs(if day { 24 * 3600 } else { 60 });
            let is_sent = async || {
                let before = world.outbox.count();
                is_asked(&world, &ada, &RequestContext::default()).await.unwrap();
                world.outbox.count() > before
            };
            waits_by(&world, limit.as_secs() / 24 + 5, limit + CLOCK_TOLERANCE, is_sent).await;
        });
    }

    #[test]
    fn t117_a_code_that_was_sent_ahead_is_accepted_no_longer_than_it_would_have_been(ahead in ahead(), later in 0..1000_u64) {
        play(async move {
            let (world, ada, right) = leap_with_sms(ahead).await;
            let asked = is_asked(&world, &ada, &RequestContext::default()).await.unwrap();
            let code = world.outbox.code();
            world.clock.set(right);
            world.pass(later);
            if right.after(ahead).is_credible(world.now()) {
                return;
            }
            let device = asked.view.device.id.clone();
            assert_eq!(refusal(ada.answers(&asked.token, &device, &code).await), Refusal::AttemptExpired);
            let again = is_asked(&world, &ada, &RequestContext::default()).await.unwrap();
            assert!(matches!(again.unsent, Some(Refusal::SendingTooSoon { .. })), "the cooldown begins anew: {again:?}");
            assert_eq!(refusal(ada.answers(&again.token, &device, &code).await), Refusal::NoCodeSent);
        });
    }

    #[test]
    fn t117_nothing_that_was_proved_ahead_is_fresh_or_opens_anything(ahead in ahead(), later in 0..50_000_000_u64) {
        play(async move {
            let (world, ada, right) = leap(ahead).await;
            let new_session = ada.signs_in(&ada.code()).await.unwrap();
            let signed_in = new_session.signed_in().clone();
            let new = NewToken {
                name: DeviceName::parse("Script").unwrap(),
                scopes: Scopes::parse("read").unwrap(),
                lifetime: None,
            };
            let (token, _) = world.engine.make_token(&signed_in, new, &RequestContext::default()).await.unwrap();
            let pending = ada.is_asked().await;
            let (setup, app) = ada.begins_setup(&signed_in).await.unwrap();
            let step_up = world.engine.begin_step_up(&signed_in, None).await.unwrap();
            // With right codes, in the session in which both were begun.
            let finishes = async || {
                let (code, context) = (app.code_at(world.now()).into(), RequestContext::default());
                let confirmed = world.engine.confirm_enrolment(&signed_in, &setup, &code, &context).await;
                let (device, code) = (&step_up.view.device.id, ada.code().into());
                [confirmed, world.engine.step_up(&signed_in, &step_up.token, device, &code, &context).await].map(refusal)
            };
            world.clock.set(right);
            // A request that began before the clock was put right goes on with what it has read.
            assert_eq!(refusal(world.engine.begin(&signed_in, Purpose::Disable).await), Refusal::VerificationNeeded);
            let asked = answers(&world, &ada, "000000", &from(&new_session)).await;
            assert!(asked.is_err());
            let bearer = countersign_engine::BearerToken::parse(token.expose()).unwrap();
            assert!(world.engine.bearer(&bearer).await.unwrap().is_none());
            let device = pending.view.device.id.clone();
            assert_eq!(refusal(ada.answers(&pending.token, &device, "000000").await), Refusal::AttemptExpired);
            assert_eq!(finishes().await, [Refusal::AttemptExpired, Refusal::AttemptExpired]);
            assert!(ada.session(new_session.token()).await.is_none());
            world.pass(later);
            assert!(ada.session(new_session.token()).await.is_none(), "it is over for good");
            assert!(world.engine.bearer(&bearer).await.unwrap().is_none(), "and so is the token");
            // Once its moment has come the run itself is believed, but not the session that it belongs to.
            let late = finishes().await;
            let is_over = |refusal: &Refusal| matches!(refusal, Refusal::AttemptExpired | Refusal::SignInNeeded);
            assert!(late.iter().all(is_over), "{late:?}");
        });
    }

    #[test]
    fn t117_a_replay_mark_is_never_lowered_and_the_refusal_names_the_clock(ahead in ahead(), reads in 1..5_usize) {
        play(async move {
            let (world, ada, right) = leap(ahead).await;
            let code = ada.code();
            ada.signs_in(&code).await.unwrap();
            world.clock.set(right);
            let step = |moment: Timestamp| moment.as_millis() / 30_000;
            for _ in 0..reads {
                // From then on a right code is a later one than that which was accepted.
                if step(world.now()) > step(right.after(ahead)) {
                    break;
                }
                let refused = refusal(answers(&world, &ada, &ada.code(), &RequestContext::default()).await);
                let is_credible = right.after(ahead).is_credible(world.now());
                assert_eq!(refused, if is_credible { Refusal::CodeUsed } else { Refusal::ClockSetBack });
                world.pass(30);
            }
            world.clock.set(right.after(ahead));
            assert_eq!(refusal(answers(&world, &ada, &code, &RequestContext::default()).await), Refusal::CodeUsed);
            world.pass(30);
            ada.signs_in(&ada.code()).await.unwrap();
        });
    }

    #[test]
    fn t117_a_browser_from_the_future_is_no_browser(ahead in ahead()) {
        play(async move {
            let (world, ada, right) = leap(ahead).await;
            let context = from(&ada.signs_in(&ada.code()).await.unwrap());
            world.clock.set(right);
            let _ = answers(&world, &ada, "000000", &context).await;
            let factors = world.store.factors(&ada.user.id).await.unwrap();
            assert_eq!(factors.devices[0].throttle.recognized, None);
            let cookies = world.store.device_cookies(&ada.user.id).await.unwrap();
            let is_credible = |moment: Timestamp| moment <= world.now().after(CLOCK_TOLERANCE);
            assert!(cookies.iter().all(|cookie| is_credible(cookie.last_seen)), "it is ended, not kept for later");
        });
    }

    #[test]
    fn t117_a_node_from_the_future_neither_lives_nor_keeps_a_task(ahead in ahead()) {
        play(async move {
            let (world, _, right) = leap(ahead).await;
            let fast = world.engine.start_node("1");
            world.engine.report(&fast).await.unwrap();
            let hour = Duration::from_hours(1);
            assert!(world.engine.purge_in_turn(&fast, hour).await.unwrap().is_some());
            world.clock.set(right);
            let nodes = world.engine.nodes().await.unwrap();
            assert!(nodes.iter().all(|node| !world.engine.is_live(node)));
            let own = world.engine.start_node("1");
            let turn = async || world.engine.purge_in_turn(&own, hour).await.unwrap().is_some();
            waits(&world, hour + CLOCK_TOLERANCE + Duration::from_secs(7), turn).await;
            assert!(world.engine.nodes().await.unwrap().is_empty(), "it is forgotten");
        });
    }
}
