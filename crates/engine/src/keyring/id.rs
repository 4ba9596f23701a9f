//! The ids of keys, in key files and at the beginning of seals.
//!
//! New keys have random names, so that a search for one in a database or a backup finds what that key has sealed and
//! nothing else. Older files number their keys; what those have sealed can still be unsealed.

use std::{fmt, str::FromStr};

use data_encoding::BASE32_NOPAD;

use crate::Random;

const NUMBERED: u8 = 1;
const NUMBER: usize = 4;
const NAMED: u8 = 2;
const NAME: usize = 8;

/// The id of a key. It is not secret: every seal contains it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Inner);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Inner {
    Number(u32),
    /// Lower-case base32, the first one a letter.
    Name([u8; NAME]),
}

impl KeyId {
    /// A random name of eight characters, so that a search for it finds nothing else.
    pub fn draw(random: &dyn Random) -> Self {
        let mut bytes = [0; 5];
        random.fill(&mut bytes);
        let mut name = [0; NAME];
        for (place, letter) in name.iter_mut().zip(BASE32_NOPAD.encode(&bytes).bytes()) {
            *place = letter.to_ascii_lowercase();
        }
        // A name that begins with a digit could be taken for a number.
        if let Some(first) = name.first_mut().filter(|first| first.is_ascii_digit()) {
            *first = first.saturating_sub(b'2').saturating_add(b'a');
        }
        Self(Inner::Name(name))
    }

    /// Splits a seal into its key id and the rest.
    pub(super) fn split(sealed: &[u8]) -> Option<(Self, &[u8])> {
        let (format, rest) = sealed.split_first()?;
        match *format {
            NUMBERED => {
                let (number, rest) = rest.split_first_chunk::<NUMBER>()?;
                Some((Self(Inner::Number(u32::from_be_bytes(*number))), rest))
            }
            NAMED => {
                let (name, rest) = rest.split_first_chunk::<NAME>()?;
                Some((Self(Inner::Name(*name)).checked()?, rest))
            }
            _ => None,
        }
    }

    /// The encoding at the beginning of a seal.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match &self.0 {
            Inner::Number(number) => [&[NUMBERED][..], &number.to_be_bytes()].concat(),
            Inner::Name(name) => [&[NAMED][..], name].concat(),
        }
    }

    fn checked(self) -> Option<Self> {
        let Inner::Name(name) = &self.0 else { return Some(self) };
        let fits = name.iter().all(|letter| matches!(letter, b'a'..=b'z' | b'2'..=b'7'));
        (fits && name.first().is_some_and(u8::is_ascii_lowercase)).then_some(self)
    }
}

impl From<u32> for KeyId {
    fn from(number: u32) -> Self {
        Self(Inner::Number(number))
    }
}

/// The text is not the id of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the id of a key is a number, or eight letters and digits")]
pub struct NotAKeyId;

impl FromStr for KeyId {
    type Err = NotAKeyId;

    fn from_str(text: &str) -> Result<Self, NotAKeyId> {
        if text.bytes().all(|letter| letter.is_ascii_digit()) {
            return text.parse().map(|number| Self(Inner::Number(number))).map_err(|_| NotAKeyId);
        }
        let name = text.as_bytes().try_into().map_err(|_| NotAKeyId)?;
        Self(Inner::Name(name)).checked().ok_or(NotAKeyId)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Number(number) => write!(f, "{number}"),
            Inner::Name(name) => f.pad(&String::from_utf8_lossy(name)),
        }
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
