//! What a signed-in user does with their factors and their password.
//!
//! Every deed that takes something away is a run of its own, begun when its form is shown and spent in its own commit: a
//! form sent twice, or an answer page reloaded, does nothing the second time and shows no code again.

use countersign_core::{
    Batch, Change, Device, DeviceId, DeviceName, EventKind, Factors, Kind, Level, Refusal, Sealed, Secret, Session,
    SessionKey, Status, Timestamp, UserId,
    flow::{Purpose, manage},
    method::{
        State,
        backup_codes::{self, BackupCode},
    },
    throttle::Standing,
    view::FactorsView,
};
use zeroize::Zeroizing;

use super::{LONGEST_PASSWORD, PASSWORD_ONLY, Visit, event, token::deed};
use crate::{
    AttemptToken, Engine, Fault, Grant, SignedIn, Stop, User,
    session::{self, Terms},
    verify::Ground,
};

impl Engine {
    /// What is set up.
    pub async fn factors(&self, signed_in: &SignedIn) -> Result<FactorsView, Fault> {
        let factors = self.open_factors(&signed_in.user().id).await?;
        Ok(FactorsView::new(&factors, self.looking(Standing::Unrecognized, None, self.now())))
    }

    /// Begins the form of a deed on factors that exist. Refused where the deed itself would be.
    pub async fn begin(&self, signed_in: &SignedIn, purpose: Purpose) -> Result<AttemptToken, Stop> {
        let now = self.now();
        let factors = self.store().factors(&signed_in.user().id).await?;
        self.may_use(signed_in.session(), &factors, now)?;
        Ok(self.seal_attempt(&self.attempt(signed_in, purpose, now))?)
    }

    /// Makes new backup codes; the old ones end in the same commit. The codes are told here and never again.
    pub async fn make_backup_codes(
        &self,
        signed_in: &SignedIn,
        token: &AttemptToken,
        name: DeviceName,
        visit: &Visit,
    ) -> Result<Vec<Secret>, Stop> {
        let attempt = self.resume(signed_in, token, Purpose::BackupCodes).await?;
        let user = signed_in.user();
        let codes: Vec<BackupCode> = (0..backup_codes::COUNT).map(|_| self.draw_backup_code()).collect();
        let set = self.backup_code_device(&user.id, name, &codes);
        self.settle(user, Ground::Run(&attempt, signed_in.session()), |factors, now| {
            self.may_use(signed_in.session(), &factors, now)?;
            let mut changes = codes_replaced(user, &factors, &set, now);
            changes.push(Change::Record(event(EventKind::BackupCodesMade, &attempt, visit, now)));
            Ok((changes, ()))
        })
        .await?;
        Ok(codes.iter().map(BackupCode::text).collect())
    }

    /// Has this device asked first from now on.
    pub async fn prefer(&self, signed_in: &SignedIn, device: &DeviceId) -> Result<(), Stop> {
        let user = signed_in.user();
        self.settle(user, Ground::Session(signed_in.session()), |factors, now| {
            self.may_use(signed_in.session(), &factors, now)?;
            let known = factors.device(device).filter(|device| device.is_active() && !device.kind.is_fallback());
            let preferred = Some(known.ok_or(Refusal::DeviceUnknown)?.id.clone());
            Ok((vec![Change::MoveFactors { user: user.id.clone(), seen: factors.account.factors, preferred }], ()))
        })
        .await
    }

    /// Calls this device something else.
    pub async fn rename(
        &self,
        signed_in: &SignedIn,
        device: &DeviceId,
        name: DeviceName,
        visit: &Visit,
    ) -> Result<(), Stop> {
        let user = signed_in.user();
        self.settle(user, Ground::Session(signed_in.session()), |factors, now| {
            self.may_use(signed_in.session(), &factors, now)?;
            let known = factors.device(device).filter(|device| device.status != Status::Enrolling);
            let mut known = self.open_device(known.ok_or(Refusal::DeviceUnknown)?.clone())?;
            known.name = name.clone();
            known.version = known.version.saturating_add(1);
            let mut renamed = deed(EventKind::DeviceRenamed, signed_in, visit, now);
            renamed.device = Some(known.id.clone());
            renamed.method = Some(known.kind.clone());
            Ok((vec![Change::UpdateDevice(known), Change::Record(renamed)], ()))
        })
        .await
    }

    /// Removes one device, but not the last one, and ends the other sessions, and the tokens, that it verified.
    pub async fn remove_device(
        &self,
        signed_in: &SignedIn,
        token: &AttemptToken,
        device: &DeviceId,
        visit: &Visit,
    ) -> Result<(), Stop> {
        let attempt = self.resume(signed_in, token, Purpose::RemoveDevice).await?;
        let user = signed_in.user();
        let others = self.others_verified_by(device, signed_in).await?;
        self.settle(user, Ground::Run(&attempt, signed_in.session()), |factors, now| {
            self.may_use(signed_in.session(), &factors, now)?;
            manage::may_remove(&factors, device, self.policy())?;
            let known = factors.device(device).ok_or(Refusal::DeviceUnknown)?;
            let mut removed = event(EventKind::DeviceRemoved, &attempt, visit, now);
            removed.device = Some(known.id.clone());
            removed.method = Some(known.kind.clone());
            let preferred = factors.account.preferred.clone().filter(|preferred| preferred != device);
            let mut changes = vec![
                Change::MoveFactors { user: user.id.clone(), seen: factors.account.factors, preferred },
                Change::Record(removed),
            ];
            changes.extend(removal(known));
            changes.extend(others.iter().cloned().map(Change::EndSession));
            Ok((changes, ()))
        })
        .await?;
        // Whoever signed in with it between the reading and the writing. From now on nobody can.
        let late = self.others_verified_by(device, signed_in).await?;
        if !late.is_empty() {
            self.commit(&Batch::new(late.into_iter().map(Change::EndSession).collect())).await?;
        }
        Ok(())
    }

    /// The user's other sessions that this device has verified.
    async fn others_verified_by(&self, device: &DeviceId, signed_in: &SignedIn) -> Result<Vec<SessionKey>, Fault> {
        let sessions = self.store().sessions(&signed_in.user().id).await?.into_iter();
        let others = sessions.filter(|session| session.key != signed_in.session().key);
        Ok(others.filter(|session| session.device.as_ref() == Some(device)).map(|session| session.key).collect())
    }

    /// Switches two-factor authentication off: removes every device, confirmed or not, and ends every other
    /// session and every token.
    pub async fn disable(&self, signed_in: &SignedIn, token: &AttemptToken, visit: &Visit) -> Result<Grant, Stop> {
        let attempt = self.resume(signed_in, token, Purpose::Disable).await?;
        let user = signed_in.user();
        let token = self.draw_token();
        let old = signed_in.session();
        // Every device cookie ends with the devices; this browser goes on with one that has proved the password.
        let remembered = self.remembered(user, None, visit, &[]);
        let session = self
            .settle(user, Ground::Run(&attempt, signed_in.session()), |factors, now| {
                self.may_use(old, &factors, now)?;
                let terms = Terms {
                    user,
                    level: PASSWORD_ONLY,
                    device: None,
                    method: None,
                    signed_in: old.signed_in,
                    verified: None,
                };
                let session = session::row(&token, terms, now);
                let mut changes = switched_off(user, &factors);
                changes.extend(remembered.changes.clone());
                changes.extend([
                    Change::EndTokens { user: user.id.clone() },
                    Change::OpenSession(session.clone()),
                    Change::Record(event(EventKind::TwoFactorDisabled, &attempt, visit, now)),
                ]);
                Ok((changes, session))
            })
            .await?;
        Ok(Grant::new(token, session, user, remembered.token))
    }

    /// Whether this session may change its user's password.
    pub async fn may_change_password(&self, signed_in: &SignedIn) -> Result<(), Stop> {
        let factors = self.store().factors(&signed_in.user().id).await?;
        manage::may_change_password(signed_in.session(), &factors, self.methods())?;
        self.stands(signed_in.session()).await
    }

    /// Changes the password; the current one is asked, and a wrong one is charged like a failed first step. Every other
    /// session, every token and every login under way ends, because the stamp changes.
    pub async fn change_password(
        &self,
        signed_in: &SignedIn,
        current: &Secret,
        new: &Secret,
        visit: &Visit,
    ) -> Result<Grant, Stop> {
        self.may_change_password(signed_in).await?;
        let user = signed_in.user();
        let charge = self.try_password(Some(user), &user.name, current, visit).await?;
        let charge = charge.ok_or(Refusal::PasswordWrong)?;
        self.give_back(&charge).await;
        if new.expose().len() > LONGEST_PASSWORD {
            return Err(Refusal::PasswordLong { longest: LONGEST_PASSWORD }.into());
        }
        if current.is_same(new) {
            return Err(Refusal::PasswordSame.into());
        }
        // Asked again, now that the hashing of the old password is over: a second factor may have come meanwhile.
        self.may_change_password(signed_in).await?;
        let user = self.users().set_password(user, new).await?;
        let token = self.draw_token();
        let remembered = self.remember(&user, signed_in.session().device.as_ref(), visit).await?;
        let session = self
            .settle(&user, Ground::Session(signed_in.session()), |factors, now| {
                // The new session is no surer than the old one was, so what it rests on is asked again.
                manage::may_change_password(signed_in.session(), &factors, self.methods())?;
                let session = renewed(&token, &user, signed_in.session(), now);
                let mut changes = vec![
                    Change::ExpectFactors { user: user.id.clone(), seen: factors.account.factors },
                    Change::EndSessions { user: user.id.clone() },
                    Change::EndTokens { user: user.id.clone() },
                    Change::OpenSession(session.clone()),
                    Change::Record(deed(EventKind::PasswordChanged, signed_in, visit, now)),
                ];
                changes.extend(remembered.changes.clone());
                Ok((changes, session))
            })
            .await?;
        Ok(Grant::new(token, session, &user, remembered.token))
    }

    pub(crate) fn draw_backup_code(&self) -> BackupCode {
        BackupCode::new(&Zeroizing::new(self.draw()))
    }

    /// A new set of these codes that counts at once.
    pub(crate) fn backup_code_device(&self, user: &UserId, name: DeviceName, codes: &[BackupCode]) -> Device {
        let state = State::BackupCodes(backup_codes::State::new(self.draw(), codes));
        self.new_device(user, Kind::BACKUP_CODES, name, Status::Active, state)
    }
}

/// The end of every device, of every session and of every device cookie.
pub(super) fn switched_off(user: &User, factors: &Factors<Sealed>) -> Vec<Change> {
    vec![
        Change::MoveFactors { user: user.id.clone(), seen: factors.account.factors, preferred: None },
        Change::RemoveDevices { user: user.id.clone() },
        Change::EndSessions { user: user.id.clone() },
        Change::EndDeviceCookies { user: user.id.clone() },
    ]
}

/// The end of the backup codes there are, and this set in their place.
pub(super) fn codes_replaced(user: &User, factors: &Factors<Sealed>, set: &Device, now: Timestamp) -> Vec<Change> {
    let old = factors.devices.iter().filter(|device| device.kind == Kind::BACKUP_CODES);
    let mut changes: Vec<_> = old.flat_map(removal).collect();
    changes.extend([
        Change::MoveFactors {
            user: user.id.clone(),
            seen: factors.account.factors,
            preferred: factors.account.preferred.clone(),
        },
        Change::AddDevice(Device { created: now, ..set.clone() }),
    ]);
    changes
}

/// The end of a device, and of the tokens that it verified.
fn removal(device: &Device<Sealed>) -> [Change; 2] {
    let end = Change::EndTokensOf { user: device.user.clone(), device: device.id.clone() };
    [Change::RemoveDevice { device: device.id.clone(), seen: device.version }, end]
}

/// The session after a change of password: as sure as before, under the new stamp.
fn renewed(token: &crate::SessionToken, user: &User, old: &Session, now: Timestamp) -> Session {
    let Session { level, device, method, verified, .. } = old.clone();
    let signed_in = if level == Level::Aal1 { now } else { old.signed_in };
    session::row(token, Terms { user, level, device, method, signed_in, verified }, now)
}
