//! What a stranger who has the password can take: of an app, a key that a service knows and backup codes, in every order of
//! wrong answers and late replies, one device and no more; and none is looked at more often than the cap says.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{convert::Infallible, num::NonZeroU32, time::Duration};

use countersign_core::{
    Account, AccountChange, AttemptId, Batch, Case, Change, Device, DeviceChange, DeviceId, DeviceName, Envelope,
    Factors, Kind, Refusal, Ruling, Sealed, Settled, Status, Timestamp, UserId,
    admission::Admission,
    judge, judge_response,
    method::{
        Methods, State,
        backup_codes::{self, BackupCode},
        totp,
        validation::{ValidationRequest, ValidationResponse},
        yubikey,
    },
    otp::Key,
    throttle::{
        Standing::{self, Recognized, Unrecognized},
        Throttle, ThrottleRule,
    },
};

const CAP: u32 = 2;
const NOW: Timestamp = Timestamp::from_seconds(1_767_268_800);
const APP: usize = 0;
const KEY: usize = 1;
const CODES: usize = 2;

/// What a stranger does next.
#[derive(Clone, Copy, Debug)]
enum Action {
    Answer(usize),
    /// The service says that the answer for the key which it was first asked about is wrong.
    Reply,
}

const ACTIONS: [Action; 4] = [Action::Answer(APP), Action::Answer(KEY), Action::Answer(CODES), Action::Reply];

/// The devices of one user, and what the service has not said yet.
#[derive(Clone)]
struct Play {
    factors: Factors,
    open: Vec<ValidationRequest>,
    looked_at: [u32; 3],
}

impl Play {
    fn new() -> Self {
        let codes = backup_codes::State::new([7; 32], &[BackupCode::new(&[1; 10])]);
        let devices = vec![
            device(Kind::TOTP, State::Totp(totp::State::new(Key::new(*b"12345678901234567890")))),
            device(Kind::YUBIKEY, State::Yubikey(yubikey::State::unbound())),
            device(Kind::BACKUP_CODES, State::BackupCodes(codes)),
        ];
        let factors = Factors { account: Account::new(UserId::new("ada")), devices };
        Self { factors, open: vec![], looked_at: [0; 3] }
    }

    /// Does it; what came of it, if anything did.
    fn does(&mut self, action: Action, standing: Standing) -> Option<Refusal> {
        let place = if let Action::Answer(place) = action { place } else { KEY };
        let reply = if let Action::Answer(_) = action { None } else { Some(self.open.pop()?) };
        let throttle = ThrottleRule { factor: Duration::ZERO, ceiling: Duration::ZERO, cap: NonZeroU32::new(CAP) };
        let (device, attempt) = (self.factors.devices[place].clone(), AttemptId::new("attempt-of-the-stranger"));
        let (account, methods) = (self.factors.account.clone(), Methods::default());
        let case = Case {
            device: &device,
            account: &account,
            attempt: &attempt,
            purpose: countersign_core::flow::Purpose::Login,
            admission: Admission {
                rule: &throttle,
                standing,
                another_disabled: self.factors.another_disabled(&device.id, &throttle),
            },
            session: None,
            methods: &methods,
            stage: Status::Active,
            address: None,
        };
        let ruling = match reply {
            Some(question) => judge_response(case, &question, &ValidationResponse::Wrong, NOW),
            None => judge(case, &wrong_answer(place).into(), NOW),
        };
        let is_answer = matches!(action, Action::Answer(_));
        self.looked_at[place] += u32::from(is_answer && !ruling.batch().is_empty());
        self.write(ruling, place)
    }

    fn write(&mut self, ruling: Ruling, place: usize) -> Option<Refusal> {
        for change in ruling.batch().changes() {
            match change {
                Change::Device(DeviceChange::Update(device)) => self.factors.devices[place] = device.clone(),
                Change::Account(AccountChange::BumpFactorSet { .. }) => self.factors.account.factors += 1,
                _ => {}
            }
        }
        let receipt = stored(ruling.batch()).done();
        match ruling.settle_unwritten().map_err(|ruling| ruling.settle(&receipt)) {
            Ok(refusal) | Err(Settled::Refused(refusal)) => Some(refusal),
            Err(Settled::Ask(question)) => {
                self.open.insert(0, question);
                None
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    fn disabled(&self) -> Vec<&Kind> {
        let devices = self.factors.devices.iter().filter(|device| device.status == Status::Disabled);
        devices.map(|device| &device.kind).collect()
    }
}

fn device(kind: Kind, state: State) -> Device {
    Device {
        id: DeviceId::new(kind.as_str()),
        user: UserId::new("ada"),
        name: DeviceName::parse("Mine").unwrap(),
        kind,
        status: Status::Active,
        version: 1,
        throttle: Throttle::default(),
        created: NOW,
        last_used: None,
        state: Envelope::new(state),
    }
}

fn wrong_answer(place: usize) -> String {
    match place {
        APP => "000000".into(),
        KEY => format!("cccccccccccb{}", "c".repeat(32)),
        _ => BackupCode::new(&[2; 10]).text().expose().into(),
    }
}

fn stored(batch: &Batch) -> Batch<Sealed> {
    let Ok(sealed) = batch.seal(|_| Ok::<_, Infallible>(Sealed(vec![])));
    sealed
}

#[test]
fn in_no_order_does_a_stranger_take_a_second_device_or_look_beyond_the_cap() {
    const STEPS: u32 = 7;
    for number in 0..ACTIONS.len().pow(STEPS) {
        let script: Vec<_> = (0..STEPS).map(|step| ACTIONS[number / ACTIONS.len().pow(step) % ACTIONS.len()]).collect();
        let mut play = Play::new();
        for action in &script {
            play.does(*action, Unrecognized);
        }
        assert!(play.disabled().len() <= 1 && play.disabled() != [&Kind::BACKUP_CODES], "{script:?}");
        assert!(play.looked_at[APP] <= CAP, "{script:?}");
    }
}

/// A failure that a service has yet to decide on counts as if it stood, or two devices would fall at once.
#[test]
fn a_question_about_the_last_failure_keeps_strangers_from_the_next_device() {
    let mut play = Play::new();
    assert_eq!(play.does(Action::Answer(APP), Unrecognized), Some(Refusal::CodeWrong));
    for _ in 0..2 {
        assert_eq!(play.does(Action::Answer(KEY), Unrecognized), None, "the service is asked");
    }
    assert_eq!(play.factors.account.factors, 1, "a ruling about another device at this moment has to be judged again");
    assert_eq!(play.does(Action::Answer(APP), Unrecognized), Some(Refusal::UnrecognizedBrowser));
    for refused in [Refusal::DeviceDisabled, Refusal::AttemptExpired] {
        assert_eq!(play.does(Action::Reply, Unrecognized), Some(refused));
    }
    assert_eq!(play.does(Action::Answer(APP), Unrecognized), Some(Refusal::UnrecognizedBrowser));
    assert_eq!(play.does(Action::Answer(APP), Recognized), Some(Refusal::DeviceDisabled), "the owner may do so");
    assert_eq!(
        play.does(Action::Answer(CODES), Unrecognized),
        Some(Refusal::CodeWrong),
        "and backup codes are looked at"
    );
}

/// An attacker who has the password asks the service about one answer after the other, and waits for none of the replies.
#[test]
fn t129_questions_of_a_stranger_do_not_displace_the_owners() {
    const MANY: u32 = 20;
    let mut key = device(Kind::YUBIKEY, State::Yubikey(yubikey::State::unbound()));
    let (account, methods) = (Account::new(UserId::new("ada")), Methods::default());
    let judges =
        |device: &Device, run: &AttemptId, standing, reply: Option<(&ValidationRequest, ValidationResponse)>| {
            let case = Case {
                device,
                account: &account,
                attempt: run,
                purpose: countersign_core::flow::Purpose::Login,
                admission: Admission { rule: &ThrottleRule::OFF, standing, another_disabled: false },
                session: None,
                methods: &methods,
                stage: Status::Active,
                address: None,
            };
            match reply {
                Some((question, reply)) => judge_response(case, question, &reply, NOW),
                None => judge(case, &wrong_answer(KEY).into(), NOW),
            }
        };
    let asks = |key: &mut Device, run: &str, standing| {
        let ruling = judges(key, &AttemptId::new(run), standing, None);
        *key = ruling.batch().changes().iter().find_map(updated).unwrap();
        let receipt = stored(ruling.batch()).done();
        let Settled::Ask(question) = ruling.settle(&receipt) else { panic!("a service is asked") };
        question
    };
    let owners = asks(&mut key, "attempt-of-the-owner", Recognized);
    for number in 0..MANY {
        asks(&mut key, &format!("attempt-of-the-stranger-{number}"), Unrecognized);
    }
    let right = ValidationResponse::Right { counter: Some(1) };
    let ruling = judges(&key, &AttemptId::new("attempt-of-the-owner"), Recognized, Some((&owners, right.clone())));
    assert!(ruling.draft().is_some(), "the owner's reply is taken");
    // And it is taken once: the batch closes the question.
    let after = ruling.batch().changes().iter().find_map(updated).unwrap();
    let again = judges(&after, &AttemptId::new("attempt-of-the-owner"), Recognized, Some((&owners, right)));
    assert!(again.draft().is_none());
    assert!(after.state.asked.len() < MANY as usize, "what nobody waits for is not kept for ever");
}

fn updated(change: &Change) -> Option<Device> {
    match change {
        Change::Device(DeviceChange::Update(device)) => Some(device.clone()),
        _ => None,
    }
}
