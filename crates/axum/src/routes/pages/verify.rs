//! Proving a device again in a running session, on the way to somewhere that asks for it.
//!
//! The run is in the page alone, so what was sent in it is asked for on the very answer to the form that sent it. A page
//! that is opened sends nothing.

use axum::response::Response;
use countersign_engine::{
    self as engine, AttemptToken, Stop,
    advance::Challenge,
    core::{DeviceId, Refusal, Secret, view::PromptView},
};
use minijinja::context;
use serde::Deserialize;

use super::{Asked, Said, account::prompt, because, led, told};
use crate::{
    SignedIn, Visitor,
    csrf::Bound,
    form::{Form, Posted, secret},
    page::Page,
    redirect::LocalPath,
    why::Why,
};

pub(super) async fn show(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    let Asked { next, why, device, .. } = Asked::of(&visitor);
    match visitor.engine().begin_step_up(&signed_in, device.as_ref()).await {
        Ok(challenge) => ask(&visitor, challenge, next.as_ref(), Said { why, problem: None }).await,
        Err(stop) => ended(&visitor, stop, next.as_ref()).await,
    }
}

async fn ask(visitor: &Visitor, challenge: Challenge, next: Option<&LocalPath>, said: Said) -> Response {
    let Challenge { token, view, .. } = challenge;
    let context = context! {
        device => prompt(&PromptView { answer: said.beside(view.device.answer), ..view.device }),
        others => view.others.iter().map(prompt).collect::<Vec<_>>(),
        run => token.expose(),
        next => next.map(LocalPath::as_str),
        form => visitor.tag(Bound::Session),
    };
    Page::new("verify.html", context).why(said.why).problem(said.problem).show(visitor).await
}

/// Asks again in the same run: a code that was sent in it stays good.
async fn ask_again(
    visitor: &Visitor,
    signed_in: &engine::SignedIn,
    Asking { run, device, next }: Asking<'_>,
    stop: Stop,
) -> Response {
    let problem = match told(stop) {
        Ok(problem) => problem,
        Err(stop) => return ended(visitor, stop, next).await,
    };
    match visitor.engine().step_up_challenge(signed_in, run, Some(device)).await {
        Ok(challenge) => ask(visitor, challenge, next, problem.into()).await,
        Err(stop) => ended(visitor, stop, next).await,
    }
}

/// What was asked before.
#[derive(Clone, Copy)]
struct Asking<'a> {
    run: &'a AttemptToken,
    device: &'a DeviceId,
    next: Option<&'a LocalPath>,
}

/// A run that is over, or that nothing can be answered in, leads to where another begins.
async fn ended(visitor: &Visitor, stop: Stop, next: Option<&LocalPath>) -> Response {
    let paths = &visitor.site().paths;
    match stop {
        Stop::Refused(refusal @ Refusal::AttemptOver) => led(&refusal, because(&paths.verify, Why::Over, next)),
        Stop::Refused(refusal @ (Refusal::SignInNeeded | Refusal::PasswordNeeded)) => {
            led(&refusal, because(&paths.login, Why::Recent, next))
        }
        stop => visitor.stopped(stop, next.unwrap_or(&paths.account)).await,
    }
}

#[derive(Deserialize)]
pub(super) struct Answer {
    run: String,
    device: String,
    #[serde(deserialize_with = "secret")]
    code: Secret,
    #[serde(default)]
    next: String,
}

impl Posted for Answer {
    const BOUND: Bound = Bound::Session;
}

pub(super) async fn answer(SignedIn(signed_in): SignedIn, Form { visitor, fields }: Form<Answer>) -> Response {
    let next = visitor.site().next(&fields.next);
    let (run, device) = (AttemptToken::new(fields.run), DeviceId::new(fields.device));
    match visitor.engine().step_up(&signed_in, &run, &device, &fields.code, &visitor.visit()).await {
        Ok(grant) => visitor.renewed(&grant, next.unwrap_or_else(|| visitor.site().paths.account.clone())),
        Err(stop) => {
            let asking = Asking { run: &run, device: &device, next: next.as_ref() };
            ask_again(&visitor, &signed_in, asking, stop).await
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Send {
    run: String,
    device: String,
    #[serde(default)]
    next: String,
}

impl Posted for Send {
    const BOUND: Bound = Bound::Session;
}

/// Sends a code to a device, and asks for it in the same run, whose token is on no other page.
pub(super) async fn send(SignedIn(signed_in): SignedIn, Form { visitor, fields }: Form<Send>) -> Response {
    let next = visitor.site().next(&fields.next);
    let (run, device) = (AttemptToken::new(fields.run), DeviceId::new(fields.device));
    match visitor.engine().send_step_up(&signed_in, &run, &device, &visitor.visit()).await {
        Ok(challenge) => ask(&visitor, challenge, next.as_ref(), Said::default()).await,
        Err(stop) => {
            let asking = Asking { run: &run, device: &device, next: next.as_ref() };
            ask_again(&visitor, &signed_in, asking, stop).await
        }
    }
}
