//! Every persisted shape that was ever shipped decodes for ever.
//!
//! A file below `golden/` is never changed: a new shape gets a new file. The last test fails when what one of our own
//! methods writes today has no file yet.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use countersign_core::{
    Address, AttemptId, DeliveryId, EmailAddress, Envelope, PhoneNumber, Secret, Timestamp, UserId,
    flow::{Attempt, Purpose},
    mark::{Mark, Marks},
    method::{
        Methods, State,
        backup_codes::{self, BackupCode},
        delivered, hotp, totp, yubikey,
    },
    otp::{
        Algorithm, Code, Digits, Key, Step,
        yubikey::{PrivateId, PublicId, YubikeyKey},
    },
};

const NOW: Timestamp = Timestamp::from_seconds(1_767_268_800);

fn envelope(file: &str) -> Envelope {
    serde_json::from_str(file).unwrap()
}

fn totp(envelope: &Envelope) -> &totp::State {
    let State::Totp(state) = &envelope.state else { panic!("not an authenticator app") };
    state
}

#[test]
fn an_authenticator_app_with_every_field() {
    let envelope = envelope(include_str!("golden/envelope-totp.json"));
    assert_eq!(envelope.marks, Marks::with_floor(58_908_960));
    let state = totp(&envelope);
    assert_eq!(state.key.as_bytes(), b"12345678901234567890");
    assert_eq!((state.algorithm, state.digits, state.step), (Algorithm::Sha256, Digits::EIGHT, Step::new(60).unwrap()));
    assert_eq!((state.t0, state.drift), (100, -2));
}

#[test]
fn an_authenticator_app_with_the_fewest_fields() {
    let envelope = envelope(include_str!("golden/envelope-totp-fewest-fields.json"));
    assert_eq!(envelope.marks, Marks::default());
    let state = totp(&envelope);
    assert_eq!((state.algorithm, state.digits, state.step), (Algorithm::Sha1, Digits::SIX, Step::new(30).unwrap()));
    assert_eq!((state.t0, state.drift), (0, 0));
}

#[test]
fn backup_codes_with_one_used() {
    let envelope = envelope(include_str!("golden/envelope-backup-codes.json"));
    let State::BackupCodes(state) = &envelope.state else { panic!("not backup codes") };
    assert_eq!((state.count(), envelope.marks.used()), (2, 1));
    assert!(envelope.marks.is_spent(&Mark::Once { id: "0".into(), until: None }));
    let device = countersign_core::Device {
        id: countersign_core::DeviceId::new("device"),
        user: UserId::new("ada"),
        kind: countersign_core::Kind::BACKUP_CODES,
        name: countersign_core::DeviceName::parse("Codes").unwrap(),
        status: countersign_core::Status::Active,
        version: 1,
        throttle: countersign_core::throttle::Throttle::default(),
        created: NOW,
        last_used: None,
        state: envelope.clone(),
    };
    let verifies = |code: u8| {
        let attempt = AttemptId::new("attempt");
        let case = countersign_core::Case {
            device: &device,
            account: &countersign_core::Account::new(UserId::new("ada")),
            attempt: &attempt,
            purpose: countersign_core::flow::Purpose::Login,
            admission: countersign_core::admission::Admission {
                rule: &countersign_core::throttle::ThrottleRule::OFF,
                standing: countersign_core::throttle::Standing::Unrecognized,
                another_disabled: false,
            },
            session: None,
            methods: &Methods::default(),
            stage: countersign_core::Status::Active,
            address: None,
        };
        let answer: Secret = BackupCode::new(&[code; 10]).text();
        countersign_core::judge(case, &answer, NOW).draft().is_some()
    };
    assert_eq!(
        [1, 2, 3].map(verifies),
        [false, true, false],
        "the first is used, the second is good, the third is none"
    );
}

#[test]
fn a_host_s_own_method() {
    let envelope = envelope(include_str!("golden/envelope-foreign.json"));
    let State::Foreign(state) = &envelope.state else { panic!("not a host's own method") };
    assert_eq!(state.document["words"][1], "oyster");
    assert_eq!(envelope.marks.used(), 2);
}

#[test]
fn a_login_and_a_setup_under_way() {
    let login: Attempt = serde_json::from_str(include_str!("golden/attempt-login.json")).unwrap();
    assert_eq!((login.purpose, login.next.as_deref(), login.session), (Purpose::Login, Some("/secret"), None));
    let enrol: Attempt = serde_json::from_str(include_str!("golden/attempt-enrol.json")).unwrap();
    assert_eq!((enrol.purpose, enrol.started), (Purpose::Enrol, NOW));
    assert!(enrol.session.is_some() && enrol.device.is_some());
}

#[test]
fn what_is_written_today_has_a_golden_file() {
    let state = totp::State {
        key: Key::new(*b"12345678901234567890"),
        algorithm: Algorithm::Sha256,
        digits: Digits::EIGHT,
        step: Step::new(60).unwrap(),
        t0: 100,
        drift: -2,
        drift_learned: None,
    };
    let app = Envelope { marks: Marks::with_floor(58_908_960), ..Envelope::new(State::Totp(state)) };
    let mut marks = Marks::default();
    marks.spend(Mark::Once { id: "0".into(), until: None }, NOW);
    let codes = [1, 2].map(|code| BackupCode::new(&[code; 10]));
    let codes = Envelope { marks, ..Envelope::new(State::BackupCodes(backup_codes::State::new([9; 32], &codes))) };
    for (today, golden) in [
        (serde_json::to_string(&app), include_str!("golden/envelope-totp.json")),
        (serde_json::to_string(&codes), include_str!("golden/envelope-backup-codes.json")),
    ] {
        assert_eq!(today.unwrap(), golden.trim_end());
    }
}

/// Parts that came later, each in a file of its own.
#[test]
fn parts_that_came_later_decode_and_are_written_the_same() {
    let app = envelope(include_str!("golden/envelope-totp-drift-learned.json"));
    assert_eq!((totp(&app).drift, totp(&app).drift_learned), (2, Some(NOW)));
    let key = envelope(include_str!("golden/envelope-yubikey-asked-by-owner.json"));
    assert_eq!((&*key.asked, &*key.asked_by_owner), (&["nonce".to_owned()][..], &["other".to_owned()][..]));
    let sent = envelope(include_str!("golden/envelope-sms-purpose.json"));
    let State::Delivered(state) = &sent.state else { panic!("not a telephone") };
    let shown = delivered::Asked { attempt: &AttemptId::new("other"), purpose: Purpose::Login, marks: &sent.marks };
    let before = NOW.before(std::time::Duration::from_secs(1));
    assert!(state.usable(shown, before).is_some_and(|sent| sent.purpose == Some(Purpose::Login)));
    let setup = envelope(include_str!("golden/envelope-totp-setup.json"));
    assert_eq!(setup.setup_session, Some(countersign_core::SessionKey::new("session")));
    let token = envelope(include_str!("golden/envelope-hotp-valid-until.json"));
    assert_eq!(token.valid_until, Some(NOW));
    assert_eq!(envelope(include_str!("golden/envelope-hotp.json")).valid_until, None, "keys of before have no end");
    for (envelope, golden) in [
        (sent, include_str!("golden/envelope-sms-purpose.json")),
        (setup, include_str!("golden/envelope-totp-setup.json")),
        (token, include_str!("golden/envelope-hotp-valid-until.json")),
        (app, include_str!("golden/envelope-totp-drift-learned.json")),
        (key, include_str!("golden/envelope-yubikey-asked-by-owner.json")),
    ] {
        assert_eq!(serde_json::to_string(&envelope).unwrap(), golden.trim_end());
    }
}

/// A device of each method that came later, as it is written today.
fn later() -> Vec<(State, &'static str)> {
    let key = Key::new(*b"12345678901234567890");
    let number = PhoneNumber::new("31612345658", "+31 6 12345658", 31).unwrap();
    let mut sms = delivered::State::new(Address::Phone(number));
    let challenge = delivered::SentCode {
        delivery: DeliveryId::new("delivery"),
        attempt: AttemptId::new("run"),
        purpose: None,
        sent: None,
        code: Code::parse("012345", Digits::SIX).unwrap(),
        until: NOW,
        refunds: vec![delivered::Refund { budget: "send-cooldown:tag".into(), amount: 1, until: Timestamp::MAX }],
    };
    sms = sms.with(challenge, delivered::MAX_CODES, NOW.before(std::time::Duration::from_secs(1))).unwrap();
    let email = delivered::State::new(Address::Email(EmailAddress::parse("ada@example.org").unwrap()));
    let public_id = PublicId::new(&[1, 2, 3, 4, 5, 6]).unwrap();
    let own = yubikey::State::own(public_id, PrivateId::new([7; 6]), YubikeyKey::new([8; 16]));
    vec![
        (State::Hotp(hotp::State::new(key)), include_str!("golden/envelope-hotp.json")),
        (State::Delivered(sms), include_str!("golden/envelope-sms.json")),
        (State::Delivered(email), include_str!("golden/envelope-email.json")),
        (State::Yubikey(own), include_str!("golden/envelope-yubikey-own.json")),
        (State::Yubikey(yubikey::State::unbound()), include_str!("golden/envelope-yubikey-unbound.json")),
    ]
}

#[test]
fn the_later_methods_decode_and_are_written_the_same() {
    for (state, golden) in later() {
        let today = serde_json::to_string(&Envelope { asked: vec!["nonce".into()], ..Envelope::new(state) }).unwrap();
        assert_eq!(today, golden.trim_end());
        assert_eq!(serde_json::to_string(&envelope(golden)).unwrap(), golden.trim_end());
    }
}
