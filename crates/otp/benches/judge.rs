//! Finding a code among three steps, against the bare HMAC of three steps with a cloned key state. Ours should take at
//! most twice as long. A code that is found must not be found faster than one that is not.

#![expect(clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;

use countersign_otp::{Algorithm, Key, Totp};
use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

const KEY: [u8; 20] = *b"12345678901234567890";
const NOW: u64 = 58_000_000;

fn judge(criterion: &mut Criterion) {
    against::<Hmac<Sha1>>(criterion, Algorithm::Sha1);
    against::<Hmac<Sha256>>(criterion, Algorithm::Sha256);
    against::<Hmac<Sha512>>(criterion, Algorithm::Sha512);
}

fn against<M: Mac + KeyInit + Clone>(criterion: &mut Criterion, algorithm: Algorithm) {
    let mut group = criterion.benchmark_group(algorithm.name());
    let totp = Totp { algorithm, ..Totp::default() };
    let key = Key::new(KEY);
    let first = totp.value(&key, NOW - 1);
    let none = totp.value(&key, NOW + 2);

    group.bench_function("bare", |bencher| {
        bencher.iter(|| {
            let keyed = <M as KeyInit>::new_from_slice(black_box(&KEY)).unwrap();
            for step in black_box(NOW - 1..=NOW + 1) {
                black_box(keyed.clone().chain_update(step.to_be_bytes()).finalize().into_bytes());
            }
        });
    });
    for (name, code) in [("found first", &first), ("not found", &none)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| totp.find(black_box(&key), black_box(code), black_box(NOW - 1..=NOW + 1)));
        });
    }
    group.finish();
}

criterion_group!(benches, judge);
criterion_main!(benches);
