//! The pages for users. They work without script; every action is a form of its own.

mod account;
mod backup_codes;
mod devices;
mod disable;
mod login;
mod logout;
mod password;
mod qr;
mod setup;
mod verify;

use axum::{
    Router,
    extract::{FromRequestParts, Path},
    http::{HeaderValue, header::SET_COOKIE, request::Parts},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use countersign_engine::{
    Error, NewSession, ReplacingCall, SessionToken,
    core::{DeviceId, Kind, Level, Refusal, Timestamp, view::AnswerForm},
};
use serde::Deserialize;

use crate::{
    Visitor,
    cookies::Name,
    message::Message,
    problem::{Problem, Refused},
    redirect::LocalPath,
    site::Paths,
    slash::WithSlash,
    why::{Way, Why},
};

/// Every page, at its full path.
pub(crate) fn router(paths: &Paths) -> Router {
    let at = LocalPath::as_str;
    let device = |action: &str| format!("{}/{{id}}/{action}", paths.devices);
    Router::new()
        .route_with_slash(at(&paths.mount), get(account::lead))
        .route_with_slash(at(&paths.login), get(login::show).post(login::sign_in))
        .route_with_slash(at(&paths.second_factor), get(login::challenge).post(login::answer))
        .route_with_slash(at(&paths.send), post(login::send))
        .route_with_slash(at(&paths.restart), post(login::restart))
        .route_with_slash(at(&paths.backup_code_used), get(backup_codes::used))
        .route_with_slash(at(&paths.logout), get(logout::show).post(logout::sign_out))
        .route_with_slash(at(&paths.verify), get(verify::show).post(verify::answer))
        .route_with_slash(at(&paths.verify_send), post(verify::send))
        .route_with_slash(at(&paths.account), get(account::show))
        .route_with_slash(at(&paths.setup), get(setup::show).post(setup::begin))
        .route_with_slash(at(&paths.confirm), get(setup::running).post(setup::confirm))
        .route_with_slash(at(&paths.setup_send), post(setup::send))
        .route_with_slash(at(&paths.cancel), post(setup::cancel))
        .route_with_slash(at(&paths.complete), get(setup::complete))
        .route_with_slash(at(&paths.qr_svg), get(qr::svg))
        .route_with_slash(at(&paths.qr_png), get(qr::png))
        .route_with_slash(at(&paths.backup_codes), get(backup_codes::show).post(backup_codes::make))
        .route_with_slash(at(&paths.disable), get(disable::show).post(disable::disable))
        .route_with_slash(&device("remove"), get(devices::show).post(devices::remove))
        .route_with_slash(&device("prefer"), post(devices::prefer))
        .route_with_slash(&device("rename"), get(devices::show_name).post(devices::rename))
        .route_with_slash(at(&paths.password), get(password::show).post(password::change))
        .route_with_slash(&format!("{}/{{file}}", paths.assets), get(asset))
        .method_not_allowed_fallback(method_not_allowed)
        .route(&format!("{}/{{*rest}}", paths.mount), any(not_found))
}

/// The well-known path of the page that changes the password, for browsers and password managers.
pub(crate) fn change_password(paths: &Paths) -> Router {
    let page = paths.password.clone();
    Router::new().route("/.well-known/change-password", get(async move || page.clone()))
}

async fn not_found(visitor: Visitor) -> Response {
    Message::NotFound.show(&visitor).await
}

async fn method_not_allowed(visitor: Visitor) -> Response {
    Message::MethodNotAllowed.show(&visitor).await
}

async fn asset(visitor: Visitor, file: Part) -> Response {
    match visitor.site().assets().serve(&file.0) {
        Some(response) => response,
        None => Message::NotFound.show(&visitor).await,
    }
}

/// The variable part of a path.
struct Part(String);

impl<S: Send + Sync> FromRequestParts<S> for Part {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(part)) => Ok(Self(part)),
            Err(_) => Err(Message::NotFound.show(&Visitor::from_request_parts(parts, state).await?).await),
        }
    }
}

/// The query of a page. Invalid values count as absent.
#[derive(Default)]
struct Asked {
    next: Option<LocalPath>,
    /// Whether only the password is to be confirmed.
    again: bool,
    /// Whether the code for this page was not sent.
    unsent: bool,
    device: Option<DeviceId>,
    method: Option<Kind>,
    /// The level that the verification must reach.
    level: Option<Level>,
    /// The device that the new one replaces.
    replace: Option<DeviceId>,
}

impl Asked {
    fn of(visitor: &Visitor) -> Self {
        #[derive(Default, Deserialize)]
        struct Query {
            next: Option<String>,
            again: Option<String>,
            sent: Option<String>,
            device: Option<String>,
            method: Option<String>,
            level: Option<String>,
            replace: Option<String>,
        }
        let Query { next, again, sent, device, method, level, replace } =
            serde_html_form::from_str(visitor.query()).unwrap_or_default();
        Self {
            next: next.and_then(|next| visitor.site().next(&next)),
            again: again.as_deref() == Some("yes"),
            unsent: sent.as_deref() == Some("no"),
            device: device.map(DeviceId::new),
            method: method.map(Kind::new),
            level: level.and_then(|level| Level::parse(&level)),
            replace: replace.filter(|replace| !replace.is_empty()).map(DeviceId::new),
        }
    }
}

/// What a page shows besides the form.
#[derive(Default)]
struct Said {
    problem: Option<Problem>,
    /// Whether a code for this form was created but not sent.
    unsent: bool,
}

impl From<Problem> for Said {
    fn from(problem: Problem) -> Self {
        Self { problem: Some(problem), unsent: false }
    }
}

impl Said {
    /// Whether a code was created but not sent.
    fn nothing_went_out(&self) -> bool {
        let refused = match &self.problem {
            Some(Problem::Refused(refusal)) => Some(refusal),
            _ => None,
        };
        self.unsent || matches!(refused, Some(Refusal::SendingFailed | Refusal::AddressUnreachable))
    }

    /// The form of the answer, without a sent code if none was sent.
    fn beside(&self, answer: AnswerForm) -> AnswerForm {
        match answer {
            AnswerForm::Sent { digits, .. } if self.nothing_went_out() => AnswerForm::Sent { digits, until: None },
            answer => answer,
        }
    }
}

/// The URL of a page, with `next`.
fn on(page: &LocalPath, next: Option<&LocalPath>) -> LocalPath {
    page.with(&[("next", next.map(LocalPath::as_str))])
}

/// The redirect to a page, with a notice.
fn because(page: &LocalPath, why: Why, next: Option<&LocalPath>) -> Way {
    Way { there: on(page, next), why: Some(why) }
}

/// The redirect to the page that confirms the password, or to a sign-in if the session has ended.
fn to_password(login: &LocalPath, refusal: &Refusal, next: Option<&LocalPath>) -> Way {
    if matches!(refusal, Refusal::SignInNeeded) {
        return because(login, Why::SessionEnded, next);
    }
    let there = login.with(&[("next", next.map(LocalPath::as_str)), ("again", Some("yes"))]);
    Way { there, why: Some(Why::Recent) }
}

/// Redirects to another page because of a refusal.
fn led(refusal: &Refusal, there: impl IntoResponse) -> Response {
    let mut response = there.into_response();
    response.extensions_mut().insert(Refused::from(refusal));
    response
}

impl Visitor {
    /// The response to an error: a redirect to the authentication that is required, a refusal, or a fault.
    async fn stopped(&self, error: Error, here: &LocalPath) -> Response {
        let paths = &self.site().paths;
        match error {
            Error::Faulted(fault) => self.fault(&fault),
            Error::Refused(refusal @ Refusal::VerificationNeeded) => led(&refusal, self.to_proof(here, None).await),
            Error::Refused(refusal @ (Refusal::SignInNeeded | Refusal::PasswordNeeded)) => {
                led(&refusal, to_password(&paths.login, &refusal, Some(here)))
            }
            Error::Refused(refusal @ Refusal::NotEnabled) => self.refused(refusal.into(), &paths.setup).await,
            Error::Refused(refusal) => self.refused(refusal.into(), here).await,
        }
    }

    /// Returns the result of a form that was sent twice again.
    async fn repeated(&self, old: &SessionToken, call: ReplacingCall<'_>, there: impl Into<Way>) -> Response {
        let there = there.into();
        match self.engine().repeat(old, call, &self.request_context()).await {
            Ok(new_session) if matches!(call, ReplacingCall::StepUp { .. }) => self.renewed(&new_session, there),
            Ok(new_session) => self.granted(&new_session, there),
            Err(error) => self.stopped(error, &there.there).await,
        }
    }

    /// Sets the cookies of the new session, deletes those of the attempts before it, and redirects.
    fn granted(&self, new_session: &NewSession, there: impl IntoResponse) -> Response {
        let mut response = self.renewed(new_session, there);
        if self.cookies().setup.is_some() {
            give(&mut response, self.site().names.take(Name::Setup));
        }
        response
    }

    /// The same after a step-up: the new session replaces the old one, and a pending setup is kept.
    fn renewed(&self, new_session: &NewSession, there: impl IntoResponse) -> Response {
        let mut response = there.into_response();
        self.give_session(&mut response, new_session);
        if self.cookies().pending.is_some() {
            give(&mut response, self.site().names.take(Name::Pending));
        }
        response
    }

    /// Sets the cookie of the new session.
    fn give_session(&self, response: &mut Response, new_session: &NewSession) {
        let names = self.site().names;
        give(response, names.give(Name::Session, new_session.token().expose(), None));
        if let Some(browser) = new_session.browser() {
            let lasting = self.engine().config().device_cookie_lifetime;
            give(response, names.give(Name::Browser, browser.expose(), Some(lasting)));
        }
    }

    /// Sets the cookie of an attempt until it expires.
    fn running(&self, name: Name, token: &str, until: Timestamp, there: impl IntoResponse) -> Response {
        let lasting = until.since(self.engine().now());
        let mut response = there.into_response();
        give(&mut response, self.site().names.give(name, token, Some(lasting)));
        response
    }

    /// Deletes the cookie of an attempt that has ended, with the redirect.
    fn over(&self, name: Name, there: impl IntoResponse) -> Response {
        let mut response = there.into_response();
        give(&mut response, self.site().names.take(name));
        response
    }
}

fn give(response: &mut Response, cookie: HeaderValue) {
    response.headers_mut().append(SET_COOKIE, cookie);
}

/// A refusal that the form shows; any other error ends the flow.
fn told(error: Error) -> Result<Problem, Error> {
    match error {
        Error::Refused(
            Refusal::AttemptExpired
            | Refusal::VerificationNeeded
            | Refusal::SignInNeeded
            | Refusal::PasswordNeeded
            | Refusal::SessionReplaced
            | Refusal::NotEnabled,
        )
        | Error::Faulted(_) => Err(error),
        Error::Refused(refusal) => Ok(refusal.into()),
    }
}
