//! Text that must not be seen.
//!
//! A [`Secret`] is a password, a typed code or a token. It is wiped when dropped, prints as `[redacted]`, and has no
//! `PartialEq`: whoever wants to compare one has to reach for a constant-time comparison.

use std::fmt;

use zeroize::Zeroizing;

/// Secret text: wiped on drop, never printed, never compared with `==`.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps `text` from being seen.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text. Every caller is a place where the secret may leak.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}
