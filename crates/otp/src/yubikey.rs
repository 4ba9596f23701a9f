//! Yubico OTP: what a YubiKey types at a touch, a public id and a block under the AES key that it shares with the server.
//! This module never asks a validation service, never looks up whose key it is and never remembers a counter; that is the
//! caller's rule. It keeps the invariant that a [`Plain`] comes out of a token only under a key whose check sum holds.
//!
//! The sum says that the key was right and no more. A code is accepted only if the public id is the device's, the private
//! id is too, and [`Plain::counter`] is above every one that was accepted before.

use std::{fmt, str::FromStr};

use aes::{
    Aes128,
    cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::modhex;
use crate::typed::is_direction_mark;

/// The maximum length of a typed text in bytes: room for 48 letters of any alphabet and a good many blanks.
const MAX_TEXT_LENGTH: usize = 256;

/// The remainder of the check sum over a whole block (ISO 13239).
const RESIDUE: u16 = 0xf0b8;

/// The highest bit of the session counter is the Caps Lock state, and is not part of the count.
const SESSIONS: u16 = 0x7fff;

/// What a YubiKey types: its public id, and a block that only its AES key decrypts.
///
/// Wiped when dropped, redacted by `Debug`, and without `PartialEq`.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Token {
    #[zeroize(skip)]
    public_id: PublicId,
    block: [u8; 16],
}

impl Token {
    /// Reads what a key typed, or a person pasted: 0 to 32 letters of public id and 32 letters of block, in either case.
    ///
    /// White space around it is dropped, the Enter included that most keys press in the end, and so are marks of the writing
    /// direction around a text that was pasted; within it there is none. Some
    /// wrong keyboard layouts are understood: see [`modhex::decode_typed`]. A text of more than 256 bytes is malformed.
    pub fn parse(text: &str) -> Result<Token, MalformedToken> {
        if text.len() > MAX_TEXT_LENGTH {
            return Err(MalformedToken);
        }
        let bytes = modhex::decode_typed(inner(text)).map_err(|_| MalformedToken)?;
        Token::of(&bytes).ok_or(MalformedToken)
    }

    /// The same for a key whose public id is known: where a text has several readings, the one that names this key counts.
    pub fn parse_of(public_id: &PublicId, text: &str) -> Result<Token, MalformedToken> {
        if text.len() > MAX_TEXT_LENGTH {
            return Err(MalformedToken);
        }
        let mut readings = modhex::readings(inner(text)).filter_map(|bytes| Token::of(&bytes));
        let named = readings.find(|token| token.public_id == *public_id);
        named.map_or_else(|| Token::parse(text), Ok)
    }

    fn of(bytes: &[u8]) -> Option<Token> {
        let (public_id, block) = bytes.split_last_chunk()?;
        Some(Token { public_id: PublicId::new(public_id)?, block: *block })
    }

    /// The public id. It is not authenticated: any client can send it.
    pub fn public_id(&self) -> &PublicId {
        &self.public_id
    }

    /// The token as it is typed on a keyboard that is set right, in lower case: what a validation service reads.
    pub fn to_modhex(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new([self.public_id.as_bytes(), &self.block].concat());
        modhex::encode(&bytes)
    }
}

/// A text without what stands around it.
fn inner(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || is_direction_mark(character))
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

/// The name of a YubiKey, 0 to 16 bytes; keys come with 6. It is typed in clear and proves nothing.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PublicId(Vec<u8>);

impl PublicId {
    /// `None` if there are more than 16 bytes.
    pub fn new(bytes: &[u8]) -> Option<PublicId> {
        (bytes.len() <= 16).then(|| PublicId(bytes.to_owned()))
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it has no bytes. Such a key names nobody: a validation service must not be asked about it, since any other
    /// key without a name would do as well.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// In modhex, as the key types it.
impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&modhex::encode(&self.0))
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicId({self})")
    }
}

/// Reads modhex in either case, and no other layout.
impl FromStr for PublicId {
    type Err = MalformedToken;

    fn from_str(text: &str) -> Result<PublicId, MalformedToken> {
        let bytes = modhex::decode(text).map_err(|_| MalformedToken)?;
        PublicId::new(&bytes).ok_or(MalformedToken)
    }
}

/// The AES-128 key that a YubiKey shares with the server.
///
/// Wiped when dropped, redacted by `Debug`, and without `PartialEq`.
#[derive(Clone, ZeroizeOnDrop)]
pub struct YubikeyKey([u8; 16]);

impl YubikeyKey {
    /// Takes the raw bytes over. They are copied, and the original is left for the caller to wipe.
    pub fn new(bytes: [u8; 16]) -> YubikeyKey {
        YubikeyKey(bytes)
    }

    /// The raw bytes, to be sealed and stored.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Whether both are the same, in constant time.
    pub fn matches(&self, other: &YubikeyKey) -> Choice {
        self.0.ct_eq(&other.0)
    }

    /// Opens what the key typed.
    ///
    /// One wrong key in 65,536 passes the check sum, so the private id still has to be compared, with
    /// [`PrivateId::matches`].
    pub fn decrypt(&self, token: &Token) -> Result<Plain, WrongKey> {
        let mut block = Zeroizing::new(token.block);
        self.cipher().decrypt_block((&mut *block).into());
        if !bool::from(check_sum(block.as_slice()).ct_eq(&RESIDUE)) {
            return Err(WrongKey);
        }
        Ok(Plain::from_block(&block))
    }

    fn cipher(&self) -> Aes128 {
        Aes128::new((&self.0).into())
    }
}

impl fmt::Debug for YubikeyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YubikeyKey([redacted])")
    }
}

/// The secret name that a YubiKey puts into every block.
///
/// Wiped when dropped, redacted by `Debug`, and without `PartialEq`: compare with [`PrivateId::matches`].
#[derive(Clone, ZeroizeOnDrop)]
pub struct PrivateId([u8; 6]);

impl PrivateId {
    /// Takes the raw bytes over. They are copied, and the original is left for the caller to wipe.
    pub fn new(bytes: [u8; 6]) -> PrivateId {
        PrivateId(bytes)
    }

    /// The raw bytes, to be sealed and stored.
    pub fn as_bytes(&self) -> &[u8; 6] {
        &self.0
    }

    /// Whether both are the same, in constant time.
    pub fn matches(&self, other: &PrivateId) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Debug for PrivateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateId([redacted])")
    }
}

/// What is in a block.
#[derive(Clone, Debug, ZeroizeOnDrop)]
pub struct Plain {
    /// The secret name of the key.
    pub private_id: PrivateId,
    /// How often the key was powered up: 15 bits, after which it stays silent for good. The highest bit says that Caps
    /// Lock was on.
    pub session_counter: u16,
    /// How many codes were typed since then, beginning at 0. After 255 the session counter goes up.
    pub usage: u8,
    /// Ticks of about 1/8 s since the key was powered up, from a random start. 24 bits: the rest is not encrypted.
    pub timestamp: u32,
    /// A random number of the key's own, which has no use here.
    pub random: u16,
}

impl Plain {
    /// Session and usage as one number, which no two codes of a key share and which every later code exceeds.
    pub fn counter(&self) -> u64 {
        u64::from(self.session_counter & SESSIONS) << 8 | u64::from(self.usage)
    }

    /// What a YubiKey of this name and key types for it.
    pub fn encrypt(&self, key: &YubikeyKey, public_id: PublicId) -> Token {
        let mut block = self.to_block();
        key.cipher().encrypt_block((&mut *block).into());
        Token { public_id, block: *block }
    }

    fn from_block(block: &[u8; 16]) -> Plain {
        let [p0, p1, p2, p3, p4, p5, s0, s1, t0, t1, t2, usage, r0, r1, _, _] = *block;
        Plain {
            private_id: PrivateId([p0, p1, p2, p3, p4, p5]),
            session_counter: u16::from_le_bytes([s0, s1]),
            usage,
            timestamp: u32::from_le_bytes([t0, t1, t2, 0]),
            random: u16::from_le_bytes([r0, r1]),
        }
    }

    fn to_block(&self) -> Zeroizing<[u8; 16]> {
        let [p0, p1, p2, p3, p4, p5] = self.private_id.0;
        let [s0, s1] = self.session_counter.to_le_bytes();
        let [t0, t1, t2, _] = self.timestamp.to_le_bytes();
        let [r0, r1] = self.random.to_le_bytes();
        let content = Zeroizing::new([p0, p1, p2, p3, p4, p5, s0, s1, t0, t1, t2, self.usage, r0, r1]);
        let mut block = Zeroizing::new([0; 16]);
        let sum = (!check_sum(content.as_slice())).to_le_bytes();
        for (to, from) in block.iter_mut().zip(content.iter().chain(&sum)) {
            *to = *from;
        }
        block
    }
}

/// CRC-16 of ISO 13239, without branches on what is summed up.
fn check_sum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |sum, &byte| {
        (0..8).fold(sum ^ u16::from(byte), |sum, _| sum >> 1 ^ (0x8408 & (sum & 1).wrapping_neg()))
    })
}

/// A text that no YubiKey types. Whether that counts as a failed attempt is the caller's rule. It does not hold the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the text is not what a YubiKey types")]
pub struct MalformedToken;

/// A token that was made with another key, or with none.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the token does not open with this key")]
pub struct WrongKey;

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "dvgtiblfkbgturecfllberrvkinnctnn";

    /// Values of ISO 13239's sum that Yubico's C library checks itself against.
    #[test]
    fn the_check_sum_is_the_published_one() {
        assert_eq!(check_sum(&[0xfe]), 4470);
        assert_eq!(check_sum(&[0x55, 0xaa, 0x00, 0xff]), 52149);
        let block = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x30, 0x75, 0x00, 0x09, 0x3d, 0xfa, 0x60, 0xea];
        assert_eq!(check_sum(&block), 35339);
    }

    #[test]
    fn a_token_is_a_name_of_up_to_16_bytes_and_a_block() {
        for letters in (0..=32).step_by(2) {
            let token = Token::parse(&("b".repeat(letters) + BLOCK)).unwrap();
            assert_eq!(token.public_id().as_bytes(), vec![0x11; letters / 2]);
            assert_eq!(token.public_id().is_empty(), letters == 0);
            assert_eq!(token.to_modhex().as_str(), "b".repeat(letters) + BLOCK);
        }
        for text in [String::new(), BLOCK[2..].to_owned(), "b".repeat(33) + BLOCK, "b".repeat(34) + BLOCK] {
            assert_eq!(Token::parse(&text).unwrap_err(), MalformedToken, "{text:?}");
        }
    }

    #[test]
    fn case_blanks_enter_and_layout_do_not_matter() {
        for text in [
            "cccbdvgtiblfkbgturecfllberrvkinnctnn\n",
            "cccbdvgtiblfkbgturecfllberrvkinnctnn\r\n",
            "  CCCBDVGTIBLFKBGTURECFLLBERRVKINNCTNN\t",
            "\u{a0}cccbDVGTIBLFKBGTURECFLLBERRVKINNCTNN ",
            "cccbdvgt\u{131}blfkbgturecfllberrvk\u{131}nnctnn\n", // Turkish
            "jjjxekiycxnutxiygp.junnx.ppktcbbjybb\n",             // Dvorak
            "JJJXEKIYCXNUTXIYGP.JUNNX.PPKTCBBJYBB\n",
            "cccbsvdgubitebdglpfctiibfppveukkcgkk\n", // Colemak
            "ψψψβδωγτιβλφκβγτθρεψφλλβερρωκιννψτνν\n", // Greek
            "בבבנגהעאןנךכלנעאורקבכךךנקררהלןממבאממ\n", // Hebrew
            "сссивмпешидалипегкусаддиуккмлшттсетт\n", // Russian
        ] {
            let token = Token::parse(text).unwrap();
            assert_eq!(token.to_modhex().as_str(), "cccbdvgtiblfkbgturecfllberrvkinnctnn", "{text:?}");
        }
    }

    #[test]
    fn a_text_with_two_readings_is_that_of_the_key_that_is_known() {
        // Typed under Colemak, without any of the two letters that modhex has not.
        let typed = format!("cbde{}cb", "fghiklntuv".repeat(3));
        let colemak = modhex::readings(&typed).last().unwrap();
        let id = PublicId::new(&colemak[..2]).unwrap();
        let token = Token::parse_of(&id, &typed).unwrap();
        assert_eq!(token.public_id(), &id);
        assert_ne!(Token::parse(&typed).unwrap().public_id(), &id, "the plain reading");
        let other = PublicId::new(b"another").unwrap();
        assert_eq!(Token::parse_of(&other, &typed).unwrap().to_modhex(), Token::parse(&typed).unwrap().to_modhex());
        assert_eq!(Token::parse_of(&id, "045675").unwrap_err(), MalformedToken);
    }

    #[test]
    fn anything_else_is_malformed() {
        let long = format!("{BLOCK}{}", " ".repeat(225));
        for text in [
            "045675",
            "dvgtiblfkbgturec fllberrvkinnctnn",
            "dvgtiblfkbgturec\nfllberrvkinnctnn",
            "dvgtiblfkbgturec-fllberrvkinnctnn",
            "dvgtiblfkbgturecfllberrvkinnctnn.",
            "dvgtiblfkbgturecfllberrvkinnctn",
            "2f5d71a4915dec304aa13ccf97bb0dbb",
            &long,
        ] {
            assert_eq!(Token::parse(text).unwrap_err(), MalformedToken, "{text:?}");
        }
        assert!(Token::parse(&long[..256]).is_ok());
    }

    #[test]
    fn caps_lock_does_not_count() {
        let plain = |session_counter, usage| Plain {
            private_id: PrivateId::new([0; 6]),
            session_counter,
            usage,
            timestamp: 0,
            random: 0,
        };
        assert_eq!(plain(0x1234, 0x56).counter(), 0x12_3456);
        assert_eq!(plain(0x9234, 0x56).counter(), 0x12_3456);
        assert!(plain(1, 255).counter() < plain(2, 0).counter());
    }

    #[test]
    fn a_public_id_is_written_as_it_is_typed() {
        let id: PublicId = "ccccccCBDEfg".parse().unwrap();
        assert_eq!(id.as_bytes(), [0x00, 0x00, 0x00, 0x01, 0x23, 0x45]);
        assert_eq!(id.to_string(), "cccccccbdefg");
        assert_eq!(format!("{id:?}"), "PublicId(cccccccbdefg)");
        for text in ["c", "jjjx", "cc cc", &"c".repeat(34)] {
            assert_eq!(text.parse::<PublicId>().unwrap_err(), MalformedToken, "{text:?}");
        }
    }
}
