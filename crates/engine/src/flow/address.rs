//! Budgets of failed password attempts by IP address, kept by this node.
//!
//! They slow down an attacker who tries many names from one IP address; the account's own budget, in the store, is the
//! limit that protects it. IPv6 addresses are counted by /64, because the owner of one has them all. The table is
//! bounded: while it is full of unexpired entries, further IP addresses are not counted, and no entry is removed for
//! another.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

use countersign_core::{Timestamp, config::PasswordAttemptRule};

const MAX_COUNT: usize = 100_000;

/// Failed password attempts by IP address.
#[derive(Debug, Default)]
pub(crate) struct AddressBudgets(Mutex<HashMap<IpAddr, Window>>);

#[derive(Debug)]
struct Window {
    spent: u32,
    until: Timestamp,
}

impl AddressBudgets {
    /// Charges one attempt, or returns until when the budget is used up.
    pub(crate) fn spend(&self, address: IpAddr, rule: &PasswordAttemptRule, now: Timestamp) -> Result<(), Timestamp> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let network = network(address);
        if windows.len() >= MAX_COUNT && !windows.contains_key(&network) {
            windows.retain(|_, window| window.until > now);
            if windows.len() >= MAX_COUNT {
                return Ok(());
            }
        }
        let window = windows.entry(network).or_insert(Window { spent: 0, until: now });
        if window.until <= now {
            *window = Window { spent: 0, until: now.after(rule.window) };
        } else if !window.until.is_credible_end(rule.window, now) {
            // It was dated by a clock that was ahead.
            window.until = now.after(rule.window);
        }
        if window.spent >= rule.per_address {
            return Err(window.until);
        }
        window.spent = window.spent.saturating_add(1);
        Ok(())
    }

    /// Refunds one charge.
    pub(crate) fn refund(&self, address: IpAddr) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = windows.get_mut(&network(address)) {
            window.spent = window.spent.saturating_sub(1);
        }
    }
}

/// The counted form of an IP address: IPv4 itself, also when mapped into IPv6, and the /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1000);
    const RULE: PasswordAttemptRule =
        PasswordAttemptRule { per_account: 0, per_address: 2, window: Duration::from_mins(1), rate_per_ip: 0 };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn t117_a_window_from_the_future_keeps_its_count_and_ends_one_window_from_now() {
        let budgets = AddressBudgets::default();
        let (ahead, end) = (NOW.after(Duration::from_hours(400 * 24)), NOW.after(RULE.window));
        assert!(
            budgets.spend(ip("192.0.2.1"), &RULE, ahead).is_ok()
                && budgets.spend(ip("192.0.2.1"), &RULE, ahead).is_ok()
        );
        assert_eq!(budgets.spend(ip("192.0.2.1"), &RULE, NOW), Err(end));
        assert_eq!(budgets.spend(ip("192.0.2.1"), &RULE, end.before(Duration::from_millis(1))), Err(end));
        assert!(budgets.spend(ip("192.0.2.1"), &RULE, end).is_ok());
    }

    #[test]
    fn a_budget_is_empty_again_after_its_window_and_not_before() {
        let budgets = AddressBudgets::default();
        let end = NOW.after(RULE.window);
        assert_eq!([0; 3].map(|_| budgets.spend(ip("192.0.2.1"), &RULE, NOW)), [Ok(()), Ok(()), Err(end)]);
        assert_eq!(budgets.spend(ip("192.0.2.2"), &RULE, NOW), Ok(()));
        assert_eq!(budgets.spend(ip("192.0.2.1"), &RULE, end.before(Duration::from_millis(1))), Err(end));
        assert_eq!(budgets.spend(ip("192.0.2.1"), &RULE, end), Ok(()));
    }

    /// T29: a /64 and every way to write an address share one key.
    #[test]
    fn t29_one_holder_has_one_budget() {
        let budgets = AddressBudgets::default();
        for address in ["2001:db8::1", "2001:0DB8:0:0:0:0:ffff:1"] {
            assert!(budgets.spend(ip(address), &RULE, NOW).is_ok());
        }
        assert!(budgets.spend(ip("2001:db8:0:0:9::"), &RULE, NOW).is_err());
        assert!(budgets.spend(ip("2001:db8:0:1::1"), &RULE, NOW).is_ok());
        for address in ["192.0.2.1", "::ffff:192.0.2.1"] {
            assert!(budgets.spend(ip(address), &RULE, NOW).is_ok());
        }
        assert!(budgets.spend(ip("::ffff:c000:201"), &RULE, NOW).is_err());
        assert!(budgets.spend(ip("192.0.2.2"), &RULE, NOW).is_ok());
    }

    #[test]
    fn a_refund_takes_back_one_charge() {
        let budgets = AddressBudgets::default();
        for _ in 0..10 {
            assert!(budgets.spend(ip("192.0.2.1"), &RULE, NOW).is_ok());
            budgets.refund(ip("192.0.2.1"));
        }
    }
}
