//! What a recent proof is worth in a session whose token cannot be replaced.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use countersign_core::{
    Account, Config, Device, DeviceId, DeviceName, Factors, Kind, Level, Refusal, Session, SessionKey, Status,
    Timestamp, UserId, flow::manage::may_use_in_place, method::Methods, throttle::Throttle,
};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn device(id: &str, kind: Kind, status: Status) -> Device<()> {
    Device {
        id: DeviceId::new(id),
        user: UserId::new("ada"),
        kind,
        name: DeviceName::parse("Device").unwrap(),
        status,
        version: 1,
        throttle: Throttle::default(),
        created: NOW,
        last_used: None,
        state: (),
    }
}

fn proved_by(device: &str, ago: Duration) -> Session {
    Session {
        key: SessionKey::new("key"),
        user: UserId::new("ada"),
        level: Level::Aal1,
        stamp: "stamp".into(),
        device: Some(DeviceId::new(device)),
        method: None,
        created: NOW,
        last_seen: NOW,
        signed_in: NOW,
        verified: Some(Timestamp::from_millis(NOW.as_millis() - i64::try_from(ago.as_millis()).unwrap())),
        repeat: None,
    }
}

#[test]
fn a_recent_proof_counts_only_by_a_device_that_is_there_active_and_strong_enough() {
    let devices = vec![
        device("app", Kind::TOTP, Status::Active),
        device("mailbox", Kind::EMAIL, Status::Active),
        device("disabled", Kind::TOTP, Status::Disabled),
    ];
    let factors = Factors { account: Account::new(UserId::new("ada")), devices };
    let config = Config::default();
    let may = |session: &Session| may_use_in_place(session, &factors, &config, &Methods::default(), NOW);
    assert_eq!(may(&proved_by("app", config.reauthentication_window)), Ok(()));
    let late = config.reauthentication_window + Duration::from_millis(1);
    for (device, ago) in
        [("app", late), ("mailbox", Duration::ZERO), ("disabled", Duration::ZERO), ("gone", Duration::ZERO)]
    {
        assert_eq!(may(&proved_by(device, ago)), Err(Refusal::VerificationNeeded), "{device}");
    }
}
