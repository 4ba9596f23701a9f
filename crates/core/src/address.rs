//! Addresses that a code can be sent to, and their masked form.
//!
//! An [`Address`] is a telephone number or a mailbox. It is kept in the sealed state of a device and is passed to the
//! gateway that sends; everything else sees its [`Address::masked`] form, and so does `Debug`. Whether a number exists
//! is decided by the port that parses telephone numbers, not here.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

/// A telephone number or a mailbox.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Address {
    /// A telephone number.
    Phone(PhoneNumber),
    /// A mailbox.
    Email(EmailAddress),
}

impl Address {
    /// The address itself, in canonical form. Every caller is a place where it may leak.
    pub fn expose(&self) -> &str {
        match self {
            Self::Phone(number) => &number.e164,
            Self::Email(address) => &address.0,
        }
    }

    /// The address itself in display form: a telephone number in groups. Every caller is a place where it may leak.
    pub fn expose_as_written(&self) -> &str {
        match self {
            Self::Phone(number) => &number.international,
            Self::Email(address) => &address.0,
        }
    }

    /// The masked address, enough for its owner to recognise it: `+31 * ******58`, `b***@e***.org`.
    pub fn masked(&self) -> String {
        match self {
            Self::Phone(number) => number.masked(),
            Self::Email(address) => address.masked(),
        }
    }

    /// The part of the address that decides the price: a calling code, or a mail domain.
    pub fn region(&self) -> &str {
        match self {
            Self::Phone(number) => &number.prefix,
            Self::Email(address) => address.domain(),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.masked())
    }
}

/// A telephone number that the port for telephone numbers has validated.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneNumber {
    /// `+` and at most 15 digits (ITU-T E.164).
    e164: String,
    /// The display form, with the calling code.
    international: String,
    /// The calling code, with its `+`.
    prefix: String,
}

impl PhoneNumber {
    /// The fewest digits of a number that is masked rather than hidden completely.
    const MIN_SHOWN_LENGTH: usize = 8;

    /// The number with these digits after the `+`, its display form, and its calling code; `None` unless the three
    /// agree.
    pub fn new(digits: &str, international: &str, calling_code: u16) -> Option<Self> {
        let prefix = calling_code.to_string();
        let is_number = (4..=15).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_digit())
            && digits.starts_with(&prefix)
            && international.chars().filter(char::is_ascii_digit).eq(digits.chars());
        is_number.then(|| Self {
            e164: format!("+{digits}"),
            international: international.to_owned(),
            prefix: format!("+{prefix}"),
        })
    }

    /// The display form: `+31 6 12345658`.
    pub fn international(&self) -> &str {
        &self.international
    }

    /// The calling code and the last two digits; for a short number, no digits.
    fn masked(&self) -> String {
        let digits = self.e164.len().saturating_sub(1);
        if digits < Self::MIN_SHOWN_LENGTH {
            return "***".into();
        }
        let (first, last) = (self.prefix.len().saturating_sub(1), digits.saturating_sub(2));
        let mut place = 0_usize;
        let hidden = |c: char| {
            if !c.is_ascii_digit() {
                return c;
            }
            place = place.saturating_add(1);
            if place <= first || place > last { c } else { '*' }
        };
        self.international.chars().map(hidden).collect()
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

/// A mailbox: a dot-atom, in UTF-8 (RFC 6531 §3.3), and a domain that DNS can have. What RFC 5321 §4.1.2 allows beyond
/// that, such as quoted names, is not used in practice.
///
/// An international domain is kept in its DNS form (`xn--…`), so that every mail server accepts it. A local part in
/// UTF-8 needs a mail server that offers SMTPUTF8; the gateway finds out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Parses a typed address, trimmed: the local part normalised to NFC, the domain in lower case and in ASCII.
    pub fn parse(text: &str) -> Option<Self> {
        // Longer than any address, so that overlong input is not normalised at all.
        const MAX_BYTES: usize = 1024;
        let text = text.trim();
        let (local, domain) = text.rsplit_once(['@', '\u{ff20}']).filter(|_| text.len() <= MAX_BYTES)?;
        let local: String = local.nfc().collect();
        let domain = ascii_domain(domain)?;
        let fits = is_local(&local) && is_domain(&domain);
        fits.then(|| Self(format!("{local}@{domain}")))
    }

    fn local(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    fn masked(&self) -> String {
        let (domain, _) = idna::domain_to_unicode(self.domain());
        let (name, top) = domain.rsplit_once('.').unwrap_or((&domain, ""));
        format!("{}@{}.{top}", initial(self.local()), initial(name))
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress({})", self.masked())
    }
}

/// The first letter of a word that is long enough not to be revealed by it.
fn initial(word: &str) -> String {
    let first = word.chars().next().filter(|_| word.chars().count() > 2);
    first.map_or_else(|| "***".into(), |first| format!("{first}***"))
}

/// The domain in its DNS form, in lower case; `None` if it is invalid.
fn ascii_domain(domain: &str) -> Option<Cow<'_, str>> {
    // UTS 46 drops invisible characters. A domain typed with one is not the domain that remains.
    let is_plain = !domain.chars().any(is_unseen);
    let ascii = idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::STD3);
    ascii.ok().filter(|_| is_plain)
}

/// Characters that are invisible, that change the writing direction, or that Unicode leaves unassigned.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{10ffff}'
        )
}

fn is_local(local: &str) -> bool {
    let is_ascii_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let atom = |c: char| if c.is_ascii() { is_ascii_atom(c) } else { !is_unseen(c) };
    local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.chars().all(atom))
}

fn is_domain(domain: &str) -> bool {
    let letters = |label: &str| label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && letters(label) && !label.starts_with('-') && !label.ends_with('-')
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    domain.len() <= 253
        && domain.contains('.')
        && domain.split('.').all(is_label)
        && top.bytes().any(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(digits: &str, international: &str, code: u16) -> Address {
        Address::Phone(PhoneNumber::new(digits, international, code).unwrap())
    }

    fn email(text: &str) -> Address {
        Address::Email(EmailAddress::parse(text).unwrap())
    }

    #[test]
    fn a_mask_shows_its_owner_enough_and_nobody_else() {
        assert_eq!(phone("31612345658", "+31 6 12345658", 31).masked(), "+31 * ******58");
        assert_eq!(phone("12025550123", "+1 202-555-0123", 1).masked(), "+1 ***-***-**23");
        assert_eq!(phone("3212345", "+32 1 23 45", 32).masked(), "***");
        assert_eq!(email("bouke@example.org").masked(), "b***@e***.org");
        assert_eq!(email("b@ex.org").masked(), "***@***.org");
        assert_eq!(email("bo@mail.example.co.uk").masked(), "***@m***.uk");
        assert_eq!(format!("{:?}", email("bouke@example.org")), "Address(b***@e***.org)");
    }

    #[test]
    fn a_number_is_of_one_piece() {
        assert!(PhoneNumber::new("31612345658", "+31 6 12345658", 31).is_some());
        for (digits, shown, code) in [
            ("31612345658", "+31 6 12345659", 31),
            ("31612345658", "+31 6 12345658", 32),
            ("316x", "+31 6x", 31),
            ("", "", 0),
        ] {
            assert!(PhoneNumber::new(digits, shown, code).is_none(), "{digits}");
        }
    }

    #[test]
    fn mailboxes_may_be_international() {
        for (typed, kept, shown) in [
            ("ada@bücher.example", "ada@xn--bcher-kva.example", "a***@b***.example"),
            ("ada@BÜCHER.example", "ada@xn--bcher-kva.example", "a***@b***.example"),
            ("ada@bu\u{308}cher.example", "ada@xn--bcher-kva.example", "a***@b***.example"),
            ("ada@例子。測試", "ada@xn--fsqu00a.xn--g6w251d", "a***@***.測試"),
            ("jörg@example.org", "jörg@example.org", "j***@e***.org"),
            ("jo\u{308}rg@example.org", "jörg@example.org", "j***@e***.org"),
            ("用户＠example.org", "用户@example.org", "***@e***.org"),
        ] {
            assert_eq!((email(typed).expose(), &*email(typed).masked()), (kept, shown), "{typed}");
        }
        assert!(EmailAddress::parse(&format!("{}@example.org", "ö".repeat(33))).is_none(), "66 bytes");
    }

    #[test]
    fn a_mailbox_is_what_mail_servers_take() {
        for good in ["ada@example.org", " ada.l+x@Sub.Example.ORG ", "o'hara@example.org", "a@b.co"] {
            assert!(EmailAddress::parse(good).is_some(), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@localhost",
            "a b@example.org",
            "ada@@example.org",
            "ada@exa mple.org",
            "ada@-example.org",
            "ada@example..org",
            ".ada@example.org",
            "ada@127.0.0.1",
            "ada@example.org\r\nBcc: x@y.zz",
            "ada@exam\u{ad}ple.org",
            "ada@b\u{fc}cher\u{200b}.example",
            "ada@\u{2028}.example",
            "a\u{202e}da@example.org",
            "ada\u{200b}@example.org",
            "ada@xn--a.example",
            "ada@127。0。0。1",
            &long,
        ] {
            assert!(EmailAddress::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(email("Ada@EXAMPLE.org").expose(), "Ada@example.org");
    }
}
