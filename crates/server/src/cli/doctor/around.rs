//! What stands around the server: the proxies in front of it, the address by which browsers come, the gateways outside.
//!
//! Whether something can be reached is tried from here, and no message is sent for it: where browsers come to, a connection
//! is opened and closed again; gateways know how to ask for themselves. What cannot be reached from here may well be in reach of those whom it is for, so that is never more than a warning.

use std::{fmt, io, time::Duration};

use tokio::{net::TcpStream, time::timeout};

use super::Report;
use crate::{config::Config, gateways};

/// How long it may take to find an address and to open a connection.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where somebody listens.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    /// A name, or an address without brackets.
    host: &'a str,
    port: u16,
}

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

/// Whether browsers come by https, and whether there is anything where they come to.
pub(super) async fn address(config: &Config, report: &mut Report) {
    let Some(url) = config.public_url.as_ref().filter(|url| url.origin.is_https()) else {
        return report.warn(
            "address",
            "only browsers on this machine reach the site, by plain http: set public_url to the https address of the proxy \
             in front",
        );
    };
    report.ok("address", "browsers come by https");
    let place = Place { host: &url.host, port: url.port };
    match reach(place).await {
        Ok(()) => report.ok("address", format_args!("something listens at {place}")),
        Err(error) => report.warn(
            "address",
            format_args!(
                "{place} cannot be reached from here ({error}): if browsers cannot either, look at the name's entry and at \
                 the proxy in front"
            ),
        ),
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

/// Opens a connection and closes it again.
async fn reach(Place { host, port }: Place<'_>) -> io::Result<()> {
    match timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(connected) => connected.map(drop),
        Err(_) => Err(io::Error::other(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_as_in_an_address() {
        assert_eq!(Place { host: "::1", port: 443 }.to_string(), "[::1]:443");
        assert_eq!(Place { host: "id.example.org", port: 443 }.to_string(), "id.example.org:443");
    }
}
