//! Switching two-factor authentication off.

use countersign_engine::core::flow::Purpose;

use super::{call::Call, document::Opened, reply::Reply};
use crate::trouble::Trouble;

pub(super) async fn disable(call: Call) -> Result<Reply<Opened>, Trouble> {
    let signed_in = call.signed_in().await?;
    let run = call.engine().begin(&signed_in, Purpose::Disable).await?;
    let grant = call.engine().disable(&signed_in, &run, &call.visit()).await?;
    Ok(call.granted(&grant))
}
