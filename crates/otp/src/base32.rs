//! Base32 (RFC 4648 section 6), in which keys are shown and typed. This module never guesses: it drops what people put
//! around the letters and then decodes strictly. It keeps the invariant that two texts which differ in more than
//! grouping, case and padding decode to different bytes.

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use crate::MalformedKey;
use crate::grouping::is_separator;

/// Upper case, without padding.
pub fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(BASE32_NOPAD.encode(bytes))
}

/// Drops blanks, hyphens and trailing `=` and ignores case; the rest must be canonical base32: letters A to Z and digits 2
/// to 7, a length that whole bytes have, and no stray bits in the last letter. A text without letters is no bytes.
pub fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, MalformedKey> {
    // Room for the whole text at once: a buffer that grew would leave copies of the key behind.
    let mut letters = Zeroizing::new(String::with_capacity(text.len()));
    letters.extend(text.chars().filter(|&character| !is_separator(character)));
    letters.make_ascii_uppercase();
    let bytes = BASE32_NOPAD.decode(letters.trim_end_matches('=').as_bytes());
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

    #[test]
    fn nothing_is_guessed() {
        for text in [
            "M",                // 5 bits
            "MZX",              // 15 bits
            "MZXW6Y",           // 30 bits
            "MZ",               // a stray bit in the last letter
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
