//! A limit on how often something may happen per IP address and network, whatever comes of it.
//!
//! Budgets of wrong passwords last for minutes and are counted by account; this lasts for seconds. It keeps one network from
//! filling the queue in which unrecognized clients wait for password hashing, and from filling the log. The owner of an IPv6
//! network has any number of addresses, so larger networks have limits as well, which rise with their size: an honest office
//! may share any of them. Each node counts for itself, in a table that is bounded: while it is full of open windows, further
//! networks are not counted.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use countersign_core::Timestamp;

/// How long requests are counted together.
const WINDOW: Duration = Duration::from_secs(10);
/// The limits of IPv6 networks of these prefixes, in halves of the limit of one IPv4 address.
const IPV6: [(u32, u32); 4] = [(128, 1), (64, 2), (56, 4), (48, 8)];
const MAX_NETWORKS: usize = 200_000;

/// A network of one size.
type Network = (IpAddr, u32);

/// Counts of the last ten seconds, by network.
#[derive(Debug, Default)]
pub struct IpRateLimit(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    windows: HashMap<Network, Window>,
    /// When windows that are over were last removed: once in a window at most, however full the table is.
    swept: Option<Timestamp>,
}

#[derive(Debug)]
struct Window {
    count: u32,
    until: Timestamp,
}

impl IpRateLimit {
    /// Counts one, or gives the moment from which there is room again. `rate` is how many one IPv4 address may have within
    /// ten seconds; zero means no limit. An IPv6 address may have half of it, its /64 as much, its /56 twice and its /48 four
    /// times as much.
    pub fn enter(&self, ip: IpAddr, rate: u32, now: Timestamp) -> Result<(), Timestamp> {
        if rate == 0 {
            return Ok(());
        }
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counts { windows, swept } = &mut *counts;
        let networks = networks(ip, rate);
        let is_full = windows.len().saturating_add(networks.len()) > MAX_NETWORKS;
        if is_full && swept.is_none_or(|swept| !swept.is_within(WINDOW, now)) {
            windows.retain(|_, window| window.is_open(now));
            *swept = Some(now);
        }
        let full = networks.iter().filter_map(|(network, limit)| {
            let window = windows.get(network).filter(|window| window.is_open(now))?;
            (window.count >= *limit).then_some(window.until)
        });
        if let Some(until) = full.max() {
            return Err(until);
        }
        for (network, _) in networks {
            if windows.len() >= MAX_NETWORKS && !windows.contains_key(&network) {
                continue;
            }
            let window = windows.entry(network).or_insert(Window { count: 0, until: now });
            if !window.is_open(now) {
                *window = Window { count: 0, until: now.after(WINDOW) };
            }
            window.count = window.count.saturating_add(1);
        }
        Ok(())
    }
}

impl Window {
    /// One that a clock which was ahead has begun is over.
    fn is_open(&self, now: Timestamp) -> bool {
        now < self.until && self.until.is_credible_end(WINDOW, now)
    }
}

/// The networks that an address is in, with their limits.
fn networks(ip: IpAddr, rate: u32) -> Vec<(Network, u32)> {
    let limit = |halves: u32| rate.saturating_mul(halves).div_ceil(2);
    match ip.to_canonical() {
        v4 @ IpAddr::V4(_) => vec![((v4, 32), rate)],
        IpAddr::V6(ip) => IPV6.map(|(prefix, halves)| ((network(ip, prefix), prefix), limit(halves))).into(),
    }
}

fn network(ip: Ipv6Addr, prefix: u32) -> IpAddr {
    let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix)).unwrap_or(0);
    IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1000);
    const RATE: u32 = 120;

    /// How many of these are let in at one moment.
    fn let_in(rates: &IpRateLimit, ips: impl Iterator<Item = String>) -> usize {
        ips.filter(|ip| rates.enter(ip.parse().unwrap(), RATE, NOW).is_ok()).count()
    }

    #[test]
    fn t109_networks_have_limits_that_rise_with_their_size() {
        let many = 1000_u32;
        for (limit, ips) in [
            (120, Box::new((0..many).map(|_| "192.0.2.1".to_owned())) as Box<dyn Iterator<Item = String>>),
            (120, Box::new((0..many).map(|_| "::ffff:192.0.2.1".to_owned()))),
            (60, Box::new((0..many).map(|_| "2001:db8::1".to_owned()))),
            (120, Box::new((0..many).map(|number| format!("2001:db8::{number:x}")))),
            (240, Box::new((0..many).map(|number| format!("2001:db8:0:{:x}::{number:x}", number % 256)))),
            (480, Box::new((0..many).map(|number| format!("2001:db8:0:{number:x}::1")))),
            (1000, Box::new((0..many).map(|number| format!("2001:db8:{number:x}::1")))),
        ] {
            assert_eq!(let_in(&IpRateLimit::default(), ips), limit);
        }
    }

    #[test]
    fn there_is_room_again_after_seconds_whatever_the_clock_did() {
        let rates = IpRateLimit::default();
        let ip = "192.0.2.1".parse().unwrap();
        let end = NOW.after(WINDOW);
        assert_eq!((0..121).find_map(|_| rates.enter(ip, RATE, NOW).err()), Some(end));
        assert_eq!(rates.enter(ip, RATE, end.before(Duration::from_millis(1))), Err(end));
        assert!(rates.enter(ip, RATE, end).is_ok());
        let ahead = NOW.after(Duration::from_hours(24));
        assert!((0..120).all(|_| rates.enter(ip, RATE, ahead).is_ok()) && rates.enter(ip, RATE, ahead).is_err());
        assert!(rates.enter(ip, RATE, NOW).is_ok(), "a window from the future is over");
        assert!((0..1000).all(|_| rates.enter(ip, 0, NOW).is_ok()), "no limit");
    }
}
