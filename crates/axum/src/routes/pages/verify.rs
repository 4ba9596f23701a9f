//! Step-up: verifies a device again in a session, on the way to a page that requires it.
//!
//! Only the page has the attempt, so the response to the form that sends a code also asks for it. Opening the page
//! sends nothing.

use axum::response::Response;
use countersign_engine::{
    self as engine, AttemptToken, Error, ReplacingCall,
    core::{DeviceId, Level, Refusal, Secret, repeat::call, view::PromptView},
    flow::LoginChallenge,
};
use minijinja::context;
use serde::Deserialize;

use super::{Asked, Said, account::prompt, led, to_password, told};
use crate::{
    SignedIn, Visitor,
    csrf::Bound,
    form::{Form, Posted, SentTwice, secret},
    guard::Acting,
    page::Page,
    redirect::LocalPath,
    why::{Way, Why},
};

pub(super) async fn show(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    let Asked { next, device, level, .. } = Asked::of(&visitor);
    let target = Target { next, level };
    let required = level.unwrap_or(STRONGEST);
    match visitor.engine().begin_step_up_to(required, &signed_in, device.as_ref()).await {
        Ok(challenge) => ask(&visitor, challenge, &target, Said::default()).await,
        Err(error) => ended(&visitor, error, &target).await,
    }
}

/// The highest level: without a required level, only the user's strongest devices are accepted.
const STRONGEST: Level = Level::PhishingResistant;

/// The purpose of the step-up.
struct Target {
    /// The redirect afterwards.
    next: Option<LocalPath>,
    /// The level that the next page requires, if it is lower than the strongest that the user can reach.
    level: Option<Level>,
}

impl Target {
    fn of(visitor: &Visitor, next: &str, level: &str) -> Self {
        Self { next: visitor.site().next(next), level: Level::parse(level) }
    }

    /// The redirect to a new step-up with the same target, because this one has ended.
    fn again(&self, verify: &LocalPath) -> Way {
        let query = [("next", self.next.as_ref().map(LocalPath::as_str)), ("level", self.level.map(Level::as_str))];
        Way { there: verify.with(&query), why: Some(Why::Over) }
    }
}

async fn ask(visitor: &Visitor, challenge: LoginChallenge, target: &Target, said: Said) -> Response {
    let LoginChallenge { token, view, .. } = challenge;
    let context = context! {
        device => prompt(&PromptView { answer: said.beside(view.device.answer), ..view.device }),
        others => view.others.iter().map(prompt).collect::<Vec<_>>(),
        attempt => token.expose(),
        next => target.next.as_ref().map(LocalPath::as_str),
        level => target.level.map(Level::as_str),
        form => visitor.tag(Bound::Session),
    };
    Page::new("verify.html", context).problem(said.problem).show(visitor).await
}

/// Shows the form again in the same attempt: a code that was sent stays valid.
async fn ask_again(
    visitor: &Visitor,
    signed_in: &engine::SignedIn,
    Asking { attempt, device, target }: Asking<'_>,
    error: Error,
) -> Response {
    let problem = match told(error) {
        Ok(problem) => problem,
        Err(error) => return ended(visitor, error, target).await,
    };
    match visitor.engine().step_up_challenge(signed_in, attempt, Some(device)).await {
        Ok(challenge) => ask(visitor, challenge, target, problem.into()).await,
        Err(error) => ended(visitor, error, target).await,
    }
}

/// The values of the form.
#[derive(Clone, Copy)]
struct Asking<'a> {
    attempt: &'a AttemptToken,
    device: &'a DeviceId,
    target: &'a Target,
}

/// An attempt that has expired, or that no device can complete, leads to a new one.
async fn ended(visitor: &Visitor, error: Error, target: &Target) -> Response {
    let (paths, next) = (&visitor.site().paths, target.next.as_ref());
    match error {
        Error::Refused(refusal @ Refusal::AttemptExpired) => led(&refusal, target.again(&paths.verify)),
        Error::Refused(refusal @ (Refusal::SignInNeeded | Refusal::PasswordNeeded)) => {
            led(&refusal, to_password(&paths.login, &refusal, next))
        }
        error => visitor.stopped(error, next.unwrap_or(&paths.account)).await,
    }
}

#[derive(Deserialize)]
pub(super) struct Answer {
    attempt: String,
    device: String,
    #[serde(deserialize_with = "secret")]
    code: Secret,
    #[serde(default)]
    next: String,
    #[serde(default)]
    level: String,
}

impl Posted for Answer {
    const BOUND: Bound = Bound::Session;
    const SENT_TWICE: Option<SentTwice> =
        Some(SentTwice { call: call::STEP_UP, there: |site, _, next| next.unwrap_or(&site.paths.account).clone() });
}

pub(super) async fn answer(acting: Acting, Form { visitor, fields }: Form<Answer>) -> Response {
    let target = Target::of(&visitor, &fields.next, &fields.level);
    let (attempt, device) = (AttemptToken::new(fields.attempt), DeviceId::new(fields.device));
    let signed_in = match acting {
        Acting::Now(signed_in) => signed_in,
        Acting::Replaced(old) => {
            let there = target.next.unwrap_or_else(|| visitor.site().paths.account.clone());
            let call = ReplacingCall::StepUp { attempt: &attempt, device: &device, answer: &fields.code };
            return visitor.repeated(&old, call, there).await;
        }
    };
    match visitor.engine().step_up(&signed_in, &attempt, &device, &fields.code, &visitor.request_context()).await {
        Ok(new_session) => {
            visitor.renewed(&new_session, target.next.unwrap_or_else(|| visitor.site().paths.account.clone()))
        }
        Err(error) => {
            let asking = Asking { attempt: &attempt, device: &device, target: &target };
            ask_again(&visitor, &signed_in, asking, error).await
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Send {
    attempt: String,
    device: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    level: String,
}

impl Posted for Send {
    const BOUND: Bound = Bound::Session;
}

/// Sends a code to a device and shows its form in the same attempt, whose token is on no other page.
pub(super) async fn send(SignedIn(signed_in): SignedIn, Form { visitor, fields }: Form<Send>) -> Response {
    let target = Target::of(&visitor, &fields.next, &fields.level);
    let (attempt, device) = (AttemptToken::new(fields.attempt), DeviceId::new(fields.device));
    match visitor.engine().send_step_up(&signed_in, &attempt, &device, &visitor.request_context()).await {
        Ok(challenge) => ask(&visitor, challenge, &target, Said::default()).await,
        Err(error) => {
            let asking = Asking { attempt: &attempt, device: &device, target: &target };
            ask_again(&visitor, &signed_in, asking, error).await
        }
    }
}
