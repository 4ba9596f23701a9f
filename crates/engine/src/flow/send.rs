//! Sending codes: the code, its charges and its delivery in one commit, and the message after it.
//!
//! The message is sent after the commit, even if the client has disconnected; it is sent once, and its result is
//! recorded. The request waits some seconds for the gateway's result. If the gateway did not accept the message, the
//! refusal says how to go on; it reveals nothing about a user, because only requests with the right password get here.

use std::{sync::Arc, time::Duration};

use countersign_core::{
    AttemptChange, AttemptId, Batch, Change, DeliveryChange, DeliveryId, DeliveryStatus, Device, DeviceChange,
    DeviceId, Factors, Kind, Refusal, Sealed, Secret, SessionChange, Status, Timestamp, Written,
    admission::Admission,
    delivery::Note,
    flow::{Attempt, Purpose},
    method::{State, delivered},
    otp::Code,
    sending::{self, Posted, Sending},
};

use super::{LoginChallenge, RequestContext, login::owed_exactly, step_up::asked_exactly};
use crate::{
    AttemptToken, Engine, Error, Fault, SignedIn, User,
    port::{Gateway, Message, NotTaken, Taken},
    verify::standing,
};

/// How long a request for a code waits for the gateway's result.
const TIMEOUT: Duration = Duration::from_secs(10);

type Permit<'a> = dyn Fn(&Factors<Sealed>, Timestamp) -> Result<DeviceId, Refusal> + Sync + 'a;

/// The context in which a code is requested.
pub(super) struct Asking<'a> {
    pub(super) user: &'a User,
    pub(super) attempt: &'a Attempt,
    /// The status of the device that it may be sent to.
    pub(super) stage: Status,
    /// The flow's own rule: which device may be sent a code, if any.
    pub(super) permit: &'a Permit<'a>,
    pub(super) context: &'a RequestContext,
}

impl Engine {
    /// Sends a code in a pending login, to this device of the user.
    pub async fn send(
        &self,
        token: &AttemptToken,
        choice: &DeviceId,
        context: &RequestContext,
    ) -> Result<LoginChallenge, Error> {
        let (attempt, user) = self.pending(token).await?;
        self.send_at_login(&user, &attempt, choice, context).await?;
        self.challenge(token, Some(choice), context).await
    }

    pub(super) async fn send_at_login(
        &self,
        user: &User,
        attempt: &Attempt,
        choice: &DeviceId,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let permit = |factors: &Factors<Sealed>, _| owed_exactly(factors, choice);
        self.send_code(Asking { user, attempt, stage: Status::Active, permit: &permit, context }).await
    }

    /// Sends a code in a pending step-up, to this device of the user.
    pub async fn send_step_up(
        &self,
        signed_in: &SignedIn,
        token: &AttemptToken,
        choice: &DeviceId,
        context: &RequestContext,
    ) -> Result<LoginChallenge, Error> {
        let attempt = self.resume(signed_in, token, Purpose::StepUp).await?;
        self.send_at_step_up(signed_in.user(), &attempt, choice, context).await?;
        self.step_up_challenge(signed_in, token, Some(choice)).await
    }

    pub(super) async fn send_at_step_up(
        &self,
        user: &User,
        attempt: &Attempt,
        choice: &DeviceId,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let permit = |factors: &Factors<Sealed>, _| asked_exactly(factors, choice, self.required(attempt));
        self.send_code(Asking { user, attempt, stage: Status::Active, permit: &permit, context }).await
    }

    /// Sends another code in a pending enrolment.
    pub async fn send_enrolment(
        &self,
        signed_in: &SignedIn,
        token: &AttemptToken,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let attempt = self.resume(signed_in, token, Purpose::Enrol).await?;
        self.send_to_new(signed_in, &attempt, context).await
    }

    pub(super) async fn send_to_new(
        &self,
        signed_in: &SignedIn,
        attempt: &Attempt,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let permit = |factors: &Factors<Sealed>, now| {
            self.may_change(signed_in.session(), factors, now)?;
            attempt.device.clone().ok_or(Refusal::AttemptExpired)
        };
        let (user, stage) = (signed_in.user(), Status::Enrolling);
        self.send_code(Asking { user, attempt, stage, permit: &permit, context }).await
    }

    async fn send_code(&self, asking: Asking<'_>) -> Result<(), Error> {
        let Asking { user, attempt, stage, permit, context } = asking;
        let browser = self.browser(user, context).await?;
        let standing = standing(attempt, stage, &browser);
        let mut rounds = self.rounds();
        while let Some(now) = rounds.next() {
            self.is_alive(attempt).await?;
            let factors = self.factors_of(&user.id).await?;
            attempt.check_restored(factors.account.restored, now)?;
            let device = factors.device(&permit(&factors, now)?).ok_or(Refusal::DeviceUnknown)?.clone();
            if device.status != stage {
                return Err(Refusal::DeviceUnknown.into());
            }
            let device = self.open_device_of(&factors.account, device)?;
            let gateway = self.gateway(&device.kind).ok_or(Refusal::MethodUnknown)?;
            let State::Delivered(state) = &device.state.state else { return Err(Refusal::MethodUnknown.into()) };
            let tag = self.tag(&["address", device.kind.as_str(), state.to.expose()]);
            let case = Sending {
                device: &device,
                attempt: &attempt.id,
                purpose: attempt.purpose,
                rule: &self.config().sending,
                admission: Admission {
                    rule: &self.config().throttle,
                    standing,
                    another_disabled: factors.another_disabled(&device.id, &self.config().throttle),
                },
                address_tag: &tag,
            };
            let code = Code::draw(self.draw(), self.config().sending.digits);
            let Posted { mut changes, device, challenge } = sending::send(case, code, self.new_id(), now)?;
            changes.extend(attempt.session.clone().map(SessionChange::Require).map(Change::Session));
            match self.commit(&Batch::new(changes)).await?.written() {
                Written::Done => {
                    let message = self.message(&device, &challenge, context)?;
                    return self.carry(gateway, device.id, message).await;
                }
                Written::Overspent { key, until } => return Err(sending::overspent(key, *until).into()),
                Written::Conflict => {}
            }
        }
        Err(Fault::busy("make a code in time", Duration::from_secs(1)).into())
    }

    /// The gateway for messages by this channel.
    pub(crate) fn gateway(&self, channel: &Kind) -> Option<Arc<dyn Gateway>> {
        self.gateways().get(channel).cloned()
    }

    fn message(
        &self,
        device: &Device,
        challenge: &delivered::SentCode,
        context: &RequestContext,
    ) -> Result<Message, Fault> {
        let State::Delivered(state) = &device.state.state else { return Err(Fault::new("address a message")) };
        let call = (device.kind == Kind::CALL).then(|| self.seal_call(&device.id, &challenge.delivery)).transpose()?;
        Ok(Message {
            delivery: challenge.delivery.clone(),
            channel: device.kind.clone(),
            to: state.to.clone(),
            code: Secret::new(challenge.code.as_str()),
            until: challenge.until,
            lifetime: self.config().sending.lifetime,
            minutes: self.config().sending.lifetime.as_secs().div_ceil(60),
            site: self.config().issuer.clone(),
            language: context.language.clone(),
            call,
        })
    }

    /// Delivers the message in a task of its own; the request waits for the result only briefly.
    async fn carry(&self, gateway: Arc<dyn Gateway>, device: DeviceId, message: Message) -> Result<(), Error> {
        let (engine, delivery) = (self.clone(), message.delivery.clone());
        let carrying = self.deliveries().spawn(async move {
            // A panic in a gateway ends only its own task.
            let handed = tokio::spawn({
                let engine = engine.clone();
                async move { engine.hand_over(&*gateway, &message).await }
            });
            let told = handed.await.unwrap_or(Err(Refusal::SendingFailed));
            if told.is_err() {
                engine.void(&device, &delivery).await;
            }
            told
        });
        match tokio::time::timeout(TIMEOUT, carrying).await {
            Ok(Ok(told)) => told.map_err(Error::from),
            Ok(Err(_)) => Err(Refusal::SendingFailed.into()),
            // It is still being sent, and may arrive.
            Err(_) => Ok(()),
        }
    }

    /// Invalidates a code that was not delivered.
    async fn void(&self, device: &DeviceId, delivery: &DeliveryId) {
        if let Err(fault) = self.try_to_void(device, delivery).await {
            tracing::warn!(%fault, %delivery, "invalidating an unsent code failed; it stays valid");
        }
    }

    async fn try_to_void(&self, device: &DeviceId, delivery: &DeliveryId) -> Result<(), Fault> {
        let mut rounds = self.rounds();
        while rounds.next().is_some() {
            let Some(device) = self.store().device(device).await? else { return Ok(()) };
            let mut device = self.open_device(device)?;
            let State::Delivered(state) = device.state.state.clone() else { return Ok(()) };
            let Some(state) = state.without(delivery) else { return Ok(()) };
            device.state.state = State::Delivered(state);
            device.version = device.version.saturating_add(1);
            let receipt = self.commit(&Batch::new(vec![Change::Device(DeviceChange::Update(device))])).await?;
            if *receipt.written() == Written::Done {
                return Ok(());
            }
        }
        Err(Fault::busy("take a code back in time", Duration::from_secs(1)))
    }

    async fn hand_over(&self, gateway: &dyn Gateway, message: &Message) -> Result<(), Refusal> {
        let (status, reference, reason, told) = match gateway.deliver(message).await {
            Ok(Taken { reference }) => (DeliveryStatus::Sent, reference, None, Ok(())),
            Err(NotTaken::Unreachable { reason }) => {
                (DeliveryStatus::Failed, None, Some(reason), Err(Refusal::AddressUnreachable))
            }
            Err(NotTaken::Failed(fault)) => {
                tracing::error!(%fault, delivery = %message.delivery, channel = %message.channel, "sending a message failed");
                (DeliveryStatus::Failed, None, Some("failed".into()), Err(Refusal::SendingFailed))
            }
        };
        self.note(Note { delivery: message.delivery.clone(), status, reference, reason, at: self.now() }).await;
        told
    }

    /// Records the status of a delivery, as its gateway reports it later.
    pub async fn note(&self, note: Note) {
        let delivery = note.delivery.clone();
        if let Err(fault) = self.commit(&Batch::new(vec![Change::Delivery(DeliveryChange::Note(note))])).await {
            tracing::error!(%fault, %delivery, "recording the status of a message failed");
        }
    }

    /// Waits until every message has been handed to its gateway, before the process ends.
    pub async fn finish_deliveries(&self) {
        self.deliveries().close();
        self.deliveries().wait().await;
    }
}

/// What is read out in a call.
#[derive(Debug)]
pub struct Spoken {
    /// The digits.
    pub code: Secret,
    /// The name of the calling site.
    pub site: String,
}

impl Engine {
    /// The name of the calling site, for the greeting of a call; refused unless its code is still valid.
    pub async fn greet_call(&self, call: &crate::CallToken) -> Result<String, Error> {
        self.called(call).await.map(|_| self.config().issuer.clone())
    }

    /// The digits of a call, once: reading them out uses the call up.
    pub async fn speak_call(&self, call: &crate::CallToken) -> Result<Spoken, Error> {
        let challenge = self.called(call).await?;
        let spoken = AttemptId::new(format!("call:{}", challenge.delivery));
        let spend = Change::Attempt(AttemptChange::Close { attempt: spoken, until: challenge.until });
        match self.commit(&Batch::new(vec![spend])).await?.written() {
            Written::Done => {
                Ok(Spoken { code: Secret::new(challenge.code.as_str()), site: self.config().issuer.clone() })
            }
            _ => Err(Refusal::AttemptExpired.into()),
        }
    }

    async fn called(&self, call: &crate::CallToken) -> Result<delivered::SentCode, Error> {
        let (device, delivery) = self.open_call(call).ok_or(Refusal::AttemptExpired)?;
        let device = self.store().device(&device).await?.ok_or(Refusal::AttemptExpired)?;
        let device = self.open_device(device)?;
        let State::Delivered(state) = &device.state.state else { return Err(Refusal::AttemptExpired.into()) };
        let challenge = state.carried_by(&delivery, self.now()).cloned().ok_or(Refusal::AttemptExpired)?;
        let spoken = AttemptId::new(format!("call:{delivery}"));
        if self.store().attempt_spent(&spoken).await? {
            return Err(Refusal::AttemptExpired.into());
        }
        Ok(challenge)
    }
}
