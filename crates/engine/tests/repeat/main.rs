//! Calls that are sent twice: the same answer to the same attempt has the same result for a minute, until the new token is used
//! or a different answer comes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod login;
mod property;
mod replaced;

use countersign_engine::{
    AttemptToken, Error, NewSession,
    core::{DeviceId, EventKind, Refusal},
    flow::RequestContext,
};
use countersign_testkit::{Person, World};

/// A person with an authenticator app who has given the password, and the device that is asked.
async fn asked(world: &World) -> (Person, AttemptToken, DeviceId) {
    let ada = world.user("ada");
    ada.sets_up().await;
    let challenge = ada.is_asked().await;
    let (token, device) = (challenge.token, challenge.view.device.id);
    (ada, token, device)
}

fn token(outcome: Result<NewSession, Error>) -> String {
    outcome.unwrap().token().expose().to_owned()
}

/// What is written about a person, but for what closes the window: events, sessions and failures of the device.
async fn rows(world: &World, ada: &Person) -> (usize, usize, u32) {
    let events = world.store.events(&ada.user.id, 999).await.unwrap().len();
    let sessions = world.store.sessions(&ada.user.id).await.unwrap().len();
    let factors = world.store.factors(&ada.user.id).await.unwrap();
    (events, sessions, factors.devices.iter().map(|device| device.throttle.failures).sum())
}

async fn latest(world: &World, ada: &Person) -> EventKind {
    world.store.events(&ada.user.id, 1).await.unwrap()[0].kind
}

fn is_over(outcome: &Result<NewSession, Error>) -> bool {
    matches!(outcome, Err(Error::Refused(Refusal::AttemptExpired)))
}

fn here() -> RequestContext {
    RequestContext::default()
}
