//! The keys that seal attempts, device states and cookies.
//!
//! A keyring holds several keys, each with an id: the first seals, all unseal. Every purpose has its own sub-key
//! (HKDF-SHA-256), and every seal binds its place as associated data, so a ciphertext can neither be read nor moved to
//! another row, cookie or purpose. A seal is `key id ‖ nonce (24) ‖ XChaCha20-Poly1305`, where the id is a byte 2 and
//! the eight letters of a name, or a byte 1 and the four bytes of a number, as in older key files.

mod id;
mod repeat;

use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use self::id::{KeyId, NotAKeyId};
pub(crate) use self::repeat::{Comparison, Given};
use crate::Random;

const NONCE: usize = 24;
const KEY: usize = 32;
/// The block length of SHA-256 in bytes: HMAC uses a key of this length as it is.
const BLOCK: usize = 64;

/// The purpose of a seal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Use {
    /// The state of a device's row.
    DeviceState,
    /// An attempt, kept by the browser.
    Attempt,
    /// A device cookie, kept by the browser.
    DeviceCookie,
    /// The id of a call, kept by the gateway.
    Call,
}

/// One key, with the sub-keys derived from it.
#[derive(Clone)]
pub struct SealingKey {
    id: KeyId,
    device_state: XChaCha20Poly1305,
    attempt: XChaCha20Poly1305,
    device_cookie: XChaCha20Poly1305,
    call: XChaCha20Poly1305,
    forms: Hmac<Sha256>,
    /// Half of the key for a repeatable result: the client holds the other half.
    repeat: Zeroizing<[u8; KEY]>,
}

impl SealingKey {
    /// A key from 256 random bits, with its id from the key file. `None` if no sub-keys could be derived, so that no
    /// sub-key is ever a known value.
    pub fn new(id: impl Into<KeyId>, bytes: &[u8; KEY]) -> Option<Self> {
        let id = id.into();
        let parent = Hkdf::<Sha256>::new(Some(b"countersign"), bytes);
        let cipher = |purpose| Some(XChaCha20Poly1305::new((&*child::<KEY>(&parent, purpose)?).into()));
        Some(Self {
            id,
            device_state: cipher("device state")?,
            attempt: cipher("attempt")?,
            device_cookie: cipher("known browser")?,
            call: cipher("call")?,
            repeat: child(&parent, "repeat")?,
            forms: <Hmac<Sha256> as hmac::KeyInit>::new((&*child::<BLOCK>(&parent, "forms")?).into()),
        })
    }
}

/// The sub-key for one purpose (RFC 5869 §2.3). `None` if HKDF fails, which it does for more than 255 blocks: its
/// output is then no key.
fn child<const BYTES: usize>(parent: &Hkdf<Sha256>, purpose: &str) -> Option<Zeroizing<[u8; BYTES]>> {
    let mut key = Zeroizing::new([0; BYTES]);
    parent.expand(purpose.as_bytes(), &mut *key).ok()?;
    Some(key)
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({}, [redacted])", self.id)
    }
}

/// The keys in use. The first seals; all unseal.
#[derive(Clone, Debug)]
pub struct Keyring {
    first: SealingKey,
    others: Vec<SealingKey>,
}

/// Why a key file is invalid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyringError {
    /// It contains no key.
    #[error("there is no key in the key file")]
    Empty,
    /// A line is not `ID:HEX` with 64 hexadecimal digits.
    #[error("line {0} of the key file is not an id, a colon and 64 hexadecimal digits")]
    Malformed(usize),
    /// Two keys have the same id.
    #[error("line {0} of the key file gives an id that another key has")]
    Duplicate(usize),
}

impl Keyring {
    /// A keyring of one key.
    pub fn new(first: SealingKey) -> Self {
        Self { first, others: vec![] }
    }

    /// Parses a key file: one key per line, `ID:HEX`, the sealing key first; `#` begins a comment.
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        let mut keys: Vec<SealingKey> = vec![];
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let key = parse_key(line).ok_or(KeyringError::Malformed(number))?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(KeyringError::Duplicate(number));
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(KeyringError::Empty)?;
        Ok(Self { first, others: keys.collect() })
    }

    /// The id of the key in this line of a key file, if the line has one.
    pub fn key_in(line: &str) -> Option<KeyId> {
        line.split('#').next().and_then(|line| line.split_once(':')).and_then(|(id, _)| id.trim().parse().ok())
    }

    /// A line for a key file, with a new random key.
    pub fn new_line(id: impl Into<KeyId>, random: &dyn Random) -> Zeroizing<String> {
        let id = id.into();
        let mut bytes = Zeroizing::new([0; KEY]);
        random.fill(&mut *bytes);
        let digits = Zeroizing::new(data_encoding::HEXLOWER.encode(&*bytes));
        Zeroizing::new(format!("{id}:{}\n", *digits))
    }

    /// Seals `plain` for one purpose and place.
    pub(crate) fn seal(&self, used: Use, place: &[&str], plain: &[u8], random: &dyn Random) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce);
        let payload = Payload { msg: plain, aad: &associated(place) };
        let cipher = self.first.cipher(used).encrypt(&XNonce::from(nonce), payload).ok()?;
        Some([&self.first.id.bytes()[..], &nonce, &cipher].concat())
    }

    /// Unseals what was sealed for this purpose and place; `None` for everything else.
    pub(crate) fn open(&self, used: Use, place: &[&str], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (id, rest) = KeyId::split(sealed)?;
        let (nonce, cipher) = rest.split_first_chunk::<NONCE>()?;
        let key = self.keys().find(|key| key.id == id)?;
        let payload = Payload { msg: cipher, aad: &associated(place) };
        key.cipher(used).decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
    }

    /// HMAC-SHA-256 of `parts` under the first key.
    pub(crate) fn mac(&self, parts: &[&str]) -> [u8; 32] {
        self.first.mac(parts)
    }

    /// Whether `mac` was made for `parts` by any key of this ring, compared in constant time.
    pub(crate) fn mac_holds(&self, parts: &[&str], mac: &[u8]) -> bool {
        use subtle::ConstantTimeEq;
        self.keys().map(|key| key.mac(parts).ct_eq(mac)).fold(subtle::Choice::from(0), |any, one| any | one).into()
    }

    /// A tag that only a holder of the first key can make for `parts`: base64url of HMAC-SHA-256.
    pub fn tag(&self, parts: &[&str]) -> String {
        BASE64URL_NOPAD.encode(&self.mac(parts))
    }

    /// Whether `tag` was made for `parts` under any key of this ring; compared in constant time.
    pub fn tag_holds(&self, parts: &[&str], tag: &str) -> bool {
        BASE64URL_NOPAD.decode(tag.as_bytes()).is_ok_and(|mac| self.mac_holds(parts, &mac))
    }

    /// The id of the sealing key.
    pub fn seals(&self) -> KeyId {
        self.first.id
    }

    /// The ids of all keys; the first one seals.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys().map(|key| key.id)
    }

    /// The id of the key that sealed this, whether or not it is in a ring; `None` if it is not a seal.
    pub(crate) fn sealed_by(sealed: &[u8]) -> Option<KeyId> {
        KeyId::split(sealed).map(|(id, _)| id)
    }

    fn keys(&self) -> impl Iterator<Item = &SealingKey> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl SealingKey {
    fn cipher(&self, used: Use) -> &XChaCha20Poly1305 {
        match used {
            Use::DeviceState => &self.device_state,
            Use::Attempt => &self.attempt,
            Use::DeviceCookie => &self.device_cookie,
            Use::Call => &self.call,
        }
    }

    fn mac(&self, parts: &[&str]) -> [u8; 32] {
        let mut mac = self.forms.clone();
        mac.update(&associated(parts));
        mac.finalize().into_bytes().into()
    }
}

/// The parts of a place, each preceded by its length, so that different places never encode alike.
fn associated(place: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(place.iter().map(|part| part.len().saturating_add(8)).sum());
    for part in place {
        bytes.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    bytes
}

fn parse_key(line: &str) -> Option<SealingKey> {
    let (id, digits) = line.split_once(':')?;
    let bytes = Zeroizing::new(HEXLOWER_PERMISSIVE.decode(digits.trim().as_bytes()).ok()?);
    let id: KeyId = id.trim().parse().ok()?;
    SealingKey::new(id, bytes.as_slice().try_into().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OsRandom;

    fn ring(id: u32) -> Keyring {
        Keyring::parse(&Keyring::new_line(id, &OsRandom)).unwrap()
    }

    #[test]
    fn a_seal_opens_in_its_own_place_only() {
        let ring = ring(1);
        let sealed = ring.seal(Use::DeviceState, &["device", "a"], b"key", &OsRandom).unwrap();
        assert_eq!(ring.open(Use::DeviceState, &["device", "a"], &sealed).unwrap().as_slice(), b"key");
        for (used, place) in [
            (Use::DeviceState, vec!["device", "b"]),
            (Use::DeviceState, vec!["devicea"]),
            (Use::DeviceState, vec!["device", "a", ""]),
            (Use::Attempt, vec!["device", "a"]),
        ] {
            assert!(ring.open(used, &place, &sealed).is_none(), "{used:?} {place:?}");
        }
    }

    #[test]
    fn no_changed_byte_goes_unnoticed() {
        let ring = ring(1);
        let sealed = ring.seal(Use::Attempt, &["x"], b"text", &OsRandom).unwrap();
        for place in 0..sealed.len() {
            let mut broken = sealed.clone();
            broken[place] ^= 1;
            assert!(ring.open(Use::Attempt, &["x"], &broken).is_none(), "byte {place}");
            assert!(ring.open(Use::Attempt, &["x"], &sealed[..place]).is_none(), "cut at {place}");
        }
    }

    #[test]
    fn an_older_key_still_opens_and_a_removed_one_does_not() {
        let old_line = Keyring::new_line(1, &OsRandom);
        let old = Keyring::parse(&old_line).unwrap();
        let sealed = old.seal(Use::Attempt, &[], b"text", &OsRandom).unwrap();
        let mac = old.mac(&["form"]);
        let both =
            Keyring::parse(&format!("# newest first\n{}{}", *Keyring::new_line(2, &OsRandom), *old_line)).unwrap();
        assert!(both.open(Use::Attempt, &[], &sealed).is_some() && both.mac_holds(&["form"], &mac));
        assert!(ring(1).open(Use::Attempt, &[], &sealed).is_none() && !ring(1).mac_holds(&["form"], &mac));
    }

    #[test]
    fn a_key_file_says_what_is_wrong() {
        let line = Keyring::new_line(1, &OsRandom);
        let error = |text: &str| Keyring::parse(text).map(|_| ()).unwrap_err();
        assert_eq!(error("# nothing\n\n"), KeyringError::Empty);
        assert_eq!(error("\n1:abc"), KeyringError::Malformed(2));
        assert_eq!(error(&format!("{}{}", *line, *line)), KeyringError::Duplicate(2));
        assert_eq!(error(&line.replace("1:", "key:")), KeyringError::Malformed(1));
    }

    #[test]
    fn an_id_is_a_number_or_a_name_and_both_seal() {
        for id in [KeyId::from(0), KeyId::from(u32::MAX), KeyId::draw(&OsRandom), KeyId::draw(&OsRandom)] {
            assert_eq!(id.to_string().parse(), Ok(id));
            let ring = Keyring::parse(&Keyring::new_line(id, &OsRandom)).unwrap();
            let sealed = ring.seal(Use::Attempt, &[], b"text", &OsRandom).unwrap();
            assert_eq!(ring.open(Use::Attempt, &[], &sealed).unwrap().as_slice(), b"text");
            assert_eq!((Keyring::sealed_by(&sealed), ring.seals()), (Some(id), id));
        }
        for no_id in ["", "-1", "4294967296", "abcdefg", "abcdefghi", "Abcdefgh", "2bcdefgh", "abcdefg1", "abcdefgü"] {
            assert_eq!(no_id.parse::<KeyId>(), Err(NotAKeyId), "{no_id}");
        }
    }

    #[test]
    fn the_name_of_a_key_stands_in_what_it_seals_and_in_its_line() {
        let id = KeyId::draw(&OsRandom);
        let line = Keyring::new_line(id, &OsRandom);
        assert_eq!(Keyring::key_in(&line), Some(id));
        assert_eq!(Keyring::key_in("# a1b2c3d4: no key"), None);
        let sealed = Keyring::parse(&line).unwrap().seal(Use::DeviceState, &[], b"x", &OsRandom).unwrap();
        assert!(sealed.windows(8).any(|part| part == id.to_string().as_bytes()));
    }

    #[test]
    fn t130_a_sub_key_that_cannot_be_made_is_none_and_not_one_that_everybody_knows() {
        let parent = Hkdf::<Sha256>::new(Some(b"countersign"), &[9; KEY]);
        assert!(child::<{ 255 * 32 }>(&parent, "device state").is_some());
        assert!(child::<{ 255 * 32 + 1 }>(&parent, "device state").is_none());
    }

    /// What was sealed once opens for ever: these were made by the first landing, whose ids were numbers only.
    #[test]
    fn what_a_numbered_key_has_sealed_long_ago_opens() {
        const DEVICE: &str = "0100000007764b4c837be4dae1aebd418bd458dafb5768459bf961be21abbb0346d845864594158398d137cb75\
                              bb3e3cf762";
        const RUN: &str = "01000000070b20c097b2a4ec14c981dddc2b3f90877c858f43271f3e2ddc4a2665a913461e1b8057f815e6268e\
                           f6a287";
        const FORM: &str = "991fe84c6c56964db48c6a637a1e8ad70cd114a3f84fae7e80912db0c8e21a9a";
        let bytes = |digits: &str| HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).unwrap();
        let ring = Keyring::new(SealingKey::new(7, &[9; KEY]).unwrap());
        let device = ring.open(Use::DeviceState, &["device", "a"], &bytes(DEVICE));
        let run = ring.open(Use::Attempt, &["attempt", "login"], &bytes(RUN));
        assert_eq!((device.unwrap().as_slice(), run.unwrap().as_slice()), (&b"state"[..], &b"run"[..]));
        assert!(ring.mac_holds(&["form", "nonce"], &bytes(FORM)));
        let today = ring.seal(Use::DeviceState, &["device", "a"], b"state", &OsRandom).unwrap();
        assert_eq!((today.len(), &today[..5]), (bytes(DEVICE).len(), &[1, 0, 0, 0, 7][..]));
    }
}
