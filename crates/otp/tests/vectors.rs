//! The published test values, read from `tests/vectors/`. RFC 4226's intermediate values are checked beside the arithmetic.

use countersign_otp::yubikey::{Plain, PrivateId, Token, YubikeyKey};
use countersign_otp::{Algorithm, Code, Digits, Key, Totp, hotp};

fn rows(file: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_whitespace().collect())
}

/// The ASCII digits 1234567890 over and over.
fn key(bytes: usize) -> Key {
    Key::new(b"1234567890".iter().copied().cycle().take(bytes).collect::<Vec<u8>>())
}

#[test]
fn rfc_4226_appendix_d() {
    let rows: Vec<_> = rows(include_str!("vectors/rfc4226-appendix-d.txt")).collect();
    assert_eq!(rows.len(), 10);
    for row in rows {
        let [count, _, _, _, hotp] = row[..] else { panic!("{row:?}") };
        let code = hotp::value(&key(20), count.parse().unwrap(), Algorithm::Sha1, Digits::SIX);
        assert_eq!(code.as_str(), hotp, "count {count}");
    }
}

#[test]
fn rfc_6238_appendix_b() {
    let rows: Vec<_> = rows(include_str!("vectors/rfc6238-appendix-b.txt")).collect();
    assert_eq!(rows.len(), 18);
    for row in rows {
        let [seconds, step_hex, expected, algorithm] = row[..] else { panic!("{row:?}") };
        let algorithm = algorithm.parse().unwrap();
        let totp = Totp { algorithm, digits: Digits::EIGHT, ..Totp::default() };
        let key = key(match algorithm {
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        });

        let step = totp.step_at(seconds.parse().unwrap()).unwrap();
        assert_eq!(step, u64::from_str_radix(step_hex, 16).unwrap(), "{row:?}");
        assert_eq!(totp.value(&key, step).as_str(), expected, "{row:?}");

        let typed = Code::parse(expected, Digits::EIGHT).unwrap();
        assert_eq!(totp.find(&key, &typed, step - 1..=step + 1), Some(step), "{row:?}");
    }
}

/// Both ways. The sum is in what is typed: a wrong one would be another text.
#[test]
fn yubico_otp() {
    let bytes = |hex: &str| data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
    let number = |hex| u32::from_str_radix(hex, 16).unwrap();
    let short = |hex| u16::from_str_radix(hex, 16).unwrap();
    let rows: Vec<_> = rows(include_str!("vectors/yubico-otp.txt")).collect();
    assert_eq!(rows.len(), 7);
    for row in rows {
        let [key, id, session, usage, timestamp, random, _, typed] = row[..] else { panic!("{row:?}") };
        let key = YubikeyKey::new(bytes(key).try_into().unwrap());
        let private_id = PrivateId::new(bytes(id).try_into().unwrap());
        let token = Token::parse(typed).unwrap();

        let plain = key.decrypt(&token).unwrap();
        assert!(bool::from(plain.private_id.matches(&private_id)), "{row:?}");
        assert_eq!(plain.session_counter, short(session), "{row:?}");
        assert_eq!(u16::from(plain.usage), short(usage), "{row:?}");
        assert_eq!(plain.timestamp, number(timestamp), "{row:?}");
        assert_eq!(plain.random, short(random), "{row:?}");

        let usage = plain.usage;
        let soft = Plain {
            private_id,
            session_counter: short(session),
            usage,
            timestamp: number(timestamp),
            random: short(random),
        };
        assert_eq!(soft.encrypt(&key, token.public_id().clone()).to_modhex().as_str(), typed, "{row:?}");
    }
}
