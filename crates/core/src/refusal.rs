//! Refusals: we decided no, and the user may be told.
//!
//! The list is closed and every entry has a stable code; each entrance has a text or an answer for every code. A fault,
//! where we could not decide, is another type in another crate and never becomes a refusal.

use std::time::Duration;

use crate::Timestamp;

/// Why not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// No such user, a wrong password or a deactivated user: never which.
    InvalidCredentials,
    /// Too many failed first steps for this account or from this address.
    TooManyFailures {
        /// When the next try will be looked at.
        until: Timestamp,
    },
    /// Too many passwords were given from one network within some seconds, whatever came of them.
    TooManyRequests {
        /// When there is room again.
        until: Timestamp,
    },
    /// The answer does not have the form of a code; nothing was counted.
    CodeMalformed,
    /// The backup code's check character does not fit: a slip of the pen; nothing was counted.
    CodeMistyped,
    /// The code is wrong; it was counted.
    CodeWrong,
    /// The code is right but was used before; nothing was counted.
    CodeUsed,
    /// The answer would be right, but the device has accepted one from a later time: the server's clock was ahead then. What
    /// was consumed stays consumed.
    ClockSetBack,
    /// No code was sent in this run of the flow, or the one that was is over; nothing was counted.
    NoCodeSent,
    /// A code was sent to this address a moment ago.
    SendingTooSoon {
        /// When the next one will be sent.
        until: Timestamp,
    },
    /// As many codes were sent as may be: to this user or address, to numbers like it, or in all.
    SendingLimited {
        /// When the next one may be sent.
        until: Timestamp,
    },
    /// The message could not be sent now.
    SendingFailed,
    /// The address cannot receive such messages.
    AddressUnreachable,
    /// That is not an address that codes can be sent to.
    AddressInvalid,
    /// The service that knows whether the answer is right could not be asked; nothing was counted.
    MethodUnavailable,
    /// The device is locked after failures and did not look at the answer.
    DeviceLocked {
        /// When it will listen again.
        until: Timestamp,
        /// Failures in a row so far.
        failures: u32,
    },
    /// Too many failures in a row have disabled the device.
    DeviceDisabled,
    /// The validity of the device's key has ended, as its issuer has set it; nothing was compared.
    DeviceExpired,
    /// Failures have disabled another device of the user's, and would disable this one too: it listens only in a browser that
    /// its owner is known by.
    UnrecognizedBrowser,
    /// The user has no such device, or none that counts.
    DeviceUnknown,
    /// The run of the flow is over: finished, timed out, signed out, or the credentials have changed since.
    AttemptExpired,
    /// The set of devices has changed meanwhile.
    FactorsChanged,
    /// A recent proof of a device is owed first.
    VerificationNeeded,
    /// No session: none was shown, it has ended, or nothing that it could prove would be enough. Signing in helps.
    SignInNeeded,
    /// The session is alive, and the password has to be proved again in it first.
    PasswordNeeded,
    /// The session was replaced by another a moment ago, whose token was given in the response to the call that did it. Never
    /// said of a session that was ended.
    SessionReplaced,
    /// Two-factor authentication is not set up.
    NotEnabled,
    /// It is the only device that keeps two-factor authentication on: it goes when another one takes its place, or by
    /// switching two-factor authentication off.
    LastDevice {
        /// How many other devices the user has, of which none can take its place: disabled ones, and mailboxes.
        others: usize,
    },
    /// The user has as many devices as one may have.
    TooManyDevices {
        /// How many that is.
        most: u32,
    },
    /// There is no such method here.
    MethodUnknown,
    /// A device's name is empty, too long, or has control characters.
    NameInvalid {
        /// The most characters a name may have.
        longest: usize,
    },
    /// The current password, asked again, is wrong.
    PasswordWrong,
    /// The new password is too short.
    PasswordShort {
        /// The fewest characters it must have.
        shortest: usize,
    },
    /// The new password is longer than can be kept.
    PasswordLong {
        /// The most characters it may have.
        longest: usize,
    },
    /// The new password is on the list of common ones.
    PasswordCommon,
    /// The new password is made of the user's own name or address, or this site's.
    PasswordPersonal,
    /// The new password is the current one.
    PasswordSame,
    /// The two entries of the new password differ.
    PasswordsDiffer,
    /// Passwords are kept elsewhere and cannot be changed here.
    PasswordManagedExternally,
    /// The user has no such session, or it has ended.
    SessionUnknown,
    /// The user has no such token, or it has ended.
    TokenUnknown,
    /// The user has as many tokens as one may have.
    TooManyTokens {
        /// How many that is.
        most: u32,
    },
    /// A scope is no word, or there are too many of them.
    ScopeInvalid,
    /// A token is to live for no time, or for too long.
    LifetimeInvalid {
        /// The longest that it may live.
        longest: Duration,
    },
    /// A token does not open this: it was made for other things.
    ScopeInsufficient,
}

impl Refusal {
    /// One of each, for tables that must not forget any.
    pub const ALL: [Self; 45] = {
        const NEVER: Timestamp = Timestamp::from_millis(0);
        [
            Self::InvalidCredentials,
            Self::TooManyFailures { until: NEVER },
            Self::TooManyRequests { until: NEVER },
            Self::CodeMalformed,
            Self::CodeMistyped,
            Self::CodeWrong,
            Self::CodeUsed,
            Self::ClockSetBack,
            Self::NoCodeSent,
            Self::SendingTooSoon { until: NEVER },
            Self::SendingLimited { until: NEVER },
            Self::SendingFailed,
            Self::AddressUnreachable,
            Self::AddressInvalid,
            Self::MethodUnavailable,
            Self::DeviceLocked { until: NEVER, failures: 1 },
            Self::DeviceDisabled,
            Self::DeviceExpired,
            Self::UnrecognizedBrowser,
            Self::DeviceUnknown,
            Self::AttemptExpired,
            Self::FactorsChanged,
            Self::VerificationNeeded,
            Self::SignInNeeded,
            Self::PasswordNeeded,
            Self::SessionReplaced,
            Self::NotEnabled,
            Self::LastDevice { others: 0 },
            Self::TooManyDevices { most: 20 },
            Self::MethodUnknown,
            Self::NameInvalid { longest: 64 },
            Self::PasswordWrong,
            Self::PasswordShort { shortest: 15 },
            Self::PasswordLong { longest: 1024 },
            Self::PasswordCommon,
            Self::PasswordPersonal,
            Self::PasswordSame,
            Self::PasswordsDiffer,
            Self::PasswordManagedExternally,
            Self::SessionUnknown,
            Self::TokenUnknown,
            Self::TooManyTokens { most: 50 },
            Self::ScopeInvalid,
            Self::LifetimeInvalid { longest: Duration::from_hours(365 * 24) },
            Self::ScopeInsufficient,
        ]
    };

    /// The stable code, for texts and for clients.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidCredentials => "invalid-credentials",
            Self::TooManyFailures { .. } => "too-many-failures",
            Self::TooManyRequests { .. } => "too-many-requests",
            Self::CodeMalformed => "code-malformed",
            Self::CodeMistyped => "code-mistyped",
            Self::CodeWrong => "code-wrong",
            Self::CodeUsed => "code-used",
            Self::ClockSetBack => "clock-set-back",
            Self::NoCodeSent => "no-code-sent",
            Self::SendingTooSoon { .. } => "sending-too-soon",
            Self::SendingLimited { .. } => "sending-limited",
            Self::SendingFailed => "sending-failed",
            Self::AddressUnreachable => "address-unreachable",
            Self::AddressInvalid => "address-invalid",
            Self::MethodUnavailable => "method-unavailable",
            Self::DeviceLocked { .. } => "device-locked",
            Self::DeviceDisabled => "device-disabled",
            Self::DeviceExpired => "device-expired",
            Self::UnrecognizedBrowser => "unrecognized-browser",
            Self::DeviceUnknown => "device-unknown",
            Self::AttemptExpired => "attempt-expired",
            Self::FactorsChanged => "factors-changed",
            Self::VerificationNeeded => "verification-needed",
            Self::SignInNeeded => "sign-in-needed",
            Self::PasswordNeeded => "password-needed",
            Self::SessionReplaced => "session-replaced",
            Self::NotEnabled => "not-enabled",
            Self::LastDevice { .. } => "last-device",
            Self::TooManyDevices { .. } => "too-many-devices",
            Self::MethodUnknown => "method-unknown",
            Self::NameInvalid { .. } => "name-invalid",
            Self::PasswordWrong => "password-wrong",
            Self::PasswordShort { .. } => "password-short",
            Self::PasswordLong { .. } => "password-long",
            Self::PasswordCommon => "password-common",
            Self::PasswordPersonal => "password-personal",
            Self::PasswordSame => "password-same",
            Self::PasswordsDiffer => "passwords-differ",
            Self::PasswordManagedExternally => "password-managed-externally",
            Self::SessionUnknown => "session-unknown",
            Self::TokenUnknown => "token-unknown",
            Self::TooManyTokens { .. } => "too-many-tokens",
            Self::ScopeInvalid => "scope-invalid",
            Self::LifetimeInvalid { .. } => "lifetime-invalid",
            Self::ScopeInsufficient => "scope-insufficient",
        }
    }

    /// How long to wait before trying again could help, if waiting helps at all.
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        match self {
            Self::TooManyFailures { until }
            | Self::TooManyRequests { until }
            | Self::DeviceLocked { until, .. }
            | Self::SendingTooSoon { until }
            | Self::SendingLimited { until } => Some(until.since(now)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct() {
        let codes: BTreeSet<_> = Refusal::ALL.iter().map(Refusal::code).collect();
        assert_eq!(codes.len(), Refusal::ALL.len());
    }
}
