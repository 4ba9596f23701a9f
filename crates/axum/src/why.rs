//! What a page says once about how its reader came to it: a code word of a closed list, and a text for each.
//!
//! A redirect hands the word to the next page in a cookie of its own, which the page that shows it takes away again. It is in no
//! address, so a link makes no page say anything, and neither a link nor a reload repeats it. Each belongs to a page and waits
//! for it, so it is not said on another one that is opened in between. A word that is not in the list shows nothing.
//!
//! The cookie is `SameSite=Lax`: the redirect that sets it may be the answer to a link from another site, and a stricter one
//! would not come back with the next request.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use countersign_engine::core::Refusal;

use crate::{Visitor, redirect::LocalPath};

/// How long a notice waits for its page: as long as a person may take to prove something on the way there.
pub(crate) const NOTICE_LIFETIME: Duration = Duration::from_mins(10);

/// A redirect, with what the page there has to say.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) there: LocalPath,
    pub(crate) why: Option<Why>,
}

impl From<LocalPath> for Way {
    fn from(there: LocalPath) -> Self {
        Self { there, why: None }
    }
}

/// The word goes out in the extensions: the layer makes the cookie of it.
impl IntoResponse for Way {
    fn into_response(self) -> Response {
        let mut response = self.there.into_response();
        if let Some(why) = self.why {
            response.extensions_mut().insert(why);
        }
        response
    }
}

impl Visitor {
    /// What was left to be said on the page of this template, if anything was.
    pub(crate) fn notice_for(&self, template: &str) -> Option<Why> {
        self.cookies().notice.as_deref().and_then(Why::parse).filter(|why| why.pages().contains(&template))
    }
}

/// Why somebody stands before this page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    /// The page they wanted needs a recent password.
    Recent,
    /// The page they wanted needs a second factor, and they have none.
    Required,
    /// The page they wanted needs a second factor that counts, and none of theirs does.
    NoneCounts,
    /// What they wanted needs a stronger proof than the one they gave.
    TooWeak,
    /// The run they were in is over.
    Over,
    /// They have signed out.
    SignedOut,
    /// Their session is over, and they have not signed out.
    SessionEnded,
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
    pub(crate) const ALL: [Self; 18] = [
        Self::Recent,
        Self::Required,
        Self::NoneCounts,
        Self::TooWeak,
        Self::Over,
        Self::SignedOut,
        Self::SessionEnded,
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

    /// The word in the cookie.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Recent => "recent",
            Self::Required => "required",
            Self::NoneCounts => "none-counts",
            Self::TooWeak => "too-weak",
            Self::Over => "over",
            Self::SignedOut => "signed-out",
            Self::SessionEnded => "session-ended",
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

    /// The templates of the pages that say it.
    pub(crate) fn pages(self) -> &'static [&'static str] {
        match self {
            Self::Recent | Self::SignedOut | Self::SessionEnded => &["login.html"],
            Self::Required | Self::NoneCounts => SETUP,
            Self::TooWeak => &["verify.html"],
            Self::Over => &["login.html", "verify.html", "methods.html", "setup.html"],
            Self::Disabled
            | Self::Removed
            | Self::Preferred
            | Self::Renamed
            | Self::PasswordChanged
            | Self::Cancelled => &["account.html"],
            Self::UnsentSoon
            | Self::UnsentLimited
            | Self::UnsentFailed
            | Self::UnsentUnreachable
            | Self::UnsentLocked => &["second_factor.html"],
        }
    }

    /// The id of the text that the page of this template shows.
    pub(crate) fn message(self, template: &str) -> String {
        let suffix = if self == Self::Over && template == "login.html" { "-sign-in" } else { "" };
        format!("why-{}{suffix}", self.as_str())
    }
}

/// What begins a setup.
const SETUP: &[&str] = &["methods.html", "setup.html"];
