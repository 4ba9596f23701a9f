//! What judging one answer costs, against the bare HMAC-SHA-1 of the three steps it looks at.

use std::hint::black_box;

use countersign_core::{
    Account, AttemptId, Case, Device, DeviceId, DeviceName, Envelope, Kind, Secret, Status, Timestamp, UserId,
    admission::Admission,
    judge,
    method::{Methods, State, totp},
    otp::{Key, Totp},
    throttle::{Standing, Throttle, ThrottleRule},
};
use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

const KEY: &[u8; 20] = b"12345678901234567890";
const NOW: Timestamp = Timestamp::from_seconds(1_767_268_800);

fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("one answer, three steps");
    group.bench_function("bare HMAC-SHA-1", |b| b.iter(bare));
    let device = device();
    let (methods, throttle, attempt) = (Methods::default(), ThrottleRule::default(), AttemptId::new("attempt"));
    let account = Account::new(device.user.clone());
    let case = Case {
        device: &device,
        account: &account,
        attempt: &attempt,
        purpose: countersign_core::flow::Purpose::Login,
        admission: Admission { rule: &throttle, standing: Standing::Unrecognized, another_disabled: false },
        session: None,
        methods: &methods,
        stage: Status::Active,
        address: None,
    };
    for (name, answer) in [("judge, right", right()), ("judge, wrong", Secret::new("000000"))] {
        group.bench_function(name, |b| b.iter(|| judge(black_box(case), black_box(&answer), black_box(NOW))));
    }
    group.finish();
}

fn bare() -> u32 {
    let Ok(keyed) = <Hmac<Sha1> as KeyInit>::new_from_slice(black_box(KEY)) else { return 0 };
    let step = black_box(58_908_960_u64);
    (step - 1..=step + 1).fold(0, |sum, step| {
        let mut mac = keyed.clone();
        mac.update(&step.to_be_bytes());
        let bytes = mac.finalize().into_bytes();
        let place = usize::from(bytes.last().copied().unwrap_or(0) & 15);
        let four = bytes.get(place..place + 4).and_then(|four| four.try_into().ok()).unwrap_or([0; 4]);
        sum ^ ((u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
    })
}

#[expect(clippy::expect_used, reason = "a benchmark fails by panicking")]
fn device() -> Device {
    Device {
        id: DeviceId::random([1; 16]),
        user: UserId::new("0192a4d8-7c5e-7f3a-9c1b-2f6d8e4b7a90"),
        kind: Kind::TOTP,
        name: DeviceName::parse("Authenticator app").expect("a name"),
        status: Status::Active,
        version: 7,
        throttle: Throttle::default(),
        created: NOW,
        last_used: Some(NOW),
        state: Envelope::new(State::Totp(totp::State::new(Key::new(*KEY)))),
    }
}

fn right() -> Secret {
    let totp = Totp::default();
    let step = totp.step_at(NOW.as_seconds()).unwrap_or(0);
    Secret::new(totp.value(&Key::new(*KEY), step).as_str())
}

criterion_group!(all, benches);
criterion_main!(all);
