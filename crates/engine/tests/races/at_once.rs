//! Clients that keep nothing, and refresh tokens: what is good once is good once, on every store.

use countersign_engine::{
    BearerToken, SignedIn,
    core::{
        AccountChange, AttemptChange, Change, Client, ClientChange, DeviceName, EventKind, Kind, Level, Refusal,
        Scopes, Sealed, Secret, SessionChange,
        client::{ClientName, ClientType},
    },
    flow::{Enrolment, Proof, RequestContext, Stateless, Submitted},
};
use countersign_testkit::{Person, World, all_at_once};

use crate::course::{Course, Tally, moves_factors, tally, writes_a_device};

/// As many passwords of one user as are looked at at once.
const RACERS: usize = 16;

fn spends_a_run(change: &Change<Sealed>) -> bool {
    matches!(change, Change::Attempt(AttemptChange::Close { .. }))
}

async fn app(world: &World) -> Client {
    let name = ClientName::parse("App").unwrap();
    world.engine.add_client(name, ClientType::Public, Scopes::default()).await.unwrap().0
}

/// Has a code sent to a telephone that is to be a first device, and returns it.
async fn begins(world: &World, signed_in: &SignedIn) -> Secret {
    let (name, to) = (DeviceName::parse("Phone").unwrap(), Some("+31612345658".into()));
    let enrolment = Enrolment { kind: Kind::SMS, name, to };
    world.engine.begin_enrolment_stateless(signed_in, enrolment, &RequestContext::default()).await.unwrap();
    world.outbox.code().into()
}

/// Somebody with a telephone, and the session in which it was set up.
async fn has_a_phone(world: &World) -> (Person, SignedIn) {
    let ada = world.user("ada");
    let signed_in = ada.signs_in_with_password().await;
    let code = begins(world, &signed_in).await;
    world.engine.confirm_enrolment_stateless(&signed_in, &Kind::SMS, &code, &RequestContext::default()).await.unwrap();
    world.pass(60);
    (ada, signed_in)
}

/// Everybody signs in with name, password and this code.
async fn sign_in_stateless(course: &Course, world: &World, code: String) -> Tally {
    let engine = course.gated(world, RACERS, writes_a_device).engine;
    let outcomes = all_at_once(RACERS, move |_| {
        let (engine, code) = (engine.clone(), Secret::from(&*code));
        async move {
            let (password, context) = ("ada's long password".into(), RequestContext::default());
            engine.sign_in_stateless("ada", &password, Submitted::Code(&code), &context).await
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
        let tally = sign_in_stateless(&course, &world, ada.code()).await;
        assert_eq!((tally.accepted, tally.refused), (1, vec![Refusal::CodeUsed; RACERS - 1]));
    }
}

/// Each answers in an attempt of its own, and one commit uses the code up for all of them.
#[tokio::test]
async fn of_16_who_sign_in_with_one_code_that_was_sent_one_gets_in() {
    for course in Course::careful().await {
        let world = World::with_every_method(course.rows.clone());
        let (ada, _) = has_a_phone(&world).await;
        let context = RequestContext::default();
        let asked =
            world.engine.sign_in_stateless("ada", &ada.password.as_str().into(), Submitted::Nothing, &context).await;
        assert!(matches!(asked, Ok(Stateless::Owed(_))), "{asked:?}");
        let tally = sign_in_stateless(&course, &world, world.outbox.code()).await;
        assert_eq!((tally.accepted, tally.refused), (1, vec![Refusal::CodeUsed; RACERS - 1]));
    }
}

/// R100: and those who come after the first show that there are two who hold it.
#[tokio::test]
async fn of_16_who_exchange_one_refresh_token_one_gets_tokens_and_the_grant_is_over() {
    for course in Course::careful().await {
        let world = course.ready();
        let ada = world.user("ada");
        let signed_in = ada.signs_in_with_password().await;
        let client = app(&world).await;
        let given = world.engine.give_tokens(&client, &signed_in, Scopes::default(), &RequestContext::default()).await;
        let refresh = Secret::from(given.unwrap().unwrap().refresh.expose());
        let engine = course.gated(&world, RACERS, spends_a_run).engine;
        let outcomes = all_at_once(RACERS, move |_| {
            let (engine, client, refresh) = (engine.clone(), client.clone(), refresh.clone());
            async move { engine.exchange(&client, &refresh, None, &RequestContext::default()).await }
        })
        .await;
        let tally = tally(outcomes);
        assert_eq!((tally.accepted, tally.refused), (1, vec![Refusal::TokenUnknown; RACERS - 1]));
        assert!(world.store.sessions(&ada.user.id).await.unwrap().is_empty());
    }
}

/// Signing out against an action that was proved a moment before, whichever arrives first.
#[tokio::test]
async fn no_proof_brings_a_session_back_that_was_signed_out() {
    for action in [EventKind::TwoFactorDisabled, EventKind::BackupCodesMade] {
        for course in Course::careful().await {
            sign_out_against(&course, action).await;
        }
    }
}

async fn sign_out_against(course: &Course, action: EventKind) {
    let world = World::with_every_method(course.rows.clone());
    let (ada, signed_in) = has_a_phone(&world).await;
    let context = RequestContext::default();
    let asked = world.engine.disable_stateless(&signed_in, Proof::Owed(Submitted::Nothing), &context).await;
    assert!(matches!(asked, Ok(Stateless::Owed(_))), "{asked:?}");
    let code = Secret::from(world.outbox.code());
    let ends = |change: &Change<Sealed>| {
        matches!(change, Change::Session(SessionChange::End(_) | SessionChange::EndAll { .. }))
    };
    let engine = course.gated(&world, 2, ends).engine;
    let does = async {
        let proof = Proof::Owed(Submitted::Code(&code));
        if action == EventKind::TwoFactorDisabled {
            let _ = engine.disable_stateless(&signed_in, proof, &context).await;
        } else {
            let name = DeviceName::parse("Codes").unwrap();
            let _ = engine.make_backup_code_stateless(&signed_in, proof, name, &context).await;
        }
    };
    let signs_out = async { engine.sign_out(Some(&signed_in), None, &context).await.unwrap() };
    // The one that arrives last at the gate goes through it first.
    tokio::join!(does, signs_out);
    assert!(course.rows.session(&signed_in.session().key).await.unwrap().is_none(), "{action:?} brought it back");
    let events = course.rows.events(&ada.user.id, 1).await.unwrap();
    assert_eq!(events[0].kind, EventKind::SignedOut, "{action:?} came true after the sign-out");
}

/// A client is removed while its user switches it on, or off: what was told to spare the client spares no token of it.
#[tokio::test]
async fn no_token_outlives_its_client_where_the_grant_goes_on() {
    for on in [true, false] {
        for course in Course::careful().await {
            removal_against(&course, on).await;
        }
    }
}

async fn removal_against(course: &Course, on: bool) {
    let world = World::with_every_method(course.rows.clone());
    let context = RequestContext::default();
    let (ada, signed_in) = if on {
        let ada = world.user("ada");
        let signed_in = ada.signs_in_with_password().await;
        (ada, signed_in)
    } else {
        has_a_phone(&world).await
    };
    let code = if on { begins(&world, &signed_in).await } else { Secret::from("") };
    let client = app(&world).await;
    world.engine.give_tokens(&client, &signed_in, Scopes::default(), &context).await.unwrap().unwrap();
    let meets = |change: &Change<Sealed>| {
        matches!(change, Change::Account(AccountChange::BumpFactorSet { .. }) | Change::Client(ClientChange::Remove(_)))
    };
    let engine = course.gated(&world, 2, meets).engine;
    let switches = async {
        if on {
            engine.confirm_enrolment_stateless(&signed_in, &Kind::SMS, &code, &context).await.unwrap();
        } else {
            engine.disable_stateless(&signed_in, Proof::Spared, &context).await.unwrap();
        }
    };
    let removes = async { engine.remove_client(&client.id).await.unwrap() };
    tokio::join!(switches, removes);
    assert_eq!(course.rows.tokens(&ada.user.id).await.unwrap(), [], "{on}");
}

/// Switching off against a refresh of the same grant: what comes of it is no stronger than the grant is by then.
#[tokio::test]
async fn no_token_is_stronger_than_a_grant_that_was_lowered_meanwhile() {
    for course in Course::careful().await {
        let world = World::with_every_method(course.rows.clone());
        let (ada, _) = has_a_phone(&world).await;
        let (password, context) = (ada.password.as_str().into(), RequestContext::default());
        let asked = world.engine.sign_in_stateless("ada", &password, Submitted::Nothing, &context).await;
        assert!(matches!(asked, Ok(Stateless::Owed(_))), "{asked:?}");
        let code = Secret::from(world.outbox.code());
        let granted = world.engine.sign_in_stateless("ada", &password, Submitted::Code(&code), &context).await.unwrap();
        let Stateless::Done(new_session) = granted else { panic!("owed: {granted:?}") };
        let client = app(&world).await;
        let given = world.engine.give_tokens(&client, new_session.signed_in(), Scopes::default(), &context).await;
        let refresh = Secret::from(given.unwrap().unwrap().refresh.expose());
        let meets = |change: &Change<Sealed>| spends_a_run(change) || moves_factors(change);
        let engine = course.gated(&world, 2, meets).engine;
        let (exchanged, disabled) = tokio::join!(
            engine.exchange(&client, &refresh, None, &context),
            engine.disable_stateless(new_session.signed_in(), Proof::Spared, &context),
        );
        disabled.unwrap();
        let access = BearerToken::parse(exchanged.unwrap().access.expose()).unwrap();
        let caller = world.engine.bearer(&access).await.unwrap().unwrap();
        assert_eq!(caller.proved().level, Level::Aal1);
    }
}
