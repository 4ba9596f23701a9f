//! Setup of a device: the method, its input, and a code to verify it.
//!
//! ```text
//! setup ──app, token, key────────────────────▶ confirm ──code, name──▶ complete ──▶ backup codes
//!   │ ▲                                         │ │ ▲─wrong code, send─┘
//!   │ └───────────────cancel────────────────────┘ │
//!   └─────phone, mailbox───▶ setup?method ──to──▶─┤
//!                               ▲──another number─┘
//! ```
//!
//! A method that needs no input starts its setup by a form; the next page has the QR code. If only one method is
//! available, the first page has only that form. The pending setup is in a sealed cookie. Its key or address stays the
//! same until the setup is confirmed, cancelled or expired; another setup may start before. An address is shown in full
//! during its setup, so that typing errors are noticed, and masked everywhere else. The last page asks for the name,
//! with a default filled in.

use axum::response::{IntoResponse, Response};
use countersign_engine::{
    self as engine, AttemptToken, Error, ReplacingCall,
    core::{
        DeviceId, DeviceName, Kind, Refusal, Secret,
        flow::Purpose,
        repeat::call,
        view::{AnswerForm, DeviceView},
    },
    flow::Enrolment,
};
use fluent_bundle::FluentArgs;
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
    problem::Problem,
    redirect::LocalPath,
    why::Why,
};

/// Asks for a method, then for its input.
pub(super) async fn show(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    let Asked { next, method, replace, .. } = Asked::of(&visitor);
    let typed = Typed { method: method.as_ref(), replace: replace.as_ref(), ..Typed::default() };
    introduce(&visitor, &signed_in, typed, next.as_ref(), Said::default()).await
}

/// The input, to be shown again after an error.
#[derive(Default)]
struct Typed<'a> {
    method: Option<&'a Kind>,
    to: Option<&'a str>,
    replace: Option<&'a DeviceId>,
}

/// The URL of the setup, with the device that it replaces, if any.
fn way(visitor: &Visitor, next: Option<&LocalPath>, replace: Option<&DeviceId>) -> LocalPath {
    let query = [("next", next.map(LocalPath::as_str)), ("replace", replace.map(DeviceId::as_str))];
    visitor.site().paths.setup.with(&query)
}

/// The methods that can be set up, and the device that is replaced, if any.
async fn offer(
    visitor: &Visitor,
    signed_in: &engine::SignedIn,
    replace: Option<&DeviceId>,
) -> Result<(Vec<Kind>, Option<DeviceView>), Error> {
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
    let Typed { method, to, replace } = typed;
    let (methods, replaced) = match offer(visitor, signed_in, replace).await {
        Ok(offered) => offered,
        Err(Error::Refused(refusal @ Refusal::DeviceUnknown)) => {
            return visitor.refused(refusal.into(), &visitor.site().paths.account).await;
        }
        Err(error) => {
            let here = visitor.here().unwrap_or_else(|| way(visitor, next, replace));
            return visitor.stopped(error, &here).await;
        }
    };
    let only = if let [only] = &*methods { Some(only) } else { None };
    let chosen = only.or_else(|| methods.iter().find(|kind| method == Some(kind)));
    let delivered = methods.iter().filter(|kind| kind.is_delivered());
    let context = context! {
        methods => methods.iter().map(|kind| Value::from(kind.as_str())).collect::<Vec<_>>(),
        delivered => delivered.map(|kind| Value::from(kind.as_str())).collect::<Vec<_>>(),
        method => chosen.map(Kind::as_str),
        is_delivered => chosen.is_some_and(Kind::is_delivered),
        several => only.is_none(),
        running => running_to(visitor, signed_in).await,
        to,
        replace => replace.map(DeviceId::as_str),
        replaced => replaced.as_ref().map(device),
        next => next.map(LocalPath::as_str),
        form => visitor.tag(Bound::Session),
    };
    let template = if chosen.is_some() { "setup.html" } else { "methods.html" };
    Page::new(template, context).problem(said.problem).show(visitor).await
}

/// The address that the pending setup has sent a code to, if any.
async fn running_to(visitor: &Visitor, signed_in: &engine::SignedIn) -> Option<String> {
    let view = visitor.engine().setup(signed_in, visitor.cookies().setup.as_ref()?).await.ok()?;
    let AnswerForm::Sent { until: Some(_), .. } = view.device.answer else { return None };
    view.device.to
}

#[derive(Deserialize)]
pub(super) struct Begin {
    method: String,
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
    let Begin { method, to, next, replace } = fields;
    let next = visitor.site().next(&next);
    let replace = Some(replace).filter(|replace| !replace.is_empty()).map(DeviceId::new);
    let (paths, engine, method) = (&visitor.site().paths, visitor.engine(), Kind::new(method));
    let begun = match usual_name(&visitor, &method) {
        Ok(name) => {
            let enrolment = Enrolment { kind: method.clone(), name, to: Some(to.clone()) };
            match &replace {
                Some(replaced) => {
                    engine.begin_replacement(&signed_in, replaced, enrolment, &visitor.request_context()).await
                }
                None => engine.begin_enrolment(&signed_in, enrolment, &visitor.request_context()).await,
            }
        }
        Err(refusal) => Err(refusal.into()),
    };
    match begun {
        Ok(attempt) => {
            if let Err(fault) = abandon(&visitor, &signed_in).await {
                return visitor.fault(&fault);
            }
            let until = engine.now().after(engine.config().login_timeout);
            visitor.running(Name::Setup, attempt.expose(), until, on(&paths.confirm, next.as_ref()))
        }
        Err(error) => match told(error) {
            Ok(problem) => {
                let typed = Typed { method: Some(&method), to: Some(&to), replace: replace.as_ref() };
                introduce(&visitor, &signed_in, typed, next.as_ref(), problem.into()).await
            }
            Err(error) => visitor.stopped(error, &way(&visitor, next.as_ref(), replace.as_ref())).await,
        },
    }
}

/// The default name of a device of this kind.
fn usual_name(visitor: &Visitor, kind: &Kind) -> Result<DeviceName, Refusal> {
    if !USUAL_NAMES.contains(kind) {
        return Err(Refusal::MethodUnknown);
    }
    let name = visitor.site().templates().texts().say(&format!("device-name-{kind}"), &FluentArgs::new());
    DeviceName::parse(&name)
}

/// The kinds with a text `device-name-…`.
const USUAL_NAMES: [Kind; 6] = [Kind::TOTP, Kind::SMS, Kind::CALL, Kind::EMAIL, Kind::YUBIKEY, Kind::HOTP];

/// Shows the key of the pending setup, or where the code was sent, and asks for the code.
pub(super) async fn running(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    let Asked { next, .. } = Asked::of(&visitor);
    reveal(&visitor, &signed_in, Shown { name: None, next: next.as_ref() }, Said::default()).await
}

/// What the form shows again after an error.
#[derive(Clone, Copy)]
struct Shown<'a> {
    /// The name that the user entered.
    name: Option<&'a str>,
    next: Option<&'a LocalPath>,
}

async fn reveal(visitor: &Visitor, signed_in: &engine::SignedIn, shown: Shown<'_>, said: Said) -> Response {
    let Shown { name, next } = shown;
    let setup = &visitor.site().paths.setup;
    let Some(attempt) = &visitor.cookies().setup else { return on(setup, next).into_response() };
    match visitor.engine().setup(signed_in, attempt).await {
        Ok(view) => {
            let change = [("method", Some(view.device.kind.as_str())), ("next", next.map(LocalPath::as_str))];
            let change = setup.with(&change);
            let name = name.unwrap_or(view.device.name.as_str()).to_owned();
            let (answer, to) = (said.beside(view.device.answer), view.typed_address);
            let context = context! {
                name,
                longest => DeviceName::MAX_LENGTH,
                device => device(&DeviceView { answer, to, ..view.device }),
                change => change.as_str(),
                replaces => view.replaces.as_ref().map(DeviceName::as_str),
                key => view.key.as_ref().map(|key| key.text.expose()),
                uri => view.key.as_ref().map(|key| key.uri.expose()),
                next => next.map(LocalPath::as_str),
                form => visitor.tag(Bound::Session),
            };
            Page::new("confirm.html", context).problem(said.problem).show(visitor).await
        }
        Err(error) => ended(visitor, error, next).await,
    }
}

#[derive(Deserialize)]
pub(super) struct Proof {
    #[serde(deserialize_with = "secret")]
    code: Secret,
    #[serde(default)]
    name: Option<String>,
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
    let Some(attempt) = &visitor.cookies().setup else { return on(&paths.setup, next.as_ref()).into_response() };
    let signed_in = match acting {
        Acting::Now(signed_in) => signed_in,
        Acting::Replaced(old) => {
            let call = ReplacingCall::ConfirmEnrolment { attempt, answer: &fields.code };
            return visitor.repeated(&old, call, on(&paths.complete, next.as_ref())).await;
        }
    };
    let shown = Shown { name: fields.name.as_deref(), next: next.as_ref() };
    if let Err(error) = give_name(&visitor, &signed_in, attempt, shown.name).await {
        return match error {
            Error::Faulted(fault) => visitor.fault(&fault),
            Error::Refused(refusal) => reveal(&visitor, &signed_in, shown, Problem::from(refusal).into()).await,
        };
    }
    match visitor.engine().confirm_enrolment(&signed_in, attempt, &fields.code, &visitor.request_context()).await {
        Ok(new_session) => visitor.granted(&new_session, on(&paths.complete, next.as_ref())),
        Err(error) => match told(error) {
            Ok(problem) => reveal(&visitor, &signed_in, shown, problem.into()).await,
            Err(error) => ended(&visitor, error, next.as_ref()).await,
        },
    }
}

/// Renames the device of the pending setup before the code is checked: an invalid name uses up no code. Any other
/// refusal is left to the confirmation, which is refused as well or was already done by the same form.
async fn give_name(
    visitor: &Visitor,
    signed_in: &engine::SignedIn,
    attempt: &AttemptToken,
    name: Option<&str>,
) -> Result<(), Error> {
    let Some(name) = name else { return Ok(()) };
    match visitor.engine().name_enrolment(signed_in, attempt, &DeviceName::parse(name)?).await {
        Ok(()) | Err(Error::Refused(_)) => Ok(()),
        Err(fault) => Err(fault),
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

/// Sends another code for the pending setup.
pub(super) async fn send(SignedIn(signed_in): SignedIn, Form { visitor, fields }: Form<Send>) -> Response {
    let next = visitor.site().next(&fields.next);
    let paths = &visitor.site().paths;
    let Some(attempt) = &visitor.cookies().setup else { return on(&paths.setup, next.as_ref()).into_response() };
    match visitor.engine().send_enrolment(&signed_in, attempt, &visitor.request_context()).await {
        Ok(()) => on(&paths.confirm, next.as_ref()).into_response(),
        Err(error) => match told(error) {
            Ok(problem) => {
                let shown = Shown { name: None, next: next.as_ref() };
                reveal(&visitor, &signed_in, shown, problem.into()).await
            }
            Err(error) => ended(&visitor, error, next.as_ref()).await,
        },
    }
}

/// A setup that has ended leads back to the start.
async fn ended(visitor: &Visitor, error: Error, next: Option<&LocalPath>) -> Response {
    let setup = &visitor.site().paths.setup;
    match error {
        Error::Refused(refusal @ Refusal::AttemptExpired) => {
            visitor.over(Name::Setup, led(&refusal, because(setup, Why::Over, next)))
        }
        // The setup is kept during the verification that is required.
        error => visitor.stopped(error, &on(&visitor.site().paths.confirm, next)).await,
    }
}

#[derive(Deserialize)]
pub(super) struct Cancel {}

impl Posted for Cancel {
    const BOUND: Bound = Bound::Session;
}

/// Cancels the pending setup.
pub(super) async fn cancel(SignedIn(signed_in): SignedIn, Form { visitor, .. }: Form<Cancel>) -> Response {
    if let Err(fault) = abandon(&visitor, &signed_in).await {
        return visitor.fault(&fault);
    }
    visitor.over(Name::Setup, because(&visitor.site().paths.account, Why::Cancelled, None))
}

async fn abandon(visitor: &Visitor, signed_in: &engine::SignedIn) -> Result<(), engine::Fault> {
    match &visitor.cookies().setup {
        Some(attempt) => visitor.engine().abandon_enrolment(signed_in, attempt).await,
        None => Ok(()),
    }
}

/// The last page: offers backup codes and the way on.
pub(super) async fn complete(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    let Asked { next, .. } = Asked::of(&visitor);
    // A device may be set up even if it is not strong enough to verify the session.
    if signed_in.session().verified.is_none()
        && let Err(elsewhere) = visitor.demand(Demand::VERIFIED).await
    {
        return elsewhere;
    }
    let left = match visitor.engine().factors(&signed_in).await {
        Ok(factors) => factors.backup_codes_left,
        Err(fault) => return visitor.fault(&fault),
    };
    let there = next.as_ref().unwrap_or(&visitor.site().home);
    // If the user has no backup codes, this page has the form that creates them. A session that is not strong enough
    // for that is led to a step-up.
    let attempt = match left {
        Some(1..) => None,
        Some(0) | None => match visitor.engine().begin(&signed_in, Purpose::BackupCodes).await {
            Ok(attempt) => Some(attempt),
            Err(Error::Refused(_)) => None,
            Err(Error::Faulted(fault)) => return visitor.fault(&fault),
        },
    };
    let context = context! {
        left,
        attempt => attempt.as_ref().map(AttemptToken::expose),
        there => there.as_str(),
        backup_codes => on(&visitor.site().paths.backup_codes, Some(there)).as_str(),
        form => visitor.tag(Bound::Session),
    };
    Page::new("complete.html", context).show(&visitor).await
}
