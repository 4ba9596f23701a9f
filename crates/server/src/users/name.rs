//! Valid user names, and which spellings are the same name.
//!
//! Names are compared by full case folding (Unicode §3.13): `STRASSE` and `straße`, `ſam` and `sam` are one name.
//! Earlier versions compared names in lower case: [`earlier`] returns that spelling, which rows may still have.

use anyhow::{Result, ensure};
use caseless::Caseless as _;
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory, JoiningType},
};
use unicode_normalization::{UnicodeNormalization as _, char::canonical_combining_class};

/// The maximum length of a name in characters, and of each spelling in bytes: the engine looks up no longer ones.
const MAX_LENGTH: (usize, usize) = (150, 320);
/// The maximum length of an e-mail address, in characters (RFC 5321 §4.5.3.1.3, without the brackets).
const MAX_EMAIL_LENGTH: usize = 254;

/// The combining class of a virama, after which a joiner changes the shape of a letter.
const VIRAMA: u8 = 9;
const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
/// A character that Unicode classifies as a letter but that is displayed as blank.
const BRAILLE_BLANK: char = '\u{2800}';

/// A name as its owner writes it: NFC, no surrounding spaces, no invisible or direction-changing characters.
#[derive(Clone, Debug)]
pub(crate) struct UserName(String);

impl UserName {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let name: String = text.trim().nfc().collect();
        let (characters, bytes) = MAX_LENGTH;
        let fits = (1..=characters).contains(&name.chars().count()) && name.len().max(canonical(&name).len()) <= bytes;
        ensure!(fits, "a name has 1 to {characters} characters, in at most {bytes} bytes");
        if let Some(letter) = invisible(&name) {
            let number = u32::from(letter);
            anyhow::bail!("a name must not contain invisible or direction-changing characters such as U+{number:04X}");
        }
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

/// The first character that is not allowed in a name (UTS 39 §3.1): one that is invisible, looks like a plain space,
/// changes the direction of writing, or is unassigned. Joiners are allowed where a script needs them.
fn invisible(name: &str) -> Option<char> {
    let letters: Vec<char> = name.chars().collect();
    let (ignorable, category) =
        (CodePointSetData::new::<DefaultIgnorableCodePoint>(), CodePointMapData::<GeneralCategory>::new());
    let is_invisible = |place: usize, letter: char| match letter {
        ' ' => false,
        BRAILLE_BLANK => true,
        ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER => !joins(&letters, place, letter),
        _ => ignorable.contains(letter) || has_no_place(category.get(letter)),
    };
    let mut places = letters.iter().copied().enumerate();
    places.find_map(|(place, letter)| is_invisible(place, letter).then_some(letter))
}

fn has_no_place(category: GeneralCategory) -> bool {
    matches!(
        category,
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::SpaceSeparator
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned
    )
}

/// Whether the joiner at this position changes the shape of its neighbours (RFC 5892 §A.1 and §A.2): after a virama, or
/// a non-joiner between letters that would join.
fn joins(letters: &[char], place: usize, joiner: char) -> bool {
    let (before, after) = letters.split_at_checked(place).unwrap_or_default();
    if before.last().is_some_and(|letter| canonical_combining_class(*letter) == VIRAMA) {
        return true;
    }
    let joining = |letter: &char| CodePointMapData::<JoiningType>::new().get(*letter);
    let is_seen = |kind: &JoiningType| *kind != JoiningType::Transparent;
    let before = before.iter().rev().map(joining).find(is_seen);
    let after = after.iter().skip(1).map(joining).find(is_seen);
    joiner == ZERO_WIDTH_NON_JOINER
        && matches!(before, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(after, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

/// The canonical spelling of a name.
pub(super) fn canonical(name: &str) -> String {
    // Most names are ASCII and need no folding.
    if name.is_ascii() {
        return name.trim().to_ascii_lowercase();
    }
    // Folding requires full decomposition (Unicode §3.13, D145). Lower case comes first for letters that are newer than
    // the table of foldings.
    name.trim().nfd().flat_map(char::to_lowercase).default_case_fold().nfc().collect()
}

/// The canonical spelling in versions before full case folding.
pub(super) fn earlier(name: &str) -> String {
    if name.is_ascii() {
        return name.trim().to_ascii_lowercase();
    }
    name.trim().nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// An e-mail address, checked for its form only.
pub(crate) fn email(text: &str) -> Result<String> {
    let email = text.trim();
    let (local, domain) = email.rsplit_once('@').unwrap_or_default();
    let plain = !email.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    let fits = !local.is_empty() && !domain.is_empty() && plain && email.chars().count() <= MAX_EMAIL_LENGTH;
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
            ("STRASSE", "straße"),
            ("Strasse", "STRA\u{1e9e}E"),
            ("sam", "ſam"),
            ("fiona", "ﬁona"),
            ("Steffi", "Steﬃ"),
            ("İpek", "i\u{307}pek"),
            ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("\u{1fb3}", "αι"),
            ("ᾼ\u{301}", "\u{3ac}ι"),
            ("ŉ", "ʼn"),
            ("և", "ԵՒ"),
        ] {
            assert_eq!(canonical(one), canonical(other), "{one} {other}");
        }
        assert_ne!(canonical("ada"), canonical("adа"), "a Cyrillic letter is another one");
        assert_ne!(canonical("i"), canonical("ı"), "nor has a dotless i a dot");
    }

    /// Otherwise a name that was stored under the earlier rule would have another spelling than the one it is looked up
    /// by.
    #[test]
    fn a_spelling_has_itself_for_a_spelling_whatever_the_letter() {
        let stays = |letter: &char| {
            let alone = || std::iter::once(*letter);
            let folded = alone().nfd().flat_map(char::to_lowercase).default_case_fold();
            folded.eq(alone()) && canonical_combining_class(*letter) == 0
        };
        for letter in ('\0'..=char::MAX).filter(|letter| !stays(letter)) {
            for name in [format!("x{letter}"), format!("α{letter}\u{301}")] {
                let spelling = canonical(&name);
                assert_eq!(canonical(&spelling), spelling, "{:x}", u32::from(letter));
                assert_eq!(canonical(&earlier(&name)), spelling, "{:x}", u32::from(letter));
                assert_eq!(earlier(&earlier(&name)), earlier(&name), "{:x}", u32::from(letter));
            }
        }
    }

    #[test]
    fn names_are_short() {
        for good in ["a", "Ada Lovelace", "ada@example.org", "艾达", &"a".repeat(150), "Żółć", "नेहा", "🦊"]
        {
            assert!(UserName::parse(good).is_ok(), "{good}");
        }
        let (long, wide, growing) = ("a".repeat(151), "艾".repeat(107), "և".repeat(81));
        for bad in ["", "  ", &long, &wide, &growing] {
            assert!(UserName::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(UserName::parse(" e\u{301} ").unwrap().as_str(), "é");
    }

    #[test]
    fn t153_nothing_in_a_name_is_invisible_or_changes_the_direction_of_writing() {
        for letter in [
            '\0',
            '\n',
            '\t',
            '\u{7f}',
            '\u{85}', // control characters
            '\u{61c}',
            '\u{200e}',
            '\u{200f}',
            '\u{202a}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}', // direction
            '\u{ad}',
            '\u{34f}',
            '\u{115f}',
            '\u{17b4}',
            '\u{180e}',
            '\u{200b}',
            '\u{2060}',
            '\u{2064}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0061}',
            '\u{e0100}', // invisible
            '\u{a0}',
            '\u{2003}',
            '\u{202f}',
            '\u{3000}',
            '\u{2028}',
            '\u{2029}',
            '\u{2800}', // blanks that are not plain
            '\u{e000}',
            '\u{ffff}',
            '\u{378}', // without a meaning of their own
            '\u{200c}',
            '\u{200d}', // joiners between letters that do not join
        ] {
            let error = UserName::parse(&format!("a{letter}da")).unwrap_err().to_string();
            assert!(error.contains(&format!("U+{:04X}", u32::from(letter))), "{letter:?}: {error}");
        }
    }

    #[test]
    fn joiners_stay_where_a_script_needs_them() {
        for good in ["می\u{200c}خواهم", "क्\u{200d}ष", "ශ්\u{200d}රී", "ക്\u{200c}ഷ"] {
            assert!(UserName::parse(good).is_ok(), "{good}");
        }
        for bad in ["\u{200c}می", "می\u{200c}", "می\u{200d}خواهم", "د\u{200c}خ", "क\u{200d}ष"] {
            assert!(UserName::parse(bad).is_err(), "{bad}");
        }
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
