//! What a durable commit costs, alone and in company, and what a read costs.
//!
//! Each caller writes what a second factor that was accepted writes: the device, a session, the spent attempt and an event.
//! Run with `cargo bench -p countersign-store`. Figures are as good as the disk below the folder for temporary files; in
//! memory they mean nothing, so point `TMPDIR` at a disk.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use countersign_engine::{
    Store,
    core::{
        AccountChange, AttemptChange, AttemptId, Batch, Change, Device, DeviceChange, DeviceId, DeviceName, Event,
        EventChange, EventKind, Kind, Level, Sealed, Session, SessionChange, SessionKey, Status, Timestamp, UserId,
        Written, throttle::Throttle,
    },
};
use countersign_store::SqliteStore;
use countersign_testkit::contract::store::batch;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const USERS: usize = 1_000;
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// A store with a thousand users, each with an app and backup codes.
struct Place {
    _folder: TempDir,
    store: SqliteStore,
    runtime: Runtime,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        SqliteStore::migrate(&path).unwrap();
        let store = SqliteStore::open(&path).unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let users = (0..USERS).flat_map(|user| {
            [
                Change::Device(DeviceChange::Add(device(user, Kind::TOTP, 300))),
                Change::Device(DeviceChange::Add(device(user, Kind::BACKUP_CODES, 900))),
                Change::Account(AccountChange::BumpFactorSet { user: id(user), expected_version: 0, preferred: None }),
            ]
        });
        runtime.block_on(store.commit(batch(users.collect()))).unwrap();
        Self { _folder: folder, store, runtime }
    }
}

fn id(user: usize) -> UserId {
    UserId::new(format!("user {user}"))
}

fn device(user: usize, kind: Kind, bytes: usize) -> Device<Sealed> {
    Device {
        id: DeviceId::new(format!("{kind} of {user:020}")),
        user: id(user),
        kind,
        name: DeviceName::parse("Phone").unwrap(),
        status: Status::Active,
        version: 1,
        throttle: Throttle::default(),
        created: NOW,
        last_used: Some(NOW),
        state: Sealed(vec![0xa5; bytes]),
    }
}

/// What an accepted answer of this user's app writes; `number` is like no other.
fn accepted(user: usize, version: u64, number: u64) -> Vec<Change<Sealed>> {
    let device = Device { version, ..device(user, Kind::TOTP, 300) };
    // Keys are hashes: they come in no order.
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let attempt = AttemptId::new(format!("{scattered:026x}"));
    let session = Session {
        key: SessionKey::new(format!("{scattered:043x}")),
        user: id(user),
        level: Level::Aal2,
        stamp: "a credential stamp".into(),
        device: Some(device.id.clone()),
        created: NOW,
        last_seen: NOW,
        signed_in: NOW,
        verified: Some(NOW),
        method: Some(Kind::TOTP),
        repeat: None,
    };
    let mut event = Event::new(NOW, id(user), EventKind::SignedIn);
    (event.device, event.method, event.attempt) = (Some(device.id.clone()), Some(Kind::TOTP), Some(attempt.clone()));
    vec![
        Change::Attempt(AttemptChange::Close { attempt, until: NOW }),
        Change::Device(DeviceChange::Update(device)),
        Change::Session(SessionChange::Create(session)),
        Change::Event(EventChange::Record(event)),
    ]
}

fn commits(criterion: &mut Criterion) {
    let place = Place::new();
    let mut number = 0;
    let mut versions = vec![1; USERS];
    let mut group = criterion.benchmark_group("durable commits");
    for callers in [1, 8, 32, 128] {
        group.throughput(Throughput::Elements(u64::try_from(callers).unwrap()));
        group.bench_function(format!("{callers} at once"), |bencher| {
            bencher.iter(|| {
                let batches: Vec<_> = versions
                    .iter_mut()
                    .enumerate()
                    .take(callers)
                    .map(|(user, version)| {
                        (*version, number) = (*version + 1, number + 1);
                        batch(accepted(user, *version, number))
                    })
                    .collect();
                place.runtime.block_on(all_done(&place.store, batches));
            });
        });
    }
    group.finish();
}

async fn all_done(store: &SqliteStore, batches: Vec<Batch<Sealed>>) {
    let tasks: Vec<_> = batches
        .into_iter()
        .map(|batch| {
            let store = store.clone();
            tokio::spawn(async move { store.commit(batch).await.unwrap().written().clone() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Written::Done);
    }
}

fn reads(criterion: &mut Criterion) {
    let place = Place::new();
    let open = accepted(7, 2, 0);
    place.runtime.block_on(place.store.commit(batch(open))).unwrap();
    let mut group = criterion.benchmark_group("reads");
    let users: Vec<_> = (0..USERS).map(id).collect();
    let mut next = users.iter().cycle();
    group.bench_function("factors, two devices", |bencher| {
        bencher.iter(|| place.runtime.block_on(place.store.factors(next.next().unwrap())).unwrap());
    });
    let key = SessionKey::new(format!("{:043x}", 0));
    group.bench_function("a session", |bencher| {
        bencher.iter(|| place.runtime.block_on(place.store.session(&key)).unwrap());
    });
    let attempt = AttemptId::new("not yet");
    group.bench_function("whether an attempt is over", |bencher| {
        bencher.iter(|| place.runtime.block_on(place.store.attempt_spent(&attempt)).unwrap());
    });
    group.finish();
}

criterion_group!(benches, commits, reads);
criterion_main!(benches);
