//! How one came to a page: a fixed word in the query, and a text for each. Never free text, so a link can make a page say
//! nothing of its own.

use countersign_engine::core::Refusal;

/// Why somebody stands before this page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    /// The page they wanted needs a recent password.
    Recent,
    /// The page they wanted needs a second factor, and they have none.
    Required,
    /// The page they wanted needs a second factor that counts, and none of theirs does.
    NoneCounts,
    /// What they wanted needs a surer proof than the one they gave.
    Weakly,
    /// The run they were in is over.
    Over,
    /// They have signed out.
    SignedOut,
    /// They have switched two-factor authentication off.
    Disabled,
    /// They have removed a device.
    Removed,
    /// They have chosen another device to be asked first.
    Preferred,
    /// They have renamed a device.
    Renamed,
    /// They have changed their password.
    PasswordChanged,
    /// They have given up a setup.
    Cancelled,
    /// No code was sent, because one was a moment ago.
    UnsentSoon,
    /// No code was sent, because as many were as may be.
    UnsentLimited,
    /// No code could be sent.
    UnsentFailed,
    /// No code was sent, because there is nobody to receive it.
    UnsentUnreachable,
    /// No code was sent, because the device is locked after failures.
    UnsentLocked,
}

impl Why {
    pub(crate) const ALL: [Self; 17] = [
        Self::Recent,
        Self::Required,
        Self::NoneCounts,
        Self::Weakly,
        Self::Over,
        Self::SignedOut,
        Self::Disabled,
        Self::Removed,
        Self::Preferred,
        Self::Renamed,
        Self::PasswordChanged,
        Self::Cancelled,
        Self::UnsentSoon,
        Self::UnsentLimited,
        Self::UnsentFailed,
        Self::UnsentUnreachable,
        Self::UnsentLocked,
    ];

    /// Why no code was sent with the question for it.
    pub(crate) fn unsent(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::SendingTooSoon { .. } => Self::UnsentSoon,
            Refusal::SendingLimited { .. } => Self::UnsentLimited,
            Refusal::AddressUnreachable => Self::UnsentUnreachable,
            Refusal::DeviceLocked { .. } => Self::UnsentLocked,
            _ => Self::UnsentFailed,
        }
    }

    /// The word in the query.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Recent => "recent",
            Self::Required => "required",
            Self::NoneCounts => "none-counts",
            Self::Weakly => "weakly",
            Self::Over => "over",
            Self::SignedOut => "signed-out",
            Self::Disabled => "disabled",
            Self::Removed => "removed",
            Self::Preferred => "preferred",
            Self::Renamed => "renamed",
            Self::PasswordChanged => "password-changed",
            Self::Cancelled => "cancelled",
            Self::UnsentSoon => "unsent-soon",
            Self::UnsentLimited => "unsent-limited",
            Self::UnsentFailed => "unsent-failed",
            Self::UnsentUnreachable => "unsent-unreachable",
            Self::UnsentLocked => "unsent-locked",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == word)
    }

    /// The message that tells it.
    pub(crate) fn message(self) -> String {
        format!("why-{}", self.as_str())
    }
}
