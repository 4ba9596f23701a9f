//! Proving a device again in a running session.
//!
//! The session that comes out has a new id, takes the old one's place, and lives no longer than the old one would have. Setups
//! that were begun in the old one go on in it.

use countersign_core::{
    Change, DeviceId, EventKind, Factors, Level, Refusal, Secret, Session, Status, Timestamp,
    flow::{Purpose, step_up},
    throttle::Standing,
    view::ChallengeView,
};

use super::{Challenge, Visit, proved};
use crate::{
    AttemptToken, Engine, Fault, Grant, SignedIn, Stop, User,
    session::{self, Terms},
    verify::{Proven, Question, Success},
};

impl Engine {
    /// How sure we are of this user once they have proved the surest of their devices; `None` if they have no second
    /// factor.
    pub async fn surest(&self, user: &User) -> Result<Option<Level>, Fault> {
        let factors = self.store().factors(&user.id).await?;
        Ok(factors.enabled().then(|| factors.level(self.methods())))
    }

    /// Asks for a device, the one chosen if it is this user's.
    pub async fn begin_step_up(&self, signed_in: &SignedIn, choice: Option<&DeviceId>) -> Result<Challenge, Stop> {
        let now = self.now();
        let factors = self.open_factors(&signed_in.user().id).await?;
        let device = step_up::asked(&factors, choice)?;
        self.may_step_up(signed_in.session(), now)?;
        let attempt = self.attempt(signed_in, Purpose::StepUp, now);
        let view = ChallengeView::in_session(device, &factors, self.looking(Standing::InSession, Some(&attempt), now));
        let until = attempt.end(self.policy().login_timeout);
        Ok(Challenge { token: self.seal_attempt(&attempt)?, view, until, next: None, unsent: None })
    }

    /// Refuses a session that has lasted so long that what came of it would be over.
    pub(super) fn may_step_up(&self, session: &Session, now: Timestamp) -> Result<(), Refusal> {
        let end = session.signed_in.after(self.policy().lifetimes.aal2.absolute);
        if now < end { Ok(()) } else { Err(Refusal::SignInNeeded) }
    }

    /// The running step-up, shown again: the device that is asked, or the one chosen instead.
    pub async fn step_up_challenge(
        &self,
        signed_in: &SignedIn,
        token: &AttemptToken,
        choice: Option<&DeviceId>,
    ) -> Result<Challenge, Stop> {
        let attempt = self.resume(signed_in, token, Purpose::StepUp).await?;
        let factors = self.open_factors(&signed_in.user().id).await?;
        let device = step_up::asked(&factors, choice)?;
        let looking = self.looking(Standing::InSession, Some(&attempt), self.now());
        let view = ChallengeView::in_session(device, &factors, looking);
        let until = attempt.end(self.policy().login_timeout);
        Ok(Challenge { token: token.clone(), view, until, next: None, unsent: None })
    }

    /// Takes the answer.
    pub async fn step_up(
        &self,
        signed_in: &SignedIn,
        token: &AttemptToken,
        choice: &DeviceId,
        answer: &Secret,
        visit: &Visit,
    ) -> Result<Grant, Stop> {
        let attempt = self.resume(signed_in, token, Purpose::StepUp).await?;
        let (user, old) = (signed_in.user(), signed_in.session());
        let token = self.draw_token();
        let Proven { session, browser } = self
            .verify(Question {
                user,
                attempt: &attempt,
                answer,
                visit,
                stage: Status::Active,
                permit: &|factors, _| asked_exactly(factors, choice),
                grant: &|draft, factors, now| {
                    let terms = Terms::proved(user, draft, old.signed_in, now);
                    let session = session::row(&token, terms, now);
                    let verified = proved(EventKind::Verified, &attempt, draft, visit, now);
                    let mut changes = vec![Change::EndSession(old.key.clone()), Change::Record(verified)];
                    changes.extend(self.setups_follow(factors, None, &old.key, &session.key));
                    Success { session, changes }
                },
            })
            .await?;
        Ok(Grant::new(token, session, user, browser))
    }
}

/// The device that was chosen, if this user may answer with it: an answer is never tried on another device.
pub(super) fn asked_exactly<S>(factors: &Factors<S>, choice: &DeviceId) -> Result<DeviceId, Refusal> {
    step_up::asked(factors, Some(choice))?;
    factors.device(choice).map(|device| device.id.clone()).ok_or(Refusal::DeviceUnknown)
}
