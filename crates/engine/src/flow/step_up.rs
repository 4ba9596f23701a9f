//! Proving a device again in a running session.
//!
//! The resulting session has a new id, replaces the old one, and does not outlive it. It is never weaker than the old
//! one: a proof below the session's level changes nothing in it. Enrolments begun in the old one continue in it.

use countersign_core::{
    Change, DeviceId, EventChange, EventKind, Factors, Level, Refusal, Secret, Session, SessionChange, Status,
    Timestamp,
    flow::{Attempt, Purpose, step_up},
    throttle::Standing,
    view::ChallengeView,
};

use super::{LoginChallenge, RequestContext, proved};
use crate::{
    AttemptToken, Engine, Error, Fault, NewSession, ReplacingCall, SignedIn, User,
    session::{self, SessionParams},
    verify::{OnSuccess, Proven, Submission},
};

impl Engine {
    /// The level the user can reach with the strongest of their devices; `None` without a second factor.
    pub async fn strongest(&self, user: &User) -> Result<Option<Level>, Fault> {
        let factors = self.store().factors(&user.id).await?;
        Ok(factors.enabled().then(|| factors.level(self.methods())))
    }

    /// Begins a step-up with the device chosen, if it is this user's, or else the first of the strongest.
    pub async fn begin_step_up(
        &self,
        signed_in: &SignedIn,
        choice: Option<&DeviceId>,
    ) -> Result<LoginChallenge, Error> {
        self.start_step_up(signed_in, choice, None).await
    }

    /// The same for a required level: no device below it is asked, offered, or sent a code. The required level is
    /// limited to that of the user's strongest device.
    pub async fn begin_step_up_to(
        &self,
        level: Level,
        signed_in: &SignedIn,
        choice: Option<&DeviceId>,
    ) -> Result<LoginChallenge, Error> {
        self.start_step_up(signed_in, choice, Some(level)).await
    }

    async fn start_step_up(
        &self,
        signed_in: &SignedIn,
        choice: Option<&DeviceId>,
        level: Option<Level>,
    ) -> Result<LoginChallenge, Error> {
        let now = self.now();
        let factors = self.open_factors(&signed_in.user().id).await?;
        step_up::can_renew(signed_in.session(), &factors, self.methods())?;
        self.may_step_up(signed_in.session(), now)?;
        let attempt = Attempt { level, ..self.attempt(signed_in, Purpose::StepUp, now) };
        let token = self.seal_attempt(&attempt)?;
        Ok(self.step_up_view(token, &attempt, &factors, choice)?)
    }

    /// The view of the step-up: the device that is asked, and the others that are strong enough.
    fn step_up_view(
        &self,
        token: AttemptToken,
        attempt: &Attempt,
        factors: &Factors,
        choice: Option<&DeviceId>,
    ) -> Result<LoginChallenge, Refusal> {
        let required = self.required(attempt);
        let device = step_up::asked(factors, choice, required)?;
        let looking = self.looking(Standing::InSession, Some(attempt), self.now());
        let mut view = ChallengeView::in_session(device, factors, looking);
        view.others.retain(|other| factors.device(&other.id).is_some_and(|other| required.includes(other, factors)));
        let until = attempt.end(self.config().login_timeout);
        Ok(LoginChallenge { token, view, until, next: None, unsent: None })
    }

    /// What this step-up requires of a device.
    pub(super) fn required(&self, attempt: &Attempt) -> step_up::Required<'_> {
        step_up::Required { level: attempt.level, methods: self.methods() }
    }

    /// Refuses a session so old that the resulting one would have expired.
    pub(super) fn may_step_up(&self, session: &Session, now: Timestamp) -> Result<(), Refusal> {
        let end = session.signed_in.after(self.config().lifetimes.aal2.absolute);
        if now < end { Ok(()) } else { Err(Refusal::SignInNeeded) }
    }

    /// Shows the pending step-up again: the device that is asked, or the one chosen instead.
    pub async fn step_up_challenge(
        &self,
        signed_in: &SignedIn,
        token: &AttemptToken,
        choice: Option<&DeviceId>,
    ) -> Result<LoginChallenge, Error> {
        let attempt = self.resume(signed_in, token, Purpose::StepUp).await?;
        let factors = self.open_factors(&signed_in.user().id).await?;
        Ok(self.step_up_view(token.clone(), &attempt, &factors, choice)?)
    }

    /// Verifies the answer. The same answer to the same attempt has the same result for a minute: here while the first
    /// call is running, and by [`Engine::repeat`] once it has replaced the session.
    pub async fn step_up(
        &self,
        signed_in: &SignedIn,
        token: &AttemptToken,
        choice: &DeviceId,
        answer: &Secret,
        context: &RequestContext,
    ) -> Result<NewSession, Error> {
        let call = self.call_of(signed_in, ReplacingCall::StepUp { attempt: token, device: choice, answer });
        let attempt = match self.resume(signed_in, token, Purpose::StepUp).await {
            Ok(attempt) => attempt,
            Err(error) => return self.or_repeated(Err(error), call.as_ref(), context).await,
        };
        let (user, old) = (signed_in.user(), signed_in.session());
        let token = self.draw_token();
        let Proven { session, browser, repeated } = self
            .verify(Submission {
                user,
                attempt: &attempt,
                answer,
                context,
                stage: Status::Active,
                permit: &|factors, _| asked_exactly(factors, choice, self.required(&attempt)),
                repeat: call.as_ref().map(|call| (call, &token)),
                on_success: &|draft, factors, now| {
                    let session = session::row(&token, SessionParams::renewed(user, draft, old, now), now);
                    let verified = proved(EventKind::Verified, &attempt, draft, context, now);
                    let mut changes = vec![
                        Change::Session(SessionChange::End(old.key.clone())),
                        Change::Event(EventChange::Record(verified)),
                    ];
                    changes.extend(self.setups_follow(factors, None, &old.key, &session.key));
                    OnSuccess { session, changes }
                },
            })
            .await?;
        Ok(NewSession::new(repeated.unwrap_or(token), session, user, browser))
    }
}

/// The device that was chosen, if this user may answer with it: an answer is never tried on another device.
pub(super) fn asked_exactly<S>(
    factors: &Factors<S>,
    choice: &DeviceId,
    required: step_up::Required<'_>,
) -> Result<DeviceId, Refusal> {
    step_up::asked(factors, Some(choice), required)?;
    let chosen = factors.device(choice).filter(|device| required.includes(device, factors));
    chosen.map(|device| device.id.clone()).ok_or(Refusal::DeviceUnknown)
}
