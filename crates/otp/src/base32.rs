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
