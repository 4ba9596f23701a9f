//! The code itself, typed by a person or computed by us. This module never decides whether a code is right for anybody.
//! It keeps two invariants: a [`Code`] is six to eight ASCII digits whatever was typed, and two codes are only ever
//! compared in constant time.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::ZeroizeOnDrop;

use crate::Digits;
use crate::grouping::is_separator;

/// Longer texts are refused unread, in bytes: room for eight digits and a good many wide blanks.
const LONGEST_TEXT: usize = 64;

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
    /// Blanks and hyphens are dropped wherever they stand: space, tab, no-break, narrow no-break and thin space; hyphen,
    /// non-breaking hyphen and en dash. What is left must be exactly `digits` ASCII digits: leading zeros count, and there
    /// are no signs, underscores or digits of other scripts. A text of more than 64 bytes is malformed.
    pub fn parse(text: &str, digits: Digits) -> Result<Code, MalformedCode> {
        if text.len() > LONGEST_TEXT {
            return Err(MalformedCode);
        }
        let mut number = 0;
        let mut count = 0;
        for character in text.chars().filter(|&character| !is_separator(character)) {
            let digit = character.to_digit(10).ok_or(MalformedCode)?;
            if count == digits.count() {
                return Err(MalformedCode);
            }
            number = 10 * number + digit;
            count += 1;
        }
        if count < digits.count() {
            return Err(MalformedCode);
        }
        Ok(Code::of(number, digits))
    }

    /// The code that shows the last digits of `number`.
    pub(crate) fn of(number: u32, digits: Digits) -> Code {
        let number = digits.last_of(number);
        let text = format!("{number:0width$}", width = usize::from(digits.count()));
        Code {
            number,
            digits,
            text,
        }
    }

    /// The digits, leading zeros included, to be shown to their owner and to nobody else.
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

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code([redacted])")
    }
}

/// A text that cannot be a code: it is never looked up, but it is a failed attempt all the same. It does not hold the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the text is not a code of the expected number of digits")]
pub struct MalformedCode;
