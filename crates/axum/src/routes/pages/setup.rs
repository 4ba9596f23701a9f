//! Setting up a device: a method, what it needs, and a code that proves it.
//!
//! ```text
//! setup ──method──▶ setup?method ──begin──▶ confirm ──code──▶ complete ──▶ backup codes
//!   ▲                  ▲                     │ │ ▲─wrong code, send─┘
//!   │                  └──another number─────┘ │
//!   └──────────────────cancel──────────────────┘
//! ```
//!
//! Where there is one method, the first step is left out. The running setup is in a cookie, sealed; its key or address
//! stays the same until it is proved, given up, or times out, and another one begins before it is given up. What was typed
//! is shown again on the answer to the form it was typed into; from then on an address is masked.

use axum::response::{IntoResponse, Response};
use countersign_engine::{
    self as engine, ReplacingCall, Stop,
    advance::Enrolment,
    core::{
        DeviceId, DeviceName, Kind, Refusal, Secret,
        repeat::call,
        view::{AnswerForm, DeviceView},
    },
};
use minijinja::{Value, context};
use serde::Deserialize;

use super::{Asked, Said, account::device, because, led, on, told};
use crate::{
    SignedIn, Visitor,
    cookies::Name,
    csrf::Bound,
    form::{Form, Posted, SentTwice, secret},
    guard::{Acting, Demand},
    page::Page,
    redirect::LocalPath,
    why::Why,
};

/// Asks for a method, and then for what it needs.
pub(super) async fn show(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    let Asked { next, method, replace, .. } = Asked::of(&visitor);
    let typed = Typed { method: method.as_ref(), replace: replace.as_ref(), ..Typed::default() };
    introduce(&visitor, &signed_in, typed, next.as_ref(), Said::default()).await
}

/// What was typed into the form, to be shown again.
#[derive(Default)]
struct Typed<'a> {
    method: Option<&'a Kind>,
    name: Option<&'a str>,
    to: Option<&'a str>,
    replace: Option<&'a DeviceId>,
}

/// The way to the setup of a device, in the place of this one if in that of one.
fn way(visitor: &Visitor, next: Option<&LocalPath>, replace: Option<&DeviceId>) -> LocalPath {
    let query = [("next", next.map(LocalPath::as_str)), ("replace", replace.map(DeviceId::as_str))];
    visitor.site().paths.setup.with(&query)
}

/// The methods that may be set up, and how the device is shown that goes then, if one goes.
async fn offer(
    visitor: &Visitor,
    signed_in: &engine::SignedIn,
    replace: Option<&DeviceId>,
) -> Result<(Vec<Kind>, Option<DeviceView>), Stop> {
    let engine = visitor.engine();
    let Some(replace) = replace else { return Ok((engine.enrollable(signed_in).await?, None)) };
    let methods = engine.enrollable_instead(signed_in, replace).await?;
    let devices = engine.factors(signed_in).await?.devices;
    Ok((methods, devices.into_iter().find(|device| device.id == *replace)))
}

async fn introduce(
    visitor: &Visitor,
    signed_in: &engine::SignedIn,
    typed: Typed<'_>,
    next: Option<&LocalPath>,
    said: Said,
) -> Response {
    let Typed { method, name, to, replace } = typed;
    let (methods, replaced) = match offer(visitor, signed_in, replace).await {
        Ok(offered) => offered,
        Err(Stop::Refused(refusal @ Refusal::DeviceUnknown)) => {
            return visitor.refused(refusal.into(), &visitor.site().paths.account).await;
        }
        Err(stop) => {
            let here = visitor.here().unwrap_or_else(|| way(visitor, next, replace));
            return visitor.stopped(stop, &here).await;
        }
    };
    let only = if let [only] = &*methods { Some(only) } else { None };
    let chosen = only.or_else(|| methods.iter().find(|kind| method == Some(kind)));
    let context = context! {
        methods => methods.iter().map(|kind| Value::from(kind.as_str())).collect::<Vec<_>>(),
        method => chosen.map(Kind::as_str),
        is_delivered => chosen.is_some_and(Kind::is_delivered),
        several => only.is_none(),
        running => running_to(visitor, signed_in).await,
        name,
        to,
        longest => DeviceName::LONGEST,
        replace => replace.map(DeviceId::as_str),
        replaced => replaced.as_ref().map(device),
        next => next.map(LocalPath::as_str),
        form => visitor.tag(Bound::Session),
    };
    let template = if chosen.is_some() { "setup.html" } else { "methods.html" };
    Page::new(template, context).problem(said.problem).show(visitor).await
}

/// Where a code is out for, of the setup that is running, if one is.
async fn running_to(visitor: &Visitor, signed_in: &engine::SignedIn) -> Option<String> {
    let view = visitor.engine().setup(signed_in, visitor.cookies().setup.as_ref()?).await.ok()?;
    let AnswerForm::Sent { until: Some(_), .. } = view.device.answer else { return None };
    view.device.to
}

#[derive(Deserialize)]
pub(super) struct Begin {
    method: String,
    name: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    replace: String,
}

impl Posted for Begin {
    const BOUND: Bound = Bound::Session;
}

pub(super) async fn begin(SignedIn(signed_in): SignedIn, Form { visitor, fields }: Form<Begin>) -> Response {
    let Begin { method, name, to, next, replace } = fields;
    let next = visitor.site().next(&next);
    let replace = Some(replace).filter(|replace| !replace.is_empty()).map(DeviceId::new);
    let (paths, engine, method) = (&visitor.site().paths, visitor.engine(), Kind::new(method));
    let begun = match DeviceName::parse(&name) {
        Ok(name) => {
            let enrolment = Enrolment { kind: method.clone(), name, to: Some(to.clone()) };
            match &replace {
                Some(replaced) => engine.begin_replacement(&signed_in, replaced, enrolment, &visitor.visit()).await,
                None => engine.begin_enrolment(&signed_in, enrolment, &visitor.visit()).await,
            }
        }
        Err(refusal) => Err(refusal.into()),
    };
    match begun {
        Ok(run) => {
            if let Err(fault) = abandon(&visitor, &signed_in).await {
                return visitor.fault(&fault);
            }
            let until = engine.now().after(engine.policy().login_timeout);
            visitor.running(Name::Setup, run.expose(), until, on(&paths.confirm, next.as_ref()))
        }
        Err(stop) => match told(stop) {
            Ok(problem) => {
                let typed =
                    Typed { method: Some(&method), name: Some(&name), to: Some(&to), replace: replace.as_ref() };
                introduce(&visitor, &signed_in, typed, next.as_ref(), problem.into()).await
            }
            Err(stop) => visitor.stopped(stop, &way(&visitor, next.as_ref(), replace.as_ref())).await,
        },
    }
}

/// Shows the key of the running setup, or where the first code was sent, and asks for it.
pub(super) async fn running(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    let Asked { next, .. } = Asked::of(&visitor);
    reveal(&visitor, &signed_in, next.as_ref(), Said::default()).await
}

async fn reveal(visitor: &Visitor, signed_in: &engine::SignedIn, next: Option<&LocalPath>, said: Said) -> Response {
    let setup = &visitor.site().paths.setup;
    let Some(run) = &visitor.cookies().setup else { return on(setup, next).into_response() };
    match visitor.engine().setup(signed_in, run).await {
        Ok(view) => {
            let change = [("method", Some(view.device.kind.as_str())), ("next", next.map(LocalPath::as_str))];
            let change = setup.with(&change);
            let context = context! {
                device => device(&DeviceView { answer: said.beside(view.device.answer), ..view.device }),
                change => change.as_str(),
                replaces => view.replaces.as_ref().map(DeviceName::as_str),
                key => view.key.as_ref().map(|key| key.text.expose()),
                uri => view.key.as_ref().map(|key| key.uri.expose()),
                next => next.map(LocalPath::as_str),
                form => visitor.tag(Bound::Session),
            };
            Page::new("confirm.html", context).problem(said.problem).show(visitor).await
        }
        Err(stop) => ended(visitor, stop, next).await,
    }
}

#[derive(Deserialize)]
pub(super) struct Proof {
    #[serde(deserialize_with = "secret")]
    code: Secret,
    #[serde(default)]
    next: String,
}

impl Posted for Proof {
    const BOUND: Bound = Bound::Session;
    const SENT_TWICE: Option<SentTwice> =
        Some(SentTwice { call: call::ENROL, there: |site, _, next| on(&site.paths.complete, next) });
}

pub(super) async fn confirm(acting: Acting, Form { visitor, fields }: Form<Proof>) -> Response {
    let next = visitor.site().next(&fields.next);
    let paths = &visitor.site().paths;
    let Some(run) = &visitor.cookies().setup else { return on(&paths.setup, next.as_ref()).into_response() };
    let signed_in = match acting {
        Acting::Now(signed_in) => signed_in,
        Acting::Replaced(old) => {
            let call = ReplacingCall::ConfirmEnrolment { attempt: run, answer: &fields.code };
            return visitor.repeated(&old, call, on(&paths.complete, next.as_ref())).await;
        }
    };
    match visitor.engine().confirm_enrolment(&signed_in, run, &fields.code, &visitor.visit()).await {
        Ok(grant) => visitor.granted(&grant, on(&paths.complete, next.as_ref())),
        Err(stop) => match told(stop) {
            Ok(problem) => reveal(&visitor, &signed_in, next.as_ref(), problem.into()).await,
            Err(stop) => ended(&visitor, stop, next.as_ref()).await,
        },
    }
}

#[derive(Deserialize)]
pub(super) struct Send {
    #[serde(default)]
    next: String,
}

impl Posted for Send {
    const BOUND: Bound = Bound::Session;
}

/// Sends another code in the running setup.
pub(super) async fn send(SignedIn(signed_in): SignedIn, Form { visitor, fields }: Form<Send>) -> Response {
    let next = visitor.site().next(&fields.next);
    let paths = &visitor.site().paths;
    let Some(run) = &visitor.cookies().setup else { return on(&paths.setup, next.as_ref()).into_response() };
    match visitor.engine().send_enrolment(&signed_in, run, &visitor.visit()).await {
        Ok(()) => on(&paths.confirm, next.as_ref()).into_response(),
        Err(stop) => match told(stop) {
            Ok(problem) => reveal(&visitor, &signed_in, next.as_ref(), problem.into()).await,
            Err(stop) => ended(&visitor, stop, next.as_ref()).await,
        },
    }
}

/// A setup that is over leads back to its beginning.
async fn ended(visitor: &Visitor, stop: Stop, next: Option<&LocalPath>) -> Response {
    let setup = &visitor.site().paths.setup;
    match stop {
        Stop::Refused(refusal @ Refusal::AttemptOver) => {
            visitor.over(Name::Setup, led(&refusal, because(setup, Why::Over, next)))
        }
        // The setup is still there after the proof that is asked for.
        stop => visitor.stopped(stop, &on(&visitor.site().paths.confirm, next)).await,
    }
}

#[derive(Deserialize)]
pub(super) struct Cancel {}

impl Posted for Cancel {
    const BOUND: Bound = Bound::Session;
}

/// Gives the running setup up.
pub(super) async fn cancel(SignedIn(signed_in): SignedIn, Form { visitor, .. }: Form<Cancel>) -> Response {
    if let Err(fault) = abandon(&visitor, &signed_in).await {
        return visitor.fault(&fault);
    }
    visitor.over(Name::Setup, because(&visitor.site().paths.account, Why::Cancelled, None))
}

async fn abandon(visitor: &Visitor, signed_in: &engine::SignedIn) -> Result<(), engine::Fault> {
    match &visitor.cookies().setup {
        Some(run) => visitor.engine().abandon_enrolment(signed_in, run).await,
        None => Ok(()),
    }
}

/// Done: offers backup codes, and the way on.
pub(super) async fn complete(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    let Asked { next, .. } = Asked::of(&visitor);
    // What was set up may count too little to be verified by, and is set up all the same.
    if signed_in.session().verified.is_none()
        && let Err(elsewhere) = visitor.demand(Demand::VERIFIED).await
    {
        return elsewhere;
    }
    let left = match visitor.engine().factors(&signed_in).await {
        Ok(factors) => factors.backup_codes_left,
        Err(fault) => return visitor.fault(&fault),
    };
    let paths = &visitor.site().paths;
    let there = next.as_ref().unwrap_or(&visitor.site().home).as_str();
    let context = context! { left, there, backup_codes => on(&paths.backup_codes, next.as_ref()).as_str() };
    Page::new("complete.html", context).show(&visitor).await
}
