//! Actions on factors, for clients that keep nothing.
//!
//! A proof creates a session that lasts only for the request. The client's own session keeps its level, and records the
//! proof for the next action; a backup code proves one action only. An installation can exempt old clients that cannot
//! prove a device.

use countersign_core::{
    Change, DeviceId, DeviceName, EventChange, EventKind, Factors, FamilyId, Refusal, Secret, Session, SessionChange,
    Status, Timestamp,
    flow::{Purpose, manage, step_up},
};

use super::{Scope, Stateless, Submitted, answering, asked, lowered, others_tokens, with_proof};
use crate::{
    Engine, Error, SignedIn,
    flow::{
        RequestContext,
        manage::{codes_replaced, is_verified_by_codes, switched_off},
        proved,
        step_up::asked_exactly,
        token::in_session,
    },
    session::{self, SessionParams},
    verify::{OnSuccess, Precondition, Proven, Submission},
};

/// What permits an action on factors.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// A recent proof in the session, or this answer.
    Owed(Submitted<'a>),
    /// Nothing: it is an old client, which the installation exempts.
    Spared,
}

impl Engine {
    /// Switches two-factor authentication off, like [`Engine::disable`]. This session continues at the first level, and
    /// is returned in that state.
    pub async fn disable_stateless(
        &self,
        signed_in: &SignedIn,
        proof: Proof<'_>,
        context: &RequestContext,
    ) -> Result<Stateless<SignedIn>, Error> {
        let leave = match self.leave(signed_in, proof, context).await? {
            Stateless::Done(leave) => leave,
            Stateless::Owed(asked) => return Ok(Stateless::Owed(asked)),
        };
        let (user, own) = (signed_in.user(), signed_in.session());
        let disabled = self.settle(user, leave.ground(own), |factors, now| {
            self.allows(&leave, own, &factors, now)?;
            let mut changes = switched_off(user, &factors);
            let session = lowered(own, now);
            changes.extend([
                others_tokens(own),
                Change::Session(SessionChange::Create(session.clone())),
                Change::Event(EventChange::Record(in_session(EventKind::TwoFactorDisabled, signed_in, context, now))),
            ]);
            Ok((changes, session))
        });
        Ok(Stateless::Done(SignedIn::new(disabled.await?, user.clone())))
    }

    /// Makes one backup code, replacing all existing ones. It is returned only here.
    pub async fn make_backup_code_stateless(
        &self,
        signed_in: &SignedIn,
        proof: Proof<'_>,
        name: DeviceName,
        context: &RequestContext,
    ) -> Result<Stateless<Secret>, Error> {
        let leave = match self.leave(signed_in, proof, context).await? {
            Stateless::Done(leave) => leave,
            Stateless::Owed(asked) => return Ok(Stateless::Owed(asked)),
        };
        let (user, own) = (signed_in.user(), signed_in.session());
        let code = self.draw_backup_code();
        let set = self.backup_code_device(&user.id, name, std::slice::from_ref(&code));
        let made = self.settle(user, leave.ground(own), |factors, now| {
            self.allows(&leave, own, &factors, now)?;
            // Its own tokens continue with it.
            let own_family = FamilyId::new(own.key.as_str());
            let mut changes = codes_replaced(user, &factors, &set, Some(&own_family), now);
            changes.extend(leave.end());
            if let Some(renewed) = leave.remembered(own, &factors, &set.id, now) {
                let moves = [SessionChange::End(own.key.clone()), SessionChange::Create(renewed)];
                changes.extend(moves.map(Change::Session));
            }
            changes.push(Change::Event(EventChange::Record(in_session(
                EventKind::BackupCodesMade,
                signed_in,
                context,
                now,
            ))));
            Ok((changes, ()))
        });
        made.await?;
        Ok(Stateless::Done(code.text()))
    }

    /// What permits an action of this session.
    async fn leave(
        &self,
        signed_in: &SignedIn,
        proof: Proof<'_>,
        context: &RequestContext,
    ) -> Result<Stateless<Authorization>, Error> {
        let Proof::Owed(submitted) = proof else { return Ok(Stateless::Done(Authorization::Spared)) };
        let factors = self.open_factors(&signed_in.user().id).await?;
        match self.may_use_in_place(signed_in.session(), &factors, self.now()) {
            Ok(()) if submitted.answer().is_none() => Ok(Stateless::Done(Authorization::Own)),
            Ok(()) | Err(Refusal::VerificationNeeded) => self.prove(signed_in, &factors, submitted, context).await,
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Proves a device for one action.
    async fn prove(
        &self,
        signed_in: &SignedIn,
        factors: &Factors,
        submitted: Submitted<'_>,
        context: &RequestContext,
    ) -> Result<Stateless<Authorization>, Error> {
        let (user, own) = (signed_in.user(), signed_in.session());
        let scope = Scope { purpose: Purpose::StepUp, session: Some(&own.key) };
        let now = self.now();
        self.may_step_up(own, now)?;
        let device = answering(submitted, step_up::strongest(factors, self.methods())?, factors)?;
        if self.methods().level(&device.kind) < factors.level(self.methods()) {
            return Err(Refusal::VerificationNeeded.into());
        }
        let running = self.running(device, scope).await?;
        let attempt = self.new_attempt(user, scope, running, now);
        let Some(answer) = submitted.answer() else {
            let sent = if device.kind.is_delivered() {
                self.send_at_step_up(user, &attempt, &device.id, context).await
            } else {
                Ok(())
            };
            return asked(device, sent, &attempt, now).map(Stateless::Owed);
        };
        let token = self.draw_token();
        let Proven { session, .. } = self
            .verify(Submission {
                user,
                attempt: &attempt,
                answer,
                context,
                stage: Status::Active,
                permit: &|factors, _| asked_exactly(factors, &device.id, self.required(&attempt)),
                repeat: None,
                on_success: &|draft, _, now| {
                    let terms = SessionParams::proved(user, draft, own.signed_in, now);
                    let verified =
                        Change::Event(EventChange::Record(proved(EventKind::Verified, &attempt, draft, context, now)));
                    OnSuccess { session: session::row(&token, terms, now), changes: vec![verified] }
                },
            })
            .await?;
        Ok(Stateless::Done(Authorization::Passing(Box::new(session))))
    }

    /// Whether an action is permitted with this authorization.
    fn allows<S>(
        &self,
        leave: &Authorization,
        own: &Session,
        factors: &Factors<S>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        match leave {
            Authorization::Spared if factors.enabled() => Ok(()),
            Authorization::Spared => Err(Refusal::NotEnabled),
            Authorization::Own => self.may_use_in_place(own, factors, now),
            Authorization::Passing(passing) => self.may_use(passing, factors, now),
        }
    }

    fn may_use_in_place<S>(&self, own: &Session, factors: &Factors<S>, now: Timestamp) -> Result<(), Refusal> {
        manage::may_use_in_place(own, factors, self.config(), self.methods(), now)
    }
}

/// What an action depends on.
enum Authorization {
    /// A proof in the client's own session.
    Own,
    /// A session that was created for this action.
    Passing(Box<Session>),
    /// Nothing.
    Spared,
}

impl Authorization {
    /// The client's own session after new backup codes, if it changes: with the current proof, or with the new codes if
    /// the old ones had verified it. It keeps its token, which cannot be replaced here.
    fn remembered<S>(&self, own: &Session, factors: &Factors<S>, codes: &DeviceId, now: Timestamp) -> Option<Session> {
        if let Self::Passing(passing) = self
            && let (Some(device), Some(method)) = (&passing.device, &passing.method)
            && !method.is_fallback()
        {
            return Some(with_proof(own, device, method, now));
        }
        let by_codes = is_verified_by_codes(own, factors);
        by_codes.then(|| Session { device: Some(codes.clone()), last_seen: now, ..own.clone() })
    }

    /// Requires the client's own session in any case: after a sign-out nothing is permitted, whatever was proved.
    fn ground<'a>(&'a self, own: &'a Session) -> Precondition<'a> {
        match self {
            Self::Passing(passing) => Precondition::Proof { own, passing },
            Self::Own | Self::Spared => Precondition::Session(own),
        }
    }

    fn end(&self) -> Option<Change> {
        if let Self::Passing(session) = self {
            Some(Change::Session(SessionChange::End(session.key.clone())))
        } else {
            None
        }
    }
}
