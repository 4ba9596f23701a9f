//! Browsers in which somebody has signed in before, and what that is worth: failures of their own.
//!
//! Whoever knows a name can fail to sign in with it, and whoever knows the password can fail at the second factor; neither
//! may lock the owner out. So a browser is given a random name at a complete sign-in, sealed, and from then on its failures
//! are counted apart from everybody else's. It is never a factor: it opens nothing, it only keeps strangers' failures from
//! being its own. (NIST SP 800-63B-4 §3.2.2 allows such signs; the hard cap on failures in a row counts all of them.)

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{BrowserId, Timestamp, UserId};

/// So many users share a browser at most; the one who has not signed in for longest is forgotten.
const MOST_USERS: usize = 8;

/// What one browser shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KnownBrowser {
    /// Names the browser.
    pub id: BrowserId,
    /// Who has signed in, and when they last did; the latest first.
    users: Vec<(UserId, Timestamp)>,
}

impl KnownBrowser {
    /// A browser in which nobody has signed in.
    pub fn new(id: BrowserId) -> Self {
        Self { id, users: vec![] }
    }

    /// Whether this user has signed in here completely, at most `lifetime` ago.
    pub fn knows(&self, user: &UserId, lifetime: Duration, now: Timestamp) -> bool {
        self.users.iter().any(|(known, at)| known == user && now < at.after(lifetime))
    }

    /// The same browser after a complete sign-in of this user.
    #[must_use]
    pub fn with(mut self, user: &UserId, now: Timestamp) -> Self {
        self.users.retain(|(known, _)| known != user);
        self.users.insert(0, (user.clone(), now));
        self.users.truncate(MOST_USERS);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1000);
    const HOUR: Duration = Duration::from_hours(1);

    fn user(name: &str) -> UserId {
        UserId::new(name)
    }

    #[test]
    fn a_browser_knows_who_signed_in_and_for_so_long_only() {
        let browser = KnownBrowser::new(BrowserId::new("b")).with(&user("ada"), NOW);
        assert!(browser.knows(&user("ada"), HOUR, NOW) && !browser.knows(&user("bob"), HOUR, NOW));
        let end = NOW.after(HOUR);
        assert!(browser.knows(&user("ada"), HOUR, end.before(Duration::from_millis(1))));
        assert!(!browser.knows(&user("ada"), HOUR, end) && !browser.knows(&user("ada"), Duration::ZERO, NOW));
        assert!(browser.with(&user("ada"), end).knows(&user("ada"), HOUR, end));
    }

    #[test]
    fn the_one_who_was_not_here_for_longest_is_forgotten() {
        let names: Vec<_> = (0..=MOST_USERS).map(|number| user(&number.to_string())).collect();
        let browser = KnownBrowser::new(BrowserId::new("b"));
        let browser = names.iter().fold(browser, |browser, name| browser.with(name, NOW).with(&names[0], NOW));
        let known: Vec<_> = names.iter().map(|name| browser.knows(name, HOUR, NOW)).collect();
        assert_eq!(known.iter().filter(|known| **known).count(), MOST_USERS);
        assert!(known[0] && !known[1]);
    }
}
