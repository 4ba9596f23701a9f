//! The server of these settings, if one runs on this machine: whether it says of itself that it can serve.
//!
//! It may see what a new process does not, as a database file that was moved away under it.

use super::Report;
use crate::{cli::health, config::Config};

pub(super) async fn examine(config: &Config, report: &mut Report) {
    let bind = config.bind;
    match tokio::task::spawn_blocking(move || health::is_ready(bind)).await {
        Ok(Some(true)) => report.ok("server", format_args!("the one at {bind} is ready")),
        Ok(Some(false)) => report.fail(
            "server",
            format_args!(
                "the one at {bind} answers and is not ready: its log says why (`not ready`); if the database's file was moved or \
                 replaced, stop the server, put the file back and start it again"
            ),
        ),
        // Before its first start nothing answers, and whatever else does is none of ours.
        Ok(None) | Err(_) => {}
    }
}
