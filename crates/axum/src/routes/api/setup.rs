//! Starts, shows, confirms and cancels the setup of a device. The client holds the token of the pending setup.

use countersign_engine::{
    AttemptToken, ReplacingCall, SignedIn,
    core::{DeviceName, Kind, Secret},
    flow::Enrolment,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    call::{Call, Members},
    document::{Opened, SetupDocument},
    reply::Reply,
};
use crate::{form::secret, guard::Acting, trouble::Trouble};

/// The device to set up.
#[derive(Deserialize, ToSchema)]
pub(super) struct SetupBegin {
    /// The method, one of `methods` in the list of devices.
    method: String,
    /// The name of the device, 1 to 64 characters.
    name: String,
    /// The phone number with its country code, or the e-mail address, to send codes to.
    to: Option<String>,
}

impl Members for SetupBegin {}

pub(super) async fn begin(call: Call<SetupBegin>) -> Result<Reply<SetupDocument>, Trouble> {
    let signed_in = call.signed_in().await?;
    let SetupBegin { method, name, to } = &call.body;
    let enrolment = Enrolment { kind: Kind::new(method.clone()), name: DeviceName::parse(name)?, to: to.clone() };
    let attempt = call.engine().begin_enrolment(&signed_in, enrolment, &call.request_context()).await?;
    shown(&call, &signed_in, &attempt).await
}

async fn shown<T>(
    call: &Call<T>,
    signed_in: &SignedIn,
    attempt: &AttemptToken,
) -> Result<Reply<SetupDocument>, Trouble> {
    let view = call.engine().setup(signed_in, attempt).await?;
    let document = SetupDocument {
        setup: attempt.expose().to_owned(),
        expires_at: view.until.as_seconds(),
        device: (&view.device).into(),
        key: view.key.as_ref().map(|key| key.text.expose().to_owned()),
        uri: view.key.as_ref().map(|key| key.uri.expose().to_owned()),
    };
    Ok(document.into())
}

/// A pending setup.
#[derive(Deserialize, ToSchema)]
pub(super) struct SetupRun {
    /// The token of the pending setup.
    setup: String,
}

impl Members for SetupRun {}

impl SetupRun {
    fn run(&self) -> AttemptToken {
        AttemptToken::new(self.setup.as_str())
    }
}

pub(super) async fn show(call: Call<SetupRun>) -> Result<Reply<SetupDocument>, Trouble> {
    let signed_in = call.signed_in().await?;
    shown(&call, &signed_in, &call.body.run()).await
}

pub(super) async fn send(call: Call<SetupRun>) -> Result<Reply<SetupDocument>, Trouble> {
    let signed_in = call.signed_in().await?;
    let attempt = call.body.run();
    call.engine().send_enrolment(&signed_in, &attempt, &call.request_context()).await?;
    shown(&call, &signed_in, &attempt).await
}

/// A pending setup, and a code of its device.
#[derive(Deserialize, ToSchema)]
pub(super) struct SetupProof {
    /// The token of the pending setup.
    setup: String,
    /// The code of the new device.
    #[schema(value_type = String)]
    #[serde(deserialize_with = "secret")]
    code: Secret,
}

impl Members for SetupProof {}

pub(super) async fn confirm(call: Call<SetupProof>) -> Result<Reply<Opened>, Trouble> {
    let SetupProof { setup, code } = &call.body;
    let (attempt, request_context) = (AttemptToken::new(setup.as_str()), call.request_context());
    let new_session = match call.acting().await? {
        Acting::Now(signed_in) => call.engine().confirm_enrolment(&signed_in, &attempt, code, &request_context).await?,
        Acting::Replaced(old) => {
            let repeated = ReplacingCall::ConfirmEnrolment { attempt: &attempt, answer: code };
            call.engine().repeat(&old, repeated, &request_context).await?
        }
    };
    Ok(call.granted(&new_session))
}

pub(super) async fn cancel(call: Call<SetupRun>) -> Result<Reply<()>, Trouble> {
    let signed_in = call.signed_in().await?;
    call.engine().abandon_enrolment(&signed_in, &call.body.run()).await?;
    Ok(().into())
}
