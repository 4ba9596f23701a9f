//! Who is hashed for next: two lanes, and an order in each.
//!
//! Whoever shows a device cookie of the account whose password they give waits in a lane of its own, so that strangers,
//! however many, do not stand before them. In that lane accounts take turns, and each has one password under way and a few
//! that wait, over all its browsers: one who signs in over and over keeps nobody else waiting. Strangers wait in the other
//! lane, which is served when the first is empty, and after every few passwords of the first. Both lanes are bounded by the
//! time that a newcomer would wait for those who are there, as long as hashes take at present. Strangers wait longer while
//! recognised users keep coming.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

/// Where somebody waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Lane {
    /// Among those who show a device cookie, by their account.
    Recognized(String),
    /// Among strangers.
    Strangers,
}

/// The longest that a newcomer may have to wait among those who are recognised.
const MAX_WAIT_RECOGNIZED: Duration = Duration::from_millis(1500);
/// The longest that a newcomer may have to wait among strangers.
const MAX_WAIT_STRANGERS: Duration = Duration::from_secs(1);
/// So many passwords of one account may wait, over all its browsers, while another one is under way.
const MAX_WAITING_PER_ACCOUNT: usize = 3;
/// After so many of the recognised, a stranger has a turn.
const STRANGERS_TURN: u32 = 4;
/// What a hash is taken to cost before one was measured.
const FIRST_GUESS: Duration = Duration::from_millis(20);

/// Somebody new would wait for too long, or their account has enough under way.
#[derive(Debug)]
pub(super) struct Full;

/// What waits, whatever it is.
#[derive(Debug)]
pub(super) struct Queue<J> {
    threads: usize,
    strangers: VecDeque<J>,
    accounts: HashMap<String, VecDeque<J>>,
    /// The accounts that have something waiting, in the order of their turns.
    turns: VecDeque<String>,
    /// The accounts that have one under way.
    under_way: HashSet<String>,
    /// How many of the recognised were served since a stranger was.
    in_a_row: u32,
    /// What a hash costs, as a moving average.
    cost: Duration,
}

impl<J> Queue<J> {
    /// An empty queue before so many threads.
    pub(super) fn new(threads: usize) -> Self {
        Self {
            threads: threads.max(1),
            strangers: VecDeque::new(),
            accounts: HashMap::new(),
            turns: VecDeque::new(),
            under_way: HashSet::new(),
            in_a_row: 0,
            cost: FIRST_GUESS,
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.strangers.len().saturating_add(self.recognized())
    }

    fn recognized(&self) -> usize {
        self.accounts.values().map(VecDeque::len).sum()
    }

    /// Lets somebody wait, unless it would be for too long.
    pub(super) fn push(&mut self, lane: &Lane, job: J) -> Result<(), Full> {
        match lane {
            Lane::Strangers if self.wait_of(self.len()) > MAX_WAIT_STRANGERS => Err(Full),
            Lane::Strangers => {
                self.strangers.push_back(job);
                Ok(())
            }
            Lane::Recognized(account) => {
                let own = self.accounts.get(account).map_or(0, VecDeque::len);
                if own >= MAX_WAITING_PER_ACCOUNT || self.wait_of(self.before(own)) > MAX_WAIT_RECOGNIZED {
                    return Err(Full);
                }
                let waiting = self.accounts.entry(account.clone()).or_default();
                if waiting.is_empty() {
                    self.turns.push_back(account.clone());
                }
                waiting.push_back(job);
                Ok(())
            }
        }
    }

    /// How many of the recognised have their turn before a newcomer of an account that has so many waiting.
    fn before(&self, own: usize) -> usize {
        let turns = self.turns.len().saturating_mul(own.saturating_add(1));
        turns.min(self.recognized())
    }

    /// How long somebody waits behind so many.
    fn wait_of(&self, before: usize) -> Duration {
        let rounds = before.div_ceil(self.threads);
        self.cost.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
    }

    /// Takes the last of a lane back that was let in, if it still waits.
    pub(super) fn take_back(&mut self, lane: &Lane) -> Option<J> {
        match lane {
            Lane::Strangers => self.strangers.pop_back(),
            Lane::Recognized(account) => {
                let job = self.accounts.get_mut(account)?.pop_back();
                self.forget_if_empty(account);
                job
            }
        }
    }

    /// Whoever is next, and the lane they waited in. Nothing if nobody waits, or only accounts that have one under way.
    pub(super) fn next(&mut self) -> Option<(Lane, J)> {
        if self.in_a_row >= STRANGERS_TURN
            && let Some(job) = self.next_stranger()
        {
            return Some(job);
        }
        self.next_recognized().or_else(|| self.next_stranger())
    }

    fn next_stranger(&mut self) -> Option<(Lane, J)> {
        let job = self.strangers.pop_front()?;
        self.in_a_row = 0;
        Some((Lane::Strangers, job))
    }

    fn next_recognized(&mut self) -> Option<(Lane, J)> {
        let place = self.turns.iter().position(|account| !self.under_way.contains(account))?;
        let account = self.turns.remove(place)?;
        let waiting = self.accounts.get_mut(&account)?;
        let job = waiting.pop_front()?;
        if waiting.is_empty() {
            self.accounts.remove(&account);
        } else {
            self.turns.push_back(account.clone());
        }
        self.under_way.insert(account.clone());
        self.in_a_row = self.in_a_row.saturating_add(1);
        Some((Lane::Recognized(account), job))
    }

    fn forget_if_empty(&mut self, account: &str) {
        if self.accounts.get(account).is_some_and(VecDeque::is_empty) {
            self.accounts.remove(account);
            self.turns.retain(|waiting| waiting != account);
        }
    }

    /// One is done that took so long, or was not hashed because whoever wanted it had gone away: that says nothing about the
    /// time a hash takes, or clients that hang up would make the queue endless.
    pub(super) fn done(&mut self, lane: &Lane, took: Option<Duration>) {
        if let Lane::Recognized(account) = lane {
            self.under_way.remove(account);
        }
        if let Some(took) = took {
            self.cost = self.cost.saturating_mul(7).saturating_add(took) / 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> Lane {
        Lane::Recognized(name.into())
    }

    fn queue() -> Queue<&'static str> {
        Queue::new(2)
    }

    #[test]
    fn t109_strangers_do_not_stand_before_whoever_is_recognised() {
        let mut queue = queue();
        let strangers = (0..1000).take_while(|_| queue.push(&Lane::Strangers, "stranger").is_ok()).count();
        assert_eq!(strangers, 101, "two threads do fifty each in a second");
        queue.push(&account("ada"), "ada").unwrap();
        assert_eq!(queue.next().unwrap().1, "ada");
    }

    #[test]
    fn t109_strangers_have_their_turn() {
        let mut queue = queue();
        for number in 0..30 {
            queue.push(&account(&number.to_string()), "recognised").unwrap();
            queue.push(&Lane::Strangers, "stranger").unwrap();
        }
        let served: Vec<_> = std::iter::from_fn(|| queue.next()).take(10).map(|(_, job)| job).collect();
        assert_eq!(served.iter().filter(|job| **job == "stranger").count(), 2, "{served:?}");
    }

    #[test]
    fn t110_accounts_take_turns_and_each_has_one_under_way() {
        let mut queue = queue();
        let busy = (0..12).filter(|_| queue.push(&account("eve"), "eve").is_ok()).count();
        assert_eq!(busy, MAX_WAITING_PER_ACCOUNT);
        let (eve, _) = queue.next().unwrap();
        queue.push(&account("eve"), "eve").unwrap();
        queue.push(&account("ada"), "ada").unwrap();
        assert_eq!(queue.next().unwrap().1, "ada");
        assert!(queue.next().is_none(), "one of eve's is under way");
        queue.done(&eve, Some(Duration::from_millis(15)));
        assert_eq!(queue.next().unwrap().1, "eve");
    }

    #[test]
    fn the_bound_is_a_time_and_follows_what_hashes_take() {
        let mut queue = queue();
        for _ in 0..100 {
            queue.done(&Lane::Strangers, Some(Duration::from_millis(100)));
        }
        let strangers = (0..1000).take_while(|_| queue.push(&Lane::Strangers, "stranger").is_ok()).count();
        assert!((20..=23).contains(&strangers), "{strangers}");
    }

    #[test]
    fn t109_clients_that_hang_up_do_not_make_the_queue_endless() {
        let mut queue = queue();
        for _ in 0..1000 {
            queue.done(&Lane::Strangers, None);
        }
        let strangers = (0..1000).take_while(|_| queue.push(&Lane::Strangers, "stranger").is_ok()).count();
        assert_eq!(strangers, 101);
    }

    /// A hundred accounts have as many waiting as the lane takes; a newcomer waits for one of each and for no more.
    #[test]
    fn t110_a_newcomer_waits_for_a_turn_of_each_account_and_not_for_all_that_they_have_waiting() {
        let mut queue = queue();
        let accounts = || (0..100).map(|number| account(&number.to_string()));
        for _ in 0..MAX_WAITING_PER_ACCOUNT {
            accounts().for_each(|account| drop(queue.push(&account, "others")));
        }
        assert!(queue.push(&account("0"), "others").is_err(), "the lane is full for those who have something waiting");
        queue.push(&account("ada"), "ada").unwrap();
        let mut before = 0;
        while let Some((lane, job)) = queue.next().filter(|(_, job)| *job != "ada") {
            queue.done(&lane, None);
            before += usize::from(job == "others");
        }
        assert_eq!(before, 100);
    }

    #[test]
    fn what_was_let_in_can_be_taken_back() {
        let mut queue = queue();
        for lane in [Lane::Strangers, account("ada")] {
            queue.push(&lane, "job").unwrap();
            assert_eq!(queue.take_back(&lane), Some("job"));
            assert!(queue.next().is_none() && queue.len() == 0);
        }
    }
}
