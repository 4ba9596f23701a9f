//! What happens after the password.
//!
//! A user without a second factor is let in at the first level, on condition that the set of devices is still empty when
//! the session is written. Everybody else owes a device; which one, the user may choose among their own active ones. A
//! user whose every device is disabled owes one all the same and is not let in.

use crate::{Device, DeviceId, Factors, Refusal};

/// What a user who has proved the password still owes.
#[derive(Debug)]
pub enum Owed<'a, S> {
    /// Nothing: the session may be written if the set of devices still has this version.
    Nothing {
        /// The version the grant rests on.
        factors: u64,
    },
    /// A device.
    Device(&'a Device<S>),
}

/// What a user with these factors owes after the password, asked with the device they chose.
pub fn owed<'a, S>(factors: &'a Factors<S>, choice: Option<&DeviceId>) -> Result<Owed<'a, S>, Refusal> {
    if !factors.enabled() {
        return Ok(Owed::Nothing { factors: factors.account.factors });
    }
    factors.chosen(choice).map(Owed::Device).ok_or(Refusal::DeviceDisabled)
}
