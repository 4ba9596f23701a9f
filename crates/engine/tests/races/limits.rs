//! Races for what there may be so many of: tokens, running setups, devices.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use countersign_engine::{
    core::{BudgetChange, Change, DeviceChange, DeviceName, Kind, Refusal, Scopes, Status, TokenChange},
    flow::{Enrolment, NewToken, RequestContext},
};
use countersign_testkit::{Gate, HookedUsers, World, all_at_once};

use crate::course::{Course, RACERS, Tally, moves_factors, tally};

/// Everybody makes a personal token of one user's at once; by default there may be 50.
async fn make_tokens_at_once(course: &Course) -> (Tally, usize) {
    let world = course.ready();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let engine = course.gated(&world, RACERS, |change| matches!(change, Change::Token(TokenChange::Issue(_)))).engine;
    let outcomes = all_at_once(RACERS, move |_| {
        let (engine, signed_in) = (engine.clone(), signed_in.clone());
        let new = NewToken { name: DeviceName::parse("Script").unwrap(), scopes: Scopes::default(), lifetime: None };
        async move { engine.make_token(&signed_in, new, &RequestContext::default()).await }
    })
    .await;
    (tally(outcomes), course.rows.tokens(&ada.user.id).await.unwrap().len())
}

#[tokio::test]
async fn t120_of_64_tokens_made_at_once_there_are_as_many_as_there_may_be() {
    for course in Course::careful().await {
        let (tally, made) = make_tokens_at_once(&course).await;
        assert_eq!((tally.accepted, made), (50, 50));
        assert_eq!(tally.refused, vec![Refusal::TooManyTokens { most: 50 }; RACERS - 50], "the limit is named");
    }
    for course in Course::careless().await {
        let (_, made) = make_tokens_at_once(&course).await;
        assert!(made > 50, "without counting there are too many, or the race shows nothing: {made}");
    }
}

/// Everybody begins to set an app up at once. Returns how many setups are left.
async fn begin_setups_at_once(course: &Course) -> usize {
    let world = course.ready();
    let ada = world.user("ada");
    let signed_in = ada.signs_in_with_password().await;
    let engine = course.gated(&world, RACERS, |change| matches!(change, Change::Device(DeviceChange::Add(_)))).engine;
    let outcomes = all_at_once(RACERS, move |_| {
        let (engine, signed_in) = (engine.clone(), signed_in.clone());
        let enrolment = Enrolment { kind: Kind::TOTP, name: DeviceName::parse("Phone").unwrap(), to: None };
        async move { engine.begin_enrolment(&signed_in, enrolment, &RequestContext::default()).await }
    })
    .await;
    assert_eq!(tally(outcomes).refused, [], "the oldest give way");
    let devices = course.rows.factors(&ada.user.id).await.unwrap().devices;
    devices.iter().filter(|device| device.status == Status::Enrolling).count()
}

#[tokio::test]
async fn t120_of_64_setups_begun_at_once_eight_run() {
    for course in Course::careful().await {
        assert_eq!(begin_setups_at_once(&course).await, 8);
    }
    for course in Course::careless().await {
        assert!(begin_setups_at_once(&course).await > 8, "without counting there are too many");
    }
}

/// Two setups are confirmed at once where one more device may join.
#[tokio::test]
async fn t120_of_two_last_devices_confirmed_at_once_one_joins() {
    for course in Course::careful().await {
        let world = World::built(course.rows.clone(), |parts| parts.config.devices_per_user = 2);
        let ada = world.user("ada");
        ada.sets_up().await;
        let mut setups = vec![];
        for _ in 0..2 {
            let signed_in = ada.signs_in(&ada.code()).await.unwrap().signed_in().clone();
            let (attempt, app) = ada.begins_setup(&signed_in).await.unwrap();
            setups.push((signed_in, attempt, app));
            world.pass(30);
        }
        let (engine, now) = (course.gated(&world, 2, moves_factors).engine, world.now());
        let outcomes = all_at_once(2, move |number| {
            let (engine, (signed_in, attempt, app)) = (engine.clone(), setups[number].clone());
            let code = app.code_at(now).as_str().into();
            async move { engine.confirm_enrolment(&signed_in, &attempt, &code, &RequestContext::default()).await }
        })
        .await;
        let expected = Tally { accepted: 1, refused: vec![Refusal::TooManyDevices { most: 2 }] };
        assert_eq!(tally(outcomes), expected);
    }
}

/// By default 20 wrong passwords of one user are looked at in a window, however many nodes there are.
#[tokio::test]
async fn t115_of_36_passwords_guessed_at_two_nodes_at_once_20_are_looked_at() {
    const GUESSES: usize = 36;
    for course in Course::careful().await {
        let ready = World::on(course.rows.clone());
        ready.user("ada");
        let looked_at = Arc::new(AtomicUsize::new(0));
        let gate = Gate::before(course.rows.clone(), GUESSES, |change| {
            matches!(change, Change::Budget(BudgetChange::Charge { .. }))
        });
        let nodes = [(), ()].map(|()| {
            let users = HookedUsers::counting(ready.users.clone(), &looked_at, Duration::from_millis(20));
            World::built(gate.clone(), |parts| parts.users = users).engine
        });
        let outcomes = all_at_once(GUESSES, move |number| {
            let engine = nodes[number % 2].clone();
            async move {
                engine.sign_in("ada", &format!("guess {number}").as_str().into(), &RequestContext::default()).await
            }
        })
        .await;
        let refused = tally(outcomes).refused;
        let wrong = refused.iter().filter(|refusal| **refusal == Refusal::InvalidCredentials).count();
        let many = refused.iter().filter(|refusal| matches!(refusal, Refusal::TooManyFailures { .. })).count();
        assert_eq!((wrong, many, looked_at.load(Ordering::SeqCst)), (20, 16, 20));
    }
}
