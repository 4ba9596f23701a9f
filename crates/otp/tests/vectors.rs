//! The published test values, read from `tests/vectors/`. RFC 4226's intermediate values are checked beside the arithmetic.

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
