//! The clock and randomness.

use std::fmt::Debug;

use countersign_core::Timestamp;

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// Draws random bytes fit for keys.
pub trait Random: Debug + Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}
