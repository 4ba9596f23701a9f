//! Which router is served to which client.
//!
//! The server speaks plain HTTP, so it responds only to its own machine and to listed proxies: requests from other
//! machines have travelled in clear text. The probes are available from anywhere, for supervisors.

use std::net::SocketAddr;

use axum::{Router, http::StatusCode};
use countersign_axum::Network;

/// The routers, for the two groups of clients.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    proxies: Vec<Network>,
    site: Router,
    probes: Router,
}

impl Served {
    /// The whole site for this machine and these proxies; only the probes for all other clients.
    pub(crate) fn new(proxies: Vec<Network>, site: Router, probes: Router) -> Self {
        Self { proxies, site: site.merge(probes.clone()), probes: probes.fallback(async || StatusCode::FORBIDDEN) }
    }

    /// The same routers, both wrapped in a layer.
    pub(crate) fn within(self, layer: impl Fn(Router) -> Router) -> Self {
        Self { site: layer(self.site), probes: layer(self.probes), ..self }
    }

    /// The same routers, with a layer around the one for clients that are neither local nor a listed proxy.
    pub(crate) fn for_strangers(self, layer: impl FnOnce(Router) -> Router) -> Self {
        Self { probes: layer(self.probes), ..self }
    }

    /// The router for a client at this IP address.
    pub(crate) fn to(&self, peer: SocketAddr) -> &Router {
        if self.is_neighbour(peer) { &self.site } else { &self.probes }
    }

    fn is_neighbour(&self, peer: SocketAddr) -> bool {
        let address = peer.ip().to_canonical();
        address.is_loopback() || self.proxies.iter().any(|network| network.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_told_from_neighbours() {
        let proxies = ["10.0.0.0/8", "2001:db8::5"].map(|text| text.parse().unwrap()).into();
        let served = Served::new(proxies, Router::new(), Router::new());
        for peer in
            ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "10.1.2.3:1", "[::ffff:10.1.2.3]:1", "[2001:db8::5]:1"]
        {
            assert!(served.is_neighbour(peer.parse().unwrap()), "{peer}");
        }
        for peer in ["192.0.2.1:1", "11.0.0.1:1", "[2001:db8::6]:1", "[::ffff:192.0.2.1]:1"] {
            assert!(!served.is_neighbour(peer.parse().unwrap()), "{peer}");
        }
    }
}
