//! Events: the audit log of a user's account, for the user and for administrators.
//!
//! An event holds no secret: no code, no token, no part of one. It is committed together with the action it records, so
//! there is no action without its event and no event without its action.

use std::net::IpAddr;

use crate::{AttemptId, DeviceId, Kind, Timestamp, UserId};

/// Something that happened to a user's account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// The user it happened to.
    pub user: UserId,
    /// What happened.
    pub kind: EventKind,
    /// The device involved, if any.
    pub device: Option<DeviceId>,
    /// Its method, if any.
    pub method: Option<Kind>,
    /// The attempt it belongs to, if any.
    pub attempt: Option<AttemptId>,
    /// The client's IP address, if the front end knows it.
    pub address: Option<IpAddr>,
}

impl Event {
    /// An event with its user, kind and time only.
    pub fn new(at: Timestamp, user: UserId, kind: EventKind) -> Self {
        Self { at, user, kind, device: None, method: None, attempt: None, address: None }
    }
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EventKind {
    /// Signed in, with every required factor.
    SignedIn,
    /// Signed out.
    SignedOut,
    /// Proved a device again in a running session.
    Verified,
    /// Gave a wrong answer for a device.
    AnswerRefused,
    /// A device was disabled by too many failures in a row.
    DeviceDisabled,
    /// A device was proved and is active from now on.
    DeviceConfirmed,
    /// A device was removed.
    DeviceRemoved,
    /// Every device was removed.
    TwoFactorDisabled,
    /// New backup codes were made and the old ones became invalid.
    BackupCodesMade,
    /// The password was changed.
    PasswordChanged,
    /// A device was given another name.
    DeviceRenamed,
    /// A session was ended from another one, or all other sessions were.
    SessionEnded,
    /// A token was made.
    TokenMade,
    /// A token was revoked.
    TokenEnded,
    /// A refresh token was presented again after its exchange: all tokens of its grant were revoked.
    RefreshReplayed,
}

impl EventKind {
    /// Every kind there is.
    pub const ALL: [Self; 15] = [
        Self::SignedIn,
        Self::SignedOut,
        Self::Verified,
        Self::AnswerRefused,
        Self::DeviceDisabled,
        Self::DeviceConfirmed,
        Self::DeviceRemoved,
        Self::TwoFactorDisabled,
        Self::BackupCodesMade,
        Self::PasswordChanged,
        Self::DeviceRenamed,
        Self::SessionEnded,
        Self::TokenMade,
        Self::TokenEnded,
        Self::RefreshReplayed,
    ];

    /// The word that a store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed-in",
            Self::SignedOut => "signed-out",
            Self::Verified => "verified",
            Self::AnswerRefused => "answer-refused",
            Self::DeviceDisabled => "device-disabled",
            Self::DeviceConfirmed => "device-confirmed",
            Self::DeviceRemoved => "device-removed",
            Self::TwoFactorDisabled => "two-factor-disabled",
            Self::BackupCodesMade => "backup-codes-made",
            Self::PasswordChanged => "password-changed",
            Self::DeviceRenamed => "device-renamed",
            Self::SessionEnded => "session-ended",
            Self::TokenMade => "token-made",
            Self::TokenEnded => "token-ended",
            Self::RefreshReplayed => "refresh-replayed",
        }
    }

    /// The kind for a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}
