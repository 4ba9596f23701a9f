//! What is required after the password.
//!
//! A user without a second factor gets a session of the first level, on condition that the set of devices is still
//! empty when the session is written. Every other user has to prove a device, which they may choose among their active
//! ones. A user whose devices are all disabled still has to, and cannot sign in.

use crate::{Device, DeviceId, Factors, Refusal};

/// What is still required after the password.
#[derive(Debug)]
pub enum Owed<'a, S> {
    /// Nothing: the session may be written if the set of devices still has this version.
    Nothing {
        /// The version that the new session depends on.
        factors: u64,
    },
    /// A device has to be proved.
    Device(&'a Device<S>),
}

/// What a user with these factors has to prove after the password, with the device they chose.
pub fn owed<'a, S>(factors: &'a Factors<S>, choice: Option<&DeviceId>) -> Result<Owed<'a, S>, Refusal> {
    if !factors.enabled() {
        return Ok(Owed::Nothing { factors: factors.account.factors });
    }
    factors.chosen(choice).map(Owed::Device).ok_or(Refusal::DeviceDisabled)
}
