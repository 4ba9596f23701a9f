//! What users may be called, and when two spellings are one name.

use anyhow::{Result, ensure};
use unicode_normalization::UnicodeNormalization as _;

/// The most characters of a name, and of what it may be typed as, in bytes: the engine looks up no longer ones.
const LONGEST: (usize, usize) = (150, 320);
/// The most characters of an address (RFC 5321 §4.5.3.1.3, without the brackets).
const LONGEST_EMAIL: usize = 254;

/// A name as its owner writes it: NFC, no blanks around it, nothing in it that cannot be seen or turns the writing round.
#[derive(Clone, Debug)]
pub(crate) struct UserName(String);

impl UserName {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let name: String = text.trim().nfc().collect();
        let (characters, bytes) = LONGEST;
        let fits = (1..=characters).contains(&name.chars().count()) && name.len() <= bytes;
        ensure!(fits, "a name has 1 to {characters} characters, in at most {bytes} bytes");
        ensure!(!name.chars().any(is_unseen), "a name has no control characters");
        Ok(Self(name))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

/// Control characters, those that turn the writing round, and spaces without width. Joiners stay: some scripts need them.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The one spelling that stands for all of a name.
pub(super) fn canonical(name: &str) -> String {
    // Most names need none of what follows.
    if name.is_ascii() {
        return name.trim().to_ascii_lowercase();
    }
    // Lower case can come apart again (İ becomes i and a dot), so it is composed once more.
    name.trim().nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// An address that mail could go to, as far as one can see.
pub(crate) fn email(text: &str) -> Result<String> {
    let email = text.trim();
    let (local, domain) = email.rsplit_once('@').unwrap_or_default();
    let plain = !email.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    let fits = !local.is_empty() && !domain.is_empty() && plain && email.chars().count() <= LONGEST_EMAIL;
    ensure!(fits, "{text:?} is not an e-mail address");
    Ok(email.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one() {
        for (one, other) in [
            ("Ada", " ada\t"),
            ("ÅSA", "a\u{30a}sa"),
            ("STRASSE", "strasse"),
            ("İpek", "i\u{307}pek"),
            ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ] {
            assert_eq!(canonical(one), canonical(other), "{one} {other}");
            assert_eq!(canonical(&canonical(one)), canonical(one));
        }
        assert_ne!(canonical("ada"), canonical("adа"), "a Cyrillic letter is another one");
    }

    #[test]
    fn names_are_short_and_printable() {
        for good in ["a", "Ada Lovelace", "ada@example.org", "艾达", &"a".repeat(150)] {
            assert!(UserName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "  ", "a\0", "a\nb", "a\u{7f}", "a\u{202e}b", "a\u{200b}", &"a".repeat(151), &"艾".repeat(107)]
        {
            assert!(UserName::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(UserName::parse(" e\u{301} ").unwrap().as_str(), "é");
    }

    #[test]
    fn an_address_has_two_sides() {
        for good in ["a@b", "ada@example.org", "\"a@b\"@example.org"] {
            assert!(email(good).is_ok(), "{good}");
        }
        for bad in ["", "ada", "@b", "a@", "a b@c", "a@b\r\nBcc: c", &format!("a@{}", "b".repeat(253))] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }
}
