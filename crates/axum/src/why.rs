//! How one came to a page: a fixed word in the query, and a text for each. Never free text, so a link can make a page say
//! nothing of its own.

/// Why somebody stands before this page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    /// The page they wanted needs a recent password.
    Recent,
    /// The page they wanted needs a second factor, and they have none.
    Required,
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
    /// They have changed their password.
    PasswordChanged,
    /// They have given up a setup.
    Cancelled,
}

impl Why {
    pub(crate) const ALL: [Self; 9] = [
        Self::Recent,
        Self::Required,
        Self::Over,
        Self::SignedOut,
        Self::Disabled,
        Self::Removed,
        Self::Preferred,
        Self::PasswordChanged,
        Self::Cancelled,
    ];

    /// The word in the query.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Recent => "recent",
            Self::Required => "required",
            Self::Over => "over",
            Self::SignedOut => "signed-out",
            Self::Disabled => "disabled",
            Self::Removed => "removed",
            Self::Preferred => "preferred",
            Self::PasswordChanged => "password-changed",
            Self::Cancelled => "cancelled",
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
