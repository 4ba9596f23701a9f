//! Notices that a page shows once after a redirect: codes from a closed list, with a text each.
//!
//! A redirect sets the code in a cookie, which the page that shows the notice deletes. The code is in no URL, so a link
//! cannot make a page show a notice, and neither a link nor a reload repeats it. Each notice belongs to certain pages,
//! so no other page that is opened in between shows it. An unknown code shows nothing.
//!
//! The cookie is `SameSite=Lax`: the redirect that sets it may be the response to a link from another site, and a
//! `Strict` cookie would not come back with the next request.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use countersign_engine::core::Refusal;

use crate::{Visitor, redirect::LocalPath};

/// How long a notice waits for its page: as long as a user may take to verify a device on the way there.
pub(crate) const NOTICE_LIFETIME: Duration = Duration::from_mins(10);

/// A redirect, with a notice for its page.
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

/// Puts the notice into the extensions: the layer sets the cookie.
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
    /// The notice for the page of this template, if there is one.
    pub(crate) fn notice_for(&self, template: &str) -> Option<Why> {
        self.cookies().notice.as_deref().and_then(Why::parse).filter(|why| why.pages().contains(&template))
    }
}

/// The reason why the user was redirected to this page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    /// The page they asked for requires a recent password.
    Recent,
    /// The page they asked for requires a second factor, and they have none.
    Required,
    /// The page they asked for requires a stronger second factor than they have.
    NoneCounts,
    /// Their request requires a stronger method than the one they used.
    TooWeak,
    /// Their attempt has expired or was completed.
    Over,
    /// They have signed out.
    SignedOut,
    /// Their session has ended, and they have not signed out.
    SessionEnded,
    /// They have turned off two-factor authentication.
    Disabled,
    /// They have removed a device.
    Removed,
    /// They have chosen another default device.
    Preferred,
    /// They have renamed a device.
    Renamed,
    /// They have changed their password.
    PasswordChanged,
    /// They have cancelled a setup.
    Cancelled,
    /// No code was sent, because one was sent a moment ago.
    UnsentSoon,
    /// No code was sent, because the limit is reached.
    UnsentLimited,
    /// No code could be sent.
    UnsentFailed,
    /// No code was sent, because the address cannot receive any.
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

    /// The notice for this reason why no code was sent.
    pub(crate) fn unsent(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::SendingTooSoon { .. } => Self::UnsentSoon,
            Refusal::SendingLimited { .. } => Self::UnsentLimited,
            Refusal::AddressUnreachable => Self::UnsentUnreachable,
            Refusal::DeviceLocked { .. } => Self::UnsentLocked,
            _ => Self::UnsentFailed,
        }
    }

    /// The code in the cookie.
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

    /// The templates of the pages that show it.
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

/// The templates of the pages that start a setup.
const SETUP: &[&str] = &["methods.html", "setup.html"];
