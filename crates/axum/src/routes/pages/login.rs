//! Sign-in: user name and password, then the second factor.
//!
//! ```text
//! login ──password──▶ home, or next                       (no second factor)
//!       ──password──▶ second-factor ──code──▶ home, or next
//!                        │ ▲   └──restart──▶ login
//!                        └─┴─send: a code is sent, or a notice says why not
//! ```
//!
//! If the default device receives codes, the correct password sends one; a notice after the redirect says why none was
//! sent. An incorrect code, a reload or another method never sends one: only the button does.
//!
//! A sign-in with a backup code leads to the page that shows how many are left.
//!
//! Between the two steps the browser has the sealed attempt in a cookie, so it survives reloading and leaving the page
//! until it times out.

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

/// Shows the form for user name and password. If a login is pending, it asks whether to continue or start over, without
/// the user name: another person may be using the browser by now.
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
    // A signed-in user who must confirm the password enters only the password.
    let again = signed_in.filter(|_| asked.again);
    let asking = Asking { name: again.unwrap_or_default(), again: again.is_some(), next: asked.next.as_ref() };
    credentials(&visitor, asking, None).await
}

/// The variables of the form.
struct Asking<'a> {
    name: &'a str,
    /// Whether the user of this session confirms the password.
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

/// Handles the password.
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

/// The redirect to the second factor after no code was sent. If the code is lost, a reload does not ask for it either.
fn unsent(second_factor: &LocalPath, refusal: &Refusal, next: Option<&LocalPath>) -> Way {
    let why = Why::unsent(refusal);
    let is_lost = matches!(why, Why::UnsentFailed | Why::UnsentUnreachable);
    let query = [("next", next.map(LocalPath::as_str)), ("sent", is_lost.then_some("no"))];
    Way { there: second_factor.with(&query), why: Some(why) }
}

/// Shows the form for the second factor, for the selected device.
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

/// The redirect after a sign-in with a second factor.
fn arrival(site: &Site, session: &Session, next: Option<&LocalPath>) -> LocalPath {
    // A user who used a backup code has one less, and perhaps a lost device.
    if session.method == Some(Kind::BACKUP_CODES) {
        on(&site.paths.backup_code_used, next)
    } else {
        next.unwrap_or(&site.home).clone()
    }
}

/// Handles the second factor.
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

/// Sends a code to a device and shows its form.
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

/// An attempt that has expired, or that no device can complete, leads back to the start.
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

/// Cancels the pending login and starts over.
pub(super) async fn restart(Form { visitor, fields }: Form<Restart>) -> Response {
    let next = visitor.site().next(&fields.next);
    match visitor.engine().sign_out(None, visitor.cookies().pending.as_ref(), &visitor.request_context()).await {
        Ok(()) => visitor.over(Name::Pending, on(&visitor.site().paths.login, next.as_ref())),
        Err(fault) => visitor.fault(&fault),
    }
}
