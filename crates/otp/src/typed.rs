//! Characters as keyboards and other programs give them: digits of other scripts, full-width letters, and the marks of
//! direction that come along when a code is copied. This module never decides whether a text is a code. It keeps the
//! invariant that a character is read in one way at most.

/// The zeros of the decimal digits (Unicode general category Nd) that keyboards type where ASCII digits are not what people
/// write. The other nine digits of each follow it.
const ZEROS: [char; 16] = [
    '0', '\u{660}',  // Arabic
    '\u{6f0}',  // Persian, Urdu
    '\u{966}',  // Devanagari
    '\u{9e6}',  // Bengali
    '\u{a66}',  // Gurmukhi
    '\u{ae6}',  // Gujarati
    '\u{b66}',  // Oriya
    '\u{be6}',  // Tamil
    '\u{c66}',  // Telugu
    '\u{ce6}',  // Kannada
    '\u{d66}',  // Malayalam
    '\u{e50}',  // Thai
    '\u{1040}', // Burmese
    '\u{17e0}', // Khmer
    '\u{ff10}', // full width
];

/// What lies between a full-width form and the ASCII character that it stands for.
const FULL_WIDTH: u32 = 0xfee0;

/// A decimal digit and its script.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decimal {
    /// 0 to 9.
    pub value: u8,
    /// The zero of the script: digits of one script have the same.
    pub zero: char,
}

impl Decimal {
    /// The digit that `character` is, in ASCII, full width, or the digits of an Arabic, Persian, Indic, Thai, Burmese or
    /// Khmer keyboard.
    pub fn of(character: char) -> Option<Decimal> {
        ZEROS.into_iter().find_map(|zero| {
            let value = u32::from(character).checked_sub(zero.into()).filter(|value| *value < 10)?;
            Some(Decimal { value: u8::try_from(value).ok()?, zero })
        })
    }

    /// The same digit in ASCII.
    pub fn to_ascii(self) -> char {
        char::from(b'0' + self.value)
    }
}

/// The ASCII character that `character` is another form of: a digit of another script or a full-width form. Any other is
/// itself.
pub fn fold(character: char) -> char {
    if let Some(decimal) = Decimal::of(character) {
        return decimal.to_ascii();
    }
    match character {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character) - FULL_WIDTH).unwrap_or(character),
        '\u{3000}' => ' ',
        other => other,
    }
}

/// Whether `character` is a mark of the writing direction that programs put around what is copied. Those that turn round the
/// order in which the text within them is shown (U+202D, U+202E) are none of these: what was seen is not what was copied.
pub fn is_direction_mark(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' // Arabic letter mark
            | '\u{200e}' | '\u{200f}' // left-to-right and right-to-left mark
            | '\u{202a}'..='\u{202c}' // embeddings, and their end
            | '\u{2066}'..='\u{2069}' // isolates, and their end
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_has_ten_digits() {
        for zero in ZEROS {
            let digits: Vec<_> = (u32::from(zero)..).take(10).filter_map(char::from_u32).collect();
            let values: Vec<_> = digits.iter().map(|digit| Decimal::of(*digit).unwrap().value).collect();
            assert_eq!(values, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "{zero}");
            assert!(digits.iter().all(|digit| digit.is_numeric() && Decimal::of(*digit).unwrap().zero == zero));
            assert!(digits.iter().map(|digit| fold(*digit)).eq('0'..='9'));
        }
        for other in ['/', ':', 'a', '\u{65f}', '\u{2070}', '\u{1d7ce}', '\u{ff0f}', '\u{ff1a}'] {
            assert_eq!(Decimal::of(other), None, "{other:?}");
        }
    }

    #[test]
    fn full_width_is_folded_and_nothing_else() {
        let wide: String = ('!'..='~').map(|c| char::from_u32(u32::from(c) + FULL_WIDTH).unwrap()).collect();
        assert!(wide.chars().map(fold).eq('!'..='~'));
        for same in ['a', 'Z', '-', '\u{e9}', '\u{212a}', '\u{ff61}', '\u{ff00}'] {
            assert_eq!(fold(same), same);
        }
    }
}
