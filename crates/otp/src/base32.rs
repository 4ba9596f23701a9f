//! Base32 (RFC 4648 section 6), in which keys are shown and typed. This module never guesses: it drops what people put
//! around the letters and then decodes strictly, but for the spare bits of the last letter, which carry nothing. It keeps the
//! invariant that two texts which differ in more than grouping, case, padding and those bits decode to different bytes.

use std::sync::LazyLock;

use data_encoding::{BASE32_NOPAD, Encoding};
use zeroize::Zeroizing;

use crate::MalformedKey;
use crate::grouping::is_separator;

/// Without padding, and whatever the spare bits of the last letter are: secrets of 26 or 52 letters were often drawn letter by
/// letter, and authenticator apps ignore those bits.
static ANY_SPARE_BITS: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = BASE32_NOPAD.specification();
    specification.check_trailing_bits = false;
    specification.encoding().unwrap_or(BASE32_NOPAD)
});

/// Upper case, without padding.
pub fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(BASE32_NOPAD.encode(bytes))
}

/// Drops blanks, hyphens and trailing `=` and ignores case; the rest must be base32: letters A to Z and digits 2 to 7, and a
/// length that whole bytes have. Spare bits of the last letter are ignored. A text without letters is no bytes.
pub fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, MalformedKey> {
    // Room for the whole text at once: a buffer that grew would leave copies of the key behind.
    let mut letters = Zeroizing::new(String::with_capacity(text.len()));
    letters.extend(text.chars().filter(|&character| !is_separator(character)));
    letters.make_ascii_uppercase();
    let bytes = ANY_SPARE_BITS.decode(letters.trim_end_matches('=').as_bytes());
    bytes.map(Zeroizing::new).map_err(|_| MalformedKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 section 10.
    const PUBLISHED: [(&str, &str); 7] = [
        ("", ""),
        ("f", "MY======"),
        ("fo", "MZXQ===="),
        ("foo", "MZXW6==="),
        ("foob", "MZXW6YQ="),
        ("fooba", "MZXW6YTB"),
        ("foobar", "MZXW6YTBOI======"),
    ];

    #[test]
    fn rfc_4648_section_10() {
        for (plain, padded) in PUBLISHED {
            assert_eq!(encode(plain.as_bytes()).as_str(), padded.trim_end_matches('='));
            assert_eq!(decode(padded).unwrap().as_slice(), plain.as_bytes());
        }
    }

    /// MacPass#1155 and others: letters drawn at random, whose last one has bits that belong to no byte.
    #[test]
    fn spare_bits_of_the_last_letter_are_ignored() {
        for (clean, drawn) in [("MY", "MZ"), ("MZXQ", "MZXX"), ("MZXW6", "MZXW7"), ("MZXW6YQ", "MZXW6YR")] {
            assert_eq!(decode(drawn).unwrap().as_slice(), decode(clean).unwrap().as_slice(), "{drawn}");
        }
        assert_eq!(decode("GEZDGNBVGY3TQOJQGEZDGNBVGZ").unwrap().as_slice(), b"1234567890123456");
        assert_eq!(decode(&"7".repeat(52)).unwrap().as_slice(), [0xff; 32]);
    }

    #[test]
    fn nothing_is_guessed() {
        for text in [
            "M",                // 5 bits
            "MZX",              // 15 bits
            "MZXW6Y",           // 30 bits
            "MZXW6YTBO",        // a letter too many
            "MY======MY======", // padding within
            "=MY",
            "MZXW6YT0", // 0 is not O
            "MZXW6YT1", // 1 is neither I nor L
            "MZXW6YT8", // 8 is not B
            "MZXW6YT9",
            "MZXW6YT+",
            "MZXW6YT_",
            "MZXW6YT.",
            "MZXW6YT\n",
            "MZXW6YT\0",
            "MZXW6YT\u{131}",  // dotless i
            "MZXW6YT\u{17f}",  // long s
            "MZXW6YT\u{212a}", // Kelvin sign
            "MZXW6YT\u{ff22}", // full-width B
            "0x3132333435",
        ] {
            assert_eq!(decode(text).unwrap_err(), MalformedKey, "{text:?}");
        }
    }
}
