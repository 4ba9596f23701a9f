//! The strength of a password, as the number of pieces that an attacker would try early.
//!
//! The list is a text file; pieces that can be computed (sequences, repetitions, digits) are not in it. The weight of a
//! text is the least number of pieces it can be cut into. A piece is an entry of the list, a sequence, up to four
//! digits, or any single character. Words of the context have no weight. A text that repeats a shorter one has the
//! weight of the shorter one.

use std::{collections::HashSet, sync::LazyLock};

use unicode_normalization::UnicodeNormalization as _;

const LIST: &str = include_str!("../../data/common-passwords.txt");

/// Sequences of adjacent keys or of counting, used in either direction.
const LINES: [&str; 13] = [
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789012345678901234567890123456789",
    "1234567890qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "йцукенгшщзхъфывапролджэячсмитьбю",
    "!@#$%^&*()_+",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "qawsedrftgyhujikolp",
    "qazwsxedcrfvtgbyhnujmikolp",
    "zaqxswcdevfrbgtnhymjukilop",
    "zaq1xsw2cde3vfr4bgt5nhy6mju7",
];

/// The maximum length of a piece, in characters.
const MAX_PIECE_LENGTH: usize = 40;
/// A longer text cannot consist of two pieces; only its repetitions are checked.
const MAX_TEXT_LENGTH: usize = 2 * MAX_PIECE_LENGTH;
/// The maximum number of digits that people append to a word: a year, or a day and a month.
const DIGITS: usize = 4;

/// The entries of the list, and each entry with digits read as letters.
static COMMON: LazyLock<(HashSet<&str>, HashSet<String>)> = LazyLock::new(|| {
    let entries: HashSet<&str> = entries().collect();
    let plain = entries.iter().map(|entry| plain(entry)).collect();
    (entries, plain)
});

fn entries() -> impl Iterator<Item = &'static str> {
    LIST.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace)
}

/// The form in which texts are compared: lower case, one form for characters that look or mean the same, and no
/// punctuation or spaces unless there is little else.
pub(super) fn fold(text: &str) -> String {
    let whole: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let bare: String = whole.chars().map(unmark).filter(|letter| letter.is_alphanumeric()).collect();
    if bare.chars().count() * 2 < whole.chars().count() { whole } else { bare }
}

/// The letter that a symbol stands for, if it stands for one.
fn unmark(letter: char) -> char {
    match letter {
        '@' => 'a',
        '$' => 's',
        '€' => 'e',
        _ => letter,
    }
}

/// A folded text with one character for each letter and the digits that stand for it.
fn plain(text: &str) -> String {
    let plain = |letter| match letter {
        '0' => 'o',
        '1' | 'l' => 'i',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        '7' => 't',
        '8' => 'b',
        letter => letter,
    };
    text.chars().map(plain).collect()
}

/// The least number of common pieces in a folded text; `usize::MAX` for a text that is too long to check.
pub(super) fn weight(text: &str, context: &[String]) -> usize {
    let text = unit(text);
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    if ends.len() > MAX_TEXT_LENGTH {
        return usize::MAX;
    }
    let mut least: Vec<usize> = vec![0];
    for (letters, end) in ends.iter().enumerate().skip(1) {
        let starts = letters.saturating_sub(MAX_PIECE_LENGTH)..letters;
        let through = starts.filter_map(|start| {
            let piece = text.get(*ends.get(start)?..*end)?;
            Some(least.get(start)?.saturating_add(piece_weight(piece, letters - start, context)?))
        });
        least.push(through.min().unwrap_or(usize::MAX));
    }
    least.pop().unwrap_or_default()
}

/// The start of a text that the rest repeats, the last time perhaps only in part; the whole text if nothing is
/// repeated.
fn unit(text: &str) -> &str {
    let mut places = text.char_indices().map(|(at, _)| at).filter(|at| *at > 0 && at * 2 <= text.len());
    let again = places.find(|at| text.get(*at..).is_some_and(|rest| text.starts_with(rest)));
    again.and_then(|at| text.get(..at)).unwrap_or(text)
}

/// The weight of a piece, or `None` if the text is not a piece.
fn piece_weight(piece: &str, letters: usize, context: &[String]) -> Option<usize> {
    let (entries, plain_entries) = &*COMMON;
    if context.iter().any(|word| word == piece || plain(word) == plain(piece)) {
        return Some(0);
    }
    let unit = unit(piece);
    if unit.len() < piece.len() {
        return Some(weight(unit, context));
    }
    let common = letters == 1
        || letters <= DIGITS && piece.bytes().all(|byte| byte.is_ascii_digit())
        || entries.contains(piece)
        || letters > 2 && is_walk(piece)
        || plain_entries.contains(&plain(piece));
    common.then_some(1)
}

/// Whether a text is part of a sequence, in either direction.
fn is_walk(piece: &str) -> bool {
    let back: String = piece.chars().rev().collect();
    LINES.iter().any(|line| line.contains(piece) || line.contains(&back))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_long_and_every_entry_can_be_met() {
        let all: Vec<&str> = entries().collect();
        assert!(all.len() >= 3000, "{}", all.len());
        assert_eq!(COMMON.0.len(), all.len(), "an entry stands twice");
        for entry in all {
            assert_eq!(fold(entry), entry);
            assert!(entry.chars().count() <= MAX_PIECE_LENGTH, "{entry}");
        }
    }

    #[test]
    fn pieces_are_counted() {
        for (text, pieces) in [
            ("", 0),
            ("password", 1),
            ("passwordpassword", 1),
            ("passwordpasswordpass", 1),
            ("aaaaaaaaaaaaaaaaaaa", 1),
            ("letmeindragon", 2),
            ("letmeinletmein1", 2),
            ("password1password1a", 3),
            ("dragon2024dragon2024", 2),
            ("qwertyuiop12345", 2),
            ("p455w0rd2024", 2),
            ("zyxwvutsrqponmlk", 1),
            ("123456789012345", 1),
            ("dragonmonkeyshadow", 3),
        ] {
            assert_eq!(weight(text, &[]), pieces, "{text}");
        }
        assert!(weight("vqxnztkbwhrfjmpd", &[]) > 10);
        assert_eq!(weight(&"vqxnztkbwh".repeat(20), &[]), weight("vqxnztkbwh", &[]));
    }

    #[test]
    fn context_weighs_nothing() {
        let context = ["lovelace".to_owned()];
        assert_eq!(weight("lovelace1843", &context), 1);
        assert_eq!(weight("l0ve1ace", &context), 0);
    }
}
