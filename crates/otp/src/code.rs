//! One-time codes, typed by a user or computed. This module never decides whether a code is valid for a user. It keeps
//! two invariants: a [`Code`] is six to eight ASCII digits whatever was typed, and two codes are only ever compared in
//! constant time.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::Digits;
use crate::grouping::is_separator;
use crate::typed::{Decimal, is_direction_mark};

/// The maximum length of a typed text in bytes: room for eight digits of any script and a good many wide blanks.
const MAX_TEXT_LENGTH: usize = 64;

/// A one-time code of six to eight decimal digits.
///
/// Wiped when dropped, redacted by `Debug`, and without `PartialEq`: compare with [`Code::matches`].
#[derive(Clone, ZeroizeOnDrop)]
pub struct Code {
    number: u32,
    #[zeroize(skip)]
    digits: Digits,
    text: String,
}

impl Code {
    /// Reads what a person typed or pasted.
    ///
    /// Blanks and hyphens are dropped wherever they stand: space, tab, no-break, narrow no-break, thin and ideographic space;
    /// hyphen, non-breaking hyphen and en dash. So are marks of the writing direction around the text, which come along when
    /// a code is copied. What is left must be exactly `digits` digits: leading zeros count, and there are no signs or
    /// underscores. The digits may be those of any script that [`Decimal`] knows, if all of them are of the same one. A text
    /// of more than 64 bytes is malformed.
    pub fn parse(text: &str, digits: Digits) -> Result<Code, MalformedCode> {
        if text.len() > MAX_TEXT_LENGTH {
            return Err(MalformedCode);
        }
        let typed = typed_digits(text)?;
        if typed.len() != usize::from(digits.count()) {
            return Err(MalformedCode);
        }
        let number = typed.bytes().fold(0, |number, digit| 10 * number + u32::from(digit - b'0'));
        Ok(Code::of(number, digits))
    }

    /// Reads two codes that were typed one after the other, under the same rules.
    pub fn parse_pair(text: &str, digits: Digits) -> Result<(Code, Code), MalformedCode> {
        if text.len() > 2 * MAX_TEXT_LENGTH {
            return Err(MalformedCode);
        }
        let typed = typed_digits(text)?;
        let (first, second) = typed.split_at_checked(usize::from(digits.count())).ok_or(MalformedCode)?;
        Ok((Code::parse(first, digits)?, Code::parse(second, digits)?))
    }

    /// The code that random bytes stand for. No code is likelier than another by more than 1 in 100,000,000,000.
    pub fn draw(random: [u8; 8], digits: Digits) -> Code {
        let number = u64::from_be_bytes(random) % 100_000_000;
        Code::of(u32::try_from(number).unwrap_or_default(), digits)
    }

    /// How many digits it has.
    pub fn digits(&self) -> Digits {
        self.digits
    }

    /// The code that shows the last digits of `number`.
    pub(crate) fn of(number: u32, digits: Digits) -> Code {
        let number = digits.last_of(number);
        let text = format!("{number:0width$}", width = usize::from(digits.count()));
        Code { number, digits, text }
    }

    /// The digits, leading zeros included, to be shown to their owner only.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether both are the same digits, in constant time. Codes of different lengths never match.
    pub fn matches(&self, other: &Code) -> Choice {
        self.is(other.number, other.digits)
    }

    /// Whether this code shows `number` with that many digits, in constant time.
    pub(crate) fn is(&self, number: u32, digits: Digits) -> Choice {
        self.number.ct_eq(&number) & self.digits.count().ct_eq(&digits.count())
    }
}

/// The digits in a text, in ASCII, without what people and programs put around and between them.
fn typed_digits(text: &str) -> Result<Zeroizing<String>, MalformedCode> {
    // Room for all of it at once: a text that grew would leave copies behind.
    let mut typed = Zeroizing::new(String::with_capacity(text.len()));
    let mut script = None;
    let inner = text.trim_matches(|character| is_separator(character) || is_direction_mark(character));
    for character in inner.chars().filter(|&character| !is_separator(character)) {
        let decimal = Decimal::of(character).ok_or(MalformedCode)?;
        if *script.get_or_insert(decimal.zero) != decimal.zero {
            return Err(MalformedCode);
        }
        typed.push(decimal.to_ascii());
    }
    Ok(typed)
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code([redacted])")
    }
}

/// A text that cannot be a code. Whether that counts as a failed attempt is the caller's rule. It does not hold the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the text is not a code of the expected number of digits")]
pub struct MalformedCode;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_may_group_the_digits() {
        for text in [
            "045675",
            "045 675",
            " 045675 ",
            "0 4 5 6 7 5",
            "04-56-75",
            "045\t675",
            "045\u{a0}675",
            "045\u{2009}675",
            "045\u{2011}675",
            "045\u{2013}675",
            "045\u{202f}675",
            "045\u{3000}675",
            "\u{3000}045675\u{3000}",
            "-045675-",
        ] {
            let code = Code::parse(text, Digits::SIX);
            assert_eq!(code.unwrap().as_str(), "045675", "{text:?}");
        }
    }

    #[test]
    fn digits_may_be_of_any_script_that_keyboards_type() {
        for text in [
            "\u{660}\u{664}\u{665}\u{666}\u{667}\u{665}",       // Arabic
            "\u{6f0}\u{6f4}\u{6f5}\u{6f6}\u{6f7}\u{6f5}",       // Persian
            "\u{966}\u{96a}\u{96b}\u{96c}\u{96d}\u{96b}",       // Devanagari
            "\u{9e6}\u{9ea}\u{9eb}\u{9ec}\u{9ed}\u{9eb}",       // Bengali
            "\u{be6}\u{bea}\u{beb}\u{bec}\u{bed}\u{beb}",       // Tamil
            "\u{ff10}\u{ff14}\u{ff15}\u{ff16}\u{ff17}\u{ff15}", // full width
            "\u{ff10}\u{ff14}\u{ff15}\u{3000}\u{ff16}\u{ff17}\u{ff15}",
        ] {
            let code = Code::parse(text, Digits::SIX);
            assert_eq!(code.unwrap().as_str(), "045675", "{text:?}");
            let pair = Code::parse_pair(&format!("{text} {text}"), Digits::SIX).unwrap();
            assert!(bool::from(pair.0.matches(&pair.1)), "{text:?}");
        }
    }

    #[test]
    fn marks_of_direction_around_a_pasted_code_are_dropped() {
        for text in [
            "\u{200e}045675",
            "045675\u{200f}",
            "\u{202a}045675\u{202c}",
            "\u{2068}045 675\u{2069}",
            " \u{200e} 045675 \u{200e} ",
            "\u{61c}\u{660}\u{664}\u{665}\u{666}\u{667}\u{665}",
        ] {
            assert_eq!(Code::parse(text, Digits::SIX).unwrap().as_str(), "045675", "{text:?}");
        }
    }

    #[test]
    fn anything_but_six_digits_of_one_script_is_malformed() {
        let long = format!("045675{}", " ".repeat(59));
        for text in [
            "",
            " ",
            "-",
            "\0",
            // What a language's integer parser lets through, and its relatives.
            "45675",
            "+045675",
            "+45675",
            "0_4_5_6_7_5",
            "045_675",
            "\u{1d7ce}\u{1d7d2}\u{1d7d3}\u{1d7d4}\u{1d7d5}\u{1d7d3}", // mathematical bold
            "\u{2070}\u{2074}\u{2075}\u{2076}\u{2077}\u{2075}",       // superscript
            "04567\u{665}",
            "0\u{663}45675",
            "\n045675",
            "045675\n",
            "045675\r\n",
            "045\u{b}675",
            "045\u{c}675",
            "045\u{85}675",
            "045\u{2003}675",         // em space
            "045\u{200e}675",         // a mark within
            "\u{202e}576540\u{202c}", // shown the other way round
            // Other ways to write a number.
            "\u{2212}045675", // minus sign
            "045.675",
            "045,675",
            "045'675",
            "45675.0",
            "4.5675e4",
            "45675e0",
            "0x00b26b",
            "0b1011",
            "0o131153",
            "#045675",
            "045675L",
            "NaN",
            "inf",
            // Lengths.
            "04567",
            "0045675",
            "0456750",
            "00045675",
            "000000045675",
            "4294967296045675", // its low 32 bits are 045675 and more
            "18446744073709551616",
            &long,
            // Something before, behind or within.
            "a45675",
            "04567O",
            "l45675",
            "045675;",
            "045675\0",
            "\u{feff}045675", // byte order mark
            "045\u{200b}675", // zero-width space
            "045\u{ad}675",   // soft hyphen
            "\u{202e}045675", // right-to-left override
            "04567\u{301}5",  // combining accent
            "0\u{20e3}45675", // keycap
            "045\u{2014}675", // em dash
            "045/675",
            "%30%34%35%36%37%35",
            "' OR 1=1 --",
            "null",
            "\u{1f600}",
        ] {
            let code = Code::parse(text, Digits::SIX);
            assert_eq!(code.unwrap_err(), MalformedCode, "{text:?}");
        }
    }

    #[test]
    fn a_text_is_read_up_to_64_bytes() {
        let parse = |blanks: usize| Code::parse(&format!("{}045675", " ".repeat(blanks)), Digits::SIX);
        assert!(parse(58).is_ok());
        assert!(parse(59).is_err());
    }

    #[test]
    fn every_length_is_read_exactly() {
        for (text, count) in [("045675", 6), ("0045675", 7), ("10045675", 8)] {
            for wanted in [Digits::SIX, Digits::SEVEN, Digits::EIGHT] {
                assert_eq!(Code::parse(text, wanted).is_ok(), wanted.count() == count, "{text} as {wanted:?}");
            }
        }
    }

    #[test]
    fn codes_match_digit_by_digit() {
        let parse = |text: &str| Code::parse(text, Digits::new(text.len().try_into().unwrap()).unwrap()).unwrap();
        let matches = |one: &str, other: &str| bool::from(parse(one).matches(&parse(other)));
        assert!(matches("045675", "045675"));
        assert!(!matches("045675", "045676"));
        assert!(!matches("045675", "145675"));
        assert!(!matches("045675", "0045675"));
        assert!(matches("00000000", "00000000"));
        assert!(matches("99999999", "99999999"));
    }

    #[test]
    fn leading_zeros_are_shown() {
        assert_eq!(Code::of(7, Digits::SIX).as_str(), "000007");
        assert_eq!(Code::of(0x7fff_ffff, Digits::EIGHT).as_str(), "47483647");
    }
}
