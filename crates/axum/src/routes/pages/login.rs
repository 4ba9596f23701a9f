//! Signing in: name and password, then the second factor.
//!
//! ```text
//! login ──password──▶ home, or next                       (no second factor)
//!       ──password──▶ second-factor ──code──▶ home, or next
//!                        │ ▲   └──restart──▶ login
//!                        └─┴─send: a code is on its way, or why it is not
//! ```
//!
//! Where the device that is asked first is sent codes, the password sends one; why none was sent is told after the redirect
//! by a notice. A wrong code, a reload and another way never send any: only the button does.
//!
//! A sign-in by backup code leads to the page that tells how many codes are left, and from there on.
//!
//! Between the two steps the browser holds the sealed run in a cookie, so reloading, leaving and coming back lose nothing
//! until the run times out.

use axum::response::{IntoResponse, Response};
use countersign_engine::{
    Error,
    core::{DeviceId, Kind, Refusal, Secret, Session, repeat::call, view::PromptView},
    flow::{LoginChallenge, RequestContext, SignIn},
};
use minijinja::context;
use serde::Deserialize;

use super::{Asked, Said, account::prompt, because, led, on, told};
use crate::{
    Visitor,
    cookies::Name,
    csrf::Bound,
    form::{Form, Posted, SentTwice, secret},
    page::Page,
    problem::Problem,
    redirect::LocalPath,
    site::Site,
    why::{Way, Why},
};

/// Asks for name and password. Where a login is pending it asks whether to go on with it or to start over, and shows nothing
/// of whose it is: another person may be in front of the browser by now.
pub(super) async fn show(visitor: Visitor) -> Response {
    let asked = Asked::of(&visitor);
    if visitor.cookies().pending.is_some() && !asked.again {
        let there = on(&visitor.site().paths.second_factor, asked.next.as_ref());
        let context = context! {
            there => there.as_str(),
            next => asked.next.as_ref().map(LocalPath::as_str),
            form => visitor.tag(Bound::Pending),
        };
        return Page::new("pending.html", context).show(&visitor).await;
    }
    let signed_in = match visitor.signed_in().await {
        Ok(signed_in) => signed_in.map(|signed_in| signed_in.user().name.as_str()),
        Err(fault) => return visitor.fault(&fault),
    };
    // Whoever is signed in and has to prove the password again is asked for nothing else.
    let again = signed_in.filter(|_| asked.again);
    let asking = Asking { name: again.unwrap_or_default(), again: again.is_some(), next: asked.next.as_ref() };
    credentials(&visitor, asking, None).await
}

/// What is asked for, and of whom.
struct Asking<'a> {
    name: &'a str,
    /// Whether it is the user of this session, who proves the password again.
    again: bool,
    next: Option<&'a LocalPath>,
}

async fn credentials(visitor: &Visitor, asking: Asking<'_>, problem: Option<Problem>) -> Response {
    let Asking { name, again, next } = asking;
    let next = next.map(LocalPath::as_str);
    let context = context! { name, again, next, form => visitor.tag(Bound::Nonce) };
    Page::new("login.html", context).problem(problem).show(visitor).await
}

#[derive(Deserialize)]
pub(super) struct Credentials {
    name: String,
    #[serde(deserialize_with = "secret")]
    password: Secret,
    #[serde(default)]
    next: String,
    #[serde(default)]
    again: String,
}

impl Posted for Credentials {
    const BOUND: Bound = Bound::Nonce;
}

/// The first step.
pub(super) async fn sign_in(Form { visitor, fields }: Form<Credentials>) -> Response {
    let Credentials { name, password, next, again } = fields;
    let next = visitor.site().next(&next);
    let request_context = RequestContext {
        next: next.as_ref().filter(|next| next.is_short()).map(LocalPath::to_string),
        ..visitor.request_context()
    };
    match visitor.engine().sign_in(&name, &password, &request_context).await {
        Ok(SignIn::Complete(new_session)) => {
            visitor.renewed(&new_session, next.unwrap_or_else(|| visitor.site().home.clone()))
        }
        Ok(SignIn::Pending(challenge)) => {
            let second_factor = &visitor.site().paths.second_factor;
            let there = match &challenge.unsent {
                Some(refusal) => unsent(second_factor, refusal, next.as_ref()),
                None => on(second_factor, next.as_ref()).into(),
            };
            visitor.running(Name::Pending, challenge.token.expose(), challenge.until, there)
        }
        Err(Error::Faulted(fault)) => visitor.fault(&fault),
        Err(Error::Refused(refusal)) => {
            let again = again == "yes"
                && matches!(visitor.signed_in().await, Ok(Some(signed_in)) if signed_in.user().name == name);
            let asking = Asking { name: &name, again, next: next.as_ref() };
            credentials(&visitor, asking, Some(refusal.into())).await
        }
    }
}

/// The way to the question for a code that was not sent. Where none is in hand, a reload does not ask for one either.
fn unsent(second_factor: &LocalPath, refusal: &Refusal, next: Option<&LocalPath>) -> Way {
    let why = Why::unsent(refusal);
    let is_lost = matches!(why, Why::UnsentFailed | Why::UnsentUnreachable);
    let query = [("next", next.map(LocalPath::as_str)), ("sent", is_lost.then_some("no"))];
    Way { there: second_factor.with(&query), why: Some(why) }
}

/// Asks for the second factor, with the device one chose.
pub(super) async fn challenge(visitor: Visitor) -> Response {
    let Asked { next, device, unsent, .. } = Asked::of(&visitor);
    ask(&visitor, device.as_ref(), next.as_ref(), Said { problem: None, unsent }).await
}

async fn ask(visitor: &Visitor, choice: Option<&DeviceId>, next: Option<&LocalPath>, said: Said) -> Response {
    let Some(token) = &visitor.cookies().pending else {
        return on(&visitor.site().paths.login, next).into_response();
    };
    match visitor.engine().challenge(token, choice, &visitor.request_context()).await {
        Ok(LoginChallenge { view, until, .. }) => {
            let context = context! {
                device => prompt(&PromptView { answer: said.beside(view.device.answer), ..view.device }),
                others => view.others.iter().map(prompt).collect::<Vec<_>>(),
                disabled => view.disabled.iter().map(prompt).collect::<Vec<_>>(),
                until => until.as_millis(),
                next => next.map(LocalPath::as_str),
                form => visitor.tag(Bound::Pending),
            };
            Page::new("second_factor.html", context).problem(said.problem).show(visitor).await
        }
        Err(error) => ended(visitor, error, next).await,
    }
}

#[derive(Deserialize)]
pub(super) struct Answer {
    device: String,
    #[serde(deserialize_with = "secret")]
    code: Secret,
    #[serde(default)]
    next: String,
}

impl Posted for Answer {
    const BOUND: Bound = Bound::Pending;
    const SENT_TWICE: Option<SentTwice> = Some(SentTwice { call: call::LOGIN, there: arrival });
}

/// Where a sign-in with a second factor leads.
fn arrival(site: &Site, session: &Session, next: Option<&LocalPath>) -> LocalPath {
    // A user who had to use one of their backup codes has one less, and perhaps a device that is lost.
    if session.method == Some(Kind::BACKUP_CODES) {
        on(&site.paths.backup_code_used, next)
    } else {
        next.unwrap_or(&site.home).clone()
    }
}

/// The second step.
pub(super) async fn answer(Form { visitor, fields }: Form<Answer>) -> Response {
    let site = visitor.site();
    let next = site.next(&fields.next);
    let Some(token) = &visitor.cookies().pending else { return on(&site.paths.login, next.as_ref()).into_response() };
    let device = DeviceId::new(fields.device);
    match visitor.engine().answer(token, &device, &fields.code, &visitor.request_context()).await {
        Ok((new_session, sealed)) => {
            let next = next.or_else(|| sealed.and_then(|sealed| site.next(&sealed)));
            visitor.granted(&new_session, arrival(site, new_session.signed_in().session(), next.as_ref()))
        }
        Err(error) => match told(error) {
            Ok(problem) => ask(&visitor, Some(&device), next.as_ref(), problem.into()).await,
            Err(error) => ended(&visitor, error, next.as_ref()).await,
        },
    }
}

#[derive(Deserialize)]
pub(super) struct Send {
    device: String,
    #[serde(default)]
    next: String,
}

impl Posted for Send {
    const BOUND: Bound = Bound::Pending;
}

/// Sends a code to a device, and asks for it.
pub(super) async fn send(Form { visitor, fields }: Form<Send>) -> Response {
    let paths = &visitor.site().paths;
    let next = visitor.site().next(&fields.next);
    let Some(token) = &visitor.cookies().pending else { return on(&paths.login, next.as_ref()).into_response() };
    let device = DeviceId::new(fields.device);
    match visitor.engine().send(token, &device, &visitor.request_context()).await {
        Ok(challenge) => {
            let asked =
                [("device", Some(challenge.view.device.id.as_str())), ("next", next.as_ref().map(LocalPath::as_str))];
            paths.second_factor.with(&asked).into_response()
        }
        Err(error) => match told(error) {
            Ok(problem) => ask(&visitor, Some(&device), next.as_ref(), problem.into()).await,
            Err(error) => ended(&visitor, error, next.as_ref()).await,
        },
    }
}

/// A run that is over, or that nothing can be answered in, leads back to the start.
async fn ended(visitor: &Visitor, error: Error, next: Option<&LocalPath>) -> Response {
    let login = &visitor.site().paths.login;
    match error {
        Error::Faulted(fault) => visitor.fault(&fault),
        Error::Refused(refusal @ Refusal::AttemptExpired) => {
            visitor.over(Name::Pending, led(&refusal, because(login, Why::Over, next)))
        }
        Error::Refused(refusal) => visitor.over(Name::Pending, visitor.refused(refusal.into(), login).await),
    }
}

#[derive(Deserialize)]
pub(super) struct Restart {
    #[serde(default)]
    next: String,
}

impl Posted for Restart {
    const BOUND: Bound = Bound::Pending;
}

/// Gives a login under way up, for good, and starts over.
pub(super) async fn restart(Form { visitor, fields }: Form<Restart>) -> Response {
    let next = visitor.site().next(&fields.next);
    match visitor.engine().sign_out(None, visitor.cookies().pending.as_ref(), &visitor.request_context()).await {
        Ok(()) => visitor.over(Name::Pending, on(&visitor.site().paths.login, next.as_ref())),
        Err(fault) => visitor.fault(&fault),
    }
}
