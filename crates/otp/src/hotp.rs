//! HOTP (RFC 4226): the code that belongs to a key and a counter. This module never advances a counter and never limits how
//! many are searched; that is the caller's rule. It keeps the invariant that a search takes the same time whether, and
//! wherever, the code is found.

use std::ops::RangeInclusive;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::{Choice, ConditionallySelectable};

use crate::{Algorithm, Code, Digits, Key};

/// The code for `counter` (RFC 4226 section 5.3).
pub fn value(key: &Key, counter: u64, algorithm: Algorithm, digits: Digits) -> Code {
    let number = match algorithm {
        Algorithm::Sha1 => number(&keyed::<Hmac<Sha1>>(key), counter),
        Algorithm::Sha256 => number(&keyed::<Hmac<Sha256>>(key), counter),
        Algorithm::Sha512 => number(&keyed::<Hmac<Sha512>>(key), counter),
    };
    Code::of(number, digits)
}

/// The lowest of `counters` whose code is `code`.
///
/// Every counter is computed and compared, found or not, so keep the range short: the look-ahead of RFC 4226 section 7.4.
/// An empty range finds nothing, and so does a code of another length than `digits`.
pub fn find(
    key: &Key,
    code: &Code,
    counters: RangeInclusive<u64>,
    algorithm: Algorithm,
    digits: Digits,
) -> Option<u64> {
    match algorithm {
        Algorithm::Sha1 => search(&keyed::<Hmac<Sha1>>(key), code, counters, digits),
        Algorithm::Sha256 => search(&keyed::<Hmac<Sha256>>(key), code, counters, digits),
        Algorithm::Sha512 => search(&keyed::<Hmac<Sha512>>(key), code, counters, digits),
    }
}

fn search<M: Mac + Clone>(keyed: &M, code: &Code, counters: RangeInclusive<u64>, digits: Digits) -> Option<u64> {
    let mut lowest = 0;
    let mut found = Choice::from(0);
    for counter in counters {
        let hit = code.is(digits.last_of(number(keyed, counter)), digits);
        lowest.conditional_assign(&counter, hit & !found);
        found |= hit;
    }
    bool::from(found).then_some(lowest)
}

/// The state after the key went in: prepared once, and cloned for each counter.
#[expect(clippy::expect_used, reason = "HMAC takes a key of any length; only the trait can fail")]
fn keyed<M: Mac + KeyInit>(key: &Key) -> M {
    <M as KeyInit>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length")
}

/// The truncated HMAC of `counter`, before it is cut down to digits.
fn number<M: Mac + Clone>(keyed: &M, counter: u64) -> u32 {
    truncated(&keyed.clone().chain_update(counter.to_be_bytes()).finalize().into_bytes())
}

/// Dynamic truncation to 31 bits (RFC 4226 section 5.3): four bytes from where the low half of the last byte points.
fn truncated(hmac: &[u8]) -> u32 {
    let offset = hmac.last().map_or(0, |last| usize::from(last & 0xf));
    let bytes = hmac.iter().skip(offset).take(4);
    bytes.fold(0, |number, &byte| number << 8 | u32::from(byte)) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use data_encoding::HEXLOWER;

    use super::*;

    fn key() -> Key {
        Key::new(*b"12345678901234567890")
    }

    fn find_six(code: &Code, counters: RangeInclusive<u64>) -> Option<u64> {
        find(&key(), code, counters, Algorithm::Sha1, Digits::SIX)
    }

    #[test]
    fn rfc_4226_appendix_d_step_by_step() {
        let rows = include_str!("../tests/vectors/rfc4226-appendix-d.txt").lines();
        for row in rows.filter(|row| !row.starts_with('#')) {
            let row: Vec<&str> = row.split_whitespace().collect();
            let [count, hmac, hex, decimal, hotp] = row[..] else { panic!("{row:?}") };
            let keyed = keyed::<Hmac<Sha1>>(&key());
            let count: u64 = count.parse().unwrap();

            let bytes = keyed.clone().chain_update(count.to_be_bytes()).finalize().into_bytes();
            assert_eq!(HEXLOWER.encode(&bytes), hmac);
            assert_eq!(format!("{:x}", truncated(&bytes)), hex);
            assert_eq!(number(&keyed, count).to_string(), decimal);
            assert_eq!(Digits::SIX.last_of(number(&keyed, count)), hotp.parse().unwrap());
        }
    }

    #[test]
    fn truncation_reaches_both_ends_and_drops_the_sign() {
        let hmac = |last| -> Vec<u8> { (0x80..0x93).chain([last]).collect() };
        assert_eq!(truncated(&hmac(0xf0)), 0x0081_8283);
        assert_eq!(truncated(&hmac(0x0f)), 0x0f90_9192);
    }

    #[test]
    fn every_counter_of_the_range_is_found_and_none_beside_it() {
        let counters = 20..=24;
        for counter in 18..=26 {
            let code = value(&key(), counter, Algorithm::Sha1, Digits::SIX);
            let expected = counters.contains(&counter).then_some(counter);
            assert_eq!(find_six(&code, counters.clone()), expected, "{counter}");
        }
    }

    #[test]
    fn of_two_counters_with_one_code_the_lower_is_found() {
        let mut seen = HashMap::new();
        let (lower, higher, code) = (0..)
            .find_map(|counter| {
                let code = value(&key(), counter, Algorithm::Sha1, Digits::SIX);
                let before = seen.insert(code.as_str().to_owned(), counter)?;
                Some((before, counter, code))
            })
            .unwrap();
        assert_eq!(find_six(&code, 0..=higher), Some(lower));
        assert_eq!(find_six(&code, lower..=higher), Some(lower));
        assert_eq!(find_six(&code, lower + 1..=higher), Some(higher));
        assert_eq!(find_six(&code, lower + 1..=higher - 1), None);
    }

    #[test]
    #[expect(clippy::reversed_empty_ranges, reason = "it is what the test is about")]
    fn an_empty_range_finds_nothing() {
        let code = value(&key(), 1, Algorithm::Sha1, Digits::SIX);
        assert_eq!(find_six(&code, 2..=1), None);
    }

    #[test]
    fn counters_end_with_the_last_of_64_bits() {
        let code = value(&key(), u64::MAX, Algorithm::Sha1, Digits::SIX);
        assert_eq!(find_six(&code, u64::MAX - 1..=u64::MAX), Some(u64::MAX));
    }

    #[test]
    fn a_code_of_another_length_finds_nothing() {
        // The same number, but with two digits in front.
        let code = Code::parse("84755224", Digits::EIGHT).unwrap();
        assert_eq!(find(&key(), &code, 0..=0, Algorithm::Sha1, Digits::EIGHT), Some(0));
        assert_eq!(find_six(&code, 0..=0), None);
        let padded = Code::parse("00755224", Digits::EIGHT).unwrap();
        assert_eq!(find_six(&padded, 0..=0), None);
    }

    /// An HMAC is two hash states and says nothing itself. Compiles only with the `zeroize` features of the hashes.
    #[test]
    fn keyed_states_are_wiped_when_dropped() {
        fn wiped<Hash: zeroize::ZeroizeOnDrop>() {}
        wiped::<Sha1>();
        wiped::<Sha256>();
        wiped::<Sha512>();
    }

    #[test]
    fn an_empty_key_computes_all_the_same() {
        let empty = Key::new([]);
        for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
            let code = value(&empty, 0, algorithm, Digits::SIX);
            assert_eq!(find(&empty, &code, 0..=0, algorithm, Digits::SIX), Some(0));
        }
    }
}
