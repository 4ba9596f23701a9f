//! What is served, and to whom.
//!
//! The server speaks plain http, so it answers only its own machine and listed proxies: what anybody else sends has
//! travelled in clear. A supervisor may ask the probes from anywhere.

use std::net::SocketAddr;

use axum::{Router, http::StatusCode};
use countersign_axum::Network;

/// The routers, by who may have them.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    proxies: Vec<Network>,
    site: Router,
    probes: Router,
}

impl Served {
    /// Everything for neighbours, of whom these proxies are some; the probes for strangers.
    pub(crate) fn new(proxies: Vec<Network>, site: Router, probes: Router) -> Self {
        Self { proxies, site: site.merge(probes.clone()), probes: probes.fallback(async || StatusCode::FORBIDDEN) }
    }

    /// The same within a layer.
    pub(crate) fn within(self, layer: impl Fn(Router) -> Router) -> Self {
        Self { site: layer(self.site), probes: layer(self.probes), ..self }
    }

    /// The same, with a layer around what strangers are served.
    pub(crate) fn for_strangers(self, layer: impl FnOnce(Router) -> Router) -> Self {
        Self { probes: layer(self.probes), ..self }
    }

    /// What whoever is at this address is served.
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
