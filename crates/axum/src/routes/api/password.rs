//! Changes the password, or confirms it in a session.

use countersign_engine::{ReplacingCall, core::Secret};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    call::{Call, Members},
    document::Opened,
    reply::Reply,
};
use crate::{form::secret, guard::Acting, trouble::Trouble};

/// The current and the new password.
#[derive(Deserialize, ToSchema)]
pub(super) struct Passwords {
    /// The current password.
    #[schema(value_type = String, format = Password)]
    #[serde(deserialize_with = "secret")]
    current: Secret,
    /// The new password.
    #[schema(value_type = String, format = Password)]
    #[serde(deserialize_with = "secret")]
    new: Secret,
}

impl Members for Passwords {}

pub(super) async fn change(call: Call<Passwords>) -> Result<Reply<Opened>, Trouble> {
    let (Passwords { current, new }, request_context) = (&call.body, call.request_context());
    let new_session = match call.acting().await? {
        Acting::Now(signed_in) => call.engine().change_password(&signed_in, current, new, &request_context).await?,
        Acting::Replaced(old) => {
            call.engine().repeat(&old, ReplacingCall::ChangePassword { current, new }, &request_context).await?
        }
    };
    Ok(call.granted(&new_session))
}

/// The password to confirm.
#[derive(Deserialize, ToSchema)]
pub(super) struct PasswordProof {
    /// The current password.
    #[schema(value_type = String, format = Password)]
    #[serde(deserialize_with = "secret")]
    current: Secret,
}

impl Members for PasswordProof {}

pub(super) async fn confirm(call: Call<PasswordProof>) -> Result<Reply<Opened>, Trouble> {
    let signed_in = call.signed_in().await?;
    let new_session = call.engine().confirm_password(&signed_in, &call.body.current, &call.request_context()).await?;
    Ok(call.renewed(&new_session))
}
