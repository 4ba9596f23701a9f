//! Proving oneself again in a running session.
//!
//! Whoever has a second factor proves a device; a password alone never renews a session of a user who has one. Whoever
//! has none signs in again.

use crate::{Device, DeviceId, Factors, Refusal};

/// The device that a signed-in user is asked for.
pub fn asked<'a, S>(factors: &'a Factors<S>, choice: Option<&DeviceId>) -> Result<&'a Device<S>, Refusal> {
    if !factors.enabled() {
        return Err(Refusal::SignInNeeded);
    }
    factors.chosen(choice).ok_or(Refusal::DeviceDisabled)
}
