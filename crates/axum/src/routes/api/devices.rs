//! Lists, renames, prefers and removes the user's devices.

use countersign_engine::{
    Error,
    core::{DeviceId, DeviceName, Refusal, flow::Purpose},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    call::{Call, Members},
    document::FactorsDocument,
    reply::Reply,
};
use crate::trouble::Trouble;

pub(super) async fn list(call: Call) -> Result<Reply<FactorsDocument>, Trouble> {
    let signed_in = call.signed_in().await?;
    let view = call.engine().factors(&signed_in).await?;
    let methods = match call.engine().enrollable(&signed_in).await {
        Ok(methods) => Some(methods.iter().map(ToString::to_string).collect()),
        Err(Error::Refused(Refusal::VerificationNeeded | Refusal::PasswordNeeded)) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(FactorsDocument::of(&view, methods).into())
}

/// The new name of a device.
#[derive(Deserialize, ToSchema)]
pub(super) struct DeviceRename {
    /// The new name, 1 to 64 characters.
    name: String,
}

impl Members for DeviceRename {}

pub(super) async fn rename(call: Call<DeviceRename>) -> Result<Reply<()>, Trouble> {
    let signed_in = call.signed_in().await?;
    let name = DeviceName::parse(&call.body.name)?;
    call.engine().rename(&signed_in, &DeviceId::new(call.part.as_str()), name, &call.request_context()).await?;
    Ok(().into())
}

pub(super) async fn prefer(call: Call) -> Result<Reply<()>, Trouble> {
    let signed_in = call.signed_in().await?;
    call.engine().prefer(&signed_in, &DeviceId::new(call.part.as_str())).await?;
    Ok(().into())
}

pub(super) async fn remove(call: Call) -> Result<Reply<()>, Trouble> {
    let signed_in = call.signed_in().await?;
    let attempt = call.engine().begin(&signed_in, Purpose::RemoveDevice).await?;
    let device = DeviceId::new(call.part.as_str());
    call.engine().remove_device(&signed_in, &attempt, &device, &call.request_context()).await?;
    Ok(().into())
}
