//! The result of a call, sealed for the one client that may ask for it again.
//!
//! The key is derived (HKDF-SHA-256) from the keyring and from secrets that only the client holds, so neither the
//! database with the keyring nor the client's token with the database is enough to unseal the result. The seal includes
//! a keyed hash of the answer (HMAC-SHA-256), under a key derived in the same way: nothing in the database helps to
//! guess a code or a password. A seal is `key id ‖ hash (32) ‖ nonce (24) ‖ XChaCha20-Poly1305`.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{BLOCK, KEY, KeyId, Keyring, NONCE, SealingKey, associated, child};
use crate::Random;

/// The length of the hash of the answer, in bytes.
const HASH: usize = 32;

/// The client's input: its secrets, and its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    /// Secrets that only the client holds: the tokens of its attempt and of the session that was replaced.
    pub(crate) held: &'a [&'a str],
    /// What the result is bound to: the session, and the call that created it.
    pub(crate) place: &'a [&'a str],
    /// The answer.
    pub(crate) answer: &'a [&'a str],
}

/// How the answer compares with the one that the result was sealed for.
#[derive(Debug)]
pub(crate) enum Comparison {
    /// It is the same: the result.
    Same(Zeroizing<Vec<u8>>),
    /// It is another answer.
    Different,
    /// Cannot be compared: the sealing key is gone, or the seal was damaged.
    Unreadable,
}

impl Keyring {
    /// Seals `result` for this client.
    pub(crate) fn seal_result(&self, given: Given<'_>, result: &[u8], random: &dyn Random) -> Option<Vec<u8>> {
        let Derived { cipher, hash } = self.first.derived(given)?;
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce);
        let payload = Payload { msg: result, aad: &associated(given.place) };
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
        Some([&self.first.id.bytes()[..], &hash[..], &nonce, &sealed].concat())
    }

    /// Compares the answer in constant time, and unseals the result if it is the same.
    pub(crate) fn open_result(&self, given: Given<'_>, sealed: &[u8]) -> Comparison {
        self.compared(given, sealed).unwrap_or(Comparison::Unreadable)
    }

    fn compared(&self, given: Given<'_>, sealed: &[u8]) -> Option<Comparison> {
        let (id, rest) = KeyId::split(sealed)?;
        let (kept, rest) = rest.split_first_chunk::<HASH>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        let Derived { cipher, hash } = self.keys().find(|key| key.id == id)?.derived(given)?;
        if !bool::from(hash[..].ct_eq(&kept[..])) {
            return Some(Comparison::Different);
        }
        let payload = Payload { msg: sealed, aad: &associated(given.place) };
        cipher.decrypt(&XNonce::from(*nonce), payload).ok().map(|result| Comparison::Same(Zeroizing::new(result)))
    }
}

struct Derived {
    cipher: XChaCha20Poly1305,
    hash: Zeroizing<[u8; HASH]>,
}

impl SealingKey {
    /// The cipher for this client, and the hash of its answer.
    fn derived(&self, given: Given<'_>) -> Option<Derived> {
        let held = Zeroizing::new(associated(given.held));
        let parent = Hkdf::<Sha256>::new(Some(&*self.repeat), &held);
        let cipher = XChaCha20Poly1305::new((&*child::<KEY>(&parent, "result")?).into());
        let mut hash = <Hmac<Sha256> as hmac::KeyInit>::new((&*child::<BLOCK>(&parent, "answer")?).into());
        hash.update(&associated(given.place));
        hash.update(&Zeroizing::new(associated(given.answer)));
        Some(Derived { cipher, hash: Zeroizing::new(hash.finalize().into_bytes().into()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OsRandom;

    const GIVEN: Given<'_> =
        Given { held: &["attempt token", "session token"], place: &["key", "step-up"], answer: &["phone", "123456"] };

    fn ring() -> Keyring {
        Keyring::parse(&Keyring::new_line(1, &OsRandom)).unwrap()
    }

    #[test]
    fn t161_a_result_opens_for_the_same_answer_from_a_client_with_the_same_tokens() {
        let ring = ring();
        let sealed = ring.seal_result(GIVEN, b"token", &OsRandom).unwrap();
        assert!(matches!(ring.open_result(GIVEN, &sealed), Comparison::Same(result) if result.as_slice() == b"token"));
        for given in [
            Given { held: &["attempt token"], ..GIVEN },
            Given { held: &["session token", "attempt token"], ..GIVEN },
            Given { place: &["other key", "step-up"], ..GIVEN },
            Given { answer: &["phone", "123457"], ..GIVEN },
            Given { answer: &["phone123456"], ..GIVEN },
            Given { answer: &[], ..GIVEN },
        ] {
            assert!(matches!(ring.open_result(given, &sealed), Comparison::Different), "{given:?}");
        }
    }

    #[test]
    fn t161_neither_another_keyring_nor_a_damaged_seal_opens_a_result() {
        let ring = ring();
        let sealed = ring.seal_result(GIVEN, b"token", &OsRandom).unwrap();
        assert!(!matches!(self::ring().open_result(GIVEN, &sealed), Comparison::Same(_)));
        for place in 0..sealed.len() {
            let mut broken = sealed.clone();
            broken[place] ^= 1;
            assert!(!matches!(ring.open_result(GIVEN, &broken), Comparison::Same(_)), "byte {place}");
            assert!(!matches!(ring.open_result(GIVEN, &sealed[..place]), Comparison::Same(_)), "cut at {place}");
        }
        assert!(!sealed.windows(5).any(|part| part == b"token"));
    }

    #[test]
    fn an_older_key_still_opens_a_result() {
        let old_line = Keyring::new_line(1, &OsRandom);
        let sealed = Keyring::parse(&old_line).unwrap().seal_result(GIVEN, b"token", &OsRandom).unwrap();
        let both = Keyring::parse(&format!("{}{}", *Keyring::new_line(2, &OsRandom), *old_line)).unwrap();
        assert!(matches!(both.open_result(GIVEN, &sealed), Comparison::Same(_)));
        let new = Keyring::parse(&Keyring::new_line(2, &OsRandom)).unwrap();
        assert!(matches!(new.open_result(GIVEN, &sealed), Comparison::Unreadable));
    }
}
