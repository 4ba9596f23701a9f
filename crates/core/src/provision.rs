//! Devices with a secret made elsewhere, such as hardware tokens, compared with the token's existing row.
//!
//! A token has at most one row, whichever user owns it. Importing a file twice adds nothing, and a row counts as
//! another token if owner, secret or expiry differ. A token that moves to another user keeps its marks: a code that
//! verified one user never verifies the next.

use crate::{
    Device, Envelope, UserId,
    mark::{Mark, Marks},
    method::State,
};

/// How an existing row differs from the token that is to be given to a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Provisioned {
    /// No difference: the user has it, with this secret and this expiry.
    Same,
    /// The user has it, with another expiry.
    OtherEnd,
    /// The user has a token with this id but another secret, or another form of code.
    OtherSecret,
    /// Another user has it.
    OtherOwner(UserId),
    /// It is the other slot of the same YubiKey: another token with its own row.
    OtherSlot,
}

impl Provisioned {
    /// How `row` differs from a token of `user` with this state.
    pub fn of(row: &Device, user: &UserId, state: &Envelope) -> Self {
        if is_other_slot(&row.state.state, &state.state) {
            return Self::OtherSlot;
        }
        if row.user != *user {
            return Self::OtherOwner(row.user.clone());
        }
        if !is_same(&row.state.state, &state.state) {
            return Self::OtherSecret;
        }
        // A file without an expiry does not remove an existing one.
        let is_same_end = state.valid_until.is_none_or(|until| row.state.valid_until == Some(until));
        if is_same_end { Self::Same } else { Self::OtherEnd }
    }
}

/// The device that replaces `row`. If both make the same codes, the marks, the counter, the learned drift and the
/// creation time are kept, so that after a restore the same doubt applies to it.
#[must_use]
pub fn replaced(row: &Device, fresh: Device) -> Device {
    if !makes_same_codes(&row.state.state, &fresh.state.state) {
        return fresh;
    }
    Device { created: row.created, state: continued(row, fresh.state.clone()), ..fresh }
}

fn continued(row: &Device, fresh: Envelope) -> Envelope {
    let marks = higher(row.state.marks.clone(), &fresh.marks);
    let state = match (&row.state.state, fresh.state) {
        (State::Hotp(row), State::Hotp(fresh)) if row.counter > fresh.counter => {
            State::Hotp(fresh.with_counter_of(row))
        }
        (State::Totp(row), State::Totp(mut fresh)) => {
            (fresh.drift, fresh.drift_learned) = (row.drift, row.drift_learned);
            State::Totp(fresh)
        }
        (_, fresh) => fresh,
    };
    let valid_until = fresh.valid_until.or(row.state.valid_until);
    Envelope { marks, state, valid_until, ..fresh }
}

/// The union of both sets of marks.
fn higher(mut marks: Marks, others: &Marks) -> Marks {
    if let Some(floor) = others.floor() {
        // A rising mark has no time, and token files contain no other marks.
        marks.spend(Mark::Rising(floor), crate::Timestamp::from_millis(i64::MIN));
    }
    marks
}

fn is_other_slot(row: &State, fresh: &State) -> bool {
    match (row, fresh) {
        (State::Yubikey(row), State::Yubikey(fresh)) => row.public_id() != fresh.public_id(),
        _ => false,
    }
}

/// Whether secret and form of the codes are the same, whatever drift and counter are.
fn is_same(row: &State, fresh: &State) -> bool {
    let form = match (row, fresh) {
        (State::Hotp(row), State::Hotp(fresh)) => row.digits == fresh.digits,
        (State::Totp(row), State::Totp(fresh)) => row.digits == fresh.digits,
        _ => true,
    };
    form && makes_same_codes(row, fresh)
}

/// Whether both make the same codes, apart from the number of digits: the last digits of a longer code are the shorter
/// code.
fn makes_same_codes(row: &State, fresh: &State) -> bool {
    match (row, fresh) {
        (State::Hotp(row), State::Hotp(fresh)) => {
            row.algorithm == fresh.algorithm && row.key.matches(&fresh.key).into()
        }
        (State::Totp(row), State::Totp(fresh)) => {
            let when = (row.algorithm, row.step, row.t0) == (fresh.algorithm, fresh.step, fresh.t0);
            when && row.key.matches(&fresh.key).into()
        }
        (State::Yubikey(row), State::Yubikey(fresh)) => row.matches(fresh),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        DeviceId, DeviceName, Kind, Status, Timestamp,
        method::{hotp, totp, yubikey},
        otp::{
            Algorithm, Digits, Key, Step, Totp,
            yubikey::{PrivateId, YubikeyKey},
        },
        throttle::Throttle,
    };

    const END: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn row(state: Envelope) -> Device {
        Device {
            id: DeviceId::new("token"),
            user: UserId::new("ada"),
            kind: Kind::HOTP,
            name: DeviceName::parse("Token").unwrap(),
            status: Status::Active,
            version: 1,
            throttle: Throttle::default(),
            created: Timestamp::from_seconds(0),
            last_used: None,
            state,
        }
    }

    fn hotp(key: u8, digits: Digits, counter: u64) -> Envelope {
        Envelope::new(State::Hotp(hotp::State::at(Key::new([key; 20]), Algorithm::Sha1, digits, counter)))
    }

    fn totp(key: u8, step: u32) -> Envelope {
        let totp = Totp { step: Step::new(step).unwrap(), ..Totp::default() };
        Envelope::new(State::Totp(totp::State::with(Key::new([key; 20]), totp)))
    }

    fn yubikey(public_id: &str, key: u8) -> Envelope {
        let (id, key) = (PrivateId::new([1; 6]), YubikeyKey::new([key; 16]));
        Envelope::new(State::Yubikey(yubikey::State::own(public_id.parse().unwrap(), id, key)))
    }

    #[test]
    fn t150_a_row_is_the_token_in_the_file_only_if_owner_secret_and_end_are_the_same() {
        let (ada, bob) = (UserId::new("ada"), UserId::new("bob"));
        let of = |before: Envelope, user, state: Envelope| Provisioned::of(&row(before), user, &state);
        let ends = |state: Envelope| Envelope { valid_until: Some(END), ..state };
        for (token, other) in [
            (hotp(1, Digits::SIX, 0), hotp(2, Digits::SIX, 0)),
            (hotp(1, Digits::SIX, 0), hotp(1, Digits::EIGHT, 0)),
            (totp(1, 30), totp(2, 30)),
            (totp(1, 30), totp(1, 60)),
            (yubikey("cccc", 1), yubikey("cccc", 2)),
        ] {
            assert_eq!(of(token.clone(), &ada, token.clone()), Provisioned::Same);
            assert_eq!(of(token.clone(), &ada, other.clone()), Provisioned::OtherSecret);
            assert_eq!(of(token.clone(), &bob, other), Provisioned::OtherOwner(ada.clone()));
            assert_eq!(of(token.clone(), &bob, token.clone()), Provisioned::OtherOwner(ada.clone()));
            assert_eq!(of(token.clone(), &ada, ends(token.clone())), Provisioned::OtherEnd);
            assert_eq!(of(ends(token.clone()), &ada, ends(token.clone())), Provisioned::Same);
            assert_eq!(
                of(ends(token.clone()), &ada, token),
                Provisioned::Same,
                "a file without an end takes none away"
            );
        }
        assert_eq!(of(hotp(1, Digits::SIX, 57), &ada, hotp(1, Digits::SIX, 0)), Provisioned::Same, "it was used since");
        for user in [&ada, &bob] {
            assert_eq!(of(yubikey("cccc", 1), user, yubikey("cccb", 1)), Provisioned::OtherSlot);
        }
    }

    #[test]
    fn t151_a_token_that_changes_hands_keeps_what_it_has_accepted() {
        let floor_after = |before: Envelope, fresh: Envelope| replaced(&row(before), row(fresh)).state.marks.floor();
        let used = |state: Envelope, floor| Envelope { marks: Marks::with_floor(floor), ..state };
        assert_eq!(floor_after(used(hotp(1, Digits::SIX, 58), 57), hotp(1, Digits::SIX, 0)), Some(57));
        assert_eq!(floor_after(used(hotp(1, Digits::SIX, 58), 57), used(hotp(1, Digits::SIX, 90), 89)), Some(89));
        assert_eq!(floor_after(used(hotp(1, Digits::SIX, 58), 57), hotp(1, Digits::EIGHT, 0)), Some(57));
        assert_eq!(floor_after(used(totp(1, 30), 7), totp(1, 30)), Some(7));
        assert_eq!(floor_after(used(yubikey("cccc", 1), 7), yubikey("cccc", 1)), Some(7));
        assert_eq!(floor_after(used(totp(1, 30), 7), totp(1, 60)), None, "steps of another length are other steps");
        assert_eq!(floor_after(used(hotp(1, Digits::SIX, 58), 57), hotp(2, Digits::SIX, 0)), None);

        let fresh = Device { created: END, ..row(hotp(1, Digits::SIX, 3)) };
        let moved = replaced(&row(hotp(1, Digits::SIX, 58)), fresh);
        let State::Hotp(state) = moved.state.state else { panic!("another method") };
        assert_eq!((state.counter, moved.created), (58, Timestamp::from_seconds(0)));

        let ending = Envelope { valid_until: Some(END), ..hotp(1, Digits::SIX, 0) };
        let end_after = |fresh| replaced(&row(ending.clone()), row(fresh)).state.valid_until;
        assert_eq!(end_after(hotp(1, Digits::SIX, 0)), Some(END), "the end is the key's");
        assert_eq!(end_after(hotp(2, Digits::SIX, 0)), None);
    }
}
