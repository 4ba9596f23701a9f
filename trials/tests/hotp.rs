//! HOTP codes compared with those of an independent authenticator.
#![allow(clippy::unwrap_used, reason = "a trial fails by panicking")]

use std::process::Command;

use countersign_engine::core::otp::{Algorithm, Code, Digits, Key, hotp};

#[test]
fn oathtool_shows_the_codes_that_we_compute() {
    const LAST: u64 = 50;
    let key = Key::new(*b"12345678901234567890");
    for digits in [Digits::SIX, Digits::EIGHT] {
        let mut oathtool = Command::new("oathtool");
        oathtool.args(["--hotp", "--base32", "--counter", "0", "--window", &LAST.to_string()]);
        oathtool.args(["--digits", &digits.count().to_string(), key.to_base32().as_str()]);
        let output = oathtool.output().unwrap();
        assert!(output.status.success(), "oathtool does not take the key");
        let theirs = String::from_utf8(output.stdout).unwrap();
        let ours: Vec<_> = (0..=LAST).map(|counter| hotp::value(&key, counter, Algorithm::Sha1, digits)).collect();
        assert!(theirs.lines().eq(ours.iter().map(Code::as_str)), "{theirs}");
    }
}
