//! The contract of a method, for built-in and host methods.
//!
//! The suite drives a device through [`judge`] and settles nothing by hand: whatever the method accepts is accepted once,
//! a wrong answer counts once and on this device only, and nothing is looked at while the device is locked.

use std::time::Duration;

use countersign_engine::core::{
    Account, AccountChange, AttemptId, Batch, Case, Change, Device, DeviceChange, DeviceId, DeviceName, Envelope, Kind,
    Refusal, Ruling, Sealed, Secret, Settled, Status, Timestamp, UserId,
    admission::Admission,
    judge, judge_response,
    method::{
        Methods, State, foreign,
        validation::{ValidationRequest, ValidationResponse},
    },
    throttle::{Standing, Throttle, ThrottleRule},
};

/// A method under test: a device, and answers to it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// An active device that has accepted nothing.
    pub device: Device,
    /// The methods there are, this one included.
    pub methods: Methods,
    /// A right answer, fresh at this moment.
    pub right: &'a dyn RightAnswers,
    /// A well-formed answer that is wrong at any time the suite looks.
    pub wrong: Secret,
    /// An answer that does not have the form of one, if the method knows forms.
    pub malformed: Option<Secret>,
    /// The moment the suite begins at.
    pub now: Timestamp,
}

/// An active device of a host's own method, with this memory.
pub fn foreign_device(kind: Kind, document: serde_json::Value, now: Timestamp) -> Device {
    Device {
        id: DeviceId::new("device"),
        user: UserId::new("ada"),
        kind,
        name: DeviceName::parse("Device").expect("a good name"),
        status: Status::Active,
        version: 1,
        throttle: Throttle::default(),
        created: now,
        last_used: None,
        state: Envelope::new(State::Foreign(foreign::State { document })),
    }
}

/// Makes right answers.
pub trait RightAnswers: std::fmt::Debug {
    /// The `number`-th right answer, given at `now`: distinct numbers are given at least a minute apart.
    fn answer(&self, number: usize, now: Timestamp) -> Secret;

    /// The device, made ready for the `number`-th answer in the run `attempt`: a code was sent to it, where its method
    /// sends codes.
    fn ready(&self, device: Device, _number: usize, _attempt: &AttemptId, _now: Timestamp) -> Device {
        device
    }

    /// What a service says of an answer, where its method asks one.
    fn reply(&self, _question: &ValidationRequest) -> ValidationResponse {
        ValidationResponse::Unavailable
    }
}

/// The attempt in which the suite asks.
fn attempt() -> AttemptId {
    AttemptId::new("a-run-of-a-flow")
}

const RULE: ThrottleRule =
    ThrottleRule { factor: Duration::from_secs(1), ceiling: Duration::from_mins(1), cap: std::num::NonZeroU32::new(5) };

impl Subject<'_> {
    /// Runs the whole contract.
    pub fn keeps_the_contract(&self) {
        self.accepts_each_answer_once();
        self.counts_wrong_answers_once();
        self.costs_nothing_when_malformed();
        self.does_not_listen_while_locked();
        self.takes_no_answer_after_its_end();
        if self.device.kind.is_fallback() {
            self.is_never_disabled();
        } else {
            self.is_disabled_at_the_cap();
            self.leaves_its_owner_the_last_failure();
            self.goes_at_the_cap_while_it_is_enrolled();
        }
        self.counts_only_in_its_stage();
        self.opens_nothing_with_a_strange_receipt();
    }

    fn judge(&self, device: &Device, answer: &Secret, now: Timestamp) -> Ruling {
        self.judged(device, answer, now, Status::Active)
    }

    fn judged(&self, device: &Device, answer: &Secret, now: Timestamp, stage: Status) -> Ruling {
        let (attempt, account) = (attempt(), Account::new(device.user.clone()));
        let case = Case {
            device,
            account: &account,
            attempt: &attempt,
            purpose: countersign_engine::core::flow::Purpose::Login,
            admission: Admission { rule: &RULE, standing: Standing::Unrecognized, another_disabled: false },
            session: None,
            methods: &self.methods,
            stage,
            address: None,
        };
        let ruling = judge(case, answer, now);
        // A question is asked at once: what it was charged at is written, and the reply is judged on what was written.
        let receipt = stored(ruling.batch()).done();
        let Some(asked) = written(ruling.batch()) else { return ruling };
        match ruling.settle(&receipt) {
            Settled::Ask(question) => {
                assert_eq!(asked.throttle.failures, device.throttle.failures + 1, "asking is charged beforehand");
                let reply = self.right.reply(&question);
                judge_response(Case { device: &asked, ..case }, &question, &reply, now)
            }
            _ => judge(case, answer, now),
        }
    }

    fn ready(&self, device: &Device, number: usize, now: Timestamp) -> Device {
        self.right.ready(device.clone(), number, &attempt(), now)
    }

    fn accepts_each_answer_once(&self) {
        let mut device = self.device.clone();
        let mut moment = self.now;
        for number in 0..3 {
            device = self.ready(&device, number, moment);
            let answer = self.right.answer(number, moment);
            let first = self.judge(&device, &answer, moment);
            let racer = self.judge(&device, &answer, moment);
            let next = written(first.batch()).expect("accepting writes the device");
            assert!(next.version > device.version, "a verdict names the version it saw");
            assert_eq!(next.last_used, Some(moment));
            let conflict = stored(racer.batch()).conflict();
            assert!(matches!(racer.settle(&conflict), Settled::Again), "a lost race verifies nobody");
            let receipt = stored(first.batch()).done();
            let Settled::Verified(proof) = first.settle(&receipt) else { panic!("right answer {number} is refused") };
            assert_eq!((proof.user(), proof.device()), (&device.user, &device.id));
            device = next;
            let later = moment.after(Duration::from_secs(1));
            for replay in [moment, later] {
                free(self.judge(&device, &answer, replay), &Refusal::CodeUsed);
            }
            moment = moment.after(Duration::from_secs(90));
        }
    }

    fn counts_wrong_answers_once(&self) {
        let device = self.ready(&self.device, 0, self.now);
        let (refusal, next) = refused(self.judge(&device, &self.wrong, self.now));
        let next = next.expect("a wrong answer is counted");
        assert_eq!((refusal, next.throttle.failures), (Refusal::CodeWrong, 1));
        assert_eq!(next.last_used, self.device.last_used, "a failure is no use");
        let after = self.now.after(RULE.delay(1));
        let ruling = self.judge(&next, &self.right.answer(0, after), after);
        assert_eq!(
            written(ruling.batch()).expect("a success is written").throttle.failures,
            0,
            "a success forgets failures"
        );
    }

    fn costs_nothing_when_malformed(&self) {
        for answer in [self.malformed.clone(), Some(Secret::new("\0")), Some(Secret::new("x".repeat(100_000)))] {
            let Some(answer) = answer.filter(|_| self.malformed.is_some()) else { continue };
            free(self.judge(&self.ready(&self.device, 0, self.now), &answer, self.now), &Refusal::CodeMalformed);
        }
    }

    fn does_not_listen_while_locked(&self) {
        let device = self.ready(&self.device, 0, self.now);
        let (_, locked) = refused(self.judge(&device, &self.wrong, self.now));
        let locked = locked.expect("a wrong answer is counted");
        for answer in [self.wrong.clone(), self.right.answer(0, self.now)] {
            let (refusal, change) = refused(self.judge(&locked, &answer, self.now));
            assert!(matches!(refusal, Refusal::DeviceLocked { failures: 1, .. }), "{refusal:?}");
            assert!(change.is_none(), "an answer to a locked device is not counted");
        }
    }

    /// The end of a device's validity is judged at every answer, whatever the method.
    fn takes_no_answer_after_its_end(&self) {
        let mut device = self.ready(&self.device, 0, self.now);
        let later = self.now.after(Duration::from_millis(1));
        device.state.valid_until = Some(self.now);
        for answer in [self.wrong.clone(), self.right.answer(0, later)] {
            free(self.judge(&device, &answer, later), &Refusal::DeviceExpired);
        }
        let ruling = self.judge(&device, &self.right.answer(0, self.now), self.now);
        let next = written(ruling.batch()).expect("the last moment counts");
        assert_eq!((next.last_used, next.state.valid_until), (Some(self.now), Some(self.now)), "the end stays");
    }

    fn is_disabled_at_the_cap(&self) {
        let mut device = self.ready(&self.device, 0, self.now);
        let mut moment = self.now;
        for _ in 0..4 {
            device = refused(self.judge(&device, &self.wrong, moment)).1.expect("counted");
            moment = moment.after(RULE.ceiling);
        }
        assert_eq!(device.status, Status::Active);
        let (refusal, disabled) = refused(self.judge(&device, &self.wrong, moment));
        let disabled = disabled.expect("counted");
        assert_eq!((refusal, disabled.status), (Refusal::DeviceDisabled, Status::Disabled));
        let moves = |change: &Change| matches!(change, Change::Account(AccountChange::BumpFactorSet { .. }));
        let again = self.judge(&device, &self.wrong, moment);
        assert!(again.batch().changes().iter().any(moves), "disabling a device changes the set");
        let moment = moment.after(RULE.ceiling);
        let right = self.right.answer(0, moment);
        free(self.judge(&disabled, &right, moment), &Refusal::DeviceDisabled);
    }

    /// Where another device was disabled, the failure that would disable this one is its owner's alone.
    fn leaves_its_owner_the_last_failure(&self) {
        let mut device = self.ready(&self.device, 0, self.now);
        let mut moment = self.now;
        for _ in 0..4 {
            device = refused(self.judge(&device, &self.wrong, moment)).1.expect("counted");
            moment = moment.after(RULE.ceiling);
        }
        let (attempt, account) = (attempt(), Account::new(device.user.clone()));
        let stranger = Admission { rule: &RULE, standing: Standing::Unrecognized, another_disabled: true };
        let case = Case {
            device: &device,
            account: &account,
            attempt: &attempt,
            purpose: countersign_engine::core::flow::Purpose::Login,
            admission: stranger,
            session: None,
            methods: &self.methods,
            stage: Status::Active,
            address: None,
        };
        for answer in [&self.wrong, &self.right.answer(0, moment)] {
            free(judge(case, answer, moment), &Refusal::UnrecognizedBrowser);
        }
        let at_home = judge(
            Case { admission: Admission { standing: Standing::Recognized, ..stranger }, ..case },
            &self.wrong,
            moment,
        );
        assert!(!at_home.batch().is_empty(), "its owner is listened to");
    }

    /// What there is to fall back on is slowed down, and stays.
    fn is_never_disabled(&self) {
        let mut device = self.ready(&self.device, 0, self.now);
        let mut moment = self.now;
        for _ in 0..20 {
            let (refusal, next) = refused(self.judge(&device, &self.wrong, moment));
            assert_eq!(refusal, Refusal::CodeWrong);
            device = next.expect("counted");
            moment = moment.after(RULE.ceiling);
        }
        assert_eq!(device.status, Status::Active);
    }

    fn goes_at_the_cap_while_it_is_enrolled(&self) {
        let mut device = Device { status: Status::Enrolling, ..self.ready(&self.device, 0, self.now) };
        let mut moment = self.now;
        for _ in 0..4 {
            device = refused(self.judged(&device, &self.wrong, moment, Status::Enrolling)).1.expect("counted");
            moment = moment.after(RULE.ceiling);
        }
        let ruling = self.judged(&device, &self.wrong, moment, Status::Enrolling);
        let goes = |change: &Change| matches!(change, Change::Device(DeviceChange::Remove { expected_version: seen, .. }) if *seen >= device.version);
        assert!(ruling.batch().changes().iter().any(goes), "a device that was never proved binds nobody");
        free(ruling, &Refusal::AttemptExpired);
    }

    fn counts_only_in_its_stage(&self) {
        let answer = self.right.answer(0, self.now);
        let active = self.ready(&self.device, 0, self.now);
        let enrolling = Device { status: Status::Enrolling, ..active.clone() };
        let login = self.judged(&enrolling, &answer, self.now, Status::Active);
        free(login, &Refusal::DeviceUnknown);
        let again = self.judged(&active, &answer, self.now, Status::Enrolling);
        free(again, &Refusal::DeviceUnknown);
        let confirmed = self.judged(&enrolling, &answer, self.now, Status::Enrolling);
        let device = written(confirmed.batch()).expect("confirming is written");
        assert_eq!(device.status, Status::Active);
        free(self.judge(&device, &answer, self.now), &Refusal::CodeUsed);
    }

    fn opens_nothing_with_a_strange_receipt(&self) {
        let answer = self.right.answer(0, self.now);
        let ruling = self.judge(&self.ready(&self.device, 0, self.now), &answer, self.now);
        let strange = stored(&Batch::new(vec![])).done();
        assert!(matches!(ruling.settle(&strange), Settled::Again));
    }
}

/// The batch as a store is given it.
fn stored(batch: &Batch) -> Batch<Sealed> {
    let Ok(sealed) = batch.seal(|_| Ok::<_, std::convert::Infallible>(Sealed(vec![])));
    sealed
}

fn written(batch: &Batch) -> Option<Device> {
    let devices = batch.changes().iter().filter_map(|change| match change {
        Change::Device(DeviceChange::Update(device)) => Some(device.clone()),
        _ => None,
    });
    let devices: Vec<_> = devices.collect();
    assert!(devices.len() <= 1, "a verdict touches one device");
    devices.into_iter().next()
}

/// The refusal in a ruling, and the device as it would be written.
fn refused(ruling: Ruling) -> (Refusal, Option<Device>) {
    let device = written(ruling.batch());
    let receipt = stored(ruling.batch()).done();
    match ruling.settle(&receipt) {
        Settled::Refused(refusal) => (refusal, device),
        other => panic!("not a refusal: {other:?}"),
    }
}

/// A ruling that refuses so and changes no device.
fn free(ruling: Ruling, expected: &Refusal) {
    let (refusal, device) = refused(ruling);
    assert_eq!(refusal, *expected);
    // A method that asked a service takes back what asking was charged at.
    assert!(device.is_none_or(|device| device.throttle.failures == 0), "{expected:?} costs nothing");
}
