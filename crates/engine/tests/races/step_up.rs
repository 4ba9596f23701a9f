//! T121: guessing in a session that was stolen: five wrong answers end it, at whatever pace, and no device pays for them.

use countersign_engine::{
    SignedIn,
    core::{EventKind, Refusal, Secret, flow::step_up::MAX_FAILURES},
    flow::RequestContext,
    memory::MemoryStore,
};
use countersign_testkit::{Gate, Person, World, all_at_once, refusal};
use std::sync::Arc;

async fn with_app(world: &World) -> (Person, countersign_engine::NewSession) {
    let ada = world.user("ada");
    ada.sets_up().await;
    let stolen = ada.signs_in(&ada.code()).await.unwrap();
    world.pass(30);
    (ada, stolen)
}

#[tokio::test]
async fn t121_five_wrong_answers_end_the_session_and_count_against_no_device() {
    let world = World::new();
    let (ada, stolen) = with_app(&world).await;
    let step = world.engine.begin_step_up(stolen.signed_in(), None).await.unwrap();
    let device = step.view.device.id.clone();
    let guess = async |answer: String| {
        refusal(
            world
                .engine
                .step_up(stolen.signed_in(), &step.token, &device, &answer.into(), &RequestContext::default())
                .await,
        )
    };
    for failure in 1..MAX_FAILURES {
        assert_eq!(guess(ada.wrong_code()).await, Refusal::CodeWrong, "failure {failure}, without a delay");
    }
    assert_eq!(guess(ada.wrong_code()).await, Refusal::SignInNeeded);
    assert!(ada.session(stolen.token()).await.is_none());
    assert_eq!(guess(ada.code()).await, Refusal::SignInNeeded, "a right one comes too late");
    let throttle = &world.store.factors(&ada.user.id).await.unwrap().devices[0].throttle;
    assert_eq!(*throttle, countersign_engine::core::throttle::Throttle::default());
    let events = world.store.events(&ada.user.id, 1).await.unwrap();
    assert_eq!(events[0].kind, EventKind::SessionEnded);
    ada.signs_in(&ada.code()).await.unwrap();
}

/// A change of password opens another session without a new proof: it goes on with the failures of the one before it.
#[tokio::test]
async fn t138_a_session_that_replaces_another_goes_on_with_its_failures() {
    let world = World::new();
    let (ada, stolen) = with_app(&world).await;
    let (mut session, mut password) = (stolen.signed_in().clone(), Secret::new(&*ada.password));
    for failure in 1..MAX_FAILURES {
        assert_eq!(guess_once(&world, &ada, &session).await, Refusal::CodeWrong, "failure {failure}");
        let next = Secret::new(format!("another long password {failure}"));
        let changed =
            world.engine.change_password(&session, &password, &next, &RequestContext::default()).await.unwrap();
        (session, password) = (changed.signed_in().clone(), next);
    }
    assert_eq!(guess_once(&world, &ada, &session).await, Refusal::SignInNeeded);
    assert!(world.store.session(&session.session().key).await.unwrap().is_none());
}

/// One wrong answer to a step-up of this session.
async fn guess_once(world: &World, ada: &Person, session: &SignedIn) -> Refusal {
    let step = world.engine.begin_step_up(session, None).await.unwrap();
    let (device, wrong) = (step.view.device.id.clone(), ada.wrong_code());
    refusal(world.engine.step_up(session, &step.token, &device, &wrong.into(), &RequestContext::default()).await)
}

/// However many come at once, only as many are judged as in a row, and the right one among later ones is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t121_answers_that_run_beside_each_other_are_as_few() {
    const MANY: usize = 40;
    let rows = Arc::new(MemoryStore::default());
    let ready = World::on(rows.clone());
    let (ada, stolen) = with_app(&ready).await;
    let judges = |change: &countersign_engine::core::Change<_>| {
        matches!(change, countersign_engine::core::Change::Device(countersign_engine::core::DeviceChange::Update(_)))
    };
    let world = World::built(Gate::before(rows, MANY, judges), |parts| {
        parts.users = ready.users.clone();
        parts.clock = ready.clock.clone();
    });
    let step = world.engine.begin_step_up(stolen.signed_in(), None).await.unwrap();
    let outcomes =
        all_at_once(MANY, |_| {
            let (engine, session, attempt) = (world.engine.clone(), stolen.signed_in().clone(), step.token.clone());
            let (device, answer) = (step.view.device.id.clone(), ada.wrong_code());
            async move {
                refusal(engine.step_up(&session, &attempt, &device, &answer.into(), &RequestContext::default()).await)
            }
        })
        .await;
    let wrong = outcomes.iter().filter(|refusal| **refusal == Refusal::CodeWrong).count();
    assert_eq!(wrong, MAX_FAILURES as usize - 1, "{outcomes:?}");
    assert!(ada.session(stolen.token()).await.is_none());
}
