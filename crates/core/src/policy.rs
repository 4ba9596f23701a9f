//! The settings that rules read, with defaults that are safe when nobody sets anything.

use std::time::Duration;

use crate::{assurance::Lifetimes, method::totp::TotpRule, throttle::ThrottleRule};

/// What an installation asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The name of this site in authenticator apps; never empty.
    pub issuer: String,
    /// How long one may take from the password to the second factor, and from start to end of a setup.
    pub login_timeout: Duration,
    /// How long after proving a password or a device one may change factors without proving it again.
    pub recent: Duration,
    /// How long sessions live.
    pub lifetimes: Lifetimes,
    /// How failures slow a guesser down.
    pub throttle: ThrottleRule,
    /// How time-based codes are judged.
    pub totp: TotpRule,
    /// How many failed first steps an account, and an address, may have in a window.
    pub first_step: FirstStepRule,
}

/// The budget of failed first steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirstStepRule {
    /// Failures that one account may have in a window.
    pub per_account: u32,
    /// Failures that one address may have in a window; IPv6 addresses count by /64.
    pub per_address: u32,
    /// How long after its first failure a budget is empty again.
    pub window: Duration,
}

impl Policy {
    /// The longest `login_timeout` that may be set.
    pub const LONGEST_LOGIN: Duration = Duration::from_hours(12);
}

impl Default for Policy {
    /// Ten minutes for a login and for "recent"; everything else as its own type says.
    fn default() -> Self {
        Self {
            issuer: "Countersign".into(),
            login_timeout: Duration::from_mins(10),
            recent: Duration::from_mins(10),
            lifetimes: Lifetimes::default(),
            throttle: ThrottleRule::default(),
            totp: TotpRule::default(),
            first_step: FirstStepRule { per_account: 20, per_address: 200, window: Duration::from_mins(15) },
        }
    }
}
