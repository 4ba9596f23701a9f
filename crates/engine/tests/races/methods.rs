//! The races of every further method: codes that are sent, tokens that count, keys that type. One table, methods by rules.

use countersign_engine::{
    AttemptToken, Error, NewSession,
    core::{
        DeviceId, DeviceName, Kind, Refusal, Secret, method::validation::ValidationResponse, throttle::ThrottleRule,
    },
    flow::{Enrolment, RequestContext},
};
use countersign_testkit::{Person, SoftToken, SoftYubikey, World, all_at_once, other_code};

use crate::course::{Course, RACERS, Tally, in_earnest, tally, writes_a_device};

/// A method that is raced for.
struct Raced {
    kind: Kind,
    to: &'static str,
    /// Whether an answer is good in the run of one login alone, so that everybody races in that one.
    in_one_run: bool,
    /// Whether somebody else is asked whether an answer is right.
    is_asked_about: bool,
}

fn table() -> [Raced; 5] {
    let sent = |kind, to| Raced { kind, to, in_one_run: true, is_asked_about: false };
    let typed = |kind| Raced { kind, to: "", in_one_run: false, is_asked_about: false };
    [
        sent(Kind::SMS, "+31 6 12345658"),
        sent(Kind::CALL, "+31 6 12345658"),
        sent(Kind::EMAIL, "ada@example.org"),
        typed(Kind::HOTP),
        Raced { is_asked_about: true, ..typed(Kind::YUBIKEY) },
    ]
}

/// Somebody with a device of this method, about to answer it in many places.
struct Ready {
    world: World,
    ada: Person,
    runs: Vec<(AttemptToken, DeviceId)>,
    right: String,
    wrong: String,
}

impl Raced {
    async fn ready(&self, course: &Course) -> Ready {
        let world = World::with_every_method_built(course.rows.clone(), in_earnest);
        let (ada, context) = (world.user("ada"), RequestContext::default());
        let signed_in = ada.signs_in_with_password().await;
        let name = DeviceName::parse("Device").unwrap();
        let enrolment = Enrolment { kind: self.kind.clone(), name, to: Some(self.to.into()) };
        let attempt = world.engine.begin_enrolment(&signed_in, enrolment, &context).await.unwrap();
        let key = world.engine.setup(&signed_in, &attempt).await.unwrap().key;
        let token = key.map(|key| SoftToken::with_key(key.text.expose()));
        let answer = |number: u64| match &token {
            Some(token) => token.shows(number),
            None if self.kind == Kind::YUBIKEY => SoftYubikey::new(1).types(number),
            None => world.outbox.code(),
        };
        world.engine.confirm_enrolment(&signed_in, &attempt, &answer(0).into(), &context).await.unwrap();
        world.pass(60);
        let first = ada.is_asked().await;
        let mut runs = vec![(first.token, first.view.device.id); RACERS];
        if !self.in_one_run {
            for attempt in &mut runs {
                attempt.0 = ada.is_asked().await.token;
            }
        }
        let right = answer(1);
        let wrong = if self.kind == Kind::YUBIKEY { SoftYubikey::new(2).types(9) } else { other_code(&right) };
        Ready { world, ada, runs, right, wrong }
    }
}

impl Ready {
    /// Everybody gives this answer at once.
    async fn race(&self, course: &Course, answer: &str, throttle: ThrottleRule) -> (Tally, u32) {
        let engine = course.gated_with(&self.world, RACERS, writes_a_device, throttle).engine;
        let (runs, answer) = (self.runs.clone(), Secret::new(answer));
        let outcomes = all_at_once(RACERS, move |number| {
            let (engine, (attempt, device), answer) = (engine.clone(), runs[number].clone(), answer.clone());
            async move { engine.answer(&attempt, &device, &answer, &RequestContext::default()).await }
        })
        .await;
        let device = course.rows.device(&self.runs[0].1).await.unwrap().unwrap();
        (tally(outcomes), device.throttle.failures)
    }

    async fn answers(&self, answer: &str) -> Result<NewSession, Error> {
        let (attempt, device) = &self.runs[0];
        self.ada.answers(attempt, device, answer).await
    }
}

#[tokio::test]
async fn one_of_64_simultaneous_answers_is_accepted_by_every_method() {
    for raced in table() {
        for course in Course::careful().await {
            let ready = raced.ready(&course).await;
            let (tally, failures) = ready.race(&course, &ready.right, ThrottleRule::OFF).await;
            // In one run it is one form, sent 64 times: all get the one session that it opens.
            let accepted = if raced.in_one_run { RACERS } else { 1 };
            assert_eq!((tally.accepted, tally.refused.len()), (accepted, RACERS - accepted), "{}", raced.kind);
            // A service is asked about so many answers at a time and no more; the rest are over, and stay charged.
            let second = |refusal: &Refusal| match refusal {
                Refusal::AttemptExpired => raced.is_asked_about,
                Refusal::CodeUsed => true,
                _ => false,
            };
            assert!(tally.refused.iter().all(second), "{}: {tally:?}", raced.kind);
            assert!(failures == 0 || raced.is_asked_about, "{}: {failures}", raced.kind);
            assert_eq!(course.rows.sessions(&ready.ada.user.id).await.unwrap().len(), 1 + 1, "{}", raced.kind);
        }
    }
}

#[tokio::test]
async fn one_of_64_simultaneous_answers_is_accepted_by_every_method_with_the_throttle_on() {
    for raced in table() {
        for course in Course::careful().await {
            let ready = raced.ready(&course).await;
            let (tally, failures) = ready.race(&course, &ready.right, ThrottleRule::default()).await;
            let accepted = if raced.in_one_run { RACERS } else { 1 };
            assert_eq!((tally.accepted, failures), (accepted, 0), "{}: {tally:?}", raced.kind);
            assert_eq!(course.rows.sessions(&ready.ada.user.id).await.unwrap().len(), 1 + 1, "{}", raced.kind);
        }
    }
}

#[tokio::test]
async fn without_versions_more_than_one_is_accepted_or_the_race_shows_nothing() {
    for raced in table().into_iter().filter(|raced| !raced.in_one_run) {
        for course in Course::careless().await {
            let ready = raced.ready(&course).await;
            let (tally, _) = ready.race(&course, &ready.right, ThrottleRule::OFF).await;
            assert!(tally.accepted > 1, "{}: {tally:?}", raced.kind);
        }
    }
}

#[tokio::test]
async fn every_one_of_64_simultaneous_wrong_answers_is_counted_by_every_method() {
    for raced in table() {
        for course in Course::careful().await {
            let ready = raced.ready(&course).await;
            let (tally, failures) = ready.race(&course, &ready.wrong, ThrottleRule::OFF).await;
            assert_eq!((tally.accepted, failures), (0, 64), "{}", raced.kind);
            assert_eq!(tally.refused, vec![Refusal::CodeWrong; RACERS], "{}", raced.kind);
        }
    }
}

/// T15: what was accepted in one login is worth nothing in any other, nor in the same one again once its session is used.
#[tokio::test]
async fn t15_an_answer_is_good_once_by_every_method() {
    for raced in table() {
        for course in Course::careful().await {
            let ready = raced.ready(&course).await;
            let new_session = ready.answers(&ready.right).await.unwrap();
            assert!(ready.ada.session(new_session.token()).await.is_some());
            let again = ready.answers(&ready.right).await;
            assert!(matches!(again, Err(Error::Refused(Refusal::AttemptExpired))), "{}: {again:?}", raced.kind);
            for pause in [0, 60, 600] {
                ready.world.pass(pause);
                let elsewhere = ready.ada.signs_in(&ready.right).await;
                let Err(Error::Refused(refusal)) = elsewhere else { panic!("{}: {elsewhere:?}", raced.kind) };
                let expected = [Refusal::CodeUsed, Refusal::CodeWrong, Refusal::NoCodeSent];
                let locked = matches!(refusal, Refusal::DeviceLocked { .. });
                assert!(locked || expected.contains(&refusal), "{}: {refusal:?}", raced.kind);
            }
        }
    }
}

/// A service that cannot be asked accepts nobody, and counts against nobody.
#[tokio::test]
async fn of_64_answers_that_nobody_can_judge_none_is_accepted_or_counted() {
    for raced in table().into_iter().filter(|raced| raced.is_asked_about) {
        for course in Course::careful().await {
            let ready = raced.ready(&course).await;
            ready.world.validator.says(Some(ValidationResponse::Unavailable));
            let (tally, failures) = ready.race(&course, &ready.right, ThrottleRule::default()).await;
            assert_eq!((tally.accepted, failures), (0, 0), "{tally:?}");
            let unjudged =
                |refusal: &Refusal| matches!(refusal, Refusal::MethodUnavailable | Refusal::DeviceLocked { .. });
            assert!(tally.refused.iter().all(unjudged), "{tally:?}");
            ready.world.validator.says(None);
            ready.answers(&ready.right).await.unwrap();
        }
    }
}

/// What a service finds wrong was charged before it was asked, for every one of 64; those it was not asked about stay charged.
#[tokio::test]
async fn every_one_of_64_answers_that_a_service_finds_wrong_is_counted() {
    for raced in table().into_iter().filter(|raced| raced.is_asked_about) {
        for course in Course::careful().await {
            let ready = raced.ready(&course).await;
            ready.world.validator.says(Some(ValidationResponse::Wrong));
            let (tally, failures) = ready.race(&course, &ready.right, ThrottleRule::OFF).await;
            assert_eq!((tally.accepted, failures), (0, 64), "{tally:?}");
            let wrong = |refusal: &Refusal| matches!(refusal, Refusal::CodeWrong | Refusal::AttemptExpired);
            assert!(tally.refused.iter().all(wrong), "{tally:?}");
        }
    }
}
