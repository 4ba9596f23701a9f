//! Checking a password, and charging for it.
//!
//! An attempt is charged durably before the password is checked: while nothing can be written, no password is checked,
//! and all nodes together check no more attempts than the budget has. A correct password gets its charge refunded in
//! the commit that it leads to, so that a sign-in is two commits: the charge, and the one that creates the session. A
//! sign-in that stops in between stays charged until the window ends; an attacker gains no more by it than by a wrong
//! guess.
//!
//! A browser with a device cookie has its own budget, so that an attacker's guesses do not lock the owner out, not even
//! from the same IP address. Every other request is charged by the name that was given, hashed into [`BUCKETS`]
//! buckets: existing and unknown names are charged in the same rows by the same rule, so that neither the rows, nor the
//! number of attempts, nor shared buckets reveal whether a name exists, and an attacker cannot fill the disk. Budgets
//! by IP address are kept by each node for itself.

use std::net::IpAddr;

use countersign_core::{Batch, BrowserId, BudgetChange, Change, Refusal, Secret, Timestamp, Written, flow::Charge};
use sha2::{Digest as _, Sha256};

use super::RequestContext;
use crate::{Engine, Error, Fault, User, port::Lane};

/// The maximum length of a password in bytes: longer ones are not hashed.
pub const MAX_PASSWORD_LENGTH: usize = 4096;

/// The number of budgets that all names share: few enough to store, and enough that two users rarely share one.
const BUCKETS: u32 = 1 << 20;

/// The result of a password attempt, with its charge.
#[must_use]
pub(super) enum Tried {
    /// It is correct.
    Right(Charge),
    /// It is wrong; the charge stays.
    Wrong(Charge),
}

impl Tried {
    /// The charge of a correct password.
    pub(super) fn right(self) -> Option<Charge> {
        if let Self::Right(charge) = self { Some(charge) } else { None }
    }
}

impl Engine {
    /// Whether this is the password of `user`, who may sign in; with `None`, of an unknown user with this canonical
    /// name. A wrong one stays charged; a correct one returns its charge.
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
        // An attacker cannot use up the budget of a recognised browser, so its IP address is not charged.
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
        // An attempt that is not checked is not charged to the IP address either: an outage locks no office out.
        let charge = charged.inspect_err(|_| self.spare(ip))?;
        let lane = if browser.is_some() { Lane::Recognized } else { Lane::Unrecognized };
        match self.matches(lane, user, password).await {
            Ok(true) => {
                self.spare(ip);
                Ok(Tried::Right(charge))
            }
            Ok(false) => Ok(Tried::Wrong(charge)),
            // An attempt that was not checked because of overload is not charged.
            Err(fault) => {
                self.spare(ip);
                self.give_back(&charge).await;
                Err(fault.into())
            }
        }
    }

    /// The budget that an attempt is charged to. All spellings of a name share one, and a user has their own.
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

    /// Charges one attempt, before the password is checked.
    async fn charge(&self, key: String) -> Result<Charge, Error> {
        let at = self.now();
        match self.commit(&Batch::new(vec![self.guess(key.clone(), at)])).await?.written() {
            Written::Done => Ok(Charge { budget: key, until: at.after(self.config().password_attempts.window) }),
            Written::Overspent { until, .. } => Err(Refusal::TooManyFailures { until: *until }.into()),
            Written::Conflict => Err(Fault::new("charge a budget").into()),
        }
    }

    /// Refunds a charge by itself, if no other commit does. If that fails it stays until its window ends.
    pub(super) async fn give_back(&self, charge: &Charge) {
        if let Err(fault) = self.commit(&Batch::new(vec![charge.refund()])).await {
            tracing::warn!(%fault, "refunding the charge of a correct password failed");
        }
    }

    /// Refunds the charge of a wrong password: the call was made before, when the password was correct.
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

    /// Charges a password that differs from the one in the call that it seems to repeat.
    pub(crate) async fn failed_password(&self, user: &User, context: &RequestContext) -> Result<Change, Fault> {
        let browser = self.browser(user, context).await?.id().cloned();
        let key = self.budget_of(Some(user), &user.name, browser.as_ref());
        Ok(self.guess(key, self.now()))
    }

    /// The change that charges one attempt.
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

/// Without a key, so that budgets survive a change of keys: it hides nothing.
fn bucket(name: &str) -> u32 {
    let digest = Sha256::digest(name);
    let first = digest.iter().take(4).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    first % BUCKETS
}
