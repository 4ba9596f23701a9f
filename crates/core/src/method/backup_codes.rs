//! Backup codes: ten codes, each valid once, in any order.
//!
//! A code is 80 random bits in Crockford's base32, in four groups of four, and a check character, so that a typo is
//! distinguished from a guess and not counted. Only HMAC-SHA-256 values under a random key of the device's own are
//! kept, inside the sealed state; every one of them is compared, whichever matches. The marks record which codes are
//! used.

use std::fmt;

use countersign_otp::typed::{fold, is_direction_mark};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::Check;
use crate::{Secret, mark::Mark};

/// How many codes a set has.
pub const COUNT: usize = 10;

/// Random bytes behind one code: 80 bits, enough for a look-up secret and for a saved recovery code
/// (NIST SP 800-63B-4 §§3.1.2, 4.2.1.1).
pub const CODE_BYTES: usize = 10;

/// Crockford's 32 symbols: no I, L, O or U.
const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LETTERS: usize = 16;

/// The state of a set of backup codes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    key: DigestKey,
    digests: Vec<Digest>,
}

impl State {
    /// The state for these codes, under a random key.
    pub fn new(key: [u8; 32], codes: &[BackupCode]) -> Self {
        let key = DigestKey(Zeroizing::new(HEXLOWER.encode(&key)));
        // A code that could not be hashed is left out of the set and never accepted.
        let digests = codes.iter().filter_map(|code| key.digest(code)).collect();
        Self { key, digests }
    }

    /// The same set with one code more; `None` if the code is in it already, used or not.
    pub fn with(mut self, code: &BackupCode) -> Option<Self> {
        if self.place(code).is_some() {
            return None;
        }
        let digest = self.key.digest(code)?;
        self.digests.push(digest);
        Some(self)
    }

    /// The index of the code in the set. Every digest is compared, whichever matches.
    fn place(&self, code: &BackupCode) -> Option<u32> {
        let wanted = self.key.digest(code)?;
        let mut place = 0_u32;
        let mut found = Choice::from(0);
        for (index, digest) in (0_u32..).zip(&self.digests) {
            let hit = digest.0.as_bytes().ct_eq(wanted.0.as_bytes());
            place.conditional_assign(&index, hit);
            found |= hit;
        }
        bool::from(found).then_some(place)
    }

    /// How many codes the set had when it was new.
    pub fn count(&self) -> usize {
        self.digests.len()
    }
}

pub(super) fn check(state: &State, answer: &Secret) -> Check {
    let code = match BackupCode::parse(answer.expose()) {
        Ok(code) => code,
        Err(Slip::Malformed) => return Check::Malformed,
        Err(Slip::Mistyped) => return Check::Mistyped,
    };
    match state.place(&code) {
        Some(place) => Check::right(Mark::Once { id: place.to_string(), until: None }, None),
        None => Check::Wrong,
    }
}

/// The random key of one set, in hexadecimal digits.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct DigestKey(Zeroizing<String>);

impl DigestKey {
    /// `None` only if HMAC rejects the key length, which it never does (RFC 2104 §2).
    fn digest(&self, code: &BackupCode) -> Option<Digest> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.0.as_bytes()).ok()?;
        mac.update(&code.letters);
        Some(Digest(HEXLOWER.encode(&mac.finalize().into_bytes())))
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The stored hash of a code.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Digest(String);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// One backup code: sixteen symbols of five bits each.
#[derive(Clone, ZeroizeOnDrop)]
pub struct BackupCode {
    letters: [u8; LETTERS],
}

/// Why a text is not a backup code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slip {
    /// It has the wrong length or a character that no code has.
    Malformed,
    /// Its check character does not match.
    Mistyped,
}

impl BackupCode {
    /// The code made of these random bytes.
    pub fn new(bytes: &[u8; CODE_BYTES]) -> Self {
        let mut bits = bytes.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        let mut letters = [0; LETTERS];
        for letter in letters.iter_mut().rev() {
            *letter = (bits & 31) as u8;
            bits >>= 5;
        }
        Self { letters }
    }

    /// Parses a typed code. Case, blanks and hyphens do not matter; O counts as 0, I and L as 1. Full-width letters,
    /// and digits of other scripts, count as those of ASCII; direction marks around the text are dropped.
    pub fn parse(text: &str) -> Result<Self, Slip> {
        const MAX_LENGTH: usize = 128;
        if text.len() > MAX_LENGTH {
            return Err(Slip::Malformed);
        }
        let inner = text.trim_matches(|c: char| c.is_whitespace() || is_direction_mark(c));
        let mut typed = inner.chars().filter(|c| !c.is_whitespace() && !is_hyphen(*c)).map(fold).map(symbol);
        let mut letters = [0; LETTERS];
        for letter in &mut letters {
            *letter = typed.next().flatten().ok_or(Slip::Malformed)?;
        }
        let check = typed.next().flatten().ok_or(Slip::Malformed)?;
        if typed.next().is_some() {
            return Err(Slip::Malformed);
        }
        let code = Self { letters };
        if code.check() == check { Ok(code) } else { Err(Slip::Mistyped) }
    }

    /// The printed form: `XXXX-XXXX-XXXX-XXXX-C`.
    pub fn text(&self) -> Secret {
        let mut text = String::with_capacity(LETTERS + 5);
        for (place, letter) in self.letters.iter().enumerate() {
            if place > 0 && place % 4 == 0 {
                text.push('-');
            }
            text.push(print(*letter));
        }
        text.push('-');
        text.push(print(self.check()));
        Secret::new(text)
    }

    /// The check symbol: the sum over GF(32) of each symbol times a different power of a generator. Any one wrong
    /// symbol, and any two exchanged ones, change it.
    fn check(&self) -> u8 {
        self.letters.iter().fold(0, |sum, letter| double(sum ^ letter))
    }
}

impl fmt::Debug for BackupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Multiplies by x in GF(32) = GF(2)[x] / (x⁵ + x² + 1), where x generates all 31 units.
fn double(element: u8) -> u8 {
    let carried = element << 1;
    if carried & 32 == 0 { carried } else { carried ^ 0b10_0101 }
}

fn print(letter: u8) -> char {
    SYMBOLS.get(usize::from(letter)).copied().map_or('?', char::from)
}

fn symbol(typed: char) -> Option<u8> {
    let upper = match typed.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = SYMBOLS.iter().position(|symbol| char::from(*symbol) == upper)?;
    u8::try_from(place).ok()
}

fn is_hyphen(c: char) -> bool {
    // The last two are what East Asian keyboards type in place of a hyphen.
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff0d}' | '\u{30fc}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> BackupCode {
        BackupCode::new(&[0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x55, 0xaa])
    }

    fn printed() -> String {
        code().text().expose().to_owned()
    }

    #[test]
    fn a_code_survives_paper() {
        let text = printed();
        assert_eq!(text.len(), 21);
        let wide =
            |text: &str| text.chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap()).collect::<String>();
        let forms = [
            text.clone(),
            text.to_lowercase(),
            text.replace('-', " "),
            text.replace('-', ""),
            wide(&text),
            wide(&text.to_lowercase()).replace('\u{ff0d}', "\u{3000}"),
            text.replace('-', "\u{30fc}"),
            format!("\u{202a}{text}\u{202c}"),
            text.replace('5', "\u{665}"),
        ];
        for form in forms {
            assert_eq!(BackupCode::parse(&form).map(|code| code.letters), Ok(code().letters), "{form}");
        }
    }

    #[test]
    fn letters_that_look_alike_are_read_alike() {
        let zeros = BackupCode::new(&[0; CODE_BYTES]);
        assert!(BackupCode::parse("OOOO-oooo-0000-OOOO-O").is_ok_and(|code| code.letters == zeros.letters));
    }

    #[test]
    fn every_single_slip_and_every_exchange_of_two_is_noticed() {
        let text: Vec<char> = printed().replace('-', "").chars().collect();
        for place in 0..text.len() {
            for wrong in SYMBOLS.iter().map(|symbol| char::from(*symbol)).filter(|wrong| *wrong != text[place]) {
                let mut slip = text.clone();
                slip[place] = wrong;
                let slip: String = slip.into_iter().collect();
                assert_eq!(BackupCode::parse(&slip).map(|_| ()), Err(Slip::Mistyped), "{slip}");
            }
        }
        for (one, other) in (0..LETTERS).flat_map(|one| (0..one).map(move |other| (one, other))) {
            let mut slip = text.clone();
            slip.swap(one, other);
            if slip != text {
                let slip: String = slip.into_iter().collect();
                assert_eq!(BackupCode::parse(&slip).map(|_| ()), Err(Slip::Mistyped), "{slip}");
            }
        }
    }

    #[test]
    fn what_is_no_code_is_malformed() {
        let long = "0".repeat(200);
        for text in ["", "-", "0000-0000-0000-0000", "0000-0000-0000-0000-00", "U000-0000-0000-0000-0", "٠٠٠٠", &long]
        {
            assert_eq!(BackupCode::parse(text).map(|_| ()), Err(Slip::Malformed), "{text}");
        }
    }

    #[test]
    fn every_bit_of_the_bytes_is_in_the_code() {
        for bit in 0..CODE_BYTES * 8 {
            let mut bytes = [0; CODE_BYTES];
            bytes[bit / 8] |= 1 << (bit % 8);
            assert!(BackupCode::new(&bytes).letters.iter().any(|letter| *letter != 0), "bit {bit}");
        }
    }

    #[test]
    fn the_state_holds_no_code() {
        let state = State::new([7; 32], &[code()]);
        let json = serde_json::to_string(&state).unwrap();
        assert!(!json.contains(&printed()) && !json.contains(&printed().replace('-', "")));
        assert!(format!("{state:?} {:?}", code()).matches("redacted").count() >= 3);
    }
}
