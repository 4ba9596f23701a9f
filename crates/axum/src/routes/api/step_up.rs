//! Step-up: verifies a device again, as a response with `insufficient_user_authentication` requires (RFC 9470).

use countersign_engine::{
    AttemptToken, ReplacingCall,
    core::{DeviceId, Secret},
    flow::LoginChallenge,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    call::{Call, Members},
    document::{Opened, Pending, choice},
    reply::Reply,
};
use crate::{form::secret, guard::Acting, trouble::Trouble};

/// The device to use.
#[derive(Deserialize, ToSchema)]
pub(super) struct StepUpBegin {
    /// The id of the device to use instead of the default.
    device: Option<String>,
}

impl Members for StepUpBegin {}

pub(super) async fn begin(call: Call<StepUpBegin>) -> Result<Reply<Pending>, Trouble> {
    let signed_in = call.signed_in().await?;
    let choice = choice(call.body.device.as_ref());
    Ok(pending(&call, &call.engine().begin_step_up(&signed_in, choice.as_ref()).await?))
}

fn pending<T>(call: &Call<T>, challenge: &LoginChallenge) -> Reply<Pending> {
    let mut owed = Pending::of(challenge, &call.visitor);
    owed.step_up = Some(challenge.token.expose().to_owned());
    owed.into()
}

/// A pending step-up, and the device to select.
#[derive(Deserialize, ToSchema)]
pub(super) struct StepUpChoice {
    /// The token of the pending step-up.
    step_up: String,
    /// The id of the device to use instead of the default.
    device: Option<String>,
}

impl Members for StepUpChoice {}

pub(super) async fn challenge(call: Call<StepUpChoice>) -> Result<Reply<Pending>, Trouble> {
    let signed_in = call.signed_in().await?;
    let (attempt, choice) = (AttemptToken::new(call.body.step_up.as_str()), choice(call.body.device.as_ref()));
    let asked = call.engine().step_up_challenge(&signed_in, &attempt, choice.as_ref()).await?;
    Ok(pending(&call, &asked))
}

/// A pending step-up, and the device to send a code to.
#[derive(Deserialize, ToSchema)]
pub(super) struct StepUpSend {
    /// The token of the pending step-up.
    step_up: String,
    /// The id of the device.
    device: String,
}

impl Members for StepUpSend {}

pub(super) async fn send(call: Call<StepUpSend>) -> Result<Reply<Pending>, Trouble> {
    let signed_in = call.signed_in().await?;
    let (attempt, device) = (AttemptToken::new(call.body.step_up.as_str()), DeviceId::new(call.body.device.as_str()));
    let asked = call.engine().send_step_up(&signed_in, &attempt, &device, &call.request_context()).await?;
    Ok(pending(&call, &asked))
}

/// A pending step-up, and the code of a device.
#[derive(Deserialize, ToSchema)]
pub(super) struct StepUpAnswer {
    /// The token of the pending step-up.
    step_up: String,
    /// The id of the device. No other device is tried.
    device: String,
    /// The code.
    #[schema(value_type = String)]
    #[serde(deserialize_with = "secret")]
    code: Secret,
}

impl Members for StepUpAnswer {}

pub(super) async fn answer(call: Call<StepUpAnswer>) -> Result<Reply<Opened>, Trouble> {
    let StepUpAnswer { step_up, device, code } = &call.body;
    let (attempt, device, request_context) =
        (AttemptToken::new(step_up.as_str()), DeviceId::new(device.as_str()), call.request_context());
    let new_session = match call.acting().await? {
        Acting::Now(signed_in) => call.engine().step_up(&signed_in, &attempt, &device, code, &request_context).await?,
        Acting::Replaced(old) => {
            let repeated = ReplacingCall::StepUp { attempt: &attempt, device: &device, answer: code };
            call.engine().repeat(&old, repeated, &request_context).await?
        }
    };
    Ok(call.renewed(&new_session))
}
