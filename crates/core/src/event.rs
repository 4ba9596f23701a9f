//! What is written down about a user, for the user and for the operator.
//!
//! An event holds no secret: no code, no token, no part of one. It is committed together with the action it tells of, so
//! there is no action without its event and no event without its action.

use std::net::IpAddr;

use crate::{AttemptId, DeviceId, Kind, Timestamp, UserId};

/// Something that happened to a user's account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub user: UserId,
    /// What.
    pub kind: EventKind,
    /// With which device.
    pub device: Option<DeviceId>,
    /// By which method.
    pub method: Option<Kind>,
    /// In which run of a flow.
    pub attempt: Option<AttemptId>,
    /// From where, if an entrance knows.
    pub address: Option<IpAddr>,
}

impl Event {
    /// An event that says only what happened to whom and when.
    pub fn new(at: Timestamp, user: UserId, kind: EventKind) -> Self {
        Self { at, user, kind, device: None, method: None, attempt: None, address: None }
    }
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EventKind {
    /// Signed in, with every factor that was owed.
    SignedIn,
    /// Signed out.
    SignedOut,
    /// Proved a device again in a running session.
    Verified,
    /// Gave a wrong answer for a device.
    AnswerRefused,
    /// A device was disabled by too many failures in a row.
    DeviceDisabled,
    /// A device was proved and counts from now on.
    DeviceConfirmed,
    /// A device was removed.
    DeviceRemoved,
    /// Every device was removed.
    TwoFactorDisabled,
    /// New backup codes were made and the old ones ended.
    BackupCodesMade,
    /// The password was changed.
    PasswordChanged,
    /// A device was given another name.
    DeviceRenamed,
    /// A session was ended from another one, or all others were.
    SessionEnded,
    /// A token was made.
    TokenMade,
    /// A token was ended.
    TokenEnded,
    /// A refresh token that had been exchanged was shown again: all that came from its grant was ended.
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

    /// The word a store keeps.
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

    /// The kind a store kept as `word`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}
