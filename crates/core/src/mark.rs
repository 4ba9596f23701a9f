//! Use marks: replay protection for accepted answers.
//!
//! Every method, a host's own included, must name a [`Mark`] when it accepts an answer. The core keeps the marks beside
//! the method's state and refuses a consumed mark, so even a method that keeps no record never accepts an answer twice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What an accepted answer consumes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mark {
    /// A time step or counter: it and everything below it is consumed.
    Rising(u64),
    /// A code or challenge that is valid once.
    Once {
        /// The id of the code within its device; never the code itself.
        id: String,
        /// When the method itself begins to refuse the code, so that the mark may be deleted; `None` keeps it for ever.
        until: Option<Timestamp>,
    },
}

/// All marks of a device.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Marks {
    /// The highest step or counter accepted so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    floor: Option<u64>,
    /// The codes accepted so far, with their expiry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    once: BTreeMap<String, Option<Timestamp>>,
}

impl Marks {
    /// The marks of a device that has accepted everything up to `floor`, as another system recorded it.
    pub fn with_floor(floor: u64) -> Self {
        Self { floor: Some(floor), once: BTreeMap::new() }
    }

    /// The highest step or counter accepted so far.
    pub fn floor(&self) -> Option<u64> {
        self.floor
    }

    /// How many single-use codes have been used.
    pub fn used(&self) -> usize {
        self.once.len()
    }

    /// Whether an answer with this mark was accepted before, or lies below one that was.
    pub fn is_spent(&self, mark: &Mark) -> bool {
        match mark {
            Mark::Rising(step) => self.floor.is_some_and(|floor| *step <= floor),
            Mark::Once { id, .. } => self.once.contains_key(id),
        }
    }

    /// Consumes `mark`, and deletes marks whose codes have expired.
    pub fn spend(&mut self, mark: Mark, now: Timestamp) {
        self.once.retain(|_, until| until.is_none_or(|until| until > now));
        match mark {
            Mark::Rising(step) => self.floor = Some(self.floor.map_or(step, |floor| floor.max(step))),
            Mark::Once { id, until } => {
                self.once.insert(id, until);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(100);

    #[test]
    fn a_step_spends_everything_below_it() {
        let mut marks = Marks::default();
        marks.spend(Mark::Rising(7), NOW);
        marks.spend(Mark::Rising(5), NOW);
        assert!([0, 5, 7].into_iter().all(|step| marks.is_spent(&Mark::Rising(step))));
        assert!(!marks.is_spent(&Mark::Rising(8)));
    }

    #[test]
    fn a_single_code_is_forgotten_only_after_its_own_end() {
        let once = |id: &str, until| Mark::Once { id: id.into(), until };
        let mut marks = Marks::default();
        marks.spend(once("brief", Some(Timestamp::from_seconds(200))), NOW);
        marks.spend(once("lasting", None), NOW);
        marks.spend(Mark::Rising(1), Timestamp::from_seconds(199));
        assert!(marks.is_spent(&once("brief", None)) && marks.is_spent(&once("lasting", None)));
        marks.spend(Mark::Rising(1), Timestamp::from_seconds(200));
        assert!(!marks.is_spent(&once("brief", None)) && marks.is_spent(&once("lasting", None)));
    }
}
