//! Switching two-factor authentication off.

use countersign_engine::ReplacingCall;

use super::{call::Call, document::Opened, reply::Reply};
use crate::{guard::Acting, trouble::Trouble};

pub(super) async fn disable(call: Call) -> Result<Reply<Opened>, Trouble> {
    let visit = call.visit();
    let new_session = match call.acting().await? {
        Acting::Now(signed_in) => call.engine().disable_now(&signed_in, &visit).await?,
        Acting::Replaced(old) => call.engine().repeat(&old, ReplacingCall::Disable { attempt: None }, &visit).await?,
    };
    Ok(call.granted(&new_session))
}
