//! Whether a device accepts an answer, or is sent a code, at this moment: one decision for both.
//!
//! A device that is locked after failures accepts none. An attacker who has only the password can disable one of
//! several devices, not more (ADR 8): once failures have disabled one, the next accepts no answer from an unrecognized
//! browser that could disable it too. A session, and a browser with a device cookie in which a device was proved, count
//! as recognized.

use crate::{
    Device, Refusal, Status, Timestamp,
    throttle::{Standing, ThrottleRule},
};

/// The request's standing, and the throttle rule.
#[derive(Clone, Copy, Debug)]
pub struct Admission<'a> {
    /// The delays and the cap after failures.
    pub rule: &'a ThrottleRule,
    /// Whether the request is recognized.
    pub standing: Standing,
    /// Whether failures have disabled another device of this user, or a pending validation may.
    pub another_disabled: bool,
}

impl Admission<'_> {
    /// Refuses if the device accepts no answer now: [`Refusal::DeviceLocked`] or [`Refusal::UnrecognizedBrowser`].
    pub fn check<S>(&self, device: &Device<S>, now: Timestamp) -> Result<(), Refusal> {
        if let Some(until) = self.rule.locked_until(&device.throttle, self.standing, now) {
            let failures = device.throttle.streak(self.standing).map_or(0, |streak| streak.failures);
            return Err(Refusal::DeviceLocked { until, failures });
        }
        let is_stranger = self.standing == Standing::Unrecognized && device.status == Status::Active;
        let is_next = self.disables(device, device.throttle.failures.saturating_add(1));
        if is_stranger && self.another_disabled && is_next { Err(Refusal::UnrecognizedBrowser) } else { Ok(()) }
    }

    /// Whether this number of consecutive failures disables the device. Backup codes are delayed but never disabled:
    /// NIST SP 800-63B-4 §3.1.2 requires a limit only below 64 random bits, and they are the means of recovery.
    pub fn disables<S>(&self, device: &Device<S>, failures: u32) -> bool {
        !device.kind.is_fallback() && self.rule.disables(failures)
    }
}
