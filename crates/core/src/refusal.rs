//! Refusals: the request was decided against, and the user may be told why.
//!
//! The list is closed and every entry has a stable code; each front end has a text or response for every code. A fault,
//! where no decision was possible, is another type in another crate and never becomes a refusal.

use std::time::Duration;

use crate::Timestamp;

/// The reason for a refusal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Unknown user, wrong password or deactivated user; it never says which.
    InvalidCredentials,
    /// Too many failed password attempts for this account or from this IP address.
    TooManyFailures {
        /// When the next attempt will be checked.
        until: Timestamp,
    },
    /// Too many password attempts from one network within some seconds, correct or not.
    TooManyRequests {
        /// When the next attempt is possible.
        until: Timestamp,
    },
    /// The answer does not have the form of a code; not counted as a failure.
    CodeMalformed,
    /// The backup code's check character does not match: a typo; not counted.
    CodeMistyped,
    /// The code is wrong; counted as a failure.
    CodeWrong,
    /// The code is correct but was used before; not counted.
    CodeUsed,
    /// The answer is correct, but the device has accepted one from a later time: the server's clock was ahead then. A
    /// consumed mark stays consumed.
    ClockSetBack,
    /// No code was sent in this attempt, or it has expired; not counted.
    NoCodeSent,
    /// A code was sent to this address too recently.
    SendingTooSoon {
        /// When the next one will be sent.
        until: Timestamp,
    },
    /// The limit of codes was reached: for this user or address, for its region, or in all.
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
    /// The validation service could not be asked; not counted.
    MethodUnavailable,
    /// The device is locked after failures and did not check the answer.
    DeviceLocked {
        /// When it accepts answers again.
        until: Timestamp,
        /// Consecutive failures so far.
        failures: u32,
    },
    /// Too many consecutive failures have disabled the device.
    DeviceDisabled,
    /// The device's key has expired, as its issuer has set it; the code was not compared.
    DeviceExpired,
    /// Failures have disabled another device of the user, and could disable this one too: it accepts answers only from
    /// a browser with a device cookie.
    UnrecognizedBrowser,
    /// The user has no such device, or it is not active.
    DeviceUnknown,
    /// The attempt is closed or has expired, or the credentials have changed since.
    AttemptExpired,
    /// The set of devices has changed meanwhile.
    FactorsChanged,
    /// A recent proof of a device is required first.
    VerificationNeeded,
    /// No valid session: none was presented, it has ended, or no step-up in it would be sufficient. The user has to
    /// sign in.
    SignInNeeded,
    /// The session is valid, but the password has to be confirmed in it first.
    PasswordNeeded,
    /// The session was replaced a moment ago; the response to the call that replaced it has the new token. Never used
    /// for a session that was ended.
    SessionReplaced,
    /// Two-factor authentication is not set up.
    NotEnabled,
    /// It is the only device that keeps two-factor authentication on: replace it, or switch two-factor authentication
    /// off.
    LastDevice {
        /// How many other devices the user has that cannot replace it: disabled ones, and e-mail.
        others: usize,
    },
    /// The user has the maximum number of devices.
    TooManyDevices {
        /// The maximum.
        most: u32,
    },
    /// There is no such method here.
    MethodUnknown,
    /// A device's name is empty, too long, or has control characters.
    NameInvalid {
        /// The maximum length in characters.
        longest: usize,
    },
    /// The current password, entered again, is wrong.
    PasswordWrong,
    /// The new password is too short.
    PasswordShort {
        /// The minimum length in characters.
        shortest: usize,
    },
    /// The new password is too long.
    PasswordLong {
        /// The maximum length in characters.
        longest: usize,
    },
    /// The new password is on the list of common ones.
    PasswordCommon,
    /// The new password is derived from the user's name or address, or from this site's.
    PasswordPersonal,
    /// The new password is the current one.
    PasswordSame,
    /// The two entries of the new password differ.
    PasswordsDiffer,
    /// Passwords are managed externally and cannot be changed here.
    PasswordManagedExternally,
    /// The user has no such session, or it has ended.
    SessionUnknown,
    /// The user has no such token, or it has expired.
    TokenUnknown,
    /// The user has the maximum number of tokens.
    TooManyTokens {
        /// The maximum.
        most: u32,
    },
    /// A scope is malformed, or there are too many scopes.
    ScopeInvalid,
    /// The lifetime of a token is zero or too long.
    LifetimeInvalid {
        /// The maximum lifetime.
        longest: Duration,
    },
    /// The token does not have the required scope.
    ScopeInsufficient,
}

impl Refusal {
    /// One of each, for tables that must be complete.
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

    /// How long to wait before a retry, if waiting can help at all.
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
