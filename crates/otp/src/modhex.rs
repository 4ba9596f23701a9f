//! Modhex, the sixteen letters that a YubiKey types, each for half a byte. The key presses keys and not letters, so these
//! were chosen because they lie in the same place on most keyboards, QWERTY, QWERTZ and AZERTY among them. This module
//! never decides which of several readings is right: [`decode_typed`] finds the layout by the letters alone, and [`readings`]
//! gives them all to a caller who can tell. It keeps the invariant that [`decode_typed`] reads a text in one way at most, and
//! a plain one always as it stands.
//!
//! [`decode_typed`] also reads what a key typed where the letters lie elsewhere. Greek, Hebrew and Russian letters cannot
//! be confused with anything. Turkish differs in its dotless i alone. Of Dvorak's sixteen, twelve are letters of modhex
//! too; its `p`, `x`, `y` and full stop are not, and a text without any of them counts as plain. One code in ten thousand
//! typed on Dvorak is misread that way, so it is refused and the next one is not. Of Colemak's sixteen, fourteen are letters
//! of modhex, and one in seventy of its codes counts as plain; a caller who knows the public id of the key finds the right
//! reading of these, too. A text that Dvorak and Colemak both read, and differently, is refused: three in a million are.

use zeroize::Zeroizing;

/// In the order of their values, 0 to 15.
const PLAIN: &str = "cbdefghijklnrtuv";

/// What the keys of [`PLAIN`] type under other layouts, in the same order.
const OTHER: [&str; 6] = [
    "cbdefgh\u{131}jklnrtuv", // Turkish
    "jxe.uidchtnbpygk",       // Dvorak
    "cbsftdhuneikpglv",       // Colemak
    "ψβδεφγηιξκλνρτθω",       // Greek
    "בנגקכעיןחלךמראוה",       // Hebrew
    "сивуапршолдткегм",       // Russian
];

/// In lower case.
pub fn encode(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    for byte in bytes {
        text.extend([byte >> 4, byte & 0xf].into_iter().filter_map(|half| PLAIN.chars().nth(half.into())));
    }
    text
}

/// Ignores case, and otherwise takes the sixteen letters only, an even number of them. A text without letters is no bytes.
pub fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, MalformedModhex> {
    read(text, PLAIN).ok_or(MalformedModhex)
}

/// Like [`decode`], and understands what is typed under a Turkish, Dvorak, Colemak, Greek, Hebrew or Russian layout. All
/// letters have to be of the same one, and no other one may read them differently.
///
/// For codes, where a misreading is found out. A short text that is kept, such as a public id, is better copied from a
/// code that was read.
pub fn decode_typed(text: &str) -> Result<Zeroizing<Vec<u8>>, MalformedModhex> {
    if let Ok(plain) = decode(text) {
        return Ok(plain);
    }
    let mut readings = readings(text);
    let first = readings.next().ok_or(MalformedModhex)?;
    if readings.all(|other| other == first) { Ok(first) } else { Err(MalformedModhex) }
}

/// Every reading of a text, the plain one first: for a caller who knows a part of what it has to say.
pub fn readings(text: &str) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
    [PLAIN].into_iter().chain(OTHER).filter_map(move |layout| read(text, layout))
}

fn read(text: &str, layout: &str) -> Option<Zeroizing<Vec<u8>>> {
    // Room for all of it at once: a buffer that grew would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    let mut halves = text.chars().map(|letter| value(small(letter), layout));
    while let Some(high) = halves.next() {
        bytes.push(high? << 4 | halves.next()??);
    }
    Some(bytes)
}

fn value(letter: char, layout: &str) -> Option<u8> {
    layout.chars().zip(0..).find_map(|(own, value)| (own == letter).then_some(value))
}

/// The letter in lower case. Nothing becomes ASCII by that: the Kelvin sign is no k.
fn small(letter: char) -> char {
    let mut small = letter.to_lowercase();
    match (small.next(), small.next()) {
        (Some(small), None) if small.is_ascii() == letter.is_ascii() => small,
        _ => letter,
    }
}

/// A text that is not modhex. It does not hold the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the text is not modhex")]
pub struct MalformedModhex;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const ALL: [u8; 8] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];

    #[test]
    fn the_letters_stand_for_their_values_in_either_case() {
        assert_eq!(encode(&ALL).as_str(), PLAIN);
        assert_eq!(*decode(PLAIN).unwrap(), ALL);
        assert_eq!(*decode("CBDEFGHIJKLNRTUV").unwrap(), ALL);
        assert_eq!(*decode("").unwrap(), [0; 0]);
    }

    #[test]
    fn other_layouts_are_understood_in_what_is_typed_and_nowhere_else() {
        for layout in OTHER {
            assert_eq!(*decode_typed(layout).unwrap(), ALL, "{layout}");
            assert_eq!(decode(layout).unwrap_err(), MalformedModhex, "{layout}");
        }
        assert_eq!(*decode_typed("JXE.UIDCHTNBPYGK").unwrap(), ALL);
        assert_eq!(*decode_typed("ΨΒΔΕΦΓΗΙΞΚΛΝΡΤΘΩ").unwrap(), ALL);
    }

    #[test]
    fn every_layout_is_a_bijection() {
        for layout in OTHER.into_iter().chain([PLAIN]) {
            assert_eq!(layout.chars().collect::<HashSet<_>>().len(), 16, "{layout}");
            assert_eq!(layout.chars().count(), 16, "{layout}");
        }
    }

    /// Letters that two layouts share are plain ones, but for Dvorak and Colemak: what these read differently is refused.
    #[test]
    fn no_text_has_two_readings() {
        let plain: HashSet<char> = PLAIN.chars().collect();
        for (at, one) in OTHER.iter().enumerate() {
            for other in OTHER.iter().skip(at + 1) {
                let shared = one.chars().filter(|&letter| other.contains(letter));
                let foreign: String = shared.filter(|letter| !plain.contains(letter)).collect();
                assert!(foreign.is_empty() || foreign == "p", "{one} {other}");
            }
        }
        assert_eq!(*decode_typed("pppp").unwrap(), [0xcc, 0xcc], "both say the same");
        assert_eq!(decode_typed("pe").unwrap_err(), MalformedModhex);
        assert!(readings("pe").map(|bytes| bytes[0]).eq([0xc2, 0xc9]));
        assert!(readings("ee").map(|bytes| bytes[0]).eq([0x33, 0x33, 0x22, 0x99]), "plain, Turkish, Dvorak, Colemak");
    }

    #[test]
    fn what_dvorak_shares_with_modhex_is_plain() {
        assert_eq!(*decode_typed("jjjj").unwrap(), [0x88, 0x88]);
        assert_eq!(*decode_typed("jjjx").unwrap(), [0x00, 0x01]);
    }

    #[test]
    fn nothing_is_guessed() {
        for text in [
            "c",
            "ccc",
            "ca",
            "c c",
            " cc",
            "cc\n",
            "c-",
            "00",
            "mm",
            "xl",         // Dvorak and modhex
            "fx",         // modhex and Dvorak
            "сc",         // a Cyrillic and a Latin letter
            "ψс",         // Greek and Russian
            "c\u{131}x.", // Turkish and Dvorak
            "c\u{212a}",  // Kelvin sign
            "c\u{130}",   // I with a dot
            "c\u{ff43}",  // full-width c
        ] {
            assert_eq!(decode_typed(text).unwrap_err(), MalformedModhex, "{text:?}");
        }
    }
}
