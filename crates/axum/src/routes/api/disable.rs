//! Turns off two-factor authentication.

use countersign_engine::ReplacingCall;

use super::{call::Call, document::Opened, reply::Reply};
use crate::{guard::Acting, trouble::Trouble};

pub(super) async fn disable(call: Call) -> Result<Reply<Opened>, Trouble> {
    let request_context = call.request_context();
    let new_session = match call.acting().await? {
        Acting::Now(signed_in) => call.engine().disable_now(&signed_in, &request_context).await?,
        Acting::Replaced(old) => {
            call.engine().repeat(&old, ReplacingCall::Disable { attempt: None }, &request_context).await?
        }
    };
    Ok(call.granted(&new_session))
}
