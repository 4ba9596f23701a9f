//! Seeds of hardware tokens, as a vendor sends them: a file of serial numbers and secrets, in CSV or PSKC (RFC 6030).
//!
//! The file is read completely or not at all: the first error ends it. An error names the line and quotes nothing of
//! it, since a secret may be in the wrong column. This module stores nothing, looks up no user and reads no clock. What
//! it takes from the text is wiped when it is dropped; the caller must wipe the text itself.

mod csv;
pub(crate) mod distinguished_name;
mod moment;
mod pskc;

use std::{collections::HashMap, fmt, ops::RangeInclusive, str};

use anyhow::{Context as _, Result, anyhow, ensure};
use countersign_engine::core::{
    Secret, Timestamp,
    method::totp,
    otp::{
        Algorithm, Digits, Key, Step, Totp, YubikeyKey,
        yubikey::{PrivateId, PublicId},
    },
};
use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

/// The maximum size of a file, in bytes: enough for ten thousand tokens as PSKC.
pub(crate) const LARGEST: usize = 16 * 1024 * 1024;

/// The maximum length of a serial number, in bytes.
const MAX_SERIAL_LENGTH: usize = 255;
/// The maximum length of an owner, in bytes: a distinguished name holds a whole path in a directory.
const MAX_OWNER_LENGTH: usize = 1024;

/// The length of an HOTP or TOTP key, in bytes; the maximum is the largest block of a hash. RFC 4226 §4 (R6) requires
/// 16, but older apps generated keys of 10: these are accepted and marked as weak.
const KEY_BYTES: RangeInclusive<usize> = 10..=128;

/// The seed of one token.
#[derive(Debug)]
pub(crate) struct Seed {
    /// The line in the file, counted from 1.
    pub(crate) line: usize,
    /// The serial number on the token. It is unique in the file among tokens of the same kind.
    pub(crate) serial: String,
    /// The owner, as the vendor gives it: a name, or a whole distinguished name (RFC 4514).
    pub(crate) user: Option<String>,
    /// When the key may be used. The importer must enforce it (RFC 6030 §5).
    pub(crate) validity: Validity,
    pub(crate) secret: SeedSecret,
}

/// The period within which a key may be used, both ends included. `None` is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Validity {
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
}

impl Validity {
    /// The intersection of both periods.
    fn within(self, other: Self) -> Self {
        let ends = self.until.into_iter().chain(other.until);
        Self { from: self.from.max(other.from), until: ends.min() }
    }
}

/// The secret that the token and the server share.
#[derive(Debug)]
pub(crate) enum SeedSecret {
    Hotp {
        key: Key,
        algorithm: Algorithm,
        digits: Digits,
        /// The counter of the next code.
        counter: u64,
    },
    Totp {
        key: Key,
        totp: Totp,
        /// The last time step whose code was accepted by another server.
        used: Option<u64>,
        /// How many time steps the token's clock is ahead.
        drift: i16,
    },
    Yubikey {
        public_id: PublicId,
        private_id: PrivateId,
        key: YubikeyKey,
        /// The highest counter that may have been used, as `yubikey::Plain::counter` counts.
        counter: u64,
    },
}

/// The key or password to decrypt the file, which the vendor sent separately.
pub(crate) enum PreShared {
    /// The bytes of an AES key.
    Key(Zeroizing<Vec<u8>>),
    /// A password, from which the key is derived as the file specifies.
    Password(Secret),
}

impl PreShared {
    /// An AES key of 16 or 32 bytes, in hexadecimal.
    pub(crate) fn key_from_hex(text: &Secret) -> Result<Self> {
        let bytes = from_hex(text.expose().trim());
        let bytes = bytes.filter(|bytes| [16, 32].contains(&bytes.len()));
        Ok(Self::Key(bytes.context("the pre-shared key is not 16 or 32 bytes in hexadecimal")?))
    }
}

impl fmt::Debug for PreShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key([redacted])",
            Self::Password(_) => "Password([redacted])",
        })
    }
}

/// Information that may be missing in the file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Supplement<'a> {
    /// The key or password of an encrypted PSKC file. CSV is never encrypted and ignores it.
    pub(crate) key: Option<&'a PreShared>,
    /// The type of tokens in a CSV file that has no types. PSKC always has them.
    pub(crate) kind: Option<OathKind>,
}

/// How a token generates its codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum OathKind {
    /// From a counter of button presses.
    Hotp,
    /// From the time.
    Totp,
}

impl OathKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Hotp => "hotp",
            Self::Totp => "totp",
        }
    }
}

/// All seeds in a file: PSKC if it begins like XML, otherwise CSV.
pub(crate) fn read(text: &[u8], supplement: Supplement<'_>) -> Result<Vec<Seed>> {
    ensure!(text.len() <= LARGEST, "the file is larger than {} MiB", LARGEST / (1024 * 1024));
    let text = plain(text)?;
    let is_xml = text.trim_start().starts_with('<');
    let seeds = if is_xml { pskc::read(&text, supplement.key) } else { csv::read(&text, supplement.kind) }?;
    ensure!(!seeds.is_empty(), "there are no seeds in the file");
    refuse_doubles(&seeds)?;
    Ok(seeds)
}

/// The text without a byte order mark and with one kind of line ending.
fn plain(bytes: &[u8]) -> Result<Zeroizing<String>> {
    let text = str::from_utf8(bytes).map_err(|error| {
        let before = bytes.iter().take(error.valid_up_to());
        anyhow!("line {}: the file is not in UTF-8", before.filter(|byte| **byte == b'\n').count().saturating_add(1))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Allocate the whole size, because a buffer that grows would leave copies in memory.
    let mut plain = Zeroizing::new(String::with_capacity(text.len().saturating_add(1)));
    for line in text.split("\r\n") {
        plain.push_str(line);
        plain.push('\n');
    }
    Ok(plain)
}

/// Refuses a file that lists a token twice: it is unclear which of the two is right.
fn refuse_doubles(seeds: &[Seed]) -> Result<()> {
    let mut first = HashMap::new();
    for seed in seeds {
        let kind = match &seed.secret {
            SeedSecret::Hotp { .. } => ("hotp", None),
            SeedSecret::Totp { .. } => ("totp", None),
            // A YubiKey has two slots and one serial number.
            SeedSecret::Yubikey { public_id, .. } => ("yubikey", Some(public_id)),
        };
        if let Some(line) = first.insert((&seed.serial, kind), seed.line) {
            return Err(anyhow!("line {}: this token is already in line {line}", seed.line));
        }
    }
    Ok(())
}

/// A key for HOTP or TOTP.
fn oath_key(bytes: &[u8]) -> Result<Key> {
    let bits = |bytes: &usize| bytes.saturating_mul(8);
    ensure!(
        KEY_BYTES.contains(&bytes.len()),
        "the secret has {} bits; it must have {} to {}",
        bits(&bytes.len()),
        bits(KEY_BYTES.start()),
        bits(KEY_BYTES.end())
    );
    Ok(Key::new(bytes))
}

/// A serial number: one line that is not empty.
fn serial(text: &str) -> Option<String> {
    line(text, MAX_SERIAL_LENGTH)
}

/// An owner: one line that is not empty.
fn owner(text: &str) -> Option<String> {
    line(text, MAX_OWNER_LENGTH)
}

fn line(text: &str, longest: usize) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= longest && !text.contains(char::is_control)).then(|| text.to_owned())
}

/// The hash of the HMAC, in vendors' spellings: `SHA1`, `SHA-256`, `HmacSHA512`, `HMAC-SHA-1`.
fn algorithm(text: &str) -> Option<Algorithm> {
    let text: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    text.strip_prefix("HMAC").unwrap_or(&text).parse().ok()
}

fn digits(text: &str) -> Result<Digits> {
    text.parse().ok().and_then(Digits::new).context("the number of digits is not 6, 7 or 8")
}

fn step(text: &str) -> Result<Step> {
    let step = text.parse().ok().and_then(Step::new).filter(|step| *step <= totp::MAX_STEP);
    step.with_context(|| format!("the period is not 1 to {} seconds", totp::MAX_STEP.seconds()))
}

fn private_id(text: &str) -> Result<PrivateId> {
    let bytes =
        from_hex(text).and_then(|bytes| Some(PrivateId::new(*bytes.first_chunk().filter(|_| bytes.len() == 6)?)));
    bytes.context("the private id is not 6 bytes in hexadecimal")
}

fn yubikey_key(bytes: &[u8]) -> Result<YubikeyKey> {
    let bytes = bytes.try_into().ok().context("the secret of a YubiKey is not 16 bytes")?;
    Ok(YubikeyKey::new(bytes))
}

fn from_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKEN: [(&[u8], &str); 2] = [
        (include_bytes!("../tests/seeds/broken.csv"), "line 3: the number of digits is not 6, 7 or 8"),
        (include_bytes!("../tests/seeds/broken.xml"), "line 23: this is not base64"),
    ];

    fn refusal(text: &[u8]) -> String {
        format!("{:#}", read(text, Supplement::default()).unwrap_err())
    }

    #[test]
    fn a_broken_file_imports_nothing_and_names_the_line() {
        for (text, error) in BROKEN {
            assert_eq!(refusal(text), error);
        }
    }

    #[test]
    fn lines_may_end_as_on_windows_and_begin_with_a_mark() {
        for text in [include_str!("../tests/seeds/tokens.csv"), include_str!("../tests/seeds/rfc6030-figure-3.xml")] {
            let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
            let lines = |text: &str| {
                read(text.as_bytes(), Supplement::default()).unwrap().iter().map(|seed| seed.line).collect::<Vec<_>>()
            };
            assert_eq!(lines(&windows), lines(text));
            assert_eq!(lines(text.trim_end()), lines(text));
        }
        for (text, error) in BROKEN {
            let windows = str::from_utf8(text).unwrap().replace('\n', "\r\n");
            assert_eq!(refusal(windows.as_bytes()), error);
        }
    }

    #[test]
    fn a_token_is_listed_once() {
        let header = "serial,type,secret_hex,public_id,private_id\n";
        let hotp = "7,hotp,3132333435363738393031323334353637383930,,\n";
        let slot = |id| format!("7,yubikey,000102030405060708090a0b0c0d0e0f,{id},010203040506\n");
        let twice = [header, hotp, "\n", hotp].concat();
        assert_eq!(refusal(twice.as_bytes()), "line 4: this token is already in line 2");
        let slots = [header, hotp, &slot("cccc"), &slot("cccb")].concat();
        assert_eq!(read(slots.as_bytes(), Supplement::default()).unwrap().len(), 3);
        let slots = [header, &slot("cccc"), &slot("CCCC")].concat();
        assert_eq!(refusal(slots.as_bytes()), "line 3: this token is already in line 2");
    }

    #[test]
    fn a_file_that_is_empty_too_large_or_no_text_is_refused() {
        assert_eq!(refusal(b""), "there are no seeds in the file");
        assert_eq!(refusal(b"\n \r\n"), "there are no seeds in the file");
        assert_eq!(refusal(b"serial,type\n\xff,hotp\n"), "line 2: the file is not in UTF-8");
        assert_eq!(refusal(&vec![b'<'; LARGEST + 1]), "the file is larger than 16 MiB");
    }

    #[test]
    fn the_hash_is_read_as_vendors_write_it() {
        for (text, read) in [
            ("SHA1", Some(Algorithm::Sha1)),
            ("SHA-1", Some(Algorithm::Sha1)),
            ("sha_256", Some(Algorithm::Sha256)),
            ("HmacSHA256", Some(Algorithm::Sha256)),
            ("HMAC-SHA-512", Some(Algorithm::Sha512)),
            ("MD5", None),
            ("SHA-224", None),
            ("HMAC", None),
            ("", None),
        ] {
            assert_eq!(algorithm(text), read, "{text}");
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let seeds = read(include_bytes!("../tests/seeds/tokens.csv"), Supplement::default()).unwrap();
        let text = format!("{seeds:?}");
        assert!(
            !text.contains("49, 50, 51") && text.contains("Key([redacted])") && text.contains("PrivateId([redacted])")
        );
        let key = PreShared::key_from_hex(&"00112233445566778899AABBCCDDEEFF".into()).unwrap();
        assert_eq!(
            format!("{key:?} {:?}", PreShared::Password("qwerty".into())),
            "Key([redacted]) Password([redacted])"
        );
    }

    #[test]
    fn a_pre_shared_key_is_16_or_32_bytes() {
        for text in ["", "0011", "zz112233445566778899aabbccddeeff", "00112233445566778899aabbccddeeff00"] {
            let error = PreShared::key_from_hex(&text.into()).unwrap_err();
            assert_eq!(error.to_string(), "the pre-shared key is not 16 or 32 bytes in hexadecimal");
        }
    }
}
