//! Whether a device takes an answer, or is sent a code, at this moment: one decision for judging and for sending.
//!
//! A device that is locked after failures takes none. And of several devices, whoever has only the password brings one to
//! its cap and no more (ADR 8): where failures have disabled one, the next takes none of a stranger's answers that could
//! disable it too. A browser with a device cookie that proved a device, and a session, are no strangers.

use crate::{
    Device, Refusal, Status, Timestamp,
    throttle::{Standing, ThrottleRule},
};

/// Who asks, and under which rule.
#[derive(Clone, Copy, Debug)]
pub struct Admission<'a> {
    /// How failures slow a guesser down.
    pub rule: &'a ThrottleRule,
    /// What is known of whoever asks.
    pub standing: Standing,
    /// Whether failures have disabled another device of this user's, or are about to.
    pub another_disabled: bool,
}

impl Admission<'_> {
    /// Refuses where the device takes no answer now: [`Refusal::DeviceLocked`] or [`Refusal::UnrecognizedBrowser`].
    pub fn check<S>(&self, device: &Device<S>, now: Timestamp) -> Result<(), Refusal> {
        if let Some(until) = self.rule.locked_until(&device.throttle, self.standing, now) {
            let failures = device.throttle.streak(self.standing).map_or(0, |streak| streak.failures);
            return Err(Refusal::DeviceLocked { until, failures });
        }
        let is_stranger = self.standing == Standing::Unrecognized && device.status == Status::Active;
        let is_next = self.disables(device, device.throttle.failures.saturating_add(1));
        if is_stranger && self.another_disabled && is_next { Err(Refusal::UnrecognizedBrowser) } else { Ok(()) }
    }

    /// Whether so many failures in a row disable the device. Backup codes are slowed down but never disabled: a limit is
    /// asked for what has less than 64 random bits (NIST SP 800-63B-4 §3.1.2), and they are the way back in.
    pub fn disables<S>(&self, device: &Device<S>, failures: u32) -> bool {
        !device.kind.is_fallback() && self.rule.disables(failures)
    }
}
