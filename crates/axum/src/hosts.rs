//! The origins of the site, and the IP addresses of its clients.
//!
//! A request whose `Host` is not one of the site's own is rejected first, so nothing that depends on it can be forged.
//! Links never depend on `Host` or on forwarding headers. Forwarding headers only tell the client's IP address, and
//! only from a trusted proxy.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use axum::http::{HeaderMap, HeaderName, Uri, header::HOST, uri::Authority};

/// The origins under which browsers reach the site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origins {
    /// Exactly this origin.
    Public(Origin),
    /// This machine only, over plain http: `127.0.0.1`, `[::1]` and `localhost` with this port.
    Loopback {
        /// The port.
        port: u16,
    },
}

/// A scheme, a host and an optional port, as in `https://example.org`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    https: bool,
    /// As a browser serializes it: lower case, without the default port.
    authority: String,
}

/// The text is not an origin: http or https, an ASCII host, an optional port, and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an origin such as https://example.org")]
pub struct NotAnOrigin;

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let (scheme, rest) = text.split_once("://").ok_or(NotAnOrigin)?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(NotAnOrigin),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let authority = normal(rest, https).ok_or(NotAnOrigin)?;
        Ok(Self { https, authority })
    }
}

impl Origin {
    /// Whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host, without its port.
    pub fn host(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => &self.authority,
        }
    }
}

/// As a browser serializes it: `https://example.org`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.authority)
    }
}

impl Origins {
    /// Whether browsers reach the site over https.
    pub fn is_https(&self) -> bool {
        matches!(self, Self::Public(origin) if origin.https)
    }

    /// Whether only this machine can reach the site.
    fn are_loopback(&self) -> bool {
        match self {
            Self::Public(origin) => matches!(origin.host(), "localhost" | "127.0.0.1" | "[::1]"),
            Self::Loopback { .. } => true,
        }
    }

    /// All origins of the site, as a browser serializes them.
    pub(crate) fn addresses(&self) -> Vec<String> {
        match self {
            Self::Public(origin) => vec![origin.to_string()],
            Self::Loopback { port } => {
                ["localhost", "127.0.0.1", "[::1]"].iter().map(|host| format!("http://{host}:{port}")).collect()
            }
        }
    }

    /// Whether `origin`, as in the header of a form's request, is this site, including the scheme.
    pub(crate) fn sent(&self, origin: &str) -> bool {
        let scheme = if self.is_https() { "https://" } else { "http://" };
        origin.strip_prefix(scheme).is_some_and(|authority| self.include(authority))
    }

    /// Whether a request for `authority` is for this site.
    pub(crate) fn include(&self, authority: &str) -> bool {
        // Fast path: nearly always it is written as browsers write it.
        if matches!(self, Self::Public(origin) if origin.authority == authority) {
            return true;
        }
        let Some(authority) = normal(authority, self.is_https()) else { return false };
        match self {
            Self::Public(origin) => origin.authority == authority,
            Self::Loopback { port } => {
                let (host, given) = match authority.rsplit_once(':') {
                    Some((host, given)) if !given.ends_with(']') => (host, given.parse().ok()),
                    _ => (authority.as_str(), Some(80)),
                };
                given == Some(*port) && matches!(host, "127.0.0.1" | "[::1]" | "localhost")
            }
        }
    }
}

/// An authority as browsers serialize it; `None` if it is invalid or contains user information.
fn normal(text: &str, https: bool) -> Option<String> {
    let authority: Authority = text.parse().ok()?;
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._[]:".contains(&c);
    if authority.host().is_empty() || !text.bytes().all(plain) {
        return None;
    }
    let host = authority.host().to_ascii_lowercase();
    match (authority.port(), https) {
        (None, _) if text.len() == host.len() => Some(host),
        (Some(port), _) if !port.as_str().is_empty() => match (port.as_u16(), https) {
            (443, true) | (80, false) => Some(host),
            (port, _) => Some(format!("{host}:{port}")),
        },
        _ => None,
    }
}

/// The site that a request is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Addressed {
    /// This site.
    Here,
    /// Another site.
    Elsewhere {
        /// The host name of the request, as sent: visible ASCII.
        host: String,
    },
    /// No host, or several.
    Nowhere,
}

/// The site that a request is for, by `Host` and the authority of its target.
pub(crate) fn addressed(origins: &Origins, uri: &Uri, headers: &HeaderMap) -> Addressed {
    let mut hosts = headers.get_all(HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() {
        return Addressed::Nowhere;
    }
    let host = match host.map(|host| host.to_str()) {
        None => None,
        Some(Ok(host)) => Some(host),
        Some(Err(_)) => return Addressed::Nowhere,
    };
    let target = uri.authority().map(Authority::as_str);
    // A test that calls a router directly sends no `Host`. On a loopback site there is no other site to protect.
    if host.is_none() && target.is_none() && !origins.are_loopback() {
        return Addressed::Nowhere;
    }
    let foreign = [host, target].into_iter().flatten().find(|name| !origins.include(name));
    foreign.map_or(Addressed::Here, |host| Addressed::Elsewhere { host: host.to_owned() })
}

/// An IP address, or a network: `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`. An IPv4 address may be written as an
/// IPv4-mapped IPv6 address, `::ffff:192.0.2.1` or `::ffff:10.0.0.0/104` (RFC 4291 §2.5.5.2), and is the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

/// The text is neither an IP address nor a network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an address such as 192.0.2.1 or a network such as 10.0.0.0/8")]
pub struct NotANetwork;

/// The number of bits before the IPv4 address in an IPv4-mapped address.
const MAPPED_BITS: u8 = 96;

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits: u8 = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| NotANetwork))?;
        let canonical = first.to_canonical();
        // `::ffff:10.0.0.0/8` would be nearly all of IPv6: it is a mistake for `::ffff:10.0.0.0/104`.
        let bits = if canonical == first { Some(bits) } else { bits.checked_sub(MAPPED_BITS) };
        let most = if canonical.is_ipv4() { 32 } else { 128 };
        bits.filter(|bits| *bits <= most).map(|bits| Self { first: canonical, bits }).ok_or(NotANetwork)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.first.is_ipv4() { 32 } else { 128 };
        if self.bits == whole { write!(f, "{}", self.first) } else { write!(f, "{}/{}", self.first, self.bits) }
    }
}

impl Network {
    /// Whether the network contains `address`.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let width = if self.first.is_ipv4() { 32 } else { 128 };
        let differing = bits(self.first) ^ bits(address);
        self.first.is_ipv4() == address.is_ipv4()
            && differing.checked_shr(width - u32::from(self.bits)).unwrap_or(0) == 0
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => Ipv6Addr::to_bits(address),
    }
}

/// The header in which a proxy names its client.
pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whether one of these networks contains the address.
pub(crate) fn listed(address: IpAddr, proxies: &[Network]) -> bool {
    proxies.iter().any(|network| network.contains(address))
}

/// The client's IP address: the peer's, or the one that a chain of trusted proxies names, read from the right.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let listed = |address: IpAddr| listed(address, proxies);
    let mut client = peer.to_canonical();
    if !listed(client) {
        return client;
    }
    for hop in hops(headers) {
        let Some(address) = hop_address(hop) else { break };
        client = address;
        if !listed(client) {
            break;
        }
    }
    client
}

/// The client's IP address as the nearest proxy claims it; `None` if there is no such header or no IP address in it.
pub(crate) fn claimed(headers: &HeaderMap) -> Option<IpAddr> {
    hops(headers).next().and_then(hop_address)
}

/// The entries of `X-Forwarded-For`, the nearest first.
fn hops(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(FORWARDED_FOR).into_iter().rev();
    lines.flat_map(|line| line.to_str().unwrap_or("").rsplit(',').map(str::trim))
}

/// The IP address of an entry: bare, in brackets, or with a port, as some proxies write it.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop).parse::<IpAddr>().ok();
    bare.or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip())).map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn public(text: &str) -> Origins {
        Origins::Public(text.parse().unwrap())
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        for text in ["https://example.org", "HTTPS://Example.org:443/", "http://[::1]:8000", "http://127.0.0.1"] {
            assert!(text.parse::<Origin>().is_ok(), "{text}");
        }
        for text in [
            "",
            "example.org",
            "ftp://example.org",
            "https://",
            "https://a/b",
            "https://a?b",
            "https://a#b",
            "https://u:p@a",
            "https://a b",
            "https://é.org",
            "https://a:",
            "https://a:99999",
            "https://a:x",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(NotAnOrigin), "{text}");
        }
    }

    #[test]
    fn a_site_answers_to_its_own_names_only() {
        let https = public("https://example.org");
        for name in ["example.org", "EXAMPLE.ORG", "example.org:443"] {
            assert!(https.include(name), "{name}");
        }
        for name in
            ["", "example.org:80", "example.org.", "www.example.org", "example.org@evil", "evil", "example.org:"]
        {
            assert!(!https.include(name), "{name}");
        }
        let here = Origins::Loopback { port: 8000 };
        for name in ["127.0.0.1:8000", "[::1]:8000", "localhost:8000", "LOCALHOST:8000"] {
            assert!(here.include(name), "{name}");
        }
        for name in ["127.0.0.1", "127.0.0.2:8000", "localhost:8001", "localhost.evil:8000", "[::2]:8000", "[::1]"] {
            assert!(!here.include(name), "{name}");
        }
        assert!(Origins::Loopback { port: 80 }.include("localhost") && Origins::Loopback { port: 80 }.include("[::1]"));
    }

    #[test]
    fn a_request_is_addressed_once() {
        let site = public("https://example.org");
        let of_site = |site: &Origins, uri: &str, hosts: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, HeaderValue::from_static(host));
            }
            addressed(site, &uri.parse().unwrap(), &headers)
        };
        let of = |uri: &str, hosts: &[&'static str]| of_site(&site, uri, hosts);
        let elsewhere = |host: &str| Addressed::Elsewhere { host: host.to_owned() };
        assert_eq!(of("/", &["example.org"]), Addressed::Here);
        assert_eq!(of("https://example.org/", &[]), Addressed::Here);
        assert_eq!(of("/", &["evil.example"]), elsewhere("evil.example"));
        assert_eq!(of("https://evil.example/", &["example.org"]), elsewhere("evil.example"));
        assert_eq!(of("https://example.org/", &["evil.example"]), elsewhere("evil.example"));
        assert_eq!(of("/", &[]), Addressed::Nowhere);
        assert_eq!(of("/", &["example.org", "example.org"]), Addressed::Nowhere);
        let loopback = [Origins::Loopback { port: 8000 }, public("http://127.0.0.1:3000"), public("https://localhost")];
        for site in loopback {
            assert_eq!(of_site(&site, "/", &[]), Addressed::Here, "a request made in a test has no host: {site:?}");
            assert_eq!(of_site(&site, "/", &["evil.example"]), elsewhere("evil.example"));
            assert_eq!(of_site(&site, "/", &["localhost", "localhost"]), Addressed::Nowhere);
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_is_written_as_it_is_read() {
        for text in ["192.0.2.1", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::1"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn ipv4_in_the_notation_of_ipv6_is_ipv4() {
        for (written, is) in [
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:c000:201", "192.0.2.1"),
            ("::ffff:192.0.2.1/128", "192.0.2.1"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
        ] {
            assert_eq!(written.parse::<Network>().unwrap(), is.parse().unwrap(), "{written}");
        }
        let mapped: Network = "::ffff:10.0.0.0/104".parse().unwrap();
        assert!(
            mapped.contains(ip("10.1.2.3")) && mapped.contains(ip("::ffff:10.1.2.3")) && !mapped.contains(ip("::1"))
        );
        for text in ["::ffff:10.0.0.0/8", "::ffff:10.0.0.0/95", "::ffff:10.0.0.0/129"] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text}");
        }
        let proxies = ["::ffff:127.0.0.1".parse().unwrap()];
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, HeaderValue::from_static("203.0.113.9"));
        for peer in ["127.0.0.1", "::ffff:127.0.0.1"] {
            assert_eq!(client(ip(peer), &headers, &proxies), ip("203.0.113.9"), "{peer}");
        }
    }

    #[test]
    fn a_network_has_the_addresses_with_its_first_bits() {
        let network = |text: &str| text.parse::<Network>().unwrap();
        assert!(network("10.0.0.0/8").contains(ip("10.255.0.1")) && !network("10.0.0.0/8").contains(ip("11.0.0.1")));
        assert!(network("10.0.0.0/8").contains(ip("::ffff:10.1.2.3")));
        assert!(network("0.0.0.0/0").contains(ip("192.0.2.1")) && !network("0.0.0.0/0").contains(ip("2001:db8::1")));
        assert!(network("2001:db8::/32").contains(ip("2001:db8:1::1")) && network("::/0").contains(ip("::1")));
        assert!(network("192.0.2.1").contains(ip("192.0.2.1")) && !network("192.0.2.1").contains(ip("192.0.2.2")));
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0", "a/8"] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text}");
        }
    }

    #[test]
    fn only_a_listed_proxy_says_who_is_asking() {
        let proxies = ["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
        let client = |peer: &str, lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", HeaderValue::from_static(line));
            }
            client(ip(peer), &headers, &proxies).to_string()
        };
        assert_eq!(client("192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["198.51.100.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["198.51.100.1, 203.0.113.9, 10.9.9.9"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["198.51.100.1", "203.0.113.9"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["203.0.113.9, unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(client("::1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client("::1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(client("::ffff:10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
    }
}
