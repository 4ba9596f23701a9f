//! The order in which passwords are hashed: two lanes, with an order in each.
//!
//! A client that sends a device cookie of the account whose password it gives waits in a lane of its own, so that
//! unrecognized clients, however many, are not before it. In that lane accounts take turns, and each has one password
//! in progress and a few that wait, over all its browsers: an account that signs in again and again delays no other
//! account. Unrecognized clients wait in the other lane, which is served when the first is empty, and after every few
//! passwords of the first. Both lanes are bounded by the time that a new request would wait, as long as hashes take at
//! present. Unrecognized clients wait longer while recognized users keep coming. recognised users keep coming.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

/// The lane in which a request waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Lane {
    /// For clients with a device cookie, by account.
    Recognized(String),
    /// For clients without a device cookie of the account.
    Strangers,
}

/// The maximum wait of a new request in the lane of recognized clients.
const MAX_WAIT_RECOGNIZED: Duration = Duration::from_millis(1500);
/// The maximum wait of a new request in the lane of unrecognized clients.
const MAX_WAIT_STRANGERS: Duration = Duration::from_secs(1);
/// The maximum number of waiting passwords of one account, over all its browsers, while another one is in progress.
const MAX_WAITING_PER_ACCOUNT: usize = 3;
/// After this many passwords of recognized clients, one of an unrecognized client is served.
const STRANGERS_TURN: u32 = 4;
/// The assumed time of a hash before one was measured.
const FIRST_GUESS: Duration = Duration::from_millis(20);

/// A new request would wait too long, or its account has enough passwords in progress.
#[derive(Debug)]
pub(super) struct Full;

/// A queue of jobs.
#[derive(Debug)]
pub(super) struct Queue<J> {
    threads: usize,
    strangers: VecDeque<J>,
    accounts: HashMap<String, VecDeque<J>>,
    /// The accounts that have waiting jobs, in the order of their turns.
    turns: VecDeque<String>,
    /// The accounts that have a job in progress.
    under_way: HashSet<String>,
    /// How many recognized clients were served since an unrecognized one was.
    in_a_row: u32,
    /// The time of a hash, as a moving average.
    cost: Duration,
}

impl<J> Queue<J> {
    /// An empty queue for this number of threads.
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

    /// The number of waiting jobs.
    pub(super) fn len(&self) -> usize {
        self.strangers.len().saturating_add(self.recognized())
    }

    fn recognized(&self) -> usize {
        self.accounts.values().map(VecDeque::len).sum()
    }

    /// Adds a job, unless it would wait too long.
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

    /// How many jobs in the recognized lane are before a new one of an account that has this many waiting.
    fn before(&self, own: usize) -> usize {
        let turns = self.turns.len().saturating_mul(own.saturating_add(1));
        turns.min(self.recognized())
    }

    /// How long a job waits behind this many others.
    fn wait_of(&self, before: usize) -> Duration {
        let rounds = before.div_ceil(self.threads);
        self.cost.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
    }

    /// Removes the job that was last added to a lane, if it still waits.
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

    /// The next job and its lane. `None` if no job waits, or only jobs of accounts that have one in progress.
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

    /// Records that a job has ended and how long it took; `None` if it was not hashed because its client had
    /// disconnected. Such a job does not count for the average time, or clients that disconnect would make the queue
    /// endless.
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
    fn t109_strangers_do_not_stand_before_recognized_browsers() {
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

    /// A hundred accounts have as many waiting jobs as the lane takes; a new account waits for one job of each.
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
