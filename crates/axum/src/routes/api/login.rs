//! Signing in: name and password, then an answer to a device.
//!
//! A program holds the run in its hands; a browser has it in the same cookie as at the pages, so that a login begun here
//! may be finished there.

use countersign_engine::{
    AttemptToken, Error,
    core::{DeviceId, Refusal, Secret},
    flow::{LoginChallenge, SignIn},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    call::{Call, Client, Members},
    document::{Opened, Pending, Step, choice},
    reply::Reply,
};
use crate::{cookies::Name, form::secret, trouble::Trouble};

/// A name and a password.
#[derive(Deserialize, ToSchema)]
pub(super) struct Credentials {
    /// What the user types to sign in.
    name: String,
    /// The password.
    #[schema(value_type = String, format = Password)]
    #[serde(deserialize_with = "secret")]
    password: Secret,
}

impl Members for Credentials {}

pub(super) async fn start(call: Call<Credentials>) -> Result<Reply<Step>, Trouble> {
    let Credentials { name, password } = &call.body;
    Ok(match call.engine().sign_in(name, password, &call.request_context()).await? {
        SignIn::Complete(new_session) => call.renewed(&new_session).saying(|opened| Step {
            status: "signed-in",
            opened: Some(opened),
            pending: None,
        }),
        SignIn::Pending(challenge) => {
            pending(&call, &challenge).saying(|owed| Step { status: "pending", opened: None, pending: Some(owed) })
        }
    })
}

/// Says what is owed; a browser keeps the run in a cookie.
fn pending<T>(call: &Call<T>, challenge: &LoginChallenge) -> Reply<Pending> {
    let mut owed = Pending::of(challenge, &call.visitor);
    if call.client == Client::Program {
        owed.login = Some(challenge.token.expose().to_owned());
        return owed.into();
    }
    owed.csrf = Some(call.visitor.tag_of_login(&challenge.token));
    let lasting = challenge.until.since(call.engine().now());
    let cookie = call.visitor.site().names.give(Name::Pending, challenge.token.expose(), Some(lasting));
    Reply::from(owed).giving(cookie)
}

/// A login under way, and a device to choose.
#[derive(Deserialize, ToSchema)]
pub(super) struct LoginChoice {
    /// The run, if it is not in a cookie.
    login: Option<String>,
    /// The device to ask instead of the one that is asked first.
    device: Option<String>,
}

impl Members for LoginChoice {}

pub(super) async fn challenge(call: Call<LoginChoice>) -> Result<Reply<Pending>, Trouble> {
    let LoginChoice { login, device } = &call.body;
    let attempt = call.login(login.as_ref())?;
    let choice = choice(device.as_ref());
    Ok(pending(&call, &call.engine().challenge(&attempt, choice.as_ref(), &call.request_context()).await?))
}

/// A login under way, and a device that a code is to be sent to.
#[derive(Deserialize, ToSchema)]
pub(super) struct LoginSend {
    /// The run, if it is not in a cookie.
    login: Option<String>,
    /// The device.
    device: String,
}

impl Members for LoginSend {}

pub(super) async fn send(call: Call<LoginSend>) -> Result<Reply<Pending>, Trouble> {
    let LoginSend { login, device } = &call.body;
    let attempt = call.login(login.as_ref())?;
    let device = DeviceId::new(device.as_str());
    Ok(pending(&call, &call.engine().send(&attempt, &device, &call.request_context()).await?))
}

/// A login under way, and an answer.
#[derive(Deserialize, ToSchema)]
pub(super) struct LoginAnswer {
    /// The run, if it is not in a cookie.
    login: Option<String>,
    /// The device that answers. No other one is tried.
    device: String,
    /// The answer.
    #[schema(value_type = String)]
    #[serde(deserialize_with = "secret")]
    code: Secret,
}

impl Members for LoginAnswer {}

pub(super) async fn answer(call: Call<LoginAnswer>) -> Result<Reply<Opened>, Trouble> {
    let LoginAnswer { login, device, code } = &call.body;
    let attempt = call.login(login.as_ref())?;
    let device = DeviceId::new(device.as_str());
    let (new_session, _) = call.engine().answer(&attempt, &device, code, &call.request_context()).await?;
    Ok(call.granted(&new_session))
}

/// A login under way.
#[derive(Deserialize, ToSchema)]
pub(super) struct LoginAttempt {
    /// The run, if it is not in a cookie.
    login: Option<String>,
}

impl Members for LoginAttempt {}

impl LoginAttempt {
    /// The run that the request brings, if it brings one.
    pub(super) fn of(call: &Call<Self>) -> Option<AttemptToken> {
        call.login(call.body.login.as_ref()).ok()
    }
}

pub(super) async fn cancel(call: Call<LoginAttempt>) -> Result<Reply<()>, Trouble> {
    let attempt = LoginAttempt::of(&call).ok_or(Error::Refused(Refusal::AttemptExpired))?;
    call.engine().sign_out(None, Some(&attempt), &call.request_context()).await?;
    Ok(match call.client {
        Client::Browser => Reply::from(()).giving(call.visitor.site().names.take(Name::Pending)),
        Client::Program => ().into(),
    })
}
