//! Every method keeps the one contract, a host's own included.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use countersign_engine::core::{
    Address, AttemptId, DeliveryId, Device, DeviceId, DeviceName, EmailAddress, Kind, PhoneNumber, Secret, Status,
    Timestamp, UserId,
    admission::Admission,
    device::Envelope,
    mark::Mark,
    method::{
        Methods, State,
        backup_codes::{self, BackupCode},
        delivered,
        foreign::{self, ForeignMethod, Word},
        hotp, totp,
        validation::{ValidationRequest, ValidationResponse},
        yubikey,
    },
    otp::{Code, Digits, Key, yubikey::Token},
    sending::{self, Sending, SendingRule},
    throttle::{Standing, Throttle, ThrottleRule},
};
use countersign_testkit::{
    SoftApp, SoftToken, SoftYubikey,
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

#[derive(Debug)]
struct TheToken(SoftToken);

impl RightAnswers for TheToken {
    fn answer(&self, number: usize, _: Timestamp) -> Secret {
        self.0.shows(number as u64).into()
    }
}

#[test]
fn hotp_keeps_the_contract() {
    let key = Key::new(*b"12345678901234567890");
    let token = TheToken(SoftToken::with_key(&key.to_base32()));
    Subject {
        device: device(Kind::HOTP, State::Hotp(hotp::State::new(key))),
        methods: Methods::default(),
        wrong: token.0.shows(2000).into(),
        right: &token,
        malformed: Some("12345".into()),
        now: NOW,
    }
    .keeps_the_contract();
}

/// Somebody who is sent codes.
#[derive(Debug)]
struct TheInbox;

impl TheInbox {
    fn code(number: usize) -> String {
        format!("{:06}", 123_450 + number)
    }
}

impl RightAnswers for TheInbox {
    fn answer(&self, number: usize, _: Timestamp) -> Secret {
        Self::code(number).into()
    }

    fn ready(&self, device: Device, number: usize, attempt: &AttemptId, now: Timestamp) -> Device {
        let rule = SendingRule { lifetime: Duration::from_mins(10), ..SendingRule::default() };
        let throttle = ThrottleRule::default();
        let case = Sending {
            device: &device,
            attempt,
            purpose: countersign_engine::core::flow::Purpose::Login,
            rule: &rule,
            admission: Admission { rule: &throttle, standing: Standing::Unrecognized, another_disabled: false },
            address_tag: "tag",
        };
        let code = Code::parse(&Self::code(number), Digits::SIX).unwrap();
        sending::send(case, code, DeliveryId::new(format!("delivery {number}")), now).unwrap().device
    }
}

#[test]
fn codes_that_are_sent_keep_the_contract() {
    let number = PhoneNumber::new("31612345658", "+31 6 12345658", 31).unwrap();
    let mailbox = EmailAddress::parse("ada@example.org").unwrap();
    for (kind, to) in [
        (Kind::SMS, Address::Phone(number.clone())),
        (Kind::CALL, Address::Phone(number)),
        (Kind::EMAIL, Address::Email(mailbox)),
    ] {
        Subject {
            device: device(kind, State::Delivered(delivered::State::new(to))),
            methods: Methods::default(),
            right: &TheInbox,
            wrong: "999999".into(),
            malformed: Some("12345".into()),
            now: NOW,
        }
        .keeps_the_contract();
    }
}

#[derive(Debug)]
struct TheKey(SoftYubikey);

impl RightAnswers for TheKey {
    fn answer(&self, number: usize, _: Timestamp) -> Secret {
        self.0.types(number as u64).into()
    }

    /// The service knows this key, and tells its counter.
    fn reply(&self, question: &ValidationRequest) -> ValidationResponse {
        let token = Token::parse(question.answer.expose()).unwrap();
        match self.0.key.decrypt(&token) {
            Ok(plain) => ValidationResponse::Right { counter: Some(plain.counter()) },
            Err(_) => ValidationResponse::Wrong,
        }
    }
}

#[test]
fn a_yubikey_keeps_the_contract_with_whatever_secret() {
    let key = TheKey(SoftYubikey::new(7));
    let SoftYubikey { public_id, private_id, key: secret, .. } = &key.0;
    let own = yubikey::State::own(public_id.clone(), private_id.clone(), secret.clone());
    for state in [own, yubikey::State::unbound()] {
        Subject {
            device: device(Kind::YUBIKEY, State::Yubikey(state)),
            methods: Methods::default(),
            right: &key,
            wrong: SoftYubikey::new(8).named(public_id.clone()).touch().into(),
            malformed: Some("cccccc".into()),
            now: NOW,
        }
        .keeps_the_contract();
    }
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
                purpose: countersign_engine::core::flow::Purpose::Login,
                admission: Admission {
                    rule: &ThrottleRule::default(),
                    standing: Standing::Unrecognized,
                    another_disabled: false,
                },
                session: None,
                methods: &Methods::default(),
                stage: Status::Active,
                address: None,
            };
            let ruling = countersign_engine::core::judge(case, &text.as_str().into(), Timestamp::from_millis(now));
            proptest::prop_assert!(ruling.draft().is_none() || text.chars().any(|c| c.is_ascii_digit()));
        }
    }
}
