//! Every method keeps the one contract, a host's own included.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use countersign_engine::core::{
    Device, DeviceId, DeviceName, Kind, Secret, Status, Timestamp, UserId,
    device::Envelope,
    mark::Mark,
    method::{
        Methods, State,
        backup_codes::{self, BackupCode},
        foreign::{self, ForeignMethod, Word},
        totp,
    },
    otp::Key,
    throttle::{Throttle, ThrottleRule},
};
use countersign_testkit::{
    SoftApp,
    contract::method::{RightAnswers, Subject},
};
use proptest::arbitrary::any;

const NOW: Timestamp = Timestamp::from_seconds(1_767_268_800);

fn device(kind: Kind, state: State) -> Device {
    Device {
        id: DeviceId::new("device"),
        user: UserId::new("ada"),
        kind,
        name: DeviceName::parse("Phone").unwrap(),
        status: Status::Active,
        version: 1,
        throttle: Throttle::default(),
        created: NOW,
        last_used: None,
        state: Envelope::new(state),
    }
}

impl RightAnswers for TheApp {
    fn answer(&self, _: usize, now: Timestamp) -> Secret {
        self.0.code_at(now).into()
    }
}

#[derive(Debug)]
struct TheApp(SoftApp);

#[test]
fn totp_keeps_the_contract() {
    let key = Key::new(*b"12345678901234567890");
    let app = TheApp(SoftApp::with_key(&key.to_base32()));
    let wrong = app.0.wrong_code_at(NOW);
    Subject {
        device: device(Kind::TOTP, State::Totp(totp::State::new(key))),
        methods: Methods::default(),
        right: &app,
        wrong: wrong.into(),
        malformed: Some("12345".into()),
        now: NOW,
    }
    .keeps_the_contract();
}

#[derive(Debug)]
struct ThePaper(Vec<BackupCode>);

impl RightAnswers for ThePaper {
    fn answer(&self, number: usize, _: Timestamp) -> Secret {
        self.0[number].text()
    }
}

#[test]
fn backup_codes_keep_the_contract() {
    let codes: Vec<_> = (0..10).map(|number| BackupCode::new(&[number; 10])).collect();
    let state = State::BackupCodes(backup_codes::State::new([9; 32], &codes));
    Subject {
        device: device(Kind::BACKUP_CODES, state),
        methods: Methods::default(),
        right: &ThePaper(codes),
        wrong: BackupCode::new(&[200; 10]).text(),
        malformed: Some("1234-5678".into()),
        now: NOW,
    }
    .keeps_the_contract();
}

/// A host's method in ten lines, which remembers nothing.
#[derive(Debug)]
struct Passphrases;

impl ForeignMethod for Passphrases {
    fn kind(&self) -> Kind {
        Kind::new("passphrases")
    }

    fn check(&self, document: &serde_json::Value, answer: &Secret, _: Timestamp) -> Word {
        if answer.expose().len() != 6 {
            return Word::Malformed;
        }
        let known = document["words"].as_array().is_some_and(|words| words.iter().any(|word| *word == answer.expose()));
        if known {
            Word::Right { mark: Mark::Once { id: answer.expose().into(), until: None }, next: None }
        } else {
            Word::Wrong
        }
    }
}

impl RightAnswers for Passphrases {
    fn answer(&self, number: usize, _: Timestamp) -> Secret {
        ["walrus", "oyster", "carpet"][number].into()
    }
}

#[test]
fn a_host_s_forgetful_method_keeps_the_contract() {
    let document = serde_json::json!({ "words": ["walrus", "oyster", "carpet"] });
    Subject {
        device: device(Kind::new("passphrases"), State::Foreign(foreign::State { document })),
        methods: Methods { foreign: vec![Arc::new(Passphrases)], ..Methods::default() },
        right: &Passphrases,
        wrong: "wizard".into(),
        malformed: Some("word".into()),
        now: NOW,
    }
    .keeps_the_contract();
}

proptest::proptest! {
    #[test]
    fn no_text_makes_a_method_panic(text in any::<String>(), now in any::<i64>()) {
        let key = Key::new(*b"12345678901234567890");
        let codes = backup_codes::State::new([9; 32], &[BackupCode::new(&[1; 10])]);
        for (kind, state) in [(Kind::TOTP, State::Totp(totp::State::new(key))), (Kind::BACKUP_CODES, State::BackupCodes(codes))] {
            let case_device = device(kind, state);
            let attempt = countersign_engine::core::AttemptId::new("attempt");
            let case = countersign_engine::core::Case {
                device: &case_device,
                account: &countersign_engine::core::Account::new(UserId::new("ada")),
                attempt: &attempt,
                throttle: &ThrottleRule::default(),
                methods: &Methods::default(),
                stage: Status::Active,
                address: None,
                browser: None,
            };
            let ruling = countersign_engine::core::judge(case, &text.as_str().into(), Timestamp::from_millis(now));
            proptest::prop_assert!(ruling.draft().is_none() || text.chars().any(|c| c.is_ascii_digit()));
        }
    }
}
