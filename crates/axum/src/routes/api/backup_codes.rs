//! New backup codes, told once.

use countersign_engine::core::{DeviceName, flow::Purpose};
use fluent_bundle::FluentArgs;

use super::{call::Call, document::CodesDocument, reply::Reply};
use crate::trouble::Trouble;

pub(super) async fn make(call: Call) -> Result<Reply<CodesDocument>, Trouble> {
    let signed_in = call.signed_in().await?;
    let run = call.engine().begin(&signed_in, Purpose::BackupCodes).await?;
    let name = call.visitor.site().templates.texts().say("device-name-backup-codes", &FluentArgs::new());
    let codes = call.engine().make_backup_codes(&signed_in, &run, DeviceName::parse(&name)?, &call.visit()).await?;
    Ok(CodesDocument { codes: codes.iter().map(|code| code.expose().to_owned()).collect() }.into())
}
