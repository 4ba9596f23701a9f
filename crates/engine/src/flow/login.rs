//! Signing in: the password, the challenge for a second factor, and the answer.
//!
//! Every failed first step gets the same refusal. Between the two steps there is no row: the browser keeps the sealed
//! attempt. So a sign-in with a second factor is two commits: the charge for the password, and the one that creates the
//! session and refunds the charge.

use std::time::Duration;

use countersign_core::{
    AccountChange, Batch, Change, Device, DeviceId, Event, EventChange, EventKind, Factors, Refusal, Secret, Session,
    SessionChange, Status, Timestamp, Written,
    flow::{Attempt, Charge, Purpose, login},
    view::{AnswerForm, ChallengeView, PromptView},
};

use super::{LoginChallenge, PASSWORD_ONLY, RequestContext, event, proved};
use crate::{
    AttemptToken, Engine, Error, Fault, NewSession, SignedIn, User,
    repeat::Call,
    session::{self, SessionParams},
    verify::{OnSuccess, Proven, Submission},
};

/// The maximum length of a user name, in bytes of its canonical spelling.
const MAX_NAME_LENGTH: usize = 320;

/// How long to wait before a retry after lost races.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The result of a correct password.
#[derive(Debug)]
pub enum SignIn {
    /// No second factor is required.
    Complete(NewSession),
    /// A second factor is required.
    Pending(LoginChallenge),
}

impl Engine {
    /// The first step: a name and a password.
    pub async fn sign_in(&self, name: &str, password: &Secret, context: &RequestContext) -> Result<SignIn, Error> {
        let (user, charge) = self.first_step(name, password, context).await?;
        let outcome = self.after_password(&user, &charge, context).await;
        if outcome.is_err() {
            self.give_back(&charge).await;
        }
        outcome
    }

    /// The user with this name, if the password is correct, and the charge for it.
    pub(super) async fn first_step(
        &self,
        name: &str,
        password: &Secret,
        context: &RequestContext,
    ) -> Result<(User, Charge), Error> {
        let canonical = self.users().canonical(name);
        // The canonical spelling can be longer or shorter than the typed one.
        let is_name = canonical.len().min(name.len()) <= MAX_NAME_LENGTH;
        let user = if is_name { self.users().by_login(name).await? } else { None };
        let tried = self.try_password(user.as_ref(), &canonical, password, context).await?;
        Ok(user.zip(tried.right()).ok_or(Refusal::InvalidCredentials)?)
    }

    /// The result of a correct password: a session, or a challenge.
    async fn after_password(&self, user: &User, charge: &Charge, context: &RequestContext) -> Result<SignIn, Error> {
        let mut rounds = self.rounds();
        while let Some(now) = rounds.next() {
            let factors = self.open_factors(&user.id).await?;
            let attempt = Attempt {
                id: self.new_id(),
                purpose: Purpose::Login,
                user: user.id.clone(),
                stamp: user.stamp.clone(),
                started: now,
                session: None,
                device: None,
                next: context.next.clone(),
                charge: Some(charge.clone()),
                level: None,
                replaces: None,
            };
            match login::owed(&factors, None)? {
                login::Owed::Device(device) => return self.owe(user, &attempt, device, &factors, context).await,
                login::Owed::Nothing { factors } => {
                    if let Some(new_session) =
                        self.sign_in_without_factor(user, &attempt, factors, context, now).await?
                    {
                        return Ok(SignIn::Complete(new_session));
                    }
                }
            }
        }
        Err(Fault::busy("let somebody in in time", RETRY_AFTER).into())
    }

    /// Makes the challenge; if codes are sent to the device, one is sent with it.
    async fn owe(
        &self,
        user: &User,
        attempt: &Attempt,
        device: &Device,
        factors: &Factors,
        context: &RequestContext,
    ) -> Result<SignIn, Error> {
        let token = self.seal_attempt(attempt)?;
        if device.kind.is_delivered() {
            let unsent = match self.send_at_login(user, attempt, &device.id, context).await {
                Ok(()) => None,
                Err(Error::Refused(refusal)) => Some(refusal),
                Err(fault) => return Err(fault),
            };
            let challenge = self.challenge(&token, Some(&device.id), context).await?;
            let unsent = unsent.filter(|refusal| !has_code(&challenge.view.device, refusal));
            return Ok(SignIn::Pending(LoginChallenge { unsent, ..challenge }));
        }
        let standing = self.browser(user, context).await?.standing();
        let looking = self.looking(standing, Some(attempt), attempt.started);
        let view = ChallengeView::at_login(device, factors, looking);
        let (until, next) = (attempt.end(self.config().login_timeout), attempt.next.clone());
        Ok(SignIn::Pending(LoginChallenge { token, view, until, next, unsent: None }))
    }

    /// Writes a session on condition that the user has no second factor; `None` if that has changed meanwhile.
    pub(super) async fn sign_in_without_factor(
        &self,
        user: &User,
        attempt: &Attempt,
        factors: u64,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Option<NewSession>, Error> {
        let token = self.draw_token();
        let terms =
            SessionParams { user, level: PASSWORD_ONLY, device: None, method: None, signed_in: now, verified: None };
        let session = session::row(&token, terms, now);
        self.observer().before_session(user, &session).await?;
        let mut changes = vec![
            Change::Account(AccountChange::RequireFactorSet { user: user.id.clone(), expected_version: factors }),
            Change::Session(SessionChange::Create(session.clone())),
            Change::Event(EventChange::Record(event(EventKind::SignedIn, attempt, context, now))),
        ];
        changes.extend(replaced(context));
        if let Some(old) = &context.session {
            changes.extend(self.setups_carried(user, &old.key(), &session.key).await?);
        }
        changes.extend(attempt.charge.as_ref().map(Charge::refund));
        let remembered = self.remember(user, None, context).await?;
        changes.extend(remembered.changes);
        let receipt = self.commit(&Batch::new(changes)).await?;
        let done = *receipt.written() == Written::Done;
        Ok(done.then(|| NewSession::new(token, session, user, remembered.token)))
    }

    /// Shows the second step: the device that is asked, or the one chosen instead.
    pub async fn challenge(
        &self,
        token: &AttemptToken,
        choice: Option<&DeviceId>,
        context: &RequestContext,
    ) -> Result<LoginChallenge, Error> {
        let (attempt, user) = self.pending(token).await?;
        if self.store().attempt_spent(&attempt.id).await? {
            return Err(Refusal::AttemptExpired.into());
        }
        let factors = self.open_factors(&user.id).await?;
        attempt.check_restored(factors.account.restored, self.now())?;
        let login::Owed::Device(device) = login::owed(&factors, choice)? else {
            return Err(Refusal::AttemptExpired.into());
        };
        let standing = self.browser(&user, context).await?.standing();
        let looking = self.looking(standing, Some(&attempt), self.now());
        let view = ChallengeView::at_login(device, &factors, looking);
        let until = attempt.end(self.config().login_timeout);
        Ok(LoginChallenge { token: token.clone(), view, until, next: attempt.next, unsent: None })
    }

    /// Verifies the answer of the second step.
    pub async fn answer(
        &self,
        token: &AttemptToken,
        choice: &DeviceId,
        answer: &Secret,
        context: &RequestContext,
    ) -> Result<(NewSession, Option<String>), Error> {
        let attempt = self.open_attempt(token, Purpose::Login).ok_or(Refusal::AttemptExpired)?;
        let call = Call::login(token, &attempt, choice, answer);
        let new_session = match self.user_of(&attempt).await {
            Ok(user) => self.second_step(&user, &attempt, choice, answer, context, Some(&call)).await?,
            // A call that completed just before the attempt expired may be repeated a little later.
            Err(error) => self.or_repeated(Err(error), Some(&call), context).await?,
        };
        Ok((new_session, attempt.next))
    }

    /// The second step in this attempt; if a call is given, it may be repeated.
    pub(super) async fn second_step(
        &self,
        user: &User,
        attempt: &Attempt,
        choice: &DeviceId,
        answer: &Secret,
        context: &RequestContext,
        call: Option<&Call<'_>>,
    ) -> Result<NewSession, Error> {
        let token = self.draw_token();
        let Proven { session, browser, repeated } = self
            .verify(Submission {
                user,
                attempt,
                answer,
                context,
                stage: Status::Active,
                permit: &|factors, _| owed_exactly(factors, choice),
                repeat: call.map(|call| (call, &token)),
                on_success: &|draft, _, now| {
                    let terms = SessionParams::proved(user, draft, attempt.started, now);
                    let signed_in = proved(EventKind::SignedIn, attempt, draft, context, now);
                    let changes =
                        replaced(context).into_iter().chain([Change::Event(EventChange::Record(signed_in))]).collect();
                    OnSuccess { session: session::row(&token, terms, now), changes }
                },
            })
            .await?;
        Ok(NewSession::new(repeated.unwrap_or(token), session, user, browser))
    }

    /// Signs out: ends the session, and closes a pending login attempt. Each is written separately, so that a failure
    /// of one does not keep the other alive. If a login was completed in a call whose response was not used yet, its
    /// session is ended too.
    pub async fn sign_out(
        &self,
        signed_in: Option<&SignedIn>,
        pending: Option<&AttemptToken>,
        context: &RequestContext,
    ) -> Result<(), Fault> {
        if let Some(signed_in) = signed_in {
            let session = signed_in.session();
            let event = Event::new(self.now(), session.user.clone(), EventKind::SignedOut);
            let event = Event { address: context.address, ..event };
            self.commit(&Batch::new(vec![
                Change::Session(SessionChange::End(session.key.clone())),
                Change::Event(EventChange::Record(event)),
            ]))
            .await?;
        }
        if let Some(attempt) = pending.and_then(|token| self.open_attempt(token, Purpose::Login)) {
            let spent = self.commit(&Batch::new(vec![Self::spend(&attempt)])).await?;
            if *spent.written() == Written::Conflict {
                self.end_unused(&attempt, context).await?;
            }
        }
        Ok(())
    }

    /// Ends the session that completed this attempt, if its token was not used yet.
    async fn end_unused(&self, attempt: &Attempt, context: &RequestContext) -> Result<(), Fault> {
        let session = self.store().session_after(&(&attempt.id).into()).await?;
        let Some(session) = session.filter(Session::is_unused) else { return Ok(()) };
        let changes = vec![
            Change::Session(SessionChange::CloseRepeat(session.key.clone())),
            Change::Session(SessionChange::End(session.key)),
            Change::Event(EventChange::Record(event(EventKind::SignedOut, attempt, context, self.now()))),
        ];
        // A conflict means that the token is in use by now: its client has to sign that session out.
        self.commit(&Batch::new(changes)).await.map(drop)
    }

    /// The attempt that `token` carries and its user, if both are valid.
    pub(super) async fn pending(&self, token: &AttemptToken) -> Result<(Attempt, User), Error> {
        let attempt = self.open_attempt(token, Purpose::Login).ok_or(Refusal::AttemptExpired)?;
        let user = self.user_of(&attempt).await?;
        Ok((attempt, user))
    }

    /// The user of a login attempt, if both are valid.
    async fn user_of(&self, attempt: &Attempt) -> Result<User, Error> {
        let user =
            self.users().by_id(&attempt.user).await?.filter(|user| user.active).ok_or(Refusal::AttemptExpired)?;
        attempt.check(self.now(), self.config().login_timeout, &user.stamp, None)?;
        Ok(user)
    }
}

/// The device that was chosen, if this user may answer with it: an answer is never tried on another device.
pub(super) fn owed_exactly<S>(factors: &Factors<S>, choice: &DeviceId) -> Result<DeviceId, Refusal> {
    let login::Owed::Device(_) = login::owed(factors, Some(choice))? else { return Err(Refusal::AttemptExpired) };
    factors.device(choice).map(|device| device.id.clone()).ok_or(Refusal::DeviceUnknown)
}

/// Whether the user need not be told that no new code was sent, because an earlier one is still valid.
fn has_code(device: &PromptView, unsent: &Refusal) -> bool {
    matches!(unsent, Refusal::SendingTooSoon { .. } | Refusal::SendingLimited { .. })
        && matches!(device.answer, AnswerForm::Sent { until: Some(_), .. })
}

/// Ends the session that a new one replaces.
fn replaced(context: &RequestContext) -> Option<Change> {
    context.session.as_ref().map(|token| Change::Session(SessionChange::End(token.key())))
}
