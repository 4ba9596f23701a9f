//! The key that the server and the device share. This module never draws a key (randomness is the caller's) and never
//! judges whether one is long enough. It keeps the invariant that a [`Key`] is wiped from memory and never logged.

use std::{fmt, mem};

use subtle::{Choice, ConstantTimeEq as _};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::base32;

/// The shared secret of a device.
///
/// Wiped when dropped, redacted by `Debug`, and without `PartialEq`. Any length is legal to HMAC, none included; RFC 4226
/// requirement R6 asks for at least 128 bits and recommends 160, so check [`Key::bits`] before importing a key.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Key(Vec<u8>);

impl Key {
    /// Takes ownership of the raw bytes. A slice is copied, and the caller has to wipe the original.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Key {
        Key(bytes.into())
    }

    /// Reads base32 as people and apps write it: in groups, in either case, padded or not (see [`base32::decode`]).
    ///
    /// A text without a single letter is malformed: an empty form field must not become a publicly known key.
    pub fn from_base32(text: &str) -> Result<Key, MalformedKey> {
        let mut bytes = base32::decode(text)?;
        if bytes.is_empty() {
            return Err(MalformedKey);
        }
        Ok(Key(mem::take(&mut bytes)))
    }

    /// Base32 in upper case and without padding (RFC 4648 section 6), what authenticator apps expect.
    pub fn to_base32(&self) -> Zeroizing<String> {
        base32::encode(&self.0)
    }

    /// The raw bytes, to be sealed and stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether both are the same. How long this takes depends on the lengths alone.
    pub fn matches(&self, other: &Key) -> Choice {
        self.0.ct_eq(&other.0)
    }

    /// The length in bits.
    pub fn bits(&self) -> usize {
        self.0.len() * 8
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}

/// A text that is not base32, or is empty. It does not hold the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the text is not a base32 key")]
pub struct MalformedKey;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_people_write_it() {
        for text in [
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
            "gezd-gnbv-gy3t-qojq-gezd-gnbv-gy3t-qojq",
            " GEZDGNBV\tGY3TQOJQ\u{a0}GEZDGNBV\u{202f}gy3tqojq ",
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ======",
        ] {
            let key = Key::from_base32(text).unwrap();
            assert_eq!(key.as_bytes(), b"12345678901234567890", "{text:?}");
            assert_eq!(key.bits(), 160);
        }
    }

    #[test]
    fn an_empty_text_is_no_key() {
        for text in ["", " ", "-", "====", " - ="] {
            assert_eq!(Key::from_base32(text).unwrap_err(), MalformedKey, "{text:?}");
        }
    }

    #[test]
    fn keys_match_when_all_their_bytes_do() {
        let matches = |one: &[u8], other: &[u8]| bool::from(Key::new(one).matches(&Key::new(other)));
        assert!(matches(b"1234", b"1234"));
        assert!(!matches(b"1234", b"1235") && !matches(b"1234", b"123") && !matches(b"", b"1"));
    }

    #[test]
    fn an_empty_key_is_legal_arithmetic() {
        assert_eq!(Key::new([]).bits(), 0);
        assert_eq!(Key::new([]).to_base32().as_str(), "");
    }
}
