//! Secret text.
//!
//! A [`Secret`] is a password, a typed code or a token. It is wiped when dropped, prints as `[redacted]`, and has no
//! `PartialEq`: comparisons must use the constant-time one.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Secret text: wiped on drop, never printed, never compared with `==`.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text. Every caller is a place where the secret may leak.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether both are the same text, in a time that depends only on their lengths.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_compared_but_never_printed() {
        let secret = Secret::new("marmalade");
        assert!(secret.is_same(&"marmalade".into()) && !secret.is_same(&"marmalada".into()));
        assert!(!secret.is_same(&"marmalad".into()) && !secret.is_same(&"".into()));
        assert_eq!(format!("{secret:?}"), "[redacted]");
    }
}
