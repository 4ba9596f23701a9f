//! Tokens: what a browser or client holds.
//!
//! A [`SessionToken`] is 256 random bits; the store knows only its hash. An [`AttemptToken`] is a sealed
//! [`Attempt`](countersign_core::flow::Attempt), a [`BrowserToken`] a sealed [`KnownBrowser`](countersign_core::KnownBrowser),
//! a [`CallToken`] the sealed name of a call. None prints, none compares.

use std::fmt;

use countersign_core::SessionKey;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::Random;

/// Opens one session.
#[derive(Clone)]
pub struct SessionToken(Zeroizing<String>);

impl SessionToken {
    const BYTES: usize = 32;
    const LETTERS: usize = 43;

    pub(crate) fn draw(random: &dyn Random) -> Self {
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        random.fill(&mut *bytes);
        Self(Zeroizing::new(BASE64URL_NOPAD.encode(&*bytes)))
    }

    /// The token in a cookie or header, if it has the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let letter = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        (text.len() == Self::LETTERS && text.bytes().all(letter)).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The name of its session's row: SHA-256, in hexadecimal digits. A fast hash is enough for 256 random bits.
    pub fn key(&self) -> SessionKey {
        SessionKey::new(HEXLOWER.encode(&Sha256::digest(self.0.as_bytes())))
    }

    /// The token, to be given to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken([redacted])")
    }
}

/// Carries one run of a flow, sealed.
#[derive(Clone)]
pub struct AttemptToken(Zeroizing<String>);

impl AttemptToken {
    /// The token in a cookie or form field. Whether it means anything, only the key that sealed it tells.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The token, to be given to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AttemptToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttemptToken([redacted])")
    }
}

/// Names a call, sealed, for whoever fetches its words: the gateway.
#[derive(Clone)]
pub struct CallToken(Zeroizing<String>);

impl CallToken {
    /// The token in an address. Whether it means anything, only the key that sealed it tells.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The token, to be given to the gateway.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CallToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallToken([redacted])")
    }
}

/// Says in which browser a request was made, sealed.
#[derive(Clone)]
pub struct BrowserToken(Zeroizing<String>);

impl BrowserToken {
    /// The token in a cookie. Whether it means anything, only the key that sealed it tells.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The token, to be given to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BrowserToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrowserToken([redacted])")
    }
}
