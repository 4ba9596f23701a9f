//! Phone numbers, checked against the numbering plans of all countries.
//!
//! A number is accepted if it exists in its country: with a country code, introduced by `+` or `00`, or in the default
//! region if one is set. The result is the number that was typed and never a similar one. The library beneath logs
//! numbers at its most verbose level, so the log filter must turn it off (`rlibphonenumber=off`).

use countersign_engine::{core::PhoneNumber, port::PhoneNumberParser};
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, enums::Region};

/// The maximum length of a typed number, in bytes.
const MAX_LENGTH: usize = 64;

/// Parses and checks phone numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Libphonenumber {
    region: Option<Region>,
}

/// The text is not a two-letter country code that has phone numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not the two letters of a country that has telephones")]
pub struct UnknownRegion;

impl Libphonenumber {
    /// Accepts numbers without a country code as numbers of this region, in two capital letters (ISO 3166-1).
    pub fn of_region(region: &str) -> Result<Self, UnknownRegion> {
        let region = region.parse().map_err(|_| UnknownRegion)?;
        // Some codes are reserved for other uses (UK, EU) or belong to a former country (AN): they have no numbers.
        PHONE_NUMBER_UTIL.get_country_code_for_region(region).ok_or(UnknownRegion)?;
        Ok(Self { region: Some(region) })
    }
}

impl PhoneNumberParser for Libphonenumber {
    fn parse(&self, typed: &str) -> Option<PhoneNumber> {
        let typed = typed.trim();
        if typed.len() > MAX_LENGTH {
            return None;
        }
        let international = typed.strip_prefix("00").map(|rest| format!("+{rest}"));
        let typed = international.as_deref().unwrap_or(typed);
        // A suffix is an extension, which no message reaches.
        let is_digits = typed.chars().all(|c| c.is_ascii_digit() || " +-.()/\u{a0}".contains(c));
        let number = PHONE_NUMBER_UTIL.parse(typed, self.region).ok().filter(|_| is_digits)?;
        if !number.is_valid() {
            return None;
        }
        let e164 = number.format_as(PhoneNumberFormat::E164);
        let shown = number.format_as(PhoneNumberFormat::International);
        let code = u16::try_from(number.country_code).ok()?;
        PhoneNumber::new(e164.strip_prefix('+')?, &shown, code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(region: Option<&str>, typed: &str) -> Option<String> {
        let numbers = region.map_or_else(Libphonenumber::default, |region| Libphonenumber::of_region(region).unwrap());
        numbers.parse(typed).map(|number| number.international().to_owned())
    }

    /// A number of Andorra that looks like one of the default region is never changed into one.
    #[test]
    fn no_number_becomes_a_stranger_s() {
        for region in [None, Some("US"), Some("AD")] {
            let number = parsed(region, "+37618001234");
            assert!(number.is_none_or(|shown| shown.replace(' ', "") == "+37618001234"), "{region:?}");
        }
    }

    #[test]
    fn a_region_is_two_letters_of_a_country() {
        for region in ["NL", "GB", "US", "CW", "AC"] {
            assert!(Libphonenumber::of_region(region).is_ok(), "{region}");
        }
        for region in ["", "NLD", "1X", "UK", "XX", "EU", "AN", "ZZ"] {
            assert!(Libphonenumber::of_region(region).is_err(), "{region}");
        }
    }
}
