//! Managing factors and the password in a session.
//!
//! Every action that removes something has its own attempt, which begins when its form is shown and is closed in the
//! action's commit: a form sent twice, or a reloaded result page, does nothing the second time and shows no code again.

use countersign_core::{
    AccountChange, Batch, Change, Device, DeviceChange, DeviceCookieChange, DeviceId, DeviceName, Event, EventChange,
    EventKind, Factors, FamilyId, Kind, Level, Refusal, Sealed, Secret, Session, SessionChange, SessionKey, Status,
    Timestamp, TokenChange, UserChange, UserId,
    flow::{Purpose, manage},
    method::{
        State,
        backup_codes::{self, BackupCode},
    },
    throttle::Standing,
    view::FactorsView,
};
use zeroize::Zeroizing;

use super::{MAX_PASSWORD_LENGTH, PASSWORD_ONLY, RequestContext, event, guess::Tried, token::in_session};
use crate::{
    AttemptToken, Engine, Error, Fault, NewSession, PreparedPassword, ReplacingCall, SessionToken, SignedIn, User,
    port::PasswordPlace,
    repeat::Call,
    session::{self, SessionParams},
    verify::Precondition,
};

impl Engine {
    /// The user's factors.
    pub async fn factors(&self, signed_in: &SignedIn) -> Result<FactorsView, Fault> {
        let factors = self.open_factors(&signed_in.user().id).await?;
        Ok(FactorsView::new(&factors, self.looking(Standing::Unrecognized, None, self.now())))
    }

    /// Whether this session may change existing devices now.
    pub async fn may_manage(&self, signed_in: &SignedIn) -> Result<(), Error> {
        let factors = self.store().factors(&signed_in.user().id).await?;
        Ok(self.may_use(signed_in.session(), &factors, self.now())?)
    }

    /// Begins the form of an action on existing factors. Refused if the action itself would be.
    pub async fn begin(&self, signed_in: &SignedIn, purpose: Purpose) -> Result<AttemptToken, Error> {
        let now = self.now();
        let factors = self.store().factors(&signed_in.user().id).await?;
        self.may_use(signed_in.session(), &factors, now)?;
        Ok(self.seal_attempt(&self.attempt(signed_in, purpose, now))?)
    }

    /// Makes new backup codes. The same commit removes the old ones and revokes every session, grant and token that
    /// they had verified. If the caller's session is among them, a new one replaces it. The codes are returned only
    /// here.
    pub async fn make_backup_codes(
        &self,
        signed_in: &SignedIn,
        token: &AttemptToken,
        name: DeviceName,
        context: &RequestContext,
    ) -> Result<MadeCodes, Error> {
        let attempt = self.resume(signed_in, token, Purpose::BackupCodes).await?;
        let (user, own) = (signed_in.user(), signed_in.session());
        let codes: Vec<BackupCode> = (0..backup_codes::COUNT).map(|_| self.draw_backup_code()).collect();
        let set = self.backup_code_device(&user.id, name, &codes);
        let token = self.draw_token();
        let renewed = self
            .settle(user, Precondition::Attempt(&attempt, own), |factors, now| {
                self.may_use(own, &factors, now)?;
                let mut changes = codes_replaced(user, &factors, &set, None, now);
                let renewed = is_verified_by_codes(own, &factors).then(|| {
                    let old = Session { device: Some(set.id.clone()), ..own.clone() };
                    renewed(&token, user, &old, now)
                });
                if let Some(renewed) = &renewed {
                    changes.extend(self.setups_follow(&factors, None, &own.key, &renewed.key));
                    changes.push(Change::Session(SessionChange::Create(renewed.clone())));
                }
                changes.push(Change::Event(EventChange::Record(event(
                    EventKind::BackupCodesMade,
                    &attempt,
                    context,
                    now,
                ))));
                Ok((changes, renewed))
            })
            .await?;
        let renewed = renewed.map(|session| NewSession::new(token, session, user, None));
        Ok(MadeCodes { codes: codes.iter().map(BackupCode::text).collect(), renewed })
    }

    /// Makes this device the default.
    pub async fn prefer(&self, signed_in: &SignedIn, device: &DeviceId) -> Result<(), Error> {
        let user = signed_in.user();
        self.settle(user, Precondition::Session(signed_in.session()), |factors, now| {
            self.may_use(signed_in.session(), &factors, now)?;
            let known = factors.device(device).filter(|device| device.is_active() && !device.kind.is_fallback());
            let preferred = Some(known.ok_or(Refusal::DeviceUnknown)?.id.clone());
            Ok((
                vec![Change::Account(AccountChange::BumpFactorSet {
                    user: user.id.clone(),
                    expected_version: factors.account.factors,
                    preferred,
                })],
                (),
            ))
        })
        .await
    }

    /// Renames this device.
    pub async fn rename(
        &self,
        signed_in: &SignedIn,
        device: &DeviceId,
        name: DeviceName,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let user = signed_in.user();
        self.settle(user, Precondition::Session(signed_in.session()), |factors, now| {
            self.may_use(signed_in.session(), &factors, now)?;
            let known = factors.device(device).filter(|device| device.status != Status::Enrolling);
            let known = known.ok_or(Refusal::DeviceUnknown)?.clone();
            let mut known = self.open_device_of(&factors.account, known)?;
            known.name = name.clone();
            known.version = known.version.saturating_add(1);
            let mut renamed = in_session(EventKind::DeviceRenamed, signed_in, context, now);
            renamed.device = Some(known.id.clone());
            renamed.method = Some(known.kind.clone());
            Ok((vec![Change::Device(DeviceChange::Update(known)), Change::Event(EventChange::Record(renamed))], ()))
        })
        .await
    }

    /// Removes one device, but not the last one, and revokes the other sessions, and the tokens, that it verified, all
    /// in one commit.
    pub async fn remove_device(
        &self,
        signed_in: &SignedIn,
        token: &AttemptToken,
        device: &DeviceId,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let attempt = self.resume(signed_in, token, Purpose::RemoveDevice).await?;
        let (user, own) = (signed_in.user(), signed_in.session());
        self.settle(user, Precondition::Attempt(&attempt, own), |factors, now| {
            self.may_use(own, &factors, now)?;
            manage::may_remove(&self.usable(&factors, device, now)?, device, self.config())?;
            let known = factors.device(device).ok_or(Refusal::DeviceUnknown)?;
            let removed = removed(known, event(EventKind::DeviceRemoved, &attempt, context, now));
            let preferred = factors.default_without(device);
            let mut changes = vec![
                Change::Account(AccountChange::BumpFactorSet {
                    user: user.id.clone(),
                    expected_version: factors.account.factors,
                    preferred,
                }),
                Change::Event(EventChange::Record(removed)),
            ];
            changes.extend(removal(known, Some(own.key.clone()), None));
            Ok((changes, ()))
        })
        .await
    }

    /// Switches two-factor authentication off: removes every device, confirmed or not, and revokes every other session
    /// and every token. May be repeated like [`Engine::step_up`].
    pub async fn disable(
        &self,
        signed_in: &SignedIn,
        token: &AttemptToken,
        context: &RequestContext,
    ) -> Result<NewSession, Error> {
        let call = self.call_of(signed_in, ReplacingCall::Disable { attempt: Some(token) });
        let disabled = self.disable_in(signed_in, token, call.as_ref(), context).await;
        self.or_repeated(disabled, call.as_ref(), context).await
    }

    /// [`Engine::disable`] for clients that show no form first.
    pub async fn disable_now(&self, signed_in: &SignedIn, context: &RequestContext) -> Result<NewSession, Error> {
        let call = self.call_of(signed_in, ReplacingCall::Disable { attempt: None });
        let disabled = match self.begin(signed_in, Purpose::Disable).await {
            Ok(token) => self.disable_in(signed_in, &token, call.as_ref(), context).await,
            Err(error) => Err(error),
        };
        self.or_repeated(disabled, call.as_ref(), context).await
    }

    async fn disable_in(
        &self,
        signed_in: &SignedIn,
        token: &AttemptToken,
        call: Option<&Call<'_>>,
        context: &RequestContext,
    ) -> Result<NewSession, Error> {
        let attempt = self.resume(signed_in, token, Purpose::Disable).await?;
        let user = signed_in.user();
        let token = self.draw_token();
        let old = signed_in.session();
        // All device cookies are revoked with the devices; this browser gets a new one that has proved the password.
        let remembered = self.remembered(user, None, context, &[]);
        let session = self
            .settle(user, Precondition::Attempt(&attempt, signed_in.session()), |factors, now| {
                self.may_use(old, &factors, now)?;
                let terms = SessionParams {
                    user,
                    level: PASSWORD_ONLY,
                    device: None,
                    method: None,
                    signed_in: old.signed_in,
                    verified: None,
                };
                let session = self.repeatable(session::row(&token, terms, now), &token, call, now)?;
                let mut changes = switched_off(user, &factors);
                changes.extend(remembered.changes.clone());
                changes.extend([
                    Change::Token(TokenChange::RevokeAll { user: user.id.clone() }),
                    Change::Session(SessionChange::Create(session.clone())),
                    Change::Event(EventChange::Record(event(EventKind::TwoFactorDisabled, &attempt, context, now))),
                ]);
                Ok((changes, session))
            })
            .await?;
        Ok(NewSession::new(token, session, user, remembered.token))
    }

    /// Whether this session may change its user's password.
    pub async fn may_change_password(&self, signed_in: &SignedIn) -> Result<(), Error> {
        let factors = self.store().factors(&signed_in.user().id).await?;
        manage::may_change_password(signed_in.session(), &factors, self.methods())?;
        self.stands(signed_in.session()).await
    }

    /// Changes the password. The current one is required, and a wrong one is charged like a failed first step. Every
    /// other session, every token and every pending login becomes invalid, because the stamp changes.
    ///
    /// The new password is hashed first. One commit, which depends on the session, the stamp and the set of devices,
    /// then revokes every session and token and creates the new session under the new stamp; for users in the store's
    /// own table it writes the password as well. A host writes the password after that commit, so a crash in between
    /// leaves the old password and no session. A refusal means that the password is unchanged. After a fault of a
    /// host's it may be either. May be repeated like [`Engine::step_up`], with the same two passwords.
    pub async fn change_password(
        &self,
        signed_in: &SignedIn,
        current: &Secret,
        new: &Secret,
        context: &RequestContext,
    ) -> Result<NewSession, Error> {
        let call = self.call_of(signed_in, ReplacingCall::ChangePassword { current, new });
        let changed = self.change_password_in(signed_in, current, new, call.as_ref(), context).await;
        self.or_repeated(changed, call.as_ref(), context).await
    }

    async fn change_password_in(
        &self,
        signed_in: &SignedIn,
        current: &Secret,
        new: &Secret,
        call: Option<&Call<'_>>,
        context: &RequestContext,
    ) -> Result<NewSession, Error> {
        self.may_change_password(signed_in).await?;
        let (user, old) = (signed_in.user(), signed_in.session());
        match self.try_password(Some(user), &user.name, current, context).await? {
            Tried::Right(charge) => self.give_back(&charge).await,
            Tried::Wrong(charge) => {
                // This very call may have changed it a moment ago.
                let Some(call) = call else { return Err(Refusal::PasswordWrong.into()) };
                let repeated = self.repeated_session(call, context, Refusal::PasswordWrong).await;
                if repeated.is_ok() {
                    self.give_back_wrong(&charge, user, context).await?;
                }
                return repeated;
            }
        }
        if new.expose().len() > MAX_PASSWORD_LENGTH {
            return Err(Refusal::PasswordLong { longest: MAX_PASSWORD_LENGTH }.into());
        }
        if current.is_same(new) {
            return Err(Refusal::PasswordSame.into());
        }
        let prepared = self.users().prepare_password(user, new).await?;
        let upcoming = User { stamp: prepared.stamp().to_owned(), ..user.clone() };
        let token = self.draw_token();
        let remembered = self.remember(&upcoming, old.device.as_ref(), context).await?;
        let record =
            |now| Change::Event(EventChange::Record(in_session(EventKind::PasswordChanged, signed_in, context, now)));
        let session = self
            .settle(user, Precondition::Credentials(old), |factors, now| {
                // Checked again after the hashing: a second factor may have been added meanwhile.
                manage::may_change_password(old, &factors, self.methods())?;
                let signed_in = if old.level == Level::Aal1 { now } else { old.signed_in };
                let session = renewed(&token, &upcoming, &Session { signed_in, ..old.clone() }, now);
                let session = self.repeatable(session, &token, call, now)?;
                let mut changes = vec![
                    Change::Account(AccountChange::RequireFactorSet {
                        user: user.id.clone(),
                        expected_version: factors.account.factors,
                    }),
                    Change::Session(SessionChange::EndAll { user: user.id.clone() }),
                    Change::Token(TokenChange::RevokeAll { user: user.id.clone() }),
                    Change::Session(SessionChange::Create(session.clone())),
                ];
                changes.extend(remembered.changes.clone());
                if prepared.place() == PasswordPlace::Store {
                    changes.extend([set_password(user, &prepared, now), record(now)]);
                }
                Ok((changes, session))
            })
            .await?;
        if prepared.place() == PasswordPlace::Users {
            let stored = self.users().store_password(&user.id, &prepared, &user.stamp).await?;
            if stored.is_none() {
                // The credentials changed elsewhere at the same moment: that change holds, and this one is undone. Its
                // new session is ended, whatever the stamp is by now, so that a repeated call finds nothing.
                self.commit(&Batch::new(vec![Change::Session(SessionChange::End(session.key))])).await?;
                return Err(Refusal::SignInNeeded.into());
            }
            self.note_event(record(self.now())).await;
        }
        Ok(NewSession::new(token, session, &upcoming, remembered.token))
    }

    /// Records an event of a change that has been made already, even if recording fails.
    async fn note_event(&self, event: Change) {
        if let Err(fault) = self.commit(&Batch::new(vec![event])).await {
            tracing::warn!(%fault, "recording an event failed");
        }
    }

    pub(crate) fn draw_backup_code(&self) -> BackupCode {
        BackupCode::new(&Zeroizing::new(self.draw()))
    }

    /// A new set of these codes, active at once.
    pub(crate) fn backup_code_device(&self, user: &UserId, name: DeviceName, codes: &[BackupCode]) -> Device {
        let state = State::BackupCodes(backup_codes::State::new(self.draw(), codes));
        self.new_device(user, Kind::BACKUP_CODES, name, Status::Active, state)
    }
}

/// Removes every device, and revokes every session and every device cookie.
pub(super) fn switched_off(user: &User, factors: &Factors<Sealed>) -> Vec<Change> {
    vec![
        Change::Account(AccountChange::BumpFactorSet {
            user: user.id.clone(),
            expected_version: factors.account.factors,
            preferred: None,
        }),
        Change::Device(DeviceChange::RemoveAll { user: user.id.clone() }),
        Change::Session(SessionChange::EndAll { user: user.id.clone() }),
        Change::DeviceCookie(DeviceCookieChange::EndAll { user: user.id.clone() }),
    ]
}

/// New backup codes.
#[derive(Debug)]
pub struct MadeCodes {
    /// The codes, to be shown once.
    pub codes: Vec<Secret>,
    /// The session that replaces the caller's, if the old codes had verified that one: the caller's token is no longer
    /// valid.
    pub renewed: Option<NewSession>,
}

/// Removes the existing backup codes, revokes every session that they had verified and every token but those of one
/// grant, and adds this set.
pub(super) fn codes_replaced(
    user: &User,
    factors: &Factors<Sealed>,
    set: &Device,
    but: Option<&FamilyId>,
    now: Timestamp,
) -> Vec<Change> {
    let old = factors.devices.iter().filter(|device| device.kind == Kind::BACKUP_CODES);
    let mut changes: Vec<_> = old.flat_map(|device| removal(device, None, but)).collect();
    changes.extend([
        Change::Account(AccountChange::BumpFactorSet {
            user: user.id.clone(),
            expected_version: factors.account.factors,
            preferred: factors.account.preferred.clone(),
        }),
        Change::Device(DeviceChange::Add(Device { created: now, ..set.clone() })),
    ]);
    changes
}

/// Whether existing backup codes have verified this session.
pub(super) fn is_verified_by_codes<S>(session: &Session, factors: &Factors<S>) -> bool {
    let verified_by = session.device.as_ref().and_then(|device| factors.device(device));
    verified_by.is_some_and(|device| device.kind == Kind::BACKUP_CODES)
}

/// The event for the removal of this device.
pub(super) fn removed(device: &Device<Sealed>, event: Event) -> Event {
    Event { device: Some(device.id.clone()), method: Some(device.kind.clone()), ..event }
}

/// Removes a device, and revokes the sessions and tokens that it verified, except one session and one grant.
pub(super) fn removal(device: &Device<Sealed>, session: Option<SessionKey>, family: Option<&FamilyId>) -> [Change; 3] {
    let (user, id) = (device.user.clone(), device.id.clone());
    [
        Change::Device(DeviceChange::Remove { device: id.clone(), expected_version: device.version }),
        Change::Session(SessionChange::EndVerifiedBy { user: user.clone(), device: id.clone(), except: session }),
        Change::Token(TokenChange::RevokeVerifiedBy { user, device: id, except: family.cloned() }),
    ]
}

/// The new password of a user in the store's own table.
fn set_password(user: &User, prepared: &PreparedPassword, at: Timestamp) -> Change {
    Change::User(UserChange::SetPassword {
        user: user.id.clone(),
        expected_stamp: user.stamp.clone(),
        stamp: prepared.stamp().to_owned(),
        hash: prepared.hash().clone(),
        at,
    })
}

/// The session that replaces another one of this user: at the same level, under the user's current stamp.
fn renewed(token: &SessionToken, user: &User, old: &Session, now: Timestamp) -> Session {
    let Session { level, device, method, signed_in, verified, .. } = old.clone();
    session::row(token, SessionParams { user, level, device, method, signed_in, verified }, now)
}
