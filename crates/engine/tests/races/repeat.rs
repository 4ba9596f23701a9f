//! A form sent twice, and more often, at the same moment: in memory, on SQLite and on PostgreSQL.

use std::collections::BTreeSet;

use countersign_engine::{
    Error, NewSession,
    core::{Change, EventKind, Refusal, Sealed, Secret, SessionChange, flow::Purpose},
    flow::RequestContext,
};
use countersign_testkit::{all_at_once, rounds};

use crate::course::{Course, RACERS, tally, writes_a_device};

fn tokens(outcomes: Vec<Result<NewSession, Error>>) -> BTreeSet<String> {
    outcomes.into_iter().map(|outcome| outcome.unwrap().token().expose().to_owned()).collect()
}

/// T162: all tasks have judged the same answer to the same attempt before one writes.
#[tokio::test]
async fn t162_64_submissions_of_one_form_open_one_session_and_all_get_it() {
    for course in Course::careful().await {
        let world = course.ready();
        let ada = world.user("ada");
        ada.sets_up().await;
        let (asked, code) = (ada.is_asked().await, ada.code());
        let device = asked.view.device.id.clone();
        let engine = course.gated(&world, RACERS, writes_a_device).engine;
        let before = course.rows.sessions(&ada.user.id).await.unwrap().len();
        let outcomes = all_at_once(RACERS, move |_| {
            let (engine, attempt, device, code) = (engine.clone(), asked.token.clone(), device.clone(), code.clone());
            async move {
                engine
                    .answer(&attempt, &device, &code.into(), &RequestContext::default())
                    .await
                    .map(|(new_session, _)| new_session)
            }
        })
        .await;
        assert_eq!(tokens(outcomes).len(), 1);
        assert_eq!(course.rows.sessions(&ada.user.id).await.unwrap().len(), before + 1);
        let events = course.rows.events(&ada.user.id, 2).await.unwrap();
        assert_eq!((events[0].kind, events[1].kind), (EventKind::SignedIn, EventKind::DeviceConfirmed));
        let devices = course.rows.factors(&ada.user.id).await.unwrap().devices;
        assert_eq!(devices[0].throttle.failures, 0);
    }
}

/// T164: of many different answers one is counted, and the right one comes too late.
#[tokio::test]
async fn t164_of_64_different_answers_one_ends_it_and_is_counted() {
    for course in Course::careful().await {
        let world = course.ready();
        let ada = world.user("ada");
        ada.sets_up().await;
        let (asked, code) = (ada.is_asked().await, ada.code());
        let device = asked.view.device.id.clone();
        ada.answers(&asked.token, &device, &code).await.unwrap();
        let closes: fn(&Change<Sealed>) -> bool =
            |change| matches!(change, Change::Session(SessionChange::CloseRepeat(_)));
        let engine = course.gated(&world, RACERS, closes).engine;
        let (attempt, asked_device) = (asked.token.clone(), device.clone());
        let outcomes = all_at_once(RACERS, move |number| {
            let (engine, attempt, device) = (engine.clone(), attempt.clone(), asked_device.clone());
            let answer = Secret::new(format!("wrong {number}"));
            async move { engine.answer(&attempt, &device, &answer, &RequestContext::default()).await }
        })
        .await;
        assert_eq!(tally(outcomes).refused, vec![Refusal::AttemptExpired; RACERS]);
        let failures = course.rows.device(&device).await.unwrap().unwrap().throttle.failures;
        assert_eq!(failures, 1);
        assert!(ada.answers(&asked.token, &device, &code).await.is_err());
    }
}

/// T163: the first use against a repeated call, and against many first uses: each is served, and once one was, nothing is
/// repeated.
#[tokio::test]
async fn t163_once_a_request_was_served_nothing_is_repeated() {
    for course in Course::many(rounds(2)).await {
        let world = course.ready();
        let ada = world.user("ada");
        ada.sets_up().await;
        let (asked, code) = (ada.is_asked().await, ada.code());
        let device = asked.view.device.id.clone();
        let token = ada.answers(&asked.token, &device, &code).await.unwrap().token().clone();
        let outcomes = all_at_once(16, |number| {
            let (engine, token, attempt) = (world.engine.clone(), token.clone(), asked.token.clone());
            let (device, code) = (device.clone(), Secret::from(code.as_str()));
            async move {
                if number % 2 == 0 {
                    assert!(engine.session(&token).await.unwrap().is_some());
                }
                let after_use = number % 2 == 0;
                let repeated = engine.answer(&attempt, &device, &code, &RequestContext::default()).await;
                (after_use, repeated.map(|(new_session, _)| new_session.token().expose() == token.expose()))
            }
        })
        .await;
        for (after_use, repeated) in outcomes {
            match repeated {
                Ok(is_same) => assert!(is_same && !after_use, "a token in use was delivered again"),
                Err(Error::Refused(Refusal::AttemptExpired)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// T166: the same of the calls that replace their session, all of which have passed the guard.
#[tokio::test]
async fn t166_of_16_calls_that_replace_their_session_all_get_the_same_one() {
    for kind in ["step-up", "setup", "password", "disable"] {
        for course in Course::careful().await {
            let world = course.ready();
            let ada = world.user("ada");
            ada.sets_up().await;
            let new_session = ada.signs_in(&ada.code()).await.unwrap();
            world.pass(30);
            let was = ada.session(new_session.token()).await.unwrap();
            let step = world.engine.begin_step_up(&was, None).await.unwrap();
            let (setup, app) = ada.begins_setup(&was).await.unwrap();
            let off = world.engine.begin(&was, Purpose::Disable).await.unwrap();
            let (code, new_code) = (Secret::from(ada.code()), Secret::from(app.code_at(world.now())));
            let password = Secret::from(ada.password.as_str());
            let device = step.view.device.id.clone();
            // The task that creates the session is held until all are there.
            let opens: fn(&Change<Sealed>) -> bool =
                |change| matches!(change, Change::Session(SessionChange::Create(_)));
            let engine = course.gated(&world, 16, opens).engine;
            let outcomes = all_at_once(16, move |_| {
                let (engine, was, context) = (engine.clone(), was.clone(), RequestContext::default());
                let (attempt, setup, off, device) = (step.token.clone(), setup.clone(), off.clone(), device.clone());
                let (code, new_code, password) = (code.clone(), new_code.clone(), password.clone());
                async move {
                    match kind {
                        "step-up" => engine.step_up(&was, &attempt, &device, &code, &context).await,
                        "setup" => engine.confirm_enrolment(&was, &setup, &new_code, &context).await,
                        "password" => {
                            engine.change_password(&was, &password, &"a new long password".into(), &context).await
                        }
                        _ => engine.disable(&was, &off, &context).await,
                    }
                }
            })
            .await;
            assert_eq!(tokens(outcomes).len(), 1, "{kind}");
        }
    }
}
