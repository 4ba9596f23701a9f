//! Who may change factors, and when.
//!
//! A user with a second factor needs a session that proved one recently; a password-only session can never add, replace
//! or remove a factor where one exists. A user without any needs a recent password. The answer names the set of devices
//! it rests on, and whoever acts on it commits that version.

use crate::{DeviceId, Factors, Level, Policy, Refusal, Session, Status, Timestamp};

/// Whether this session may change these factors now.
pub fn may_change<S>(session: &Session, factors: &Factors<S>, policy: &Policy, now: Timestamp) -> Result<(), Refusal> {
    if factors.enabled() {
        return if session.verified_within(policy.recent, now) { Ok(()) } else { Err(Refusal::VerificationNeeded) };
    }
    if session.signed_in_within(policy.recent, now) { Ok(()) } else { Err(Refusal::SignInNeeded) }
}

/// Whether this session may act on factors that must exist: making backup codes, removing, disabling.
pub fn may_use<S>(session: &Session, factors: &Factors<S>, policy: &Policy, now: Timestamp) -> Result<(), Refusal> {
    if !factors.enabled() {
        return Err(Refusal::NotEnabled);
    }
    may_change(session, factors, policy, now)
}

/// Whether this device may go: not if it is the last one that keeps two-factor authentication on.
pub fn may_remove<S>(factors: &Factors<S>, device: &DeviceId) -> Result<(), Refusal> {
    let known = factors.device(device).filter(|device| device.status != Status::Enrolling);
    let known = known.ok_or(Refusal::DeviceUnknown)?;
    let another =
        factors.devices.iter().any(|other| other.is_active() && !other.kind.is_fallback() && other.id != known.id);
    if another || known.kind.is_fallback() { Ok(()) } else { Err(Refusal::LastDevice) }
}

/// Whether this session may change the password: a user with a second factor must have proved it in this session.
pub fn may_change_password<S>(session: &Session, factors: &Factors<S>) -> Result<(), Refusal> {
    if factors.enabled() && session.level < Level::Aal2 { Err(Refusal::VerificationNeeded) } else { Ok(()) }
}
