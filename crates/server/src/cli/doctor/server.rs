//! Whether the server of these settings, if it runs on this machine, reports that it is ready.
//!
//! The server can see what a new process cannot, such as a database file that was moved while the server had it open.

use super::Report;
use crate::{cli::health, config::Config};

pub(super) async fn examine(config: &Config, report: &mut Report) {
    let bind = config.bind;
    match tokio::task::spawn_blocking(move || health::is_ready(bind)).await {
        Ok(Some(true)) => report.ok("server", format_args!("the server at {bind} is ready")),
        Ok(Some(false)) => report.fail(
            "server",
            format_args!(
                "the server at {bind} responds but is not ready: its log says why (`not ready`); if the database's \
                 file was moved or replaced, stop the server, put the file back and start the server again"
            ),
        ),
        // Before the first start there is no response, and any other response comes from another program.
        Ok(None) | Err(_) => {}
    }
}
