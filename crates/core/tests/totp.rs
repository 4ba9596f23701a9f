//! Time-based codes, as a table: which steps are taken, what is learned of a slow or fast clock, and how far that goes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use countersign_core::{
    Account, AttemptId, Case, Change, Device, DeviceId, DeviceName, Envelope, Kind, Secret, Status, Timestamp, UserId,
    admission::Admission,
    judge,
    method::{Methods, State, totp, totp::TotpRule},
    otp::{Key, Totp},
    throttle::{Standing, Throttle, ThrottleRule},
};

const NOON: i64 = 1_767_268_800;

/// A device, and the rule under which it is judged.
struct App {
    device: Device,
    rule: TotpRule,
}

impl App {
    fn new(rule: TotpRule) -> Self {
        let device = Device {
            id: DeviceId::new("device"),
            user: UserId::new("ada"),
            kind: Kind::TOTP,
            name: DeviceName::parse("Phone").unwrap(),
            status: Status::Active,
            version: 1,
            throttle: Throttle::default(),
            created: Timestamp::from_seconds(NOON),
            last_used: None,
            state: Envelope::new(State::Totp(totp::State::new(Key::new(*b"12345678901234567890")))),
        };
        Self { device, rule }
    }

    /// Gives the code of `offset` steps from the clock at `seconds` after noon; whether it was taken.
    fn takes(&mut self, seconds: i64, offset: i64) -> bool {
        let now = Timestamp::from_seconds(NOON + seconds);
        let step = Totp::default().step_at(now.as_seconds()).unwrap().saturating_add_signed(offset);
        let State::Totp(state) = &self.device.state.state else { panic!("not an authenticator app") };
        let code: Secret = state.totp().value(&state.key, step).as_str().into();
        let methods = Methods { totp: self.rule, ..Methods::default() };
        let (attempt, account) = (AttemptId::new("attempt"), Account::new(self.device.user.clone()));
        let case = Case {
            device: &self.device,
            account: &account,
            attempt: &attempt,
            admission: Admission {
                rule: &ThrottleRule::OFF,
                standing: Standing::Unrecognized,
                another_disabled: false,
            },
            session: None,
            methods: &methods,
            stage: Status::Active,
            address: None,
        };
        let ruling = judge(case, &code, now);
        let taken = ruling.draft().is_some();
        let written = ruling.batch().changes().iter().find_map(|change| match change {
            Change::UpdateDevice(device) => Some(device.clone()),
            _ => None,
        });
        self.device = written.unwrap_or_else(|| self.device.clone());
        taken
    }

    fn drift(&self) -> i16 {
        let State::Totp(state) = &self.device.state.state else { panic!("not an authenticator app") };
        state.drift
    }
}

#[test]
fn one_step_either_way_is_taken_and_no_more() {
    for (offset, taken) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
        assert_eq!(App::new(TotpRule::default()).takes(0, offset), taken, "{offset}");
    }
}

#[test]
fn strictly_nothing_ahead_is_taken_and_nothing_learned() {
    for (offset, taken) in [(-2, false), (-1, true), (0, true), (1, false)] {
        let mut app = App::new(TotpRule::STRICT);
        assert_eq!(app.takes(0, offset), taken, "{offset}");
        assert_eq!(app.drift(), 0);
    }
    let only_now = TotpRule { behind: 0, ..TotpRule::STRICT };
    assert!(App::new(only_now).takes(0, 0) && !App::new(only_now).takes(0, -1));
}

#[test]
fn a_step_spends_every_earlier_one() {
    let mut app = App::new(TotpRule::default());
    assert!(app.takes(0, 1));
    assert!(!app.takes(0, 1) && !app.takes(0, 0) && !app.takes(30, -1) && !app.takes(30, 0));
    assert!(app.takes(60, 0));
}

#[test]
fn a_drifting_clock_is_followed_as_far_as_the_bound() {
    for direction in [-1, 1] {
        let mut app = App::new(TotpRule::default());
        for (round, expected) in [1, 2, 3, 4, 4, 4].into_iter().enumerate() {
            let seconds = 600 * i64::try_from(round).unwrap();
            // One step beyond what is known of the clock: within the tolerance around it.
            let offset = i64::from(app.drift()) + direction;
            assert!(app.takes(seconds, offset), "{direction} {round}");
            assert_eq!(i64::from(app.drift()), expected * direction);
        }
        assert!(!app.takes(10_000, 6 * direction), "nobody gets further than the bound and the tolerance");
        assert!(app.takes(20_000, 3 * direction), "and it is followed back");
        assert_eq!(i64::from(app.drift()), 3 * direction);
    }
}

/// A drift that another system recorded, or that an older setting allowed, counts no further than today's bound.
#[test]
fn a_recorded_drift_counts_no_further_than_the_bound() {
    let mut app = App::new(TotpRule::default());
    let State::Totp(state) = &mut app.device.state.state else { panic!("not an authenticator app") };
    state.drift = 100;
    assert!(!app.takes(0, 100));
    assert!(app.takes(0, 5));
}

#[test]
fn before_its_first_step_a_device_takes_nothing() {
    let mut app = App::new(TotpRule::default());
    let State::Totp(state) = &mut app.device.state.state else { panic!("not an authenticator app") };
    state.t0 = NOON + 1_000_000;
    assert!(!app.takes(0, 0));
}
