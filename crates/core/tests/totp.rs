//! Time-based codes, as a table: which steps are taken, what is learned of a slow or fast clock, and how far that goes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use countersign_core::{
    Account, AttemptId, Case, Change, Device, DeviceChange, DeviceId, DeviceName, Envelope, Kind, Secret, Status,
    Timestamp, UserId,
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
            purpose: countersign_core::flow::Purpose::Login,
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
            Change::Device(DeviceChange::Update(device)) => Some(device.clone()),
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

/// B01: the server's clock was 30 s, then 60 s fast, the phone was right all the time, and then the clock is put right.
#[test]
fn t118_a_right_phone_is_taken_after_the_clock_was_wrong_twice() {
    const DAY: i64 = 24 * 3600;
    let mut app = App::new(TotpRule::default());
    assert!(app.takes(DAY, -1) && app.takes(2 * DAY, -2));
    assert!(app.takes(3 * DAY, 0), "the true time is always looked at");
    assert_eq!(app.drift(), 0, "and nothing is left of what was learned");
    assert!(app.takes(4 * DAY, 0));
}

/// Whatever the clocks of server and phone did before, a phone that is right is taken at its next code; at the first one
/// after the last that was used, where the phone itself was ahead.
#[test]
fn t118_no_history_of_wrong_clocks_locks_a_right_phone_out() {
    let mut seed = 1_u64;
    let mut drawn = |most: i64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        i64::try_from(seed >> 33).unwrap() % (2 * most + 1) - most
    };
    for _ in 0..2000 {
        let mut app = App::new(TotpRule::default());
        let (mut time, mut phone) = (0, 0);
        for _ in 0..8 {
            time += 600 + 86_400 * drawn(100).abs();
            let server = drawn(6);
            phone = drawn(3);
            app.takes(time + 30 * server, phone - server);
        }
        assert!(app.takes(time + 30 * (phone.max(0) + 1), 0), "{:?}", app.device);
    }
}

#[test]
fn t118_a_used_step_stays_used_whatever_is_learned() {
    for offset in [-2, -1, 0, 1, 2] {
        let mut app = App::new(TotpRule::default());
        assert!(app.takes(0, offset.clamp(-1, 1)));
        assert_eq!(app.takes(30, offset - 1), offset == 2, "a step that is not later than the last one is used");
    }
}

#[test]
fn t118_learned_drift_decays_while_a_device_is_not_used() {
    const DAY: i64 = 24 * 3600;
    for (days, offset, taken) in [(89, 5, true), (90, 5, false), (90, 4, true), (180, 4, false), (360, 2, false)] {
        let mut app = App::new(TotpRule::default());
        assert!((1..=4).all(|drift| app.takes(600 * drift, drift)));
        assert_eq!(app.takes(600 * 4 + days * DAY, offset), taken, "{days} {offset}");
        let mut app = App::new(TotpRule::default());
        assert!((1..=4).all(|drift| app.takes(600 * drift, drift)));
        assert!(app.takes(600 * 4 + days * DAY, 0), "a phone that was put right never waits for that");
    }
}

/// The odds in SECURITY.md: no drift makes more steps count than the rule says, and one does make as many.
#[test]
fn t118_no_more_steps_are_looked_at_than_the_odds_rest_on() {
    let wide = TotpRule { behind: 2, ahead: 1, max_drift: 2 };
    for (rule, most) in [(TotpRule::default(), 6), (TotpRule::STRICT, 2), (wide, 6)] {
        let taken = |drift: i16| {
            let takes = |offset: &i64| {
                let mut app = App::new(rule);
                let State::Totp(state) = &mut app.device.state.state else { panic!("not an authenticator app") };
                state.drift = drift;
                app.takes(0, *offset)
            };
            u32::try_from((-20..=20).filter(takes).count()).unwrap()
        };
        assert_eq!((-8..=8).map(taken).max(), Some(most));
        assert_eq!(rule.most_steps(), most);
    }
}
