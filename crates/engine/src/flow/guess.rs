//! Trying a password, and what that costs.
//!
//! A guess is charged before it is looked at, durably: while nothing can be written no password is looked at, and however
//! many nodes there are, they look at no more guesses than the budget has. A right password gives its charge back in the
//! commit that it leads to, so that a sign-in is two commits: the charge, and the one that opens the session. A sign-in that
//! stops in between stays charged until the window is over; whoever does that on purpose could as well guess wrong.
//!
//! A browser with a device cookie has a budget of its own, so that nobody else's guesses lock the owner out, not even from
//! the same IP. Everybody else is charged by the name that was given, hashed into [`BUCKETS`] buckets: names that somebody
//! has and names that nobody has are charged in the same rows by the same rule, so that neither the rows, nor how many tries
//! there are, nor what another name shares a bucket with tells them apart, and strangers cannot fill the disk. Budgets by IP
//! each node keeps for itself.

use std::net::IpAddr;

use countersign_core::{Batch, BrowserId, BudgetChange, Change, Refusal, Secret, Timestamp, Written, flow::Charge};
use sha2::{Digest as _, Sha256};

use super::RequestContext;
use crate::{Engine, Error, Fault, User, port::Lane};

/// Nothing longer is hashed, in bytes: hashing a novel is a favour to nobody.
pub const MAX_PASSWORD_LENGTH: usize = 4096;

/// So many budgets share the failures of all names: few enough to be kept, and enough that two users hardly ever share one.
const BUCKETS: u32 = 1 << 20;

/// What a password that was tried is, with what it was charged.
#[must_use]
pub(super) enum Tried {
    /// It is the user's.
    Right(Charge),
    /// It is not; the charge stays.
    Wrong(Charge),
}

impl Tried {
    /// The charge of a right one.
    pub(super) fn right(self) -> Option<Charge> {
        if let Self::Right(charge) = self { Some(charge) } else { None }
    }
}

impl Engine {
    /// Whether this is the password of `user`, who may sign in, or of nobody, whose canonical name was given. What is not
    /// stays charged; what is comes with its charge.
    pub(super) async fn try_password(
        &self,
        user: Option<&User>,
        canonical: &str,
        password: &Secret,
        context: &RequestContext,
    ) -> Result<Tried, Error> {
        let browser = match user {
            Some(user) => self.browser(user, context).await?.id().cloned(),
            None => None,
        };
        // Strangers cannot use up what a recognised browser has, so its IP is not charged.
        let ip = context.address.filter(|_| browser.is_none());
        let now = self.now();
        if let Some(ip) = ip {
            self.password_rates()
                .enter(ip, self.config().password_attempts.rate_per_ip, now)
                .map_err(|until| Refusal::TooManyRequests { until })?;
            let spent = self.addresses().spend(ip, &self.config().password_attempts, now);
            spent.map_err(|until| Refusal::TooManyFailures { until })?;
        }
        let charged = self.charge(self.budget_of(user, canonical, browser.as_ref())).await;
        // What is not looked at is not charged to the IP either: an office is not locked out by an outage.
        let charge = charged.inspect_err(|_| self.spare(ip))?;
        let lane = if browser.is_some() { Lane::Recognized } else { Lane::Unrecognized };
        match self.matches(lane, user, password).await {
            Ok(true) => {
                self.spare(ip);
                Ok(Tried::Right(charge))
            }
            Ok(false) => Ok(Tried::Wrong(charge)),
            // Nobody pays for what we were too busy to look at.
            Err(fault) => {
                self.spare(ip);
                self.give_back(&charge).await;
                Err(fault.into())
            }
        }
    }

    /// The budget that a guess is charged to. All spellings of a name are one, and those of a user are the user's own.
    fn budget_of(&self, user: Option<&User>, canonical: &str, browser: Option<&BrowserId>) -> String {
        if let (Some(user), Some(browser)) = (user, browser) {
            return format!("password/user/{}/browser/{browser}", user.id);
        }
        let own = user.map(|user| self.users().canonical(&user.name));
        format!("password/name/{:05x}", bucket(own.as_deref().unwrap_or(canonical)))
    }

    async fn matches(&self, lane: Lane, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        if password.expose().len() > MAX_PASSWORD_LENGTH {
            return Ok(false);
        }
        let matches = self.users().password_matches_in(lane, user, password).await?;
        Ok(matches && user.is_some_and(|user| user.active))
    }

    /// Charges one guess, before it is looked at.
    async fn charge(&self, key: String) -> Result<Charge, Error> {
        let at = self.now();
        match self.commit(&Batch::new(vec![self.guess(key.clone(), at)])).await?.written() {
            Written::Done => Ok(Charge { budget: key, until: at.after(self.config().password_attempts.window) }),
            Written::Overspent { until, .. } => Err(Refusal::TooManyFailures { until: *until }.into()),
            Written::Conflict => Err(Fault::new("charge a budget").into()),
        }
    }

    /// Gives a charge back by itself, where no other commit does. Where that fails it stays until its window is over.
    pub(super) async fn give_back(&self, charge: &Charge) {
        if let Err(fault) = self.commit(&Batch::new(vec![charge.refund()])).await {
            tracing::warn!(%fault, "a right password stays charged");
        }
    }

    /// Takes the charge of a wrong password back: the call that gave it was made before, when the password was right.
    pub(super) async fn give_back_wrong(
        &self,
        charge: &Charge,
        user: &User,
        context: &RequestContext,
    ) -> Result<(), Fault> {
        self.give_back(charge).await;
        let is_recognized = self.browser(user, context).await?.id().is_some();
        self.spare(context.address.filter(|_| !is_recognized));
        Ok(())
    }

    /// The charge for a password of this user's that differs from the one in the call that it seems to repeat.
    pub(crate) async fn failed_password(&self, user: &User, context: &RequestContext) -> Result<Change, Fault> {
        let browser = self.browser(user, context).await?.id().cloned();
        let key = self.budget_of(Some(user), &user.name, browser.as_ref());
        Ok(self.guess(key, self.now()))
    }

    /// The change that charges one guess.
    fn guess(&self, key: String, at: Timestamp) -> Change {
        let rule = &self.config().password_attempts;
        Change::Budget(BudgetChange::Charge { key, amount: 1, limit: rule.per_account, at, window: rule.window })
    }

    fn spare(&self, ip: Option<IpAddr>) {
        if let Some(ip) = ip {
            self.addresses().refund(ip);
        }
    }
}

/// Without a key, so that budgets go on when keys change: it keeps nothing secret.
fn bucket(name: &str) -> u32 {
    let digest = Sha256::digest(name);
    let first = digest.iter().take(4).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    first % BUCKETS
}
