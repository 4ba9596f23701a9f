//! Codes that are sent: to whom, how often, for which run of a flow, and what becomes of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{num::NonZeroU32, sync::Arc};

use countersign_engine::{
    AttemptToken, Engine, Error, NewSession, SignedIn,
    core::{
        DeliveryStatus, DeviceName, Kind, Level, Refusal,
        throttle::ThrottleRule,
        view::{AnswerForm, PromptView},
    },
    flow::{Enrolment, LoginChallenge, RequestContext, SignIn},
    memory::MemoryStore,
};
use countersign_testkit::{Behaviour, Outbox, Person, World, other_code, refusal};

const NUMBER: &str = "+31 6 12345658";

fn world() -> World {
    World::with_every_method(Arc::new(MemoryStore::default()))
}

async fn begins(world: &World, signed_in: &SignedIn, kind: Kind, to: &str) -> Result<AttemptToken, Error> {
    let enrolment = Enrolment { kind, name: DeviceName::parse("Phone").unwrap(), to: Some(to.into()) };
    world.engine.begin_enrolment(signed_in, enrolment, &RequestContext::default()).await
}

async fn sets_up(world: &World, signed_in: &SignedIn, kind: Kind, to: &str) -> SignedIn {
    let attempt = begins(world, signed_in, kind, to).await.unwrap();
    let code = world.outbox.code();
    let new_session =
        world.engine.confirm_enrolment(signed_in, &attempt, &code.into(), &RequestContext::default()).await.unwrap();
    world.pass(60);
    new_session.signed_in().clone()
}

async fn with_sms(world: &World, name: &str) -> Person {
    let person = world.user(name);
    let signed_in = person.signs_in_with_password().await;
    sets_up(world, &signed_in, Kind::SMS, NUMBER).await;
    person
}

async fn answers(engine: &Engine, challenge: &LoginChallenge, code: &str) -> Result<NewSession, Error> {
    let context = RequestContext::default();
    engine
        .answer(&challenge.token, &challenge.view.device.id, &code.into(), &context)
        .await
        .map(|(new_session, _)| new_session)
}

fn is_sent(device: &PromptView) -> bool {
    matches!(device.answer, AnswerForm::Sent { until: Some(_), .. })
}

async fn failures(world: &World, person: &Person) -> u32 {
    world.store.factors(&person.user.id).await.unwrap().devices[0].throttle.failures
}

#[tokio::test]
async fn a_code_comes_with_the_question_and_opens_the_door_once() {
    let world = world();
    let ada = with_sms(&world, "ada").await;
    let challenge = ada.is_asked().await;
    assert!(challenge.unsent.is_none() && is_sent(&challenge.view.device));
    assert_eq!(challenge.view.device.to.as_deref(), Some("+31*******58"));
    let code = world.outbox.code();
    assert_eq!(world.outbox.last().to.expose(), "+31612345658");
    answers(&world.engine, &challenge, &format!("{} {}", &code[..3], &code[3..])).await.unwrap();
    assert_eq!(refusal(answers(&world.engine, &challenge, &code).await), Refusal::AttemptExpired);
    world.pass(60);
    assert_eq!(refusal(answers(&world.engine, &ada.is_asked().await, &code).await), Refusal::CodeWrong);
    let deliveries = world.engine.sent_to(&ada.user.id, 10).await.unwrap();
    assert_eq!(deliveries.len(), 3);
    assert!(deliveries.iter().all(|sent| sent.status == DeliveryStatus::Sent && sent.reference.is_some()));
    assert_eq!(deliveries.iter().filter(|sent| sent.verified.is_some()).count(), 2);
}

#[tokio::test]
async fn a_code_is_good_in_the_run_that_asked_for_it_only() {
    let world = world();
    let ada = with_sms(&world, "ada").await;
    let first = ada.is_asked().await;
    let code_of_first = world.outbox.code();
    world.pass(60);
    let second = ada.is_asked().await;
    let code_of_second = world.outbox.code();
    assert_eq!(refusal(answers(&world.engine, &second, &code_of_first).await), Refusal::CodeWrong);
    world.pass(1);
    answers(&world.engine, &first, &code_of_first).await.unwrap();
    answers(&world.engine, &second, &code_of_second).await.unwrap();
}

#[tokio::test]
async fn another_code_takes_the_place_of_the_first_and_forgives_no_failure() {
    let world = world();
    let ada = with_sms(&world, "ada").await;
    let challenge = ada.is_asked().await;
    let first = world.outbox.code();
    assert_eq!(refusal(answers(&world.engine, &challenge, &other_code(&first)).await), Refusal::CodeWrong);
    world.pass(60);
    let again =
        world.engine.send(&challenge.token, &challenge.view.device.id, &RequestContext::default()).await.unwrap();
    assert!(is_sent(&again.view.device));
    assert_eq!((failures(&world, &ada).await, world.outbox.count()), (1, 3));
    assert_eq!(refusal(answers(&world.engine, &challenge, &first).await), Refusal::CodeWrong);
    world.pass(2);
    answers(&world.engine, &challenge, &world.outbox.code()).await.unwrap();
}

#[tokio::test]
async fn a_wrong_code_sends_none_and_a_late_one_costs_nothing() {
    let world = world();
    let ada = with_sms(&world, "ada").await;
    let challenge = ada.is_asked().await;
    let (code, sent) = (world.outbox.code(), world.outbox.count());
    assert_eq!(refusal(answers(&world.engine, &challenge, &other_code(&code)).await), Refusal::CodeWrong);
    assert_eq!(world.outbox.count(), sent);
    world.pass(300);
    assert_eq!(refusal(answers(&world.engine, &challenge, &code).await), Refusal::NoCodeSent);
    let shown = world.engine.challenge(&challenge.token, None, &RequestContext::default()).await.unwrap();
    assert_eq!((failures(&world, &ada).await, is_sent(&shown.view.device)), (1, false));
}

#[tokio::test]
async fn codes_to_one_address_keep_their_distance_and_a_day_has_an_end() {
    let world = world();
    let ada = with_sms(&world, "ada").await;
    ada.is_asked().await;
    let sent = world.outbox.count();
    let next = ada.is_asked().await;
    assert!(is_sent(&next.view.device), "the one in hand will do");
    let again = world.engine.send(&next.token, &next.view.device.id, &RequestContext::default()).await;
    assert!(matches!(refusal(again), Refusal::SendingTooSoon { .. }));
    assert_eq!(world.outbox.count(), sent);
    for more in 1..5 {
        world.pass(60);
        assert!(ada.is_asked().await.unsent.is_none());
        assert_eq!(world.outbox.count(), sent + more);
    }
    world.pass(300);
    let over = ada.is_asked().await;
    assert!(matches!(over.unsent, Some(Refusal::SendingLimited { .. })), "{:?}", over.unsent);
    world.pass(24 * 3600);
    assert!(ada.is_asked().await.unsent.is_none());
}

#[tokio::test]
async fn a_gateway_that_fails_is_a_refusal_with_a_way_on() {
    let world = world();
    let ada = with_sms(&world, "ada").await;
    for (like, expected) in [
        (Behaviour::Unreachable, Refusal::AddressUnreachable),
        (Behaviour::Fails, Refusal::SendingFailed),
        (Behaviour::Panics, Refusal::SendingFailed),
    ] {
        world.outbox.behaves(like);
        let challenge = ada.is_asked().await;
        assert_eq!(challenge.unsent, Some(expected));
        assert!(!is_sent(&challenge.view.device), "nobody gets that code, so it is none");
        world.pass(60);
    }
    let statuses = world.engine.sent_to(&ada.user.id, 3).await.unwrap();
    let statuses: Vec<_> = statuses.iter().map(|sent| (sent.status, sent.reason.as_deref())).collect();
    assert_eq!(
        statuses,
        [
            (DeliveryStatus::Waiting, None),
            (DeliveryStatus::Failed, Some("failed")),
            (DeliveryStatus::Failed, Some("no-such-number")),
        ]
    );
}

#[tokio::test]
async fn an_address_counts_only_after_proof() {
    let world = world();
    let ada = world.user("ada");
    let signed_in = ada.signs_in_with_password().await;
    for typed in ["", "0612345658", "ada@example.org"] {
        assert_eq!(refusal(begins(&world, &signed_in, Kind::SMS, typed).await), Refusal::AddressInvalid);
    }
    assert_eq!(refusal(begins(&world, &signed_in, Kind::EMAIL, NUMBER).await), Refusal::AddressInvalid);
    begins(&world, &signed_in, Kind::SMS, NUMBER).await.unwrap();
    assert!(ada.signs_in_with_password().await.session().verified.is_none());
    world.outbox.behaves(Behaviour::Fails);
    world.pass(60);
    assert_eq!(refusal(begins(&world, &signed_in, Kind::SMS, NUMBER).await), Refusal::SendingFailed);
}

/// SMS pumping: a thousand numbers of one prefix, and nothing comes back.
#[tokio::test]
async fn sending_to_a_prefix_stops_where_nothing_comes_back_and_nobody_elsewhere_notices() {
    let world = world();
    let bob = world.user("bob");
    let away = bob.signs_in_with_password().await;
    let mut sent = 0;
    for number in 0..1000 {
        let mallory = world.user(&format!("mallory {number}"));
        let signed_in = mallory.signs_in_with_password().await;
        match begins(&world, &signed_in, Kind::SMS, &format!("+99{number:09}")).await {
            Ok(_) => sent += 1,
            Err(error) => {
                let Error::Refused(Refusal::SendingLimited { .. }) = error else { panic!("{error:?}") };
            }
        }
    }
    assert_eq!(sent, 50);
    sets_up(&world, &away, Kind::SMS, NUMBER).await;
}

#[tokio::test]
async fn a_mailbox_does_not_remove_an_app_and_alone_it_may_change_itself() {
    let world = world();
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    let by_app = sets_up(&world, &signed_in, Kind::EMAIL, "ada@example.org").await;
    assert_eq!(by_app.level(), Level::Aal2, "confirming the mailbox takes nothing from the app");
    assert!(world.engine.enrollable(&by_app).await.is_ok());
    let step = world.engine.challenge(&ada.is_asked().await.token, None, &RequestContext::default()).await.unwrap();
    let mailbox = step.view.others.iter().find(|other| other.kind == Kind::EMAIL).unwrap().id.clone();
    let sent = world.engine.send(&step.token, &mailbox, &RequestContext::default()).await.unwrap();
    let by_mail = answers(&world.engine, &sent, &world.outbox.code()).await.unwrap();
    assert_eq!(by_mail.signed_in().level(), Level::Aal1);
    assert_eq!(refusal(world.engine.enrollable(by_mail.signed_in()).await), Refusal::VerificationNeeded);
    let bob = world.user("bob");
    let alone = sets_up(&world, &bob.signs_in_with_password().await, Kind::EMAIL, "bob@example.org").await;
    assert!(world.engine.enrollable(&alone).await.is_ok());
}

/// Where failures have disabled one device, the next listens to no stranger whose failure would disable it too. Nor is a
/// code sent to it for one: it would be paid for, and good for nothing.
#[tokio::test]
async fn to_a_device_that_would_not_listen_nothing_is_sent() {
    let outbox = Arc::new(Outbox::default());
    let world = World::built(Arc::new(MemoryStore::default()), |parts| {
        parts.gateways.insert(Kind::SMS, outbox.clone());
        parts.config.throttle = ThrottleRule { cap: NonZeroU32::new(1), ..ThrottleRule::OFF };
    });
    let world = World { outbox: outbox.clone(), ..world };
    let ada = world.user("ada");
    let signed_in = ada.sets_up().await;
    sets_up(&world, &signed_in, Kind::SMS, NUMBER).await;
    let known = ada.signs_in(&ada.code()).await.unwrap().browser().cloned();
    assert_eq!(refusal(ada.signs_in(&ada.wrong_code()).await), Refusal::DeviceDisabled);
    let sent = outbox.count();
    let asks = async |browser| {
        let context = RequestContext { browser, ..RequestContext::default() };
        let asked = world.engine.sign_in("ada", &ada.password.as_str().into(), &context).await;
        let Ok(SignIn::Pending(challenge)) = asked else { panic!("{asked:?}") };
        challenge.unsent
    };
    assert_eq!((asks(None).await, outbox.count()), (Some(Refusal::UnrecognizedBrowser), sent));
    assert_eq!((asks(known).await, outbox.count()), (None, sent + 1));
}

#[tokio::test]
async fn a_call_is_read_out_once() {
    let world = world();
    let ada = world.user("ada");
    let signed_in = ada.signs_in_with_password().await;
    begins(&world, &signed_in, Kind::CALL, NUMBER).await.unwrap();
    let message = world.outbox.last();
    let call = message.call.unwrap();
    assert_eq!(world.engine.greet_call(&call).await.unwrap(), "Countersign");
    assert_eq!(world.engine.speak_call(&call).await.unwrap().code.expose(), message.code.expose());
    assert_eq!(refusal(world.engine.speak_call(&call).await), Refusal::AttemptExpired);
    assert_eq!(refusal(world.engine.greet_call(&call).await), Refusal::AttemptExpired);
    world.pass(60);
    world
        .engine
        .send_enrolment(
            &signed_in,
            &begins(&world, &signed_in, Kind::CALL, "+4930123456").await.unwrap(),
            &RequestContext::default(),
        )
        .await
        .unwrap_err();
    let late = world.outbox.last().call.unwrap();
    world.pass(300);
    assert_eq!(refusal(world.engine.speak_call(&late).await), Refusal::AttemptExpired);
}
