//! Login: user name and password, then a code of a device.
//!
//! A program holds the token of the pending login. A browser has it in the cookie that the pages use as well, so a
//! login that was started here can be completed there.

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

/// A user name and a password.
#[derive(Deserialize, ToSchema)]
pub(super) struct Credentials {
    /// The name that the user signs in with.
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

/// Responds with the pending login; a browser gets its token in a cookie.
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

/// A pending login, and the device to select.
#[derive(Deserialize, ToSchema)]
pub(super) struct LoginChoice {
    /// The token of the pending login, unless it is in a cookie.
    login: Option<String>,
    /// The id of the device to use instead of the default.
    device: Option<String>,
}

impl Members for LoginChoice {}

pub(super) async fn challenge(call: Call<LoginChoice>) -> Result<Reply<Pending>, Trouble> {
    let LoginChoice { login, device } = &call.body;
    let attempt = call.login(login.as_ref())?;
    let choice = choice(device.as_ref());
    Ok(pending(&call, &call.engine().challenge(&attempt, choice.as_ref(), &call.request_context()).await?))
}

/// A pending login, and the device to send a code to.
#[derive(Deserialize, ToSchema)]
pub(super) struct LoginSend {
    /// The token of the pending login, unless it is in a cookie.
    login: Option<String>,
    /// The id of the device.
    device: String,
}

impl Members for LoginSend {}

pub(super) async fn send(call: Call<LoginSend>) -> Result<Reply<Pending>, Trouble> {
    let LoginSend { login, device } = &call.body;
    let attempt = call.login(login.as_ref())?;
    let device = DeviceId::new(device.as_str());
    Ok(pending(&call, &call.engine().send(&attempt, &device, &call.request_context()).await?))
}

/// A pending login, and the code of a device.
#[derive(Deserialize, ToSchema)]
pub(super) struct LoginAnswer {
    /// The token of the pending login, unless it is in a cookie.
    login: Option<String>,
    /// The id of the device. No other device is tried.
    device: String,
    /// The code.
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

/// A pending login.
#[derive(Deserialize, ToSchema)]
pub(super) struct LoginAttempt {
    /// The token of the pending login, unless it is in a cookie.
    login: Option<String>,
}

impl Members for LoginAttempt {}

impl LoginAttempt {
    /// The token of the pending login, if the request includes one.
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
