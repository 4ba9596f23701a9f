//! What was written is what is read, to the edges of every type.

use std::sync::Arc;

use countersign_engine::{
    Store,
    core::{
        Account, AccountChange, AttemptId, Change, Device, DeviceChange, DeviceId, DeviceName, Event, EventChange,
        EventKind, Kind, Level, Sealed, Session, SessionChange, SessionKey, Status, Timestamp, UserId,
        throttle::{Streak, Throttle},
    },
};

use super::{ada, at, device, done, event, move_factors, session};

/// Times that a column must hold.
const TIMES: [Option<Timestamp>; 5] = [
    None,
    Some(Timestamp::from_millis(i64::MIN)),
    Some(Timestamp::from_millis(-1)),
    Some(Timestamp::from_millis(0)),
    Some(Timestamp::from_millis(i64::MAX)),
];
/// Text that somebody will have one day.
const TEXTS: [&str; 6] =
    ["a", "Zoë's «телефон» 📱", "'; DROP TABLE device; --", "%_\\\"`$1", "\u{202e}gnp.exe", "e\u{301} is not é"];
/// The largest version a store must hold: a change every nanosecond for three centuries.
const LATEST: u64 = i64::MAX.unsigned_abs();

pub(super) async fn a_user_nobody_knows_has_an_empty_account(store: Arc<dyn Store>) {
    let factors = store.factors(&ada()).await.expect("a read");
    assert_eq!(factors.account, Account::new(ada()));
    assert!(factors.devices.is_empty());
    assert!(store.sessions(&ada()).await.expect("a read").is_empty());
    assert!(store.events(&ada(), 10).await.expect("a read").is_empty());
    assert!(store.session(&SessionKey::new("none")).await.expect("a read").is_none());
    assert!(store.device(&DeviceId::new("none")).await.expect("a read").is_none());
    assert!(!store.attempt_spent(&AttemptId::new("none")).await.expect("a read"));
}

/// Devices that between them hold every extreme of every column.
fn devices() -> Vec<Device<Sealed>> {
    let mut devices = Vec::new();
    let longest = "📱".repeat(DeviceName::MAX_LENGTH);
    for (number, name) in TEXTS.into_iter().chain([longest.as_str()]).enumerate() {
        let mut device = device(&format!("{number} {name}"), &ada());
        device.name = DeviceName::parse(name).expect("a name");
        device.kind = Kind::new(name.to_owned());
        devices.push(device);
    }
    for (number, time) in TIMES.into_iter().enumerate() {
        let mut device = device(&format!("time {number}"), &ada());
        device.created = time.unwrap_or(at(10));
        device.last_used = time;
        device.throttle.last_failure = time;
        devices.push(device);
    }
    for (number, failures) in [0, 1, i32::MAX.unsigned_abs() + 1, u32::MAX].into_iter().enumerate() {
        let mut device = device(&format!("failures {number}"), &ada());
        device.throttle.failures = failures;
        devices.push(device);
    }
    let times = TIMES.into_iter().flatten().map(|last| Streak { failures: 1, last });
    for (number, streak) in times.chain([Streak { failures: u32::MAX, last: at(30) }]).enumerate() {
        let throttle = Throttle { recognized: Some(streak), ..Throttle::default() };
        devices.push(Device { throttle, ..device(&format!("recognized {number}"), &ada()) });
    }
    for (status, version) in
        [(Status::Enrolling, 1), (Status::Active, u64::from(u32::MAX) + 1), (Status::Disabled, LATEST)]
    {
        devices.push(Device { status, version, ..device(status.as_str(), &ada()) });
    }
    for (number, state) in [vec![0], (0..=u8::MAX).collect(), vec![0xa5; 1 << 16]].into_iter().enumerate() {
        devices.push(Device { state: Sealed(state), ..device(&format!("state {number}"), &ada()) });
    }
    devices
}

pub(super) async fn every_column_of_a_device_comes_back(store: Arc<dyn Store>) {
    for device in devices() {
        done(&store, vec![Change::Device(DeviceChange::Add(device.clone()))]).await;
        let read = store.device(&device.id).await.expect("a read").expect("the device");
        assert_eq!(columns(&read), columns(&device));
    }
    let read = store.factors(&ada()).await.expect("a read").devices;
    let mut written = devices();
    written.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    assert_eq!(read.iter().map(columns).collect::<Vec<_>>(), written.iter().map(columns).collect::<Vec<_>>());
}

pub(super) async fn every_column_of_a_device_can_change(store: Arc<dyn Store>) {
    let first = Device { status: Status::Enrolling, ..device("phone", &ada()) };
    done(&store, vec![Change::Device(DeviceChange::Add(first.clone()))]).await;
    let active = Device {
        name: DeviceName::parse("Work phone").expect("a name"),
        status: Status::Active,
        version: 2,
        throttle: Throttle {
            failures: 7,
            last_failure: Some(at(30)),
            recognized: Some(Streak { failures: 3, last: at(29) }),
        },
        last_used: Some(at(31)),
        state: Sealed(vec![1, 2, 3]),
        ..first.clone()
    };
    let disabled = Device { status: Status::Disabled, version: 3, ..first.clone() };
    for next in [active, disabled] {
        done(&store, vec![Change::Device(DeviceChange::Update(next.clone()))]).await;
        let read = store.device(&next.id).await.expect("a read").expect("the device");
        assert_eq!(columns(&read), columns(&next));
    }
}

/// Everything of a device, as text that can be compared.
fn columns(device: &Device<Sealed>) -> String {
    format!("{:?} {:?}", device, device.state.0)
}

pub(super) async fn every_column_of_a_session_comes_back(store: Arc<dyn Store>) {
    let mut sessions = Vec::new();
    for (number, text) in TEXTS.into_iter().enumerate() {
        let key = format!("{number} {text}");
        sessions.push(Session { stamp: text.into(), device: Some(DeviceId::new(text)), ..session(&key, &ada()) });
    }
    for (number, time) in TIMES.into_iter().flatten().enumerate() {
        let (key, verified) = (format!("time {number}"), Some(time));
        let session = session(&key, &ada());
        sessions.push(Session { created: time, last_seen: time, signed_in: time, verified, ..session });
    }
    let password_only = session("aal1", &ada());
    sessions.push(Session { level: Level::Aal1, device: None, verified: None, stamp: String::new(), ..password_only });
    for level in [Level::Aal2, Level::PhishingResistant] {
        sessions.push(Session { level, ..session(level.as_str(), &ada()) });
    }
    for session in sessions {
        done(&store, vec![Change::Session(SessionChange::Create(session.clone()))]).await;
        assert_eq!(store.session(&session.key).await.expect("a read"), Some(session));
    }
}

pub(super) async fn every_kind_of_event_comes_back(store: Arc<dyn Store>) {
    let mut events: Vec<_> = EventKind::ALL.map(|kind| Event::new(at(1), ada(), kind)).into();
    for address in ["127.0.0.1", "255.255.255.255", "::1", "::ffff:192.0.2.1", "2001:db8::ff00:42:8329"] {
        events.push(Event { address: Some(address.parse().expect("an address")), ..event(&ada(), 2) });
    }
    for text in TEXTS {
        let (device, attempt) = (Some(DeviceId::new(text)), Some(AttemptId::new(text)));
        events.push(Event { device, attempt, method: Some(Kind::new(text)), ..event(&ada(), 3) });
    }
    events.extend(TIMES.into_iter().flatten().map(|at| Event { at, ..event(&ada(), 4) }));
    for event in &events {
        done(&store, vec![Change::Event(EventChange::Record(event.clone()))]).await;
    }
    events.reverse();
    assert_eq!(store.events(&ada(), u32::MAX).await.expect("a read"), events);
}

pub(super) async fn ids_are_what_they_are_letter_by_letter(store: Arc<dyn Store>) {
    let names = ["ada", "Ada", " ada", "ada ", "ad%", "ad_", "é", "e\u{301}", "0", "00", "0x0", "1e3", "1000", "NULL"];
    for name in names {
        let user = UserId::new(name);
        let (device, session) = (device(name, &user), session(name, &user));
        let written = vec![
            Change::Device(DeviceChange::Add(device)),
            Change::Session(SessionChange::Create(session)),
            Change::Event(EventChange::Record(event(&user, 1))),
        ];
        done(&store, written.into_iter().chain([move_factors(&user, 0), super::spend_attempt(name)]).collect()).await;
    }
    for name in names {
        let user = UserId::new(name);
        let factors = store.factors(&user).await.expect("a read");
        assert_eq!((factors.account.factors, factors.devices.len()), (1, 1), "{name:?}");
        assert!(factors.devices.iter().all(|device| device.id.as_str() == name && device.user == user));
        let sessions = store.sessions(&user).await.expect("a read");
        assert!(sessions.iter().map(|session| session.key.as_str()).eq([name]), "{name:?}");
        assert_eq!(store.events(&user, 9).await.expect("a read").len(), 1, "{name:?}");
    }
}

pub(super) async fn devices_come_oldest_first(store: Arc<dyn Store>) {
    for (id, created) in [("late", 30), ("tie b", 20), ("early", 10), ("tie a", 20), ("before the epoch", -5)] {
        done(&store, vec![Change::Device(DeviceChange::Add(Device { created: at(created), ..device(id, &ada()) }))])
            .await;
    }
    let devices = store.factors(&ada()).await.expect("a read").devices;
    let ids: Vec<_> = devices.iter().map(|device| device.id.as_str()).collect();
    assert_eq!(ids, ["before the epoch", "early", "tie a", "tie b", "late"]);
}

pub(super) async fn events_come_newest_first_and_no_more_than_asked(store: Arc<dyn Store>) {
    // Newest is what was written last, even where a clock went back.
    let seconds = [5, 9, 9, 2, 7];
    let written = seconds.map(|seconds| event(&ada(), seconds));
    done(&store, written.iter().take(2).cloned().map(EventChange::Record).map(Change::Event).collect()).await;
    done(&store, written.iter().skip(2).cloned().map(EventChange::Record).map(Change::Event).collect()).await;
    let newest: Vec<_> = written.into_iter().rev().collect();
    for limit in [0, 1, 4, 5, 6, u32::MAX] {
        let read = store.events(&ada(), limit).await.expect("a read");
        let expected: Vec<_> = newest.iter().take(usize::try_from(limit).unwrap_or(usize::MAX)).cloned().collect();
        assert_eq!(read, expected, "at most {limit}");
    }
}

pub(super) async fn nobody_sees_what_is_anothers(store: Arc<dyn Store>) {
    let eve = UserId::new("eve");
    let of_ada = vec![
        Change::Device(DeviceChange::Add(device("phone", &ada()))),
        Change::Session(SessionChange::Create(session("key", &ada()))),
        Change::Event(EventChange::Record(event(&ada(), 1))),
        Change::Account(AccountChange::BumpFactorSet {
            user: ada(),
            expected_version: 0,
            preferred: Some(DeviceId::new("phone")),
        }),
    ];
    let nothing = super::picture(&store, &eve).await;
    done(&store, of_ada).await;
    assert_eq!(super::picture(&store, &eve).await, nothing);
    let factors = store.factors(&ada()).await.expect("a read");
    let phone = Some(DeviceId::new("phone"));
    assert_eq!(factors.account, Account { factors: 1, preferred: phone, ..Account::new(ada()) });
    done(
        &store,
        vec![
            Change::Device(DeviceChange::RemoveAll { user: eve.clone() }),
            Change::Session(SessionChange::EndAll { user: eve.clone() }),
        ],
    )
    .await;
    assert_eq!(store.factors(&ada()).await.expect("a read").devices.len(), 1);
    assert_eq!(store.sessions(&ada()).await.expect("a read").len(), 1);
}

pub(super) async fn a_store_that_works_says_so(store: Arc<dyn Store>) {
    store.ping().await.expect("a read");
}
