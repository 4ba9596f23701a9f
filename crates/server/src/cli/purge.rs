//! `countersign purge`: deletes expired and old data now. A running server does so every hour.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{Form, SettingFlags};
use crate::wire::Installation;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    #[command(flatten)]
    form: Form,
}

pub(super) async fn run(Arguments { settings, form }: Arguments) -> Result<()> {
    let rows = Installation::open(&settings.config()?).await?.engine.purge().await?;
    form.print(&json!({ "rows": rows }), format!("{rows} expired rows were deleted"))
}
