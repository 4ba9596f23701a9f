//! After a restore from a backup: what the database no longer knows, and how replays are prevented all the same.
//!
//! The marks of answers accepted since the backup are lost, so those answers would be accepted again. Where the time
//! shows which answers these can be, they are refused from the restore on: steps of authenticator apps, codes that were
//! sent, attempts. Where it does not, the device is in doubt and its owner has to be told. Sessions, tokens and device
//! cookies are revoked in the commit that records the restore.
//!
//! | what | from the restore on |
//! |---|---|
//! | codes of authenticator apps | used, up to the last step that could be accepted at that moment |
//! | codes that were sent before | expired |
//! | logins and other attempts that began before | expired |
//! | sessions, personal tokens, tokens of clients, device cookies | revoked |
//! | backup codes that were used since the backup | **valid again**: in doubt until new ones are made |
//! | codes of counter-based tokens and YubiKeys that were used since | **valid again**: in doubt until the device is
//! used |
//! | passwords changed, devices removed, users deactivated, clients removed since | as they were |

use std::time::Duration;

use crate::{
    Device, Kind, Status, Timestamp,
    mark::Mark,
    method::{
        State,
        totp::{self, TotpRule},
    },
};

/// The settings that decide which answers may have been accepted before the restore.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How time-based codes are judged.
    pub totp: TotpRule,
    /// How long a code that was sent is valid.
    pub code_lifetime: Duration,
}

/// The time of the restore, unless it is in the future: a time recorded under a wrong clock must not invalidate what
/// begins under a right one.
pub(crate) fn believed(restored: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    restored.filter(|restored| restored.is_credible(now))
}

/// The device as it has to be judged: every time step that may have been accepted before the restore is consumed, and
/// every code that was sent before has expired. Marks hold whatever the clock says, so a restore dated in the future
/// consumes every step up to now, and none ahead.
#[must_use]
pub fn caught_up(mut device: Device, restored: Option<Timestamp>, rules: Rules, now: Timestamp) -> Device {
    let Some(moment) = restored else { return device };
    match device.state.state {
        State::Totp(ref state) => {
            if let Some(step) = totp::reached(state, rules.totp, moment.min(now)) {
                device.state.marks.spend(Mark::Rising(step), now);
            }
        }
        State::Delivered(state) => {
            let state = match believed(restored, now) {
                Some(moment) => state.without_those_until(moment.after(rules.code_lifetime)),
                None => state,
            };
            device.state.state = State::Delivered(state);
        }
        _ => {}
    }
    device
}

/// Whether answers that this device accepted since the backup would be accepted again. A counter that has moved since
/// the restore is above all that was used before.
pub fn is_in_doubt<S>(device: &Device<S>, restored: Timestamp) -> bool {
    let knows_time = [Kind::TOTP, Kind::SMS, Kind::CALL, Kind::EMAIL].contains(&device.kind);
    let was_there = device.status != Status::Enrolling && device.created <= restored;
    let has_moved = !device.kind.is_fallback() && device.last_used.is_some_and(|used| used > restored);
    was_there && !knows_time && !has_moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Address, AttemptId, DeliveryId, DeviceId, DeviceName, EmailAddress, Envelope, UserId,
        method::{delivered, hotp},
        otp::{Algorithm, Code, Digits, Key},
        throttle::Throttle,
    };

    const NOON: Timestamp = Timestamp::from_seconds(1_767_268_800);
    const RULES: Rules =
        Rules { totp: TotpRule { behind: 1, ahead: 1, max_drift: 4 }, code_lifetime: Duration::from_mins(5) };

    fn device(kind: Kind, state: State) -> Device {
        Device {
            id: DeviceId::new("device"),
            user: UserId::new("ada"),
            kind,
            name: DeviceName::parse("Device").unwrap(),
            status: Status::Active,
            version: 1,
            throttle: Throttle::default(),
            created: NOON,
            last_used: None,
            state: Envelope::new(state),
        }
    }

    fn app(drift: i16) -> Device {
        device(Kind::TOTP, State::Totp(totp::State { drift, ..totp::State::new(Key::new([7; 20])) }))
    }

    /// The last consumed step, relative to noon's.
    fn spent(drift: i16, restored: Option<Timestamp>, now: Timestamp) -> Option<i64> {
        let noon = totp::State::new(Key::new([7; 20])).totp().step_at(NOON.as_seconds()).unwrap();
        let floor = caught_up(app(drift), restored, RULES, now).state.marks.floor();
        floor.map(|floor| floor.cast_signed() - noon.cast_signed())
    }

    #[test]
    fn t119_every_step_that_could_be_accepted_before_is_spent_and_none_after() {
        let at = |seconds| NOON.after(Duration::from_secs(seconds));
        assert_eq!(spent(0, None, at(100)), None);
        assert_eq!(spent(0, Some(at(0)), at(1)), Some(1), "one step ahead of the clock is accepted");
        assert_eq!(spent(0, Some(at(0)), at(9_000)), Some(1), "whenever one looks");
        assert_eq!(spent(0, Some(at(29)), at(30)), Some(1));
        assert_eq!(spent(0, Some(at(30)), at(30)), Some(2));
        assert_eq!(spent(3, Some(at(0)), at(1)), Some(4), "an app whose clock is ahead");
        assert_eq!(spent(-3, Some(at(0)), at(1)), Some(1), "one whose clock is behind, and may have been put right");
        assert_eq!(spent(0, Some(at(86_400)), at(60)), Some(3), "a moment that is still to come");
    }

    #[test]
    fn t119_a_mark_is_never_lowered() {
        let mut used = app(0);
        used.state.marks.spend(Mark::Rising(u64::MAX), NOON);
        assert_eq!(caught_up(used, Some(NOON), RULES, NOON).state.marks.floor(), Some(u64::MAX));
    }

    #[test]
    fn t119_codes_that_were_sent_before_are_over() {
        let attempt = AttemptId::new("attempt");
        let good = |sent: u64, restored: Option<u64>, now: u64| {
            let at = |seconds| NOON.after(Duration::from_secs(seconds));
            let challenge = delivered::SentCode {
                delivery: DeliveryId::new("delivery"),
                attempt: attempt.clone(),
                purpose: None,
                sent: None,
                code: Code::parse("123456", Digits::SIX).unwrap(),
                until: at(sent).after(RULES.code_lifetime),
                refunds: vec![],
            };
            let state = delivered::State::new(Address::Email(EmailAddress::parse("ada@example.org").unwrap()));
            let device = device(Kind::EMAIL, State::Delivered(state.with(challenge, 1, at(sent)).unwrap()));
            let State::Delivered(state) = caught_up(device, restored.map(at), RULES, at(now)).state.state else {
                panic!("another method")
            };
            state.challenge(&attempt, at(now)).is_some()
        };
        assert!(good(0, None, 1) && good(11, Some(10), 12));
        assert!(!good(9, Some(10), 12) && !good(10, Some(10), 12));
        assert!(good(9, Some(86_400), 12), "a moment noted under a clock that was ahead ends nothing");
    }

    #[test]
    fn t119_what_time_does_not_tell_is_in_doubt_until_it_has_moved() {
        let later = NOON.after(Duration::from_secs(1));
        let token = || {
            let state = hotp::State::at(Key::new([7; 20]), Algorithm::default(), Digits::SIX, 0);
            device(Kind::HOTP, State::Hotp(state))
        };
        let of = |kind| Device { kind, ..token() };
        for (what, device, doubted) in [
            ("a counting token", token(), true),
            ("one that was used before", Device { last_used: Some(NOON), ..token() }, true),
            ("one that was used since", Device { last_used: Some(later), ..token() }, false),
            ("one that came since", Device { created: later, ..token() }, false),
            ("one that is being set up", Device { status: Status::Enrolling, ..token() }, false),
            ("one that failures have disabled", Device { status: Status::Disabled, ..token() }, true),
            ("a YubiKey", of(Kind::YUBIKEY), true),
            ("backup codes", of(Kind::BACKUP_CODES), true),
            ("backup codes, one of them used", Device { last_used: Some(later), ..of(Kind::BACKUP_CODES) }, true),
            ("a host's own method", of(Kind::new("badge")), true),
            ("an app", of(Kind::TOTP), false),
            ("a telephone", of(Kind::SMS), false),
        ] {
            assert_eq!(is_in_doubt(&device, NOON), doubted, "{what}");
        }
    }
}
