//! Proving a device again in a running session, on the way to somewhere that asks for it.

use axum::response::Response;
use countersign_engine::{
    self as engine, AttemptToken, Stop,
    core::{DeviceId, Refusal, Secret},
};
use minijinja::context;
use serde::Deserialize;

use super::{Asked, Said, account::device, because, led, told};
use crate::{
    SignedIn, Visitor,
    csrf::Bound,
    form::{Form, Posted, secret},
    page::Page,
    redirect::LocalPath,
    why::Why,
};

pub(super) async fn show(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    let Asked { next, why, device } = Asked::of(&visitor);
    ask(&visitor, &signed_in, device.as_ref(), next.as_ref(), Said { why, problem: None }).await
}

async fn ask(
    visitor: &Visitor,
    signed_in: &engine::SignedIn,
    choice: Option<&DeviceId>,
    next: Option<&LocalPath>,
    said: Said,
) -> Response {
    let challenge = match visitor.engine().begin_step_up(signed_in, choice, &visitor.visit()).await {
        Ok(challenge) => challenge,
        Err(Stop::Refused(refusal @ Refusal::SignInNeeded)) => {
            return led(&refusal, because(&visitor.site().paths.login, Why::Recent, next));
        }
        Err(stop) => return visitor.stopped(stop, next.unwrap_or(&visitor.site().paths.account)).await,
    };
    let context = context! {
        device => device(&challenge.view.device),
        others => challenge.view.others.iter().map(device).collect::<Vec<_>>(),
        run => challenge.token.expose(),
        next => next.map(LocalPath::as_str),
        form => visitor.tag(Bound::Session),
    };
    Page::new("verify.html", context).why(said.why).problem(said.problem).show(visitor).await
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
        Ok(grant) => visitor.granted(&grant, next.unwrap_or_else(|| visitor.site().paths.account.clone())),
        Err(Stop::Refused(refusal @ Refusal::AttemptOver)) => {
            led(&refusal, because(&visitor.site().paths.verify, Why::Over, next.as_ref()))
        }
        Err(stop) => match told(stop) {
            Ok(problem) => ask(&visitor, &signed_in, Some(&device), next.as_ref(), problem.into()).await,
            Err(stop) => visitor.stopped(stop, next.as_ref().unwrap_or(&visitor.site().paths.account)).await,
        },
    }
}
