//! Enrolling a first device, for clients that keep nothing: a code is sent, and returned in the same session.

use countersign_core::{
    AttemptId, Change, Device, DeviceCookieChange, EventChange, EventKind, Factors, Kind, Refusal, Secret,
    SessionChange, Status,
    flow::{Attempt, Purpose},
    throttle::Standing,
    view::DeviceView,
};

use super::{Scope, lowered, others_tokens, with_proof};
use crate::{
    Engine, Error, Fault, SignedIn,
    flow::{Enrolment, RequestContext, enrol::joined, proved},
    verify::{OnSuccess, Submission},
};

impl Engine {
    /// Begins to enrol a device that codes are sent to; confirmed in the same session with the code alone.
    pub async fn begin_enrolment_stateless(
        &self,
        signed_in: &SignedIn,
        enrolment: Enrolment,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let scope = Scope { purpose: Purpose::Enrol, session: Some(&signed_in.session().key) };
        let attempt = self.new_attempt(signed_in.user(), scope, None, self.now());
        self.begin_setup(signed_in, attempt, enrolment, context).await.map(drop)
    }

    /// The device of this kind that this session is enrolling, if it has a valid code.
    pub async fn enrolling_stateless(&self, signed_in: &SignedIn, kind: &Kind) -> Result<Option<DeviceView>, Fault> {
        let factors = self.open_factors(&signed_in.user().id).await?;
        let found = self.enrolling(signed_in, &factors, kind).await?;
        Ok(found.map(|(device, _)| {
            DeviceView::new(device, &factors, self.looking(Standing::Unrecognized, None, self.now()))
        }))
    }

    /// Confirms that device, the user's first. All earlier sessions and tokens are revoked, except this session.
    pub async fn confirm_enrolment_stateless(
        &self,
        signed_in: &SignedIn,
        kind: &Kind,
        answer: &Secret,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let (user, own) = (signed_in.user(), signed_in.session());
        let scope = Scope { purpose: Purpose::Enrol, session: Some(&own.key) };
        let factors = self.open_factors(&user.id).await?;
        let (device, attempt) = self.enrolling(signed_in, &factors, kind).await?.ok_or(Refusal::NoCodeSent)?;
        let attempt =
            Attempt { device: Some(device.id.clone()), ..self.new_attempt(user, scope, Some(attempt), self.now()) };
        self.verify(Submission {
            user,
            attempt: &attempt,
            answer,
            context,
            stage: Status::Enrolling,
            permit: &|factors, now| {
                if factors.enabled() {
                    return Err(Refusal::FactorsChanged);
                }
                self.may_change(own, factors, now)?;
                Ok(device.id.clone())
            },
            repeat: None,
            on_success: &|draft, factors, now| {
                let changes = vec![
                    joined(user, factors, factors.default_with(draft.device(), None)),
                    Change::Session(SessionChange::EndAll { user: user.id.clone() }),
                    Change::DeviceCookie(DeviceCookieChange::EndAll { user: user.id.clone() }),
                    others_tokens(own),
                    Change::Event(EventChange::Record(proved(
                        EventKind::DeviceConfirmed,
                        &attempt,
                        draft,
                        context,
                        now,
                    ))),
                ];
                let proved = (draft.device(), draft.kind());
                OnSuccess { session: with_proof(&lowered(own, now), proved.0, proved.1, now), changes }
            },
        })
        .await
        .map(drop)
    }

    /// The device that this session is enrolling, with its attempt.
    async fn enrolling<'a>(
        &self,
        signed_in: &SignedIn,
        factors: &'a Factors,
        kind: &Kind,
    ) -> Result<Option<(&'a Device, AttemptId)>, Fault> {
        let scope = Scope { purpose: Purpose::Enrol, session: Some(&signed_in.session().key) };
        let is_it = |device: &&Device| device.status == Status::Enrolling && device.kind == *kind;
        for device in factors.devices.iter().rev().filter(is_it) {
            if let Some(attempt) = self.running(device, scope).await? {
                return Ok(Some((device, attempt)));
            }
        }
        Ok(None)
    }
}
