//! What stands around the server: the proxies in front of it, the gateways outside.
//!
//! Whether a gateway can be reached is tried from here, and no message is sent for it: gateways know how to ask for themselves.
//! What cannot be reached from here may be in reach of the server, so that is never more than a warning.

use super::Report;
use crate::{config::Config, gateways};

/// Who may say where a request comes from.
pub(super) fn proxies(config: &Config, report: &mut Report) {
    let doubts = config.proxy_doubts();
    for doubt in &doubts {
        report.warn("proxies", doubt);
    }
    if !doubts.is_empty() {
        return;
    }
    let listed: Vec<_> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    if listed.is_empty() {
        report.ok("proxies", "none is listed: browsers come straight to this server");
    } else {
        report
            .ok("proxies", format_args!("X-Forwarded-For is believed from {} and from nobody else", listed.join(", ")));
    }
}

/// Whether the gateways and services that are set are set as a whole, and can be reached.
pub(super) async fn gateways(config: &Config, report: &mut Report) {
    let reached = match gateways::reached(config).await {
        Ok(reached) => reached,
        Err(error) => return report.fail("gateways", format_args!("{error:#}")),
    };
    if reached.is_empty() {
        report.ok("gateways", "none is set");
    }
    for (name, reached) in reached {
        match reached {
            Ok(()) => report.ok("gateways", format_args!("{name}: it can be reached")),
            Err(fault) => report.warn(
                "gateways",
                format_args!(
                    "{name}: {fault}; whoever depends on it does not get in that way: look at its settings, at the firewall \
                     and at what its provider says"
                ),
            ),
        }
    }
}
