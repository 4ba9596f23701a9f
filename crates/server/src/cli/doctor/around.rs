//! Checks what is around the server: the proxies in front of it and the gateways it sends to.
//!
//! The check whether a gateway can be reached runs from here and sends no message: each gateway has its own test for
//! it. A gateway that cannot be reached from here may still be reachable from the server, so this is never more than a
//! warning.

use super::Report;
use crate::{config::Config, gateways};

/// Which proxies may set the client's IP address.
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
        report.ok("proxies", "none is listed: browsers connect to this server directly");
    } else {
        report.ok("proxies", format_args!("X-Forwarded-For is accepted from {} only", listed.join(", ")));
    }
}

/// Whether the configured gateways and services are configured completely and can be reached.
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
            Ok(()) => report.ok("gateways", format_args!("{name}: reachable")),
            Err(fault) => report.warn(
                "gateways",
                format_args!(
                    "{name}: {fault}; users who depend on it cannot sign in with it: check its settings, the firewall \
                     and the provider's status"
                ),
            ),
        }
    }
}
