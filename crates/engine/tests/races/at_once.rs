//! Clients that keep nothing, and refresh tokens: what is good once is good once, on every store.

use countersign_engine::{
    advance::{AtOnce, Enrolment, Said, Visit},
    core::{
        Change, DeviceName, Kind, Refusal, Scopes, Sealed, Secret,
        client::{ClientName, ClientType},
    },
};
use countersign_testkit::{World, all_at_once};

use crate::course::{Course, Tally, tally, writes_a_device};

/// As many passwords of one user as are looked at at once.
const RACERS: usize = 16;

fn spends_a_run(change: &Change<Sealed>) -> bool {
    matches!(change, Change::SpendAttempt { .. })
}

/// Everybody signs in with name, password and this code.
async fn sign_in_at_once(course: &Course, world: &World, code: String) -> Tally {
    let engine = course.gated(world, RACERS, writes_a_device).engine;
    let outcomes = all_at_once(RACERS, move |_| {
        let (engine, code) = (engine.clone(), Secret::from(&*code));
        async move {
            let (password, visit) = ("ada's long password".into(), Visit::default());
            engine.sign_in_at_once("ada", &password, Said::Code(&code), &visit).await
        }
    })
    .await;
    tally(outcomes)
}

#[tokio::test]
async fn of_16_who_sign_in_with_one_code_of_an_app_one_gets_in() {
    for course in Course::careful().await {
        let world = course.ready();
        let ada = world.user("ada");
        ada.sets_up().await;
        let tally = sign_in_at_once(&course, &world, ada.code()).await;
        assert_eq!((tally.accepted, tally.refused), (1, vec![Refusal::CodeUsed; RACERS - 1]));
    }
}

/// They share a run, as they do the code.
#[tokio::test]
async fn of_16_who_sign_in_with_one_code_that_was_sent_one_gets_in() {
    for course in Course::careful().await {
        let world = World::with_every_method(course.rows.clone());
        let ada = world.user("ada");
        let (signed_in, visit) = (ada.signs_in_with_password().await, Visit::default());
        let (name, to) = (DeviceName::parse("Phone").unwrap(), Some("+31612345658".into()));
        let enrolment = Enrolment { kind: Kind::SMS, name, to };
        world.engine.begin_enrolment_at_once(&signed_in, enrolment, &visit).await.unwrap();
        let code = world.outbox.code().into();
        world.engine.confirm_enrolment_at_once(&signed_in, &Kind::SMS, &code, &visit).await.unwrap();
        world.pass(60);
        let asked = world.engine.sign_in_at_once("ada", &ada.password.as_str().into(), Said::Nothing, &visit).await;
        assert!(matches!(asked, Ok(AtOnce::Owed(_))), "{asked:?}");
        let tally = sign_in_at_once(&course, &world, world.outbox.code()).await;
        assert_eq!((tally.accepted, tally.refused), (1, vec![Refusal::AttemptOver; RACERS - 1]));
    }
}

/// R100: and those who come after the first show that there are two who hold it.
#[tokio::test]
async fn of_16_who_exchange_one_refresh_token_one_gets_tokens_and_the_grant_is_over() {
    for course in Course::careful().await {
        let world = course.ready();
        let ada = world.user("ada");
        let signed_in = ada.signs_in_with_password().await;
        let name = ClientName::parse("App").unwrap();
        let (client, _) = world.engine.add_client(name, ClientType::Public, Scopes::default()).await.unwrap();
        let given = world.engine.give_tokens(&client, &signed_in, Scopes::default(), &Visit::default()).await.unwrap();
        let refresh = Secret::from(given.refresh.expose());
        let engine = course.gated(&world, RACERS, spends_a_run).engine;
        let outcomes = all_at_once(RACERS, move |_| {
            let (engine, client, refresh) = (engine.clone(), client.clone(), refresh.clone());
            async move { engine.exchange(&client, &refresh, None, &Visit::default()).await }
        })
        .await;
        let tally = tally(outcomes);
        assert_eq!((tally.accepted, tally.refused), (1, vec![Refusal::TokenUnknown; RACERS - 1]));
        assert!(world.store.sessions(&ada.user.id).await.unwrap().is_empty());
    }
}
