//! Batches: changes that are written together.
//!
//! A store writes a whole [`Batch`] or nothing, and answers [`Written::Conflict`] if a version that one of its changes
//! expects is no longer current. A [`Receipt`] is made from the sealed batch, which only a store is given, and settles
//! only the ruling whose batch it names.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Change, Device, Envelope, Timestamp, device::Sealed};

/// Changes that are written together or not at all.
#[derive(Clone, Debug)]
pub struct Batch<S = Envelope> {
    id: u64,
    changes: Vec<Change<S>>,
}

impl Batch {
    /// A batch of these changes.
    pub fn new(mut changes: Vec<Change>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        changes.sort_by(|a, b| a.order().cmp(&b.order()));
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), changes }
    }

    /// The same batch with every device state sealed by `seal`.
    pub fn seal<E>(&self, mut seal: impl FnMut(&Device) -> Result<Sealed, E>) -> Result<Batch<Sealed>, E> {
        let changes = self.changes.iter().map(|change| change.clone().seal(&mut seal)).collect::<Result<_, _>>()?;
        Ok(Batch { id: self.id, changes })
    }
}

impl<S> Batch<S> {
    /// The changes, in the order in which they are to be applied.
    pub fn changes(&self) -> &[Change<S>] {
        &self.changes
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The same batch with other changes; the same receipts settle it. For test stores in front of other stores.
    #[must_use]
    pub fn with_changes(self, mut changes: Vec<Change<S>>) -> Self {
        changes.sort_by(|a, b| a.order().cmp(&b.order()));
        Self { id: self.id, changes }
    }

    pub(crate) fn is_settled_by(&self, receipt: &Receipt) -> bool {
        self.id == receipt.batch
    }

    pub(crate) fn with(self, more: Vec<Change<S>>) -> Self {
        let mut changes = self.changes;
        changes.extend(more);
        Self { id: self.id, changes: vec![] }.with_changes(changes)
    }
}

impl Batch<Sealed> {
    /// The receipt for a batch that was written completely and durably.
    pub fn done(&self) -> Receipt {
        Receipt { batch: self.id, written: Written::Done }
    }

    /// The receipt for a batch of which nothing was written, because of a version conflict.
    pub fn conflict(&self) -> Receipt {
        Receipt { batch: self.id, written: Written::Conflict }
    }

    /// The receipt for a batch of which nothing was written, because the budget `key` is used up until `until`.
    pub fn overspent(&self, key: String, until: Timestamp) -> Receipt {
        Receipt { batch: self.id, written: Written::Overspent { key, until } }
    }
}

/// The result of a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Written {
    /// All of it was written, durably.
    Done,
    /// Nothing was written: a version conflict. Reload and judge again.
    Conflict,
    /// Nothing was written: a budget is used up.
    Overspent {
        /// The budget.
        key: String,
        /// When it will be empty again.
        until: Timestamp,
    },
}

/// A store's result for one batch. It settles that batch only.
#[derive(Debug)]
pub struct Receipt {
    batch: u64,
    written: Written,
}

impl Receipt {
    /// The result of the batch.
    pub fn written(&self) -> &Written {
        &self.written
    }
}
