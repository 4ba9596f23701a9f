//! Decryption of a container: AES in CBC mode, every value with a MAC (RFC 6030 §6.1), with a key that was sent
//! separately or is derived from a password (§6.2). This module never decrypts a value whose MAC it has not checked.
//! The MAC key itself has no MAC, and a wrong one is detected at the first value. Certificates and key wrapping are not
//! supported.

use aes::{Aes128, Aes256, cipher::block_padding::Iso10126};
use anyhow::Result;
use cbc::{
    Decryptor,
    cipher::{BlockModeDecrypt as _, KeyIvInit as _},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use pbkdf2::pbkdf2_hmac;
use roxmltree::Node;
use sha1::Sha1;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::element::{attribute, base64, content, needed, only, wrong};
use crate::seeds::PreShared;

const AES_128: &str = "http://www.w3.org/2001/04/xmlenc#aes128-cbc";
const AES_256: &str = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
const HMAC_SHA1: &str = "http://www.w3.org/2000/09/xmldsig#hmac-sha1";
const HMAC_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256";
const PBKDF2: &str = "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2";

/// The maximum number of PBKDF2 rounds: some seconds' worth, so that a file cannot keep the machine busy for a day.
const MAX_ROUNDS: u32 = 10_000_000;

/// The keys for the values of one container.
pub(super) struct Keys {
    cipher: Zeroizing<Vec<u8>>,
    mac: Zeroizing<Vec<u8>>,
    hash: Hash,
}

/// The hash of the MAC or of PBKDF2.
#[derive(Clone, Copy)]
enum Hash {
    Sha1,
    Sha256,
}

impl Keys {
    /// The keys, from the container and the pre-shared key or password. `None` if the container is not encrypted.
    pub(super) fn of(container: Node<'_, '_>, pre_shared: Option<&PreShared>) -> Result<Option<Self>> {
        let Some(encryption) = only(container, "EncryptionKey")? else { return Ok(None) };
        let cipher = cipher_key(encryption, pre_shared)?;
        let method = needed(container, "MACMethod")?;
        let hash = hash(attribute(method, "Algorithm"));
        let hash = hash.ok_or_else(|| wrong(method, "the MAC is neither HMAC-SHA1 nor HMAC-SHA256"))?;
        let mac = match only(method, "MACKey")? {
            Some(key) => decrypted(key, &cipher)?,
            None => cipher.clone(),
        };
        Ok(Some(Self { cipher, mac, hash }))
    }

    /// The value of an element that has an `EncryptedValue` and its `ValueMAC`.
    pub(super) fn open(&self, element: Node<'_, '_>) -> Result<Zeroizing<Vec<u8>>> {
        let encrypted = needed(element, "EncryptedValue")?;
        let mac = needed(element, "ValueMAC")?;
        if !self.hash.is_mac(&self.mac, &cipher_value(encrypted)?, &base64(mac)?) {
            return Err(does_not_open(element));
        }
        decrypted(encrypted, &self.cipher)
    }
}

impl Hash {
    /// Whether this is the MAC of `data`, in constant time.
    fn is_mac(self, key: &[u8], data: &[u8], mac: &[u8]) -> bool {
        match self {
            Self::Sha1 => {
                Hmac::<Sha1>::new_from_slice(key).is_ok_and(|hmac| hmac.chain_update(data).verify_slice(mac).is_ok())
            }
            Self::Sha256 => {
                Hmac::<Sha256>::new_from_slice(key).is_ok_and(|hmac| hmac.chain_update(data).verify_slice(mac).is_ok())
            }
        }
    }

    /// The key derived from a password.
    fn derive(self, password: &str, salt: &[u8], rounds: u32, length: usize) -> Zeroizing<Vec<u8>> {
        let mut key = Zeroizing::new(vec![0; length]);
        match self {
            Self::Sha1 => pbkdf2_hmac::<Sha1>(password.as_bytes(), salt, rounds, &mut key),
            Self::Sha256 => pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, rounds, &mut key),
        }
        key
    }
}

fn hash(algorithm: Option<&str>) -> Option<Hash> {
    match algorithm? {
        HMAC_SHA1 => Some(Hash::Sha1),
        HMAC_SHA256 => Some(Hash::Sha256),
        _ => None,
    }
}

fn cipher_key(encryption: Node<'_, '_>, pre_shared: Option<&PreShared>) -> Result<Zeroizing<Vec<u8>>> {
    match (only(encryption, "DerivedKey")?, only(encryption, "KeyName")?, pre_shared) {
        (Some(derived), None, Some(PreShared::Password(password))) => derive(derived, password.expose()),
        (Some(derived), None, None) => Err(wrong(derived, "the file is encrypted: its password is required")),
        (Some(derived), None, _) => Err(wrong(derived, "the file is encrypted with a password and not with a key")),
        (None, Some(_), Some(PreShared::Key(key))) => Ok(key.clone()),
        (None, Some(name), None) => Err(wrong(name, "the file is encrypted: its pre-shared key is required")),
        (None, Some(name), _) => {
            Err(wrong(name, "the file is encrypted with a pre-shared key and not with a password"))
        }
        _ => Err(wrong(encryption, "the file is encrypted with neither a pre-shared key nor a password")),
    }
}

/// PBKDF2 (RFC 8018 §5.2), as RFC 6030 §6.2 names it.
fn derive(derived: Node<'_, '_>, password: &str) -> Result<Zeroizing<Vec<u8>>> {
    let method = needed(derived, "KeyDerivationMethod")?;
    if attribute(method, "Algorithm") != Some(PBKDF2) {
        return Err(wrong(method, "the key is not derived from the password by PBKDF2"));
    }
    let parameters = needed(method, "PBKDF2-params")?;
    let salt = base64(needed(needed(parameters, "Salt")?, "Specified")?)?;
    let rounds = needed(parameters, "IterationCount")?;
    let count = content(rounds).parse().ok().filter(|count| (1..=MAX_ROUNDS).contains(count));
    let count = count.ok_or_else(|| wrong(rounds, &format!("this is not 1 to {MAX_ROUNDS} rounds")))?;
    let length = needed(parameters, "KeyLength")?;
    let bytes = content(length).parse().ok().filter(|bytes| [16, 32].contains(bytes));
    let bytes = bytes.ok_or_else(|| wrong(length, "the key derived from the password does not have 16 or 32 bytes"))?;
    let hash = only(parameters, "PRF")?.map_or(Ok(Hash::Sha1), pseudorandom)?;
    Ok(hash.derive(password, &salt, count, bytes))
}

/// The pseudorandom function of PBKDF2. It is an attribute, or in some files the content; without either it is
/// HMAC-SHA1.
fn pseudorandom(function: Node<'_, '_>) -> Result<Hash> {
    let text = content(function);
    let said = attribute(function, "Algorithm").or(Some(text.as_str()).filter(|text| !text.is_empty()));
    let hash = hash(said.or(Some(HMAC_SHA1)));
    hash.ok_or_else(|| wrong(function, "the key is derived with neither HMAC-SHA1 nor HMAC-SHA256"))
}

/// The plain bytes of an element in the format of XML Encryption.
fn decrypted(element: Node<'_, '_>, key: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let method = needed(element, "EncryptionMethod")?;
    let bytes = match attribute(method, "Algorithm") {
        Some(AES_128) => 16,
        Some(AES_256) => 32,
        _ => return Err(wrong(method, "encrypted with neither AES-128 nor AES-256 in CBC mode")),
    };
    if key.len() != bytes {
        return Err(wrong(
            method,
            &format!("encrypted with a key of {} bits, and the one given has {}", bytes * 8, key.len() * 8),
        ));
    }
    decrypt(key, &cipher_value(element)?).ok_or_else(|| does_not_open(element))
}

/// The first block is the initialization vector, and the last byte is the length of the padding (XML Encryption §5.2).
fn decrypt(key: &[u8], value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (vector, rest) = value.split_first_chunk::<16>()?;
    let mut bytes = Zeroizing::new(rest.to_owned());
    let length = match key.len() {
        16 => {
            Decryptor::<Aes128>::new_from_slices(key, vector).ok()?.decrypt_padded::<Iso10126>(&mut bytes).ok()?.len()
        }
        _ => Decryptor::<Aes256>::new_from_slices(key, vector).ok()?.decrypt_padded::<Iso10126>(&mut bytes).ok()?.len(),
    };
    bytes.truncate(length);
    Some(bytes)
}

fn cipher_value(element: Node<'_, '_>) -> Result<Zeroizing<Vec<u8>>> {
    base64(needed(needed(element, "CipherData")?, "CipherValue")?)
}

fn does_not_open(element: Node<'_, '_>) -> anyhow::Error {
    wrong(element, "this cannot be decrypted: the key or password is wrong, or the file was changed")
}

#[cfg(test)]
mod tests {
    use countersign_engine::core::otp::{Algorithm, Totp};

    use super::*;
    use crate::seeds::{self, Seed, SeedSecret, Supplement};

    const FIGURE_6: &str = include_str!("../../../tests/seeds/rfc6030-figure-6.xml");
    const FIGURE_7: &str = include_str!("../../../tests/seeds/rfc6030-figure-7.xml");

    fn key(hex: &str) -> PreShared {
        PreShared::key_from_hex(&hex.into()).unwrap()
    }

    fn password(text: &str) -> PreShared {
        PreShared::Password(text.into())
    }

    fn read(text: &str, pre_shared: impl Into<Option<PreShared>>) -> Result<Vec<Seed>, String> {
        let key = pre_shared.into();
        let supplement = Supplement { key: key.as_ref(), kind: None };
        seeds::read(text.as_bytes(), supplement).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn rfc_6030_figures_6_and_7() {
        for (text, pre_shared) in [(FIGURE_6, key("12345678901234567890123456789012")), (FIGURE_7, password("qwerty"))]
        {
            let seeds = read(text, pre_shared).unwrap();
            let [Seed { serial, secret: SeedSecret::Hotp { key, algorithm, digits, counter }, .. }] = &seeds[..] else {
                panic!("{seeds:?}")
            };
            assert_eq!((serial.as_str(), key.as_bytes()), ("987654321", &b"12345678901234567890"[..]));
            assert_eq!((*algorithm, digits.count(), *counter), (Algorithm::Sha1, 8, 0));
        }
    }

    #[test]
    fn rfc_6030_figure_7_derives_the_published_key() {
        let salt = data_encoding::BASE64.decode(b"Ej7/PEpyEpw=").unwrap();
        let key = Hash::Sha1.derive("qwerty", &salt, 1000, 16);
        assert_eq!(data_encoding::HEXLOWER.encode(&key), "651e63cd57008476af1ff6422cd02e41");
    }

    /// Written by the Python package python-pskc 1.4: AES-256, and HMAC-SHA256 once as the MAC and once within PBKDF2.
    #[test]
    fn what_another_program_encrypted_opens() {
        let hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        for (text, pre_shared) in [
            (include_str!("../../../tests/seeds/python-pskc-key.xml"), key(hex)),
            (include_str!("../../../tests/seeds/python-pskc-password.xml"), password("marmalade & toast")),
        ] {
            let seeds = read(text, pre_shared).unwrap();
            assert_eq!(seeds.len(), 2);
            assert_eq!((seeds[0].user.as_deref(), seeds[1].user.as_deref()), (Some("ada"), None));
            for (seed, serial) in seeds.iter().zip(["SN-0", "SN-1"]) {
                let SeedSecret::Totp { key, totp: Totp { algorithm, digits, step, t0 }, .. } = &seed.secret else {
                    panic!("{seed:?}")
                };
                assert_eq!((seed.serial.as_str(), key.as_bytes()), (serial, &b"12345678901234567890123456789012"[..]));
                assert_eq!((*algorithm, digits.count(), step.seconds(), *t0), (Algorithm::Sha256, 8, 60, 0));
                let times = [seed.validity.from, seed.validity.until].map(|time| time.unwrap().as_seconds());
                assert_eq!(times, [1_577_934_245, 2_209_086_245]);
            }
        }
    }

    #[test]
    fn another_key_or_password_opens_nothing() {
        for (text, pre_shared) in [
            (FIGURE_6, key("12345678901234567890123456789013")),
            (FIGURE_6, key("00000000000000000000000000000000")),
            (FIGURE_7, password("qwertz")),
            (FIGURE_7, password("")),
        ] {
            let error = read(text, pre_shared).unwrap_err();
            assert!(error.ends_with("this cannot be decrypted: the key or password is wrong, or the file was changed"));
        }
    }

    /// It tries many keys: one in sixteen keys decrypts the MAC key, and then the MACs must reject the values.
    #[test]
    fn no_key_but_one_opens_figure_6() {
        for number in 0..200 {
            read(FIGURE_6, key(&format!("{number:032x}"))).unwrap_err();
        }
    }

    #[test]
    fn what_was_changed_on_the_way_is_refused() {
        let right = || key("12345678901234567890123456789012");
        for (before, after, error) in [
            ("    AAECAwQF", "    ABECAwQF", "line 36: this cannot be decrypted"),
            ("lef1VmNPC", "lef1VmNPD", "line 36: this cannot be decrypted"),
            ("Su+NvtQf", "Su+NvtQg", "line 36: this cannot be decrypted"),
            ("LRExc=", "LR", "line 36: this cannot be decrypted"), // a MAC that was cut short
            ("LRExc=", "LRExc", "line 46: this is not base64"),
            ("<ValueMAC>Su+NvtQfmvfJzF6bmQiJqoLRExc=", "<ValueMAC>", "line 36: this cannot be decrypted"),
            ("MACMethod", "MACMethode", "line 3: there is no <MACMethod> in it"),
            ("xmldsig#hmac-sha1", "xmldsig#hmac-md5", "line 10: the MAC is neither HMAC-SHA1 nor HMAC-SHA256"),
            ("EncryptionKey", "Encryption", "line 37: encrypted, and the container names no key"),
            ("ds:KeyName", "ds:X509Data", "line 7: the file is encrypted with neither a pre-shared key nor a password"),
        ] {
            assert!(FIGURE_6.contains(before), "{before}");
            let told = read(&FIGURE_6.replace(before, after), right()).unwrap_err();
            assert!(told.starts_with(error), "{before}: {told}");
        }
        let mac = "<ValueMAC>Su+NvtQfmvfJzF6bmQiJqoLRExc=\n                    </ValueMAC>";
        assert!(FIGURE_6.contains(mac));
        let told = read(&FIGURE_6.replace(mac, ""), right()).unwrap_err();
        assert_eq!(told, "line 36: there is no <ValueMAC> in it");
    }

    #[test]
    fn the_wrong_kind_of_secret_is_told() {
        for (text, pre_shared, error) in [
            (FIGURE_6, None, "line 8: the file is encrypted: its pre-shared key is required"),
            (FIGURE_7, None, "line 9: the file is encrypted: its password is required"),
            (
                FIGURE_6,
                Some(password("qwerty")),
                "line 8: the file is encrypted with a pre-shared key and not with a password",
            ),
            (
                FIGURE_7,
                Some(key("651e63cd57008476af1ff6422cd02e41")),
                "line 9: the file is encrypted with a password and not with a key",
            ),
            (
                FIGURE_6,
                Some(key("1234567890123456789012345678901212345678901234567890123456789012")),
                "line 12: encrypted with a key of 128 bits, and the one given has 256",
            ),
            (
                include_str!("../../../tests/seeds/rfc6030-figure-8.xml"),
                None,
                "line 9: the file is encrypted with neither a pre-shared key nor a password",
            ),
        ] {
            assert_eq!(read(text, pre_shared).unwrap_err(), error);
        }
    }

    #[test]
    fn a_derivation_that_is_odd_or_endless_is_refused() {
        for (before, after, error) in [
            (">1000<", ">0<", "line 16: this is not 1 to 10000000 rounds"),
            (">1000<", ">4294967295<", "line 16: this is not 1 to 10000000 rounds"),
            (">16<", ">8<", "line 17: the key derived from the password does not have 16 or 32 bytes"),
            ("<PRF/>", "<PRF>hmac-md5</PRF>", "line 18: the key is derived with neither HMAC-SHA1 nor HMAC-SHA256"),
            ("#pbkdf2", "#pbkdf1", "line 10: the key is not derived from the password by PBKDF2"),
            ("Specified", "OtherSource", "line 13: there is no <Specified> in it"),
        ] {
            assert!(FIGURE_7.contains(before), "{before}");
            assert_eq!(read(&FIGURE_7.replace(before, after), password("qwerty")).unwrap_err(), error);
        }
    }
}
