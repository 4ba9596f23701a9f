//! Creates backup codes, which are returned only once. A session that an old code verified is replaced.

use countersign_engine::core::{DeviceName, flow::Purpose};
use fluent_bundle::FluentArgs;

use super::{call::Call, document::CodesDocument, reply::Reply};
use crate::trouble::Trouble;

pub(super) async fn make(call: Call) -> Result<Reply<CodesDocument>, Trouble> {
    let signed_in = call.signed_in().await?;
    let attempt = call.engine().begin(&signed_in, Purpose::BackupCodes).await?;
    let name = call.visitor.site().templates().texts().say("device-name-backup-codes", &FluentArgs::new());
    let made = call
        .engine()
        .make_backup_codes(&signed_in, &attempt, DeviceName::parse(&name)?, &call.request_context())
        .await?;
    let codes = made.codes.iter().map(|code| code.expose().to_owned()).collect();
    Ok(match &made.renewed {
        Some(new_session) => call.granted(new_session).saying(|opened| CodesDocument { codes, opened: Some(opened) }),
        None => CodesDocument { codes, opened: None }.into(),
    })
}
