//! Races through a gate, in memory, on SQLite and on PostgreSQL: all tasks have read before one writes. The races for a
//! code, for the count of failures and for a first device also run on a store that forgets what versions are for, where
//! they must come out wrong: else they would prove nothing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod at_once;
mod course;
mod limits;
mod methods;
mod password;
mod repeat;
mod sending;
mod step_up;
mod vouched;

use countersign_engine::{
    Error,
    core::{Change, DeviceChange, EventKind, Level, Refusal, SessionChange, flow::Purpose, throttle::ThrottleRule},
    flow::RequestContext,
};
use countersign_testkit::{Person, all_at_once, rounds};

use course::{Course, RACERS, Tally, moves_factors, tally, writes_a_device};

/// Everybody answers the same thing at once, each in a login of their own.
async fn answer_at_once(course: &Course, backup: bool, wrong: bool) -> (Tally, u32) {
    let world = course.ready();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let codes = ada.makes_backup_codes(&signed_in).await;
    let answer = match (backup, wrong) {
        (false, false) => ada.code(),
        (false, true) => ada.wrong_code(),
        (true, _) => codes[3].clone(),
    };
    let mut runs = vec![];
    for _ in 0..RACERS {
        let challenge = ada.is_asked().await;
        let device = if backup { &challenge.view.others[0] } else { &challenge.view.device };
        runs.push((challenge.token.clone(), device.id.clone()));
    }
    let asked = runs[0].1.clone();
    let gated = course.gated(&world, RACERS, writes_a_device);
    let engine = gated.engine.clone();
    let outcomes = all_at_once(RACERS, move |number| {
        let (engine, (attempt, device), answer) = (engine.clone(), runs[number].clone(), answer.clone());
        async move { engine.answer(&attempt, &device, &answer.as_str().into(), &RequestContext::default()).await }
    })
    .await;
    let device = course.rows.device(&asked).await.unwrap().unwrap();
    (tally(outcomes), device.throttle.failures)
}

#[tokio::test]
async fn one_of_64_simultaneous_answers_is_accepted() {
    for backup in [false, true] {
        for course in Course::careful().await {
            let (tally, failures) = answer_at_once(&course, backup, false).await;
            assert_eq!((tally.accepted, failures), (1, 0), "{tally:?}");
            assert_eq!(tally.refused, vec![Refusal::CodeUsed; RACERS - 1]);
        }
        for course in Course::careless().await {
            let (tally, _) = answer_at_once(&course, backup, false).await;
            assert!(tally.accepted > 1, "without versions the race must be lost, or it shows nothing");
        }
    }
}

/// T24: no failure is lost in a race.
#[tokio::test]
async fn every_one_of_64_simultaneous_wrong_codes_is_counted() {
    for course in Course::careful().await {
        let (tally, failures) = answer_at_once(&course, false, true).await;
        assert_eq!((tally.accepted, failures), (0, 64));
    }
    for course in Course::careless().await {
        let (_, failures) = answer_at_once(&course, false, true).await;
        assert!(failures < 64, "without versions failures get lost, or the race shows nothing");
    }
}

/// T19, T24: with the throttle on, what is counted and what is refused unseen is all there is.
#[tokio::test]
async fn t19_t24_with_the_throttle_on_every_racer_is_counted_or_refused_unseen() {
    for course in Course::careful().await {
        count_with_the_throttle_on(&course).await;
    }
}

async fn count_with_the_throttle_on(course: &Course) {
    let world = course.ready();
    let ada = world.user("ada");
    ada.sets_up().await;
    let mut runs = vec![];
    for _ in 0..RACERS {
        runs.push(ada.is_asked().await);
    }
    let device = runs[0].view.device.id.clone();
    let gated = course.gated_with(&world, RACERS, writes_a_device, ThrottleRule::default());
    let (engine, wrong, asked) = (gated.engine.clone(), ada.wrong_code(), device.clone());
    let outcomes = all_at_once(RACERS, move |number| {
        let (engine, attempt, wrong, device) =
            (engine.clone(), runs[number].token.clone(), wrong.clone(), asked.clone());
        async move { engine.answer(&attempt, &device, &wrong.as_str().into(), &RequestContext::default()).await }
    })
    .await;
    let tally = tally(outcomes);
    let counted = tally.refused.iter().filter(|refusal| **refusal == Refusal::CodeWrong).count();
    let unseen = tally.refused.iter().filter(|refusal| matches!(refusal, Refusal::DeviceLocked { .. })).count();
    let failures = world.store.device(&device).await.unwrap().unwrap().throttle.failures;
    assert_eq!((counted + unseen, failures as usize), (RACERS, counted));
    assert_eq!(counted, 1, "all had read the same, and one of them was counted");
    let right = ada.is_asked().await;
    let refused = ada.answers(&right.token, &device, &ada.code()).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::DeviceLocked { .. }))), "the right code after the limit");
}

/// Two sessions that each have only a password finish the setup of a "first" device at once.
async fn two_first_setups(course: &Course) -> (Tally, usize) {
    let world = course.ready();
    let ada = world.user("ada");
    let mut setups = vec![];
    for _ in 0..2 {
        let signed_in = ada.signs_in_with_password().await;
        let (attempt, app) = ada.begins_setup(&signed_in).await.unwrap();
        setups.push((signed_in, attempt, app.code_at(world.now())));
    }
    let engine = course.gated(&world, 2, moves_factors).engine;
    let outcomes = all_at_once(2, move |number| {
        let (engine, (signed_in, attempt, code)) = (engine.clone(), setups[number].clone());
        async move {
            engine.confirm_enrolment(&signed_in, &attempt, &code.as_str().into(), &RequestContext::default()).await
        }
    })
    .await;
    let factors = course.rows.factors(&ada.user.id).await.unwrap();
    (tally(outcomes), factors.devices.iter().filter(|device| device.is_active()).count())
}

#[tokio::test]
async fn of_two_first_setups_one_wins_and_the_other_is_refused() {
    for course in Course::careful().await {
        let (tally, active) = two_first_setups(&course).await;
        assert_eq!((tally, active), (Tally { accepted: 1, refused: vec![Refusal::SignInNeeded] }, 1));
    }
    for course in Course::careless().await {
        let (tally, _) = two_first_setups(&course).await;
        assert_eq!(tally.accepted, 2, "without versions both win, or the race shows nothing");
    }
}

/// One session confirms a further device while another switches two-factor authentication off.
async fn disable_against_confirm(course: &Course) -> (bool, bool, usize) {
    let world = course.ready();
    let ada = world.user("ada");
    let first = ada.sets_up().await;
    let second = ada.signs_in(&ada.code()).await.unwrap().signed_in().clone();
    let (setup, app) = ada.begins_setup(&first).await.unwrap();
    let off = world.engine.begin(&second, Purpose::Disable).await.unwrap();
    let engine = course.gated(&world, 2, moves_factors).engine;
    let code = app.code_at(world.now());
    let (confirming, disabling) = (engine.clone(), engine);
    let confirm = tokio::spawn(async move {
        confirming.confirm_enrolment(&first, &setup, &code.as_str().into(), &RequestContext::default()).await.is_ok()
    });
    let disable =
        tokio::spawn(async move { disabling.disable(&second, &off, &RequestContext::default()).await.is_ok() });
    let (confirmed, disabled) = (confirm.await.unwrap(), disable.await.unwrap());
    let factors = course.rows.factors(&ada.user.id).await.unwrap();
    (confirmed, disabled, factors.devices.len())
}

#[tokio::test]
async fn disabling_against_confirming_has_one_order_or_the_other() {
    for course in Course::many(rounds(2)).await {
        let (confirmed, disabled, devices) = disable_against_confirm(&course).await;
        assert!(disabled, "the second one reads afresh: disabling takes the new device along");
        assert_eq!(devices, 0, "confirmed first and removed, or removed first and not confirmed: {confirmed}");
    }
}

/// Of two forms that make backup codes at once, both may, one after the other: one set is left, and only its codes work.
#[tokio::test]
async fn two_new_sets_of_backup_codes_leave_one() {
    for course in Course::careful().await {
        make_two_sets(&course).await;
    }
}

async fn make_two_sets(course: &Course) {
    let world = course.ready();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let mut runs = vec![];
    for _ in 0..2 {
        runs.push(world.engine.begin(&signed_in, Purpose::BackupCodes).await.unwrap());
    }
    let engine = course.gated(&world, 2, moves_factors).engine;
    let outcomes = all_at_once(2, move |number| {
        let (engine, signed_in, attempt) = (engine.clone(), signed_in.clone(), runs[number].clone());
        let name = countersign_engine::core::DeviceName::parse("Codes").unwrap();
        async move { engine.make_backup_codes(&signed_in, &attempt, name, &RequestContext::default()).await }
    })
    .await;
    let sets: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    let works = async |ada: &Person, code: &str| ada.signs_in_with_backup_code(code).await.is_ok();
    let first = works(&ada, sets[0].codes[0].expose()).await;
    world.pass(1);
    assert_ne!(first, works(&ada, sets[1].codes[0].expose()).await);
}

/// A login with the password alone against the confirmation of the first device: the session rests on there being none.
#[tokio::test]
async fn a_password_only_session_never_outlives_the_first_device() {
    for course in Course::many(rounds(2)).await {
        let world = course.ready();
        let ada = world.user("ada");
        let signed_in = ada.signs_in_with_password().await;
        let (attempt, app) = ada.begins_setup(&signed_in).await.unwrap();
        let code = app.code_at(world.now());
        let engine =
            course.gated(&world, 2, |change| matches!(change, Change::Session(SessionChange::Create(_)))).engine;
        let confirming = engine.clone();
        let confirm = tokio::spawn(async move {
            confirming.confirm_enrolment(&signed_in, &attempt, &code.as_str().into(), &RequestContext::default()).await
        });
        let login = engine.sign_in("ada", &ada.password.as_str().into(), &RequestContext::default()).await.unwrap();
        confirm.await.unwrap().unwrap();
        let sessions = course.rows.sessions(&ada.user.id).await.unwrap();
        assert!(sessions.iter().all(|session| session.level == Level::Aal2), "{login:?}");
    }
}

/// Somebody signs in with a device while it is removed: one of the two comes too late.
#[tokio::test]
async fn no_session_outlives_the_device_that_verified_it() {
    for course in Course::careful().await {
        let world = course.ready();
        let ada = world.user("ada");
        let first = ada.sets_up().await;
        let lost = first.session().device.clone().unwrap();
        let (attempt, app) = ada.begins_setup(&first).await.unwrap();
        let code = app.code_at(world.now()).into();
        let new_session =
            world.engine.confirm_enrolment(&first, &attempt, &code, &RequestContext::default()).await.unwrap();
        let own = new_session.signed_in().clone();
        let login = ada.is_asked().await;
        let removal = world.engine.begin(&own, Purpose::RemoveDevice).await.unwrap();
        let meets = |change: &Change<_>| {
            matches!(change, Change::Device(DeviceChange::Update(_) | DeviceChange::Remove { .. }))
        };
        let engine = course.gated(&world, 2, meets).engine;
        let (context, code) = (RequestContext::default(), ada.code().into());
        // The one that arrives last at the gate goes through it first.
        let (removed, _) = tokio::join!(
            engine.remove_device(&own, &removal, &lost, &context),
            engine.answer(&login.token, &lost, &code, &context),
        );
        removed.unwrap();
        let sessions = course.rows.sessions(&ada.user.id).await.unwrap();
        assert!(sessions.iter().all(|session| session.device != Some(lost.clone())), "{sessions:?}");
    }
}

/// Signing out against an action of the same session, whichever arrives first: what was signed out does nothing afterwards.
#[tokio::test]
async fn no_action_comes_true_after_its_session_was_signed_out() {
    for action in [EventKind::Verified, EventKind::TwoFactorDisabled] {
        for out_first in [true, false] {
            for course in Course::careful().await {
                sign_out_against(&course, action, out_first).await;
            }
        }
    }
}

async fn sign_out_against(course: &Course, action: EventKind, out_first: bool) {
    let world = course.ready();
    let ada = world.user(action.as_str());
    ada.sets_up().await;
    let signed_in = ada.signs_in(&ada.code()).await.unwrap().signed_in().clone();
    world.pass(30);
    let step = world.engine.begin_step_up(&signed_in, None).await.unwrap();
    let off = world.engine.begin(&signed_in, Purpose::Disable).await.unwrap();
    let engine = course
        .gated(&world, 2, |change| {
            matches!(change, Change::Session(SessionChange::End(_) | SessionChange::EndAll { .. }))
        })
        .engine;
    let (out, code, session) = (engine.clone(), ada.code(), signed_in.clone());
    let signs_out = async move { out.sign_out(Some(&session), None, &RequestContext::default()).await.unwrap() };
    let does = async move {
        let (device, context) = (&step.view.device.id, RequestContext::default());
        let _ = match action {
            EventKind::Verified => engine.step_up(&signed_in, &step.token, device, &code.into(), &context).await,
            _ => engine.disable(&signed_in, &off, &context).await,
        };
    };
    // The one that arrives last at the gate goes through it first.
    if out_first {
        tokio::join!(does, signs_out);
    } else {
        tokio::join!(signs_out, does);
    }
    let events = course.rows.events(&ada.user.id, 2).await.unwrap();
    let latest: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(latest.first(), Some(&EventKind::SignedOut), "{action:?} came true after the sign-out: {latest:?}");
}
