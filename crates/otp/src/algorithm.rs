//! The hash under the HMAC, by its name. This module never hashes; it keeps one spelling for each hash, the one that
//! authenticator apps read.

use std::str::FromStr;

/// The hash function under the HMAC (RFC 6238 section 1.2).
///
/// RFC 4226 knows SHA-1 only, and many authenticator apps silently use it whatever the URI says; hence the default.
/// HMAC-SHA-1 is not touched by the known collisions of SHA-1.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Algorithm {
    /// HMAC-SHA-1, 20 bytes.
    #[default]
    Sha1,
    /// HMAC-SHA-256, 32 bytes.
    Sha256,
    /// HMAC-SHA-512, 64 bytes.
    Sha512,
}

impl Algorithm {
    const ALL: [Algorithm; 3] = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];

    /// The name as `otpauth:` URIs spell it: `SHA1`, `SHA256` or `SHA512`.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
            Algorithm::Sha512 => "SHA512",
        }
    }
}

/// Reads [`Algorithm::name`] in any case.
impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Algorithm, UnknownAlgorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name)).ok_or(UnknownAlgorithm)
    }
}

/// A name that is none of `SHA1`, `SHA256` and `SHA512`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the algorithm is none of SHA1, SHA256 and SHA512")]
pub struct UnknownAlgorithm;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_in_any_case() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
            assert_eq!(algorithm.name().to_lowercase().parse(), Ok(algorithm));
        }
    }

    #[test]
    fn other_names_are_refused() {
        for name in ["", "SHA", "SHA-1", "SHA224", "SHA1 ", "HmacSHA1", "MD5"] {
            assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm), "{name:?}");
        }
    }
}
