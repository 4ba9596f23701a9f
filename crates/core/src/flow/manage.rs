//! When a session may change factors.
//!
//! A user with a second factor needs a session that proved one recently; a session with only a password can never add,
//! replace or remove a factor if one exists. The proof has to be of the level of the user's strongest second factor, so
//! that a code by e-mail does not remove an authenticator app. A user without a second factor needs a recent password.
//! The result includes the version of the factor set that it depends on, for the commit.

use crate::{
    Config, Device, DeviceId, Factors, Kind, Level, Refusal, Session, Status, Timestamp, method::Methods,
    sending::EmailRule,
};

/// Whether this session may change these factors now.
pub fn may_change<S>(
    session: &Session,
    factors: &Factors<S>,
    config: &Config,
    methods: &Methods,
    now: Timestamp,
) -> Result<(), Refusal> {
    if factors.enabled() {
        let surely =
            session.level >= factors.level(methods) && session.proved_within(config.reauthentication_window, now);
        return if surely { Ok(()) } else { Err(Refusal::VerificationNeeded) };
    }
    if session.signed_in_within(config.reauthentication_window, now) { Ok(()) } else { Err(Refusal::PasswordNeeded) }
}

/// Whether this session may act on existing factors: making backup codes, removing, disabling.
pub fn may_use<S>(
    session: &Session,
    factors: &Factors<S>,
    config: &Config,
    methods: &Methods,
    now: Timestamp,
) -> Result<(), Refusal> {
    if !factors.enabled() {
        return Err(Refusal::NotEnabled);
    }
    may_change(session, factors, config, methods, now)
}

/// The same for a session whose token cannot be replaced when it proves a device, and whose level therefore stays: it
/// may change factors while a proof in it is recent, by a device that still exists and is strong enough.
pub fn may_use_in_place<S>(
    session: &Session,
    factors: &Factors<S>,
    config: &Config,
    methods: &Methods,
    now: Timestamp,
) -> Result<(), Refusal> {
    let usable = may_use(session, factors, config, methods, now);
    let by = session.device.as_ref().and_then(|device| factors.device(device)).filter(|device| device.is_active());
    let is_enough = by.is_some_and(|device| methods.level(&device.kind) >= factors.level(methods));
    match usable {
        Err(Refusal::VerificationNeeded) if is_enough && session.proved_within(config.reauthentication_window, now) => {
            Ok(())
        }
        usable => usable,
    }
}

/// Whether a device of this kind may be added to these factors: e-mail may require another second factor beside it.
pub fn may_join<S>(kind: &Kind, factors: &Factors<S>, config: &Config) -> bool {
    *kind != Kind::EMAIL
        || match config.sending.email {
            EmailRule::Off => false,
            EmailRule::Alone => true,
            EmailRule::Beside => {
                factors.devices.iter().any(|device| device.is_active() && stands_alone(&device.kind, config))
            }
        }
}

/// Whether one device more may be confirmed beside these. Disabled devices count; unconfirmed ones and backup codes do
/// not: the codes are one set, and the means of recovery.
pub fn room<S>(factors: &Factors<S>, config: &Config) -> Result<(), Refusal> {
    let count = u32::try_from(factors.devices.iter().filter(|device| is_set_up(device)).count()).unwrap_or(u32::MAX);
    let most = config.devices_per_user;
    if count < most { Ok(()) } else { Err(Refusal::TooManyDevices { most }) }
}

/// Whether a device of this kind may be a user's only one.
fn stands_alone(kind: &Kind, config: &Config) -> bool {
    !kind.is_fallback() && (*kind != Kind::EMAIL || config.sending.email == EmailRule::Alone)
}

/// The confirmed device with this id that another one may replace. Backup codes are renewed, not replaced.
pub fn replaceable<'a, S>(factors: &'a Factors<S>, device: &DeviceId) -> Result<&'a Device<S>, Refusal> {
    factors.device(device).filter(|device| is_set_up(device)).ok_or(Refusal::DeviceUnknown)
}

/// Whether its owner has enrolled it as a device.
fn is_set_up<S>(device: &Device<S>) -> bool {
    device.status != Status::Enrolling && !device.kind.is_fallback()
}

/// Whether this device may be removed: not if it is the last one that keeps two-factor authentication on.
pub fn may_remove<S>(factors: &Factors<S>, device: &DeviceId, config: &Config) -> Result<(), Refusal> {
    let known = factors.device(device).filter(|device| device.status != Status::Enrolling);
    let known = known.ok_or(Refusal::DeviceUnknown)?;
    let others = factors.devices.iter().filter(|other| is_set_up(other) && other.id != known.id).count();
    let another = factors
        .devices
        .iter()
        .any(|other| other.is_active() && stands_alone(&other.kind, config) && other.id != known.id);
    if another || !stands_alone(&known.kind, config) { Ok(()) } else { Err(Refusal::LastDevice { others }) }
}

/// Whether the password, confirmed again in a session, is all that its user can prove. A user with a second factor
/// proves that.
pub fn may_confirm_password<S>(factors: &Factors<S>) -> Result<(), Refusal> {
    if factors.enabled() { Err(Refusal::VerificationNeeded) } else { Ok(()) }
}

/// Whether this session may change the password: a user with a second factor must have proved it in this session.
pub fn may_change_password<S>(session: &Session, factors: &Factors<S>, methods: &Methods) -> Result<(), Refusal> {
    let owes =
        factors.enabled() && (session.verified.is_none() || session.level < factors.level(methods).min(Level::Aal2));
    if owes { Err(Refusal::VerificationNeeded) } else { Ok(()) }
}
