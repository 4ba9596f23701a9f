//! Tokens whose secret was made elsewhere: comparing one with its existing row, and moving it between users.
//!
//! A token is moved in one commit: two users never have it at once, and its marks are kept. If a user's last second
//! factor is moved, two-factor authentication is switched off in the same commit, as by `disable_two_factor`.

use std::time::Duration;

use countersign_core::{
    AccountChange, Batch, Change, Device, DeviceChange, DeviceId, DeviceName, Envelope, Event, EventChange, EventKind,
    Factors, Kind, Refusal, Sealed, SessionChange, Status, Timestamp, TokenChange, UserId, Written,
    flow::manage,
    provision::{self, Provisioned},
};

use crate::{Engine, Error, Fault, TwoFactorStatus, User, session::ends_all, verify::Precondition};

/// A token that is to be given to a user. It is active at once.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The id of its row, derived from the token itself, so that a token has at most one row.
    pub id: DeviceId,
    /// The method that verifies its codes.
    pub kind: Kind,
    /// The name shown to its owner.
    pub name: DeviceName,
    /// Its secret, and its marks from elsewhere.
    pub state: Envelope,
}

/// The user who had a token before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PreviousOwner {
    /// The user.
    pub user: UserId,
    /// Whether two-factor authentication is still on.
    pub two_factor: TwoFactorStatus,
}

impl Engine {
    /// How the row of `token` differs from what is to be given to `user`; `None` if there is no row.
    pub async fn provisioned(&self, user: &UserId, token: &NewToken) -> Result<Option<Provisioned>, Fault> {
        let Some(row) = self.store().device(&token.id).await? else { return Ok(None) };
        Ok(Some(Provisioned::of(&self.open_device(row)?, user, &token.state)))
    }

    /// Sets the expiry of a device, as its issuer gives it.
    pub async fn set_validity(
        &self,
        user: &User,
        device: &DeviceId,
        valid_until: Option<Timestamp>,
    ) -> Result<(), Error> {
        self.settle(user, Precondition::Staff, |factors, _| {
            let row = factors.device(device).ok_or(Refusal::DeviceUnknown)?.clone();
            let mut device = self.open_device_of(&factors.account, row)?;
            device.state.valid_until = valid_until;
            device.version = device.version.saturating_add(1);
            Ok((vec![Change::Device(DeviceChange::Update(device))], ()))
        })
        .await
    }

    /// Gives a token to a user, replacing its existing row, whichever user owns that. Returns the other user who had
    /// it. A token without a row is added as by [`add_device`](Engine::add_device).
    pub async fn take_over_device(&self, user: &User, token: &NewToken) -> Result<Option<PreviousOwner>, Error> {
        let mut rounds = self.rounds();
        while let Some(now) = rounds.next() {
            let Some(row) = self.store().device(&token.id).await? else {
                let NewToken { id, kind, name, state } = token.clone();
                return self.add_device(user, &id, &kind, name, state).await.map(|()| None);
            };
            let previous = self.factors_of(&row.user).await?;
            let Some(row) = previous.device(&token.id).cloned() else { continue };
            let row = self.open_device_of(&previous.account, row)?;
            let others = previous.without(&token.id);
            let (mut changes, mut left) = (vec![], None);
            let own = if row.user == user.id {
                others
            } else {
                let two_factor = if others.enabled() { TwoFactorStatus::Enabled } else { TwoFactorStatus::Disabled };
                changes.extend(surrendered(&row, &others, two_factor, now));
                left = Some(PreviousOwner { user: row.user.clone(), two_factor });
                self.factors_of(&user.id).await?
            };
            manage::room(&own, self.config())?;
            changes
                .push(Change::Device(DeviceChange::Remove { device: row.id.clone(), expected_version: row.version }));
            changes.extend(given(self.taken_over(user, token, &row), &own, now));
            if *self.commit(&Batch::new(changes)).await?.written() == Written::Done {
                return Ok(left);
            }
        }
        Err(Fault::busy("move a token in time", Duration::from_secs(1)).into())
    }

    /// The factors without expired devices: a user with only those could not sign in. `kept` stays.
    pub(crate) fn usable(
        &self,
        factors: &Factors<Sealed>,
        kept: &DeviceId,
        now: Timestamp,
    ) -> Result<Factors<Sealed>, Fault> {
        let mut usable = factors.clone();
        usable.devices.clear();
        for device in &factors.devices {
            if device.id == *kept || !self.open_device(device.clone())?.state.is_expired(now) {
                usable.devices.push(device.clone());
            }
        }
        Ok(usable)
    }

    fn taken_over(&self, user: &User, token: &NewToken, row: &Device) -> Device {
        let NewToken { id, kind, name, state } = token.clone();
        let fresh = self.new_device(&user.id, kind, name, Status::Active, state.state.clone());
        // An answer judged on the old row must not be written to this one.
        provision::replaced(row, Device { id, state, version: row.version.saturating_add(1), ..fresh })
    }
}

/// Changes for the previous owner of `row`, apart from its removal: the sessions and tokens that it verified are
/// revoked. If no second factor is left, all of them are, and backup codes are removed.
fn surrendered(row: &Device, others: &Factors<Sealed>, left: TwoFactorStatus, now: Timestamp) -> Vec<Change> {
    let user = || row.user.clone();
    let moved = |preferred| {
        Change::Account(AccountChange::BumpFactorSet {
            user: user(),
            expected_version: others.account.factors,
            preferred,
        })
    };
    if left == TwoFactorStatus::Enabled {
        let removed = about(row, EventKind::DeviceRemoved, now);
        return vec![
            moved(others.default_without(&row.id)),
            Change::Session(SessionChange::EndVerifiedBy { user: user(), device: row.id.clone(), except: None }),
            Change::Token(TokenChange::RevokeVerifiedBy { user: user(), device: row.id.clone(), except: None }),
            Change::Event(EventChange::Record(removed)),
        ];
    }
    let rest = others.devices.iter().map(|other| {
        Change::Device(DeviceChange::Remove { device: other.id.clone(), expected_version: other.version })
    });
    let disabled = Change::Event(EventChange::Record(Event::new(now, user(), EventKind::TwoFactorDisabled)));
    rest.chain([moved(None), disabled]).chain(ends_all(&row.user)).collect()
}

/// Changes for the new owner of the device, whose other factors are `own`.
fn given(device: Device, own: &Factors<Sealed>, now: Timestamp) -> Vec<Change> {
    let (user, id) = (device.user.clone(), device.id.clone());
    let stays = own.account.preferred.clone().filter(|preferred| *preferred == id);
    let preferred = Some(stays.unwrap_or_else(|| own.default_with(&id, None)));
    let confirmed = Change::Event(EventChange::Record(about(&device, EventKind::DeviceConfirmed, now)));
    let moved = Change::Account(AccountChange::BumpFactorSet {
        user: user.clone(),
        expected_version: own.account.factors,
        preferred,
    });
    [moved, Change::Device(DeviceChange::Add(device)), confirmed].into_iter().chain(ends_all(&user)).collect()
}

fn about(device: &Device, kind: EventKind, now: Timestamp) -> Event {
    let (id, method) = (Some(device.id.clone()), Some(device.kind.clone()));
    Event { device: id, method, ..Event::new(now, device.user.clone(), kind) }
}
