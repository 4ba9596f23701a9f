//! Proving oneself again in a running session.
//!
//! Whoever has a second factor proves a device; a password alone never renews a session of a user who has one. Whoever
//! has none signs in again.

use crate::{Device, DeviceId, Factors, Refusal, method::Methods};

/// The device that a signed-in user is asked for.
pub fn asked<'a, S>(factors: &'a Factors<S>, choice: Option<&DeviceId>) -> Result<&'a Device<S>, Refusal> {
    if !factors.enabled() {
        return Err(Refusal::SignInNeeded);
    }
    factors.chosen(choice).ok_or(Refusal::DeviceDisabled)
}

/// The device that is asked where the proof has to be as sure as the user's devices can give it.
pub fn surest<'a, S>(factors: &'a Factors<S>, methods: &Methods) -> Result<&'a Device<S>, Refusal> {
    let first = asked(factors, None)?;
    let level = factors.level(methods);
    let surest =
        factors.active().into_iter().find(|device| !device.kind.is_fallback() && methods.level(&device.kind) >= level);
    Ok(surest.unwrap_or(first))
}
