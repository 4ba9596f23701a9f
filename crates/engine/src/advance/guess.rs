//! Trying a password, and what that costs.
//!
//! A password is looked at only while its budget has room for it and for every other one that is being looked at. What came
//! of it is told only after a wrong one was charged, durably, so guesses that run beside each other are never free; a right
//! one costs nothing and writes nothing. A browser that its user is known by has a budget of its own, so that nobody else's
//! guesses lock the owner out, not even from the same address. Budgets of accounts are in the store and are the ones that
//! count; how many guesses are under way, and the budgets of addresses, each node knows for itself.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use countersign_core::{Batch, Change, Refusal, Secret, Written};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::Visit;
use crate::{Engine, Fault, Stop, User, device_cookie::Browser};

/// Nothing longer is hashed, in bytes: hashing a novel is a favour to nobody.
pub const LONGEST_PASSWORD: usize = 4096;

/// When to come back if too many passwords of one user are being looked at.
const COME_BACK: Duration = Duration::from_secs(1);

impl Engine {
    /// Whether this is the password of `user`, who may sign in, or of nobody, whose canonical name was given. What is not
    /// is charged.
    pub(super) async fn try_password(
        &self,
        user: Option<&User>,
        canonical: &str,
        password: &Secret,
        visit: &Visit,
    ) -> Result<bool, Stop> {
        let rule = &self.policy().first_step;
        let Charged { key, address } = self.charged(user, canonical, visit).await?;
        if let Some(address) = address {
            let spent = self.addresses().spend(address, rule, self.now());
            spent.map_err(|until| Refusal::TooManyFailures { until })?;
        }
        let under_way = self.guesses().begin(&key);
        let matches = match self.room(&key, under_way.beside).await {
            Ok(()) => self.matches(user, password).await.map_err(Stop::from),
            Err(stop) => Err(stop),
        };
        match matches {
            Ok(false) => self.charge(key).await.map(|()| false),
            Ok(true) => {
                self.spare(address);
                // Other nodes may have used the budget up meanwhile.
                self.room(&key, 0).await.map(|()| true)
            }
            // Nobody pays for what we were too busy to look at.
            Err(Stop::Faulted(fault)) => {
                self.spare(address);
                Err(fault.into())
            }
            Err(refused) => Err(refused),
        }
    }

    /// Strangers cannot use up what a browser has that the user is known by: it has a budget of its own and is not charged
    /// with its address. Names that nobody has are charged like those that somebody has, or the budget would tell them
    /// apart; and their budgets go on when keys are changed, as those of users do.
    async fn charged(&self, user: Option<&User>, canonical: &str, visit: &Visit) -> Result<Charged, Fault> {
        let browser = match user {
            Some(user) => self.browser(user, visit).await?,
            None => Browser::default(),
        };
        let known = browser.id();
        let key = match (user, known) {
            (None, _) => format!("password/name/{}", HEXLOWER.encode(&Sha256::digest(canonical))),
            (Some(user), None) => format!("password/user/{}", user.id),
            (Some(user), Some(browser)) => format!("password/user/{}/browser/{browser}", user.id),
        };
        Ok(Charged { key, address: visit.address.filter(|_| known.is_none()) })
    }

    async fn matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        if password.expose().len() > LONGEST_PASSWORD {
            return Ok(false);
        }
        let matches = self.users().password_matches(user, password).await?;
        Ok(matches && user.is_some_and(|user| user.active))
    }

    /// Refuses unless the budget has room for one more guess beside those under way.
    async fn room(&self, key: &str, beside: u32) -> Result<(), Stop> {
        let limit = self.policy().first_step.per_account;
        let now = self.now();
        let spent = match self.store().budget(key).await? {
            Some(budget) if budget.until > now && budget.spent >= limit => {
                return Err(Refusal::TooManyFailures { until: budget.until }.into());
            }
            Some(budget) if budget.until > now => budget.spent,
            _ => 0,
        };
        if spent.saturating_add(beside) >= limit {
            return Err(Fault::busy("look at so many passwords of one user at once", COME_BACK).into());
        }
        Ok(())
    }

    /// Writes one wrong guess down.
    async fn charge(&self, key: String) -> Result<(), Stop> {
        let rule = &self.policy().first_step;
        let spend = Change::Spend { key, amount: 1, limit: rule.per_account, at: self.now(), window: rule.window };
        match self.commit(&Batch::new(vec![spend])).await?.written() {
            Written::Done => Ok(()),
            Written::Overspent { until, .. } => Err(Refusal::TooManyFailures { until: *until }.into()),
            Written::Conflict => Err(Fault::new("charge a budget").into()),
        }
    }

    fn spare(&self, address: Option<IpAddr>) {
        if let Some(address) = address {
            self.addresses().refund(address);
        }
    }
}

/// Who pays for a wrong guess.
struct Charged {
    /// The name of a budget in the store.
    key: String,
    /// An address, if one is charged beside it.
    address: Option<IpAddr>,
}

/// How many passwords are being looked at, by budget.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<HashMap<String, u32>>);

impl Guesses {
    fn begin(&self, key: &str) -> Guess<'_> {
        let mut counts = self.counts();
        let count = counts.entry(key.to_owned()).or_insert(0);
        let beside = *count;
        *count = count.saturating_add(1);
        Guess { guesses: self, key: key.to_owned(), beside }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One password that is being looked at; over when it is dropped.
struct Guess<'g> {
    guesses: &'g Guesses,
    key: String,
    /// How many others there were when it began.
    beside: u32,
}

impl Drop for Guess<'_> {
    fn drop(&mut self) {
        let mut counts = self.guesses.counts();
        if let Some(count) = counts.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}
