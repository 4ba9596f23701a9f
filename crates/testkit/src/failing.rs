//! A store that fails when it is told to.
//!
//! One call, counted from when it was armed, ends in a fault: before it took effect, or after it did and nobody heard of it. Or
//! every commit does, as on a full disk.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use countersign_engine::{
    Fault, Store,
    core::{Batch, Receipt, Sealed},
    port::hooked::{Hook, Hooked},
};

/// When a call fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fails {
    /// Before it took effect: nothing was read or written.
    Before,
    /// After it took effect: it was read or written, and the answer was lost.
    After,
}

/// Makes calls fail.
#[derive(Debug, Default)]
pub struct Failing {
    calls: AtomicUsize,
    armed: Mutex<Option<(usize, Fails)>>,
    read_only: AtomicBool,
}

impl Failing {
    /// Before `store`; nothing fails until it is armed.
    pub fn before(store: Arc<dyn Store>) -> Arc<Hooked<Self>> {
        Arc::new(Hooked::new(store, Self::default()))
    }

    /// Counts from now on, and fails at the call of this number, beginning with 0, if one is given.
    pub fn arm(&self, at: Option<(usize, Fails)>) {
        self.calls.store(0, Ordering::SeqCst);
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// From now on every commit fails, as on a full disk, or none does.
    pub fn set_read_only(&self, read_only: bool) {
        self.read_only.store(read_only, Ordering::SeqCst);
    }

    /// How many calls there were since it was armed.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Hook for Failing {
    async fn around<T: Send>(
        &self,
        _: &'static str,
        call: impl Future<Output = Result<T, Fault>> + Send,
    ) -> Result<T, Fault> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let armed = *self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        match armed.filter(|(at, _)| *at == number) {
            Some((_, Fails::Before)) => Err(Fault::new("fail on purpose, before")),
            Some((_, Fails::After)) => call.await.and(Err(Fault::new("fail on purpose, after"))),
            None => call.await,
        }
    }

    async fn commit(&self, store: &dyn Store, batch: Batch<Sealed>) -> Result<Receipt, Fault> {
        if self.read_only.load(Ordering::SeqCst) {
            return Err(Fault::new("write to a full disk"));
        }
        self.around("commit", store.commit(batch)).await
    }
}
