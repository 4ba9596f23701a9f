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

fn search<M: Mac + Clone>(
    keyed: &M,
    code: &Code,
    counters: RangeInclusive<u64>,
    digits: Digits,
) -> Option<u64> {
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
#[expect(
    clippy::expect_used,
    reason = "HMAC takes a key of any length; only the trait can fail"
)]
fn keyed<M: Mac + KeyInit>(key: &Key) -> M {
    <M as KeyInit>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length")
}

/// The truncated HMAC of `counter`, before it is cut down to digits.
fn number<M: Mac + Clone>(keyed: &M, counter: u64) -> u32 {
    truncated(
        &keyed
            .clone()
            .chain_update(counter.to_be_bytes())
            .finalize()
            .into_bytes(),
    )
}

/// Dynamic truncation to 31 bits (RFC 4226 section 5.3): four bytes from where the low half of the last byte points.
fn truncated(hmac: &[u8]) -> u32 {
    let offset = hmac.last().map_or(0, |last| usize::from(last & 0xf));
    let bytes = hmac.iter().skip(offset).take(4);
    bytes.fold(0, |number, &byte| number << 8 | u32::from(byte)) & 0x7fff_ffff
}
