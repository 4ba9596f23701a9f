//! Tokens: what a browser or client holds.
//!
//! A [`SessionToken`] is 256 random bits, and so is a [`ProgramToken`] or a [`ClientSecret`] after its prefix; the
//! store has only their hashes. An [`AttemptToken`] is a sealed [`Attempt`](countersign_core::flow::Attempt), a
//! [`BrowserToken`] a sealed device cookie, a [`CallToken`] the sealed id of a call. None of them can be printed or
//! compared.

use std::fmt;

use countersign_core::{ClientSecretHash, SessionKey, TokenKey};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::Random;

/// The token of one session.
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

    /// Parses the token in a cookie or header.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == Self::LETTERS && text.bytes().all(is_letter)).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The key of its session's row: SHA-256, in hexadecimal digits. A fast hash is enough for 256 random bits.
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

fn is_letter(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'-' || c == b'_'
}

/// A token with scopes, for a program: a personal token, or an access token of a registered client. A client's refresh
/// token has the same form, but grants no access.
#[derive(Clone)]
pub struct ProgramToken(Zeroizing<String>);

impl ProgramToken {
    /// The prefix of every such token, so that people and secret scanners recognise one.
    pub const PREFIX: &str = "cst_";

    pub(crate) fn draw(random: &dyn Random) -> Self {
        let SessionToken(letters) = SessionToken::draw(random);
        Self(Zeroizing::new(format!("{}{}", Self::PREFIX, *letters)))
    }

    /// Parses the token in a header.
    pub fn parse(text: &str) -> Option<Self> {
        SessionToken::parse(text.strip_prefix(Self::PREFIX)?).map(|_| Self(Zeroizing::new(text.to_owned())))
    }

    /// The hash by which its row is found: SHA-256, in hexadecimal digits.
    pub fn key(&self) -> TokenKey {
        TokenKey::new(HEXLOWER.encode(&Sha256::digest(self.0.as_bytes())))
    }

    /// The token, to be given to its owner, once.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProgramToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgramToken([redacted])")
    }
}

/// The credentials of a `Bearer` request (RFC 6750 §2.1).
#[derive(Clone, Debug)]
pub enum BearerToken {
    /// A session token.
    Session(SessionToken),
    /// A program's token.
    Program(ProgramToken),
}

impl BearerToken {
    /// Parses the token in a header; `None` unless it has the form of one of these.
    pub fn parse(text: &str) -> Option<Self> {
        SessionToken::parse(text).map(Self::Session).or_else(|| ProgramToken::parse(text).map(Self::Program))
    }
}

/// The secret of a registered client (RFC 6749 §2.3.1).
#[derive(Clone)]
pub struct ClientSecret(Zeroizing<String>);

impl ClientSecret {
    /// The prefix of every such secret, so that people and secret scanners recognise one.
    pub const PREFIX: &str = "csc_";

    pub(crate) fn draw(random: &dyn Random) -> Self {
        let SessionToken(letters) = SessionToken::draw(random);
        Self(Zeroizing::new(format!("{}{}", Self::PREFIX, *letters)))
    }

    /// The secret in a request. Only its hash shows whether it is valid.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The stored hash.
    pub fn hash(&self) -> ClientSecretHash {
        ClientSecretHash::new(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The secret, to be given to the client's owner, once.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret([redacted])")
    }
}

/// A sealed attempt.
#[derive(Clone)]
pub struct AttemptToken(Zeroizing<String>);

impl AttemptToken {
    /// The token in a cookie or form field. Only unsealing shows whether it is valid.
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

/// The sealed id of a call, for the voice provider that fetches its text.
#[derive(Clone)]
pub struct CallToken(Zeroizing<String>);

impl CallToken {
    /// The token in a URL. Only unsealing shows whether it is valid.
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

/// A sealed device cookie.
#[derive(Clone)]
pub struct BrowserToken(Zeroizing<String>);

impl BrowserToken {
    /// The token in a cookie. Only unsealing shows whether it is valid.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OsRandom;

    #[test]
    fn a_bearer_is_told_by_its_form_and_never_printed() {
        let (session, personal) = (SessionToken::draw(&OsRandom), ProgramToken::draw(&OsRandom));
        let parsed = BearerToken::parse(personal.expose()).unwrap();
        assert!(matches!(&parsed, BearerToken::Program(token) if token.key() == personal.key()));
        assert!(!format!("{parsed:?}").contains(personal.expose()));
        let parsed = BearerToken::parse(session.expose()).unwrap();
        assert!(matches!(&parsed, BearerToken::Session(token) if token.key() == session.key()));
        let inner = personal.expose().strip_prefix("cst_").unwrap();
        for text in ["", "cst_", "cst_x", &format!("CST_{inner}"), &format!("cst_{inner}="), &inner[1..]] {
            assert!(BearerToken::parse(text).is_none(), "{text}");
        }
    }
}
