//! The pages for people. They work without script; every one that changes something is a form of its own.

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

/// The address by which browsers and password managers find the page that changes the password.
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

/// The one variable part of a path.
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

/// What a query may ask for. What cannot be read is as good as absent.
#[derive(Default)]
struct Asked {
    next: Option<LocalPath>,
    /// Whether the password alone is to be proved again.
    again: bool,
    /// Whether the code that was made with this question has not gone out.
    unsent: bool,
    device: Option<DeviceId>,
    method: Option<Kind>,
    /// The level that a proof has to reach.
    level: Option<Level>,
    /// The device that a new one is to take the place of.
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

/// What a page says besides what it asks.
#[derive(Default)]
struct Said {
    problem: Option<Problem>,
    /// Whether a code was made for this question that has not gone out.
    unsent: bool,
}

impl From<Problem> for Said {
    fn from(problem: Problem) -> Self {
        Self { problem: Some(problem), unsent: false }
    }
}

impl Said {
    /// Whether it says that a code has not gone out, though one was made.
    fn nothing_went_out(&self) -> bool {
        let refused = match &self.problem {
            Some(Problem::Refused(refusal)) => Some(refusal),
            _ => None,
        };
        self.unsent || matches!(refused, Some(Refusal::SendingFailed | Refusal::AddressUnreachable))
    }

    /// The form of an answer as it is to be shown beside what is said.
    fn beside(&self, answer: AnswerForm) -> AnswerForm {
        match answer {
            AnswerForm::Sent { digits, .. } if self.nothing_went_out() => AnswerForm::Sent { digits, until: None },
            answer => answer,
        }
    }
}

/// The way to a page, keeping where one wants to go afterwards.
fn on(page: &LocalPath, next: Option<&LocalPath>) -> LocalPath {
    page.with(&[("next", next.map(LocalPath::as_str))])
}

/// The way to a page, saying why.
fn because(page: &LocalPath, why: Why, next: Option<&LocalPath>) -> Way {
    Way { there: on(page, next), why: Some(why) }
}

/// The way to the page that asks for the password alone, or for more if the session has ended.
fn to_password(login: &LocalPath, refusal: &Refusal, next: Option<&LocalPath>) -> Way {
    if matches!(refusal, Refusal::SignInNeeded) {
        return because(login, Why::SessionEnded, next);
    }
    let there = login.with(&[("next", next.map(LocalPath::as_str)), ("again", Some("yes"))]);
    Way { there, why: Some(Why::Recent) }
}

/// Leads to another page because of a refusal.
fn led(refusal: &Refusal, there: impl IntoResponse) -> Response {
    let mut response = there.into_response();
    response.extensions_mut().insert(Refused::from(refusal));
    response
}

impl Visitor {
    /// Answers for a flow that gives nothing: leads to what is owed first, or says no, or that we could not say.
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

    /// Gives the result of a form that was sent twice once more.
    async fn repeated(&self, old: &SessionToken, call: ReplacingCall<'_>, there: impl Into<Way>) -> Response {
        let there = there.into();
        match self.engine().repeat(old, call, &self.request_context()).await {
            Ok(new_session) if matches!(call, ReplacingCall::StepUp { .. }) => self.renewed(&new_session, there),
            Ok(new_session) => self.granted(&new_session, there),
            Err(error) => self.stopped(error, &there.there).await,
        }
    }

    /// Lets the browser in: gives it the new session, takes away whatever led there, and leads on.
    fn granted(&self, new_session: &NewSession, there: impl IntoResponse) -> Response {
        let mut response = self.renewed(new_session, there);
        if self.cookies().setup.is_some() {
            give(&mut response, self.site().names.take(Name::Setup));
        }
        response
    }

    /// The same after a proof that a setup has to go on after: the session in which it was begun is replaced by this one.
    fn renewed(&self, new_session: &NewSession, there: impl IntoResponse) -> Response {
        let mut response = there.into_response();
        self.give_session(&mut response, new_session);
        if self.cookies().pending.is_some() {
            give(&mut response, self.site().names.take(Name::Pending));
        }
        response
    }

    /// Gives the browser the token of its new session.
    fn give_session(&self, response: &mut Response, new_session: &NewSession) {
        let names = self.site().names;
        give(response, names.give(Name::Session, new_session.token().expose(), None));
        if let Some(browser) = new_session.browser() {
            let lasting = self.engine().config().device_cookie_lifetime;
            give(response, names.give(Name::Browser, browser.expose(), Some(lasting)));
        }
    }

    /// The same, with a run that lasts until then in a cookie.
    fn running(&self, name: Name, token: &str, until: Timestamp, there: impl IntoResponse) -> Response {
        let lasting = until.since(self.engine().now());
        let mut response = there.into_response();
        give(&mut response, self.site().names.give(name, token, Some(lasting)));
        response
    }

    /// Takes the cookie of a run that is over away, with whatever comes next.
    fn over(&self, name: Name, there: impl IntoResponse) -> Response {
        let mut response = there.into_response();
        give(&mut response, self.site().names.take(name));
        response
    }
}

fn give(response: &mut Response, cookie: HeaderValue) {
    response.headers_mut().append(SET_COOKIE, cookie);
}

/// A refusal that is told at the form it came from; anything else ends there.
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
