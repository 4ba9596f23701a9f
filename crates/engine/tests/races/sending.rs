//! Codes that are asked for at once: what may be sent is sent, and no more, on every store.

use std::{sync::Arc, time::Duration};

use countersign_engine::{
    Store,
    core::{AttemptChange, Change, DeliveryChange, DeviceName, Kind, Refusal, Sealed, throttle::ThrottleRule},
    flow::{Enrolment, RequestContext, SignIn},
};
use countersign_testkit::{Careless, Gate, World, all_at_once};

use crate::course::{Course, RACERS, Tally, in_earnest, tally, writes_a_device};

fn adds_a_delivery(change: &Change<Sealed>) -> bool {
    matches!(change, Change::Delivery(DeliveryChange::Add(_)))
}

fn spends_a_run(change: &Change<Sealed>) -> bool {
    matches!(change, Change::Attempt(AttemptChange::Close { .. }))
}

fn phone(kind: Kind, to: String) -> Enrolment {
    Enrolment { kind, name: DeviceName::parse("Phone").unwrap(), to: Some(to) }
}

/// Sixty-four logins of one user ask for a code at once: what came of it, and how many were sent.
async fn ask_at_once(course: &Course) -> (Tally, usize) {
    let world = World::with_every_method_built(course.rows.clone(), in_earnest);
    let ada = world.user("ada");
    let (signed_in, context) = (ada.signs_in_with_password().await, RequestContext::default());
    let begun = world.engine.begin_enrolment(&signed_in, phone(Kind::SMS, "+31612345658".into()), &context).await;
    let code = world.outbox.code();
    world.engine.confirm_enrolment(&signed_in, &begun.unwrap(), &code.into(), &context).await.unwrap();
    let mut runs = vec![];
    for _ in 0..RACERS {
        let challenge = ada.is_asked().await;
        runs.push((challenge.token, challenge.view.device.id));
    }
    world.pass(60);
    let before = world.outbox.count();
    let engine = course.gated(&world, RACERS, adds_a_delivery).engine;
    let outcomes = all_at_once(RACERS, move |number| {
        let (engine, (attempt, device)) = (engine.clone(), runs[number].clone());
        async move { engine.send(&attempt, &device, &RequestContext::default()).await }
    })
    .await;
    (tally(outcomes), world.outbox.count() - before)
}

/// A charge is a conditional increment: it holds without the versions of devices, too.
#[tokio::test]
async fn one_of_64_codes_asked_for_at_once_is_sent() {
    for course in Course::careful().await.into_iter().chain(Course::careless().await) {
        let (tally, sent) = ask_at_once(&course).await;
        assert_eq!((tally.accepted, sent), (1, 1), "{tally:?}");
        let too_soon = |refusal: &Refusal| matches!(refusal, Refusal::SendingTooSoon { .. });
        assert!(tally.refused.iter().all(too_soon), "{tally:?}");
    }
}

#[tokio::test]
async fn the_breaker_of_a_region_holds_against_64_strangers_at_once() {
    for course in Course::careful().await {
        let world = World::with_every_method_built(course.rows.clone(), in_earnest);
        let mut sessions = vec![];
        for number in 0..RACERS {
            sessions.push(world.user(&format!("mallory {number}")).signs_in_with_password().await);
        }
        let engine = course.gated(&world, RACERS, adds_a_delivery).engine;
        let outcomes = all_at_once(RACERS, move |number| {
            let (engine, signed_in) = (engine.clone(), sessions[number].clone());
            let enrolment = phone(Kind::SMS, format!("+99{number:09}"));
            async move { engine.begin_enrolment(&signed_in, enrolment, &RequestContext::default()).await }
        })
        .await;
        let tally = tally(outcomes);
        assert_eq!((tally.accepted, world.outbox.count()), (50, 50), "{tally:?}");
        let limited = |refusal: &Refusal| matches!(refusal, Refusal::SendingLimited { .. });
        assert!(tally.refused.iter().all(limited), "{tally:?}");
    }
}

#[tokio::test]
async fn of_64_who_fetch_the_digits_of_a_call_one_gets_them() {
    for course in Course::careful().await {
        let world = World::with_every_method_built(course.rows.clone(), in_earnest);
        let signed_in = world.user("ada").signs_in_with_password().await;
        let enrolment = phone(Kind::CALL, "+31612345658".into());
        world.engine.begin_enrolment(&signed_in, enrolment, &RequestContext::default()).await.unwrap();
        let call = world.outbox.last().call.unwrap();
        let engine = course.gated(&world, RACERS, spends_a_run).engine;
        let outcomes = all_at_once(RACERS, move |_| {
            let (engine, call) = (engine.clone(), call.clone());
            async move { engine.speak_call(&call).await }
        })
        .await;
        let expected = Tally { accepted: 1, refused: vec![Refusal::AttemptExpired; RACERS - 1] };
        assert_eq!(tally(outcomes), expected);
    }
}

/// Without a cooldown, so that only the counts of a day hold: of 63 codes that an attacker asks for at once no more are sent
/// than strangers may have, and the owner, who asks at the same moment in a browser with a device cookie, gets theirs.
#[tokio::test]
async fn t107_of_63_codes_a_stranger_asks_for_at_once_some_are_sent_and_the_owners_is() {
    let careful = Course::careful().await.map(|course| (course, false));
    let careless = Course::careless().await.map(|course| (course, true));
    for (course, is_careless) in careful.into_iter().chain(careless) {
        let world = World::with_every_method_built(course.rows.clone(), in_earnest);
        let ada = world.user("ada");
        let (signed_in, context) = (ada.signs_in_with_password().await, RequestContext::default());
        let begun = world.engine.begin_enrolment(&signed_in, phone(Kind::SMS, "+31612345658".into()), &context).await;
        let code = world.outbox.code();
        world.engine.confirm_enrolment(&signed_in, &begun.unwrap(), &code.into(), &context).await.unwrap();
        let SignIn::Pending(challenge) = ada.enters_password().await.unwrap() else { panic!("a code is owed") };
        let code = world.outbox.code();
        let home = ada.answers(&challenge.token, &challenge.view.device.id, &code).await.unwrap().browser().cloned();
        let device = challenge.view.device.id;
        let mut runs = vec![];
        for _ in 0..RACERS {
            runs.push(ada.is_asked().await.token);
        }
        let before = world.outbox.count();
        let rows: Arc<dyn Store> =
            if is_careless { Careless::before(course.rows.clone()) } else { course.rows.clone() };
        let gate = Gate::before(rows, RACERS, adds_a_delivery);
        let gated = World::built(gate, |parts| {
            parts.users = world.users.clone();
            parts.clock = world.clock.clone();
            parts.gateways.insert(Kind::SMS, world.outbox.clone());
            parts.config.throttle = ThrottleRule::OFF;
            parts.config.sending.cooldown = Duration::ZERO;
        });
        let engine = gated.engine.clone();
        let outcomes = all_at_once(RACERS, move |number| {
            let (engine, attempt, device) = (engine.clone(), runs[number].clone(), device.clone());
            let browser = home.clone().filter(|_| number == 0);
            async move {
                engine
                    .send(&attempt, &device, &RequestContext { browser, ..RequestContext::default() })
                    .await
                    .map(|_| number)
            }
        })
        .await;
        assert!(matches!(outcomes[0], Ok(0)), "the owner's code: {:?}", outcomes[0]);
        let tally = tally(outcomes);
        assert_eq!(tally.accepted, world.outbox.count() - before);
        assert!((2..=5).contains(&tally.accepted), "{tally:?}");
        let limited = |refusal: &Refusal| matches!(refusal, Refusal::SendingLimited { .. });
        assert!(tally.refused.iter().all(limited), "{tally:?}");
    }
}

/// T171: one code is good in many sign-ins, and one commit uses it up for all of them: also where nothing but the version of
/// the device stands between them.
#[tokio::test]
async fn t171_of_64_sign_ins_that_answer_with_one_code_at_once_one_succeeds() {
    for course in Course::careful().await {
        let world = World::with_every_method_built(course.rows.clone(), in_earnest);
        let ada = world.user("ada");
        let (signed_in, context) = (ada.signs_in_with_password().await, RequestContext::default());
        let begun = world.engine.begin_enrolment(&signed_in, phone(Kind::SMS, "+31612345658".into()), &context).await;
        let code = world.outbox.code();
        world.engine.confirm_enrolment(&signed_in, &begun.unwrap(), &code.into(), &context).await.unwrap();
        world.pass(60);
        let before = world.outbox.count();
        let mut runs = vec![];
        for _ in 0..RACERS {
            let challenge = ada.is_asked().await;
            runs.push((challenge.token, challenge.view.device.id));
        }
        assert_eq!(world.outbox.count(), before + 1);
        let (engine, code) = (course.gated(&world, RACERS, writes_a_device).engine, world.outbox.code());
        let outcomes = all_at_once(RACERS, move |number| {
            let (engine, (attempt, device), code) = (engine.clone(), runs[number].clone(), code.clone());
            async move { engine.answer(&attempt, &device, &code.into(), &RequestContext::default()).await }
        })
        .await;
        let expected = Tally { accepted: 1, refused: vec![Refusal::CodeUsed; RACERS - 1] };
        assert_eq!(tally(outcomes), expected);
        assert_eq!(world.store.sessions(&ada.user.id).await.unwrap().len(), 2);
    }
}
