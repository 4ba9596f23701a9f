//! The flows for clients that keep nothing between two requests.
//!
//! Such a client is asked for a code, and comes back with all its input and the code. Its attempt is found by the code
//! that was sent in it (`countersign_core::flow::stateless`); if none was sent, each request is its own attempt. At
//! sign-in, the last code that was sent for a sign-in is valid, whichever front end sent it. The rules are those of
//! every other client, and so are the throttle, the budgets and the marks.
//!
//! An action that ends all earlier sessions keeps the client's own session and tokens, at the first level, because the
//! client cannot be given new ones. The session records which device was proved in it and when, so that the next action
//! within a short time needs no other code; that counts for these actions only.

mod action;
mod enrol;

use std::time::Duration;

use countersign_core::{
    AttemptId, Change, Device, DeviceId, Factors, FamilyId, Kind, Level, Refusal, Secret, Session, SessionKey,
    Timestamp, TokenChange,
    flow::{Attempt, Charge, Purpose, login, stateless},
    method::{State, delivered},
};

pub use self::action::Proof;
use super::RequestContext;
use crate::{Engine, Error, Fault, NewSession, User};

/// How long to wait before a retry after lost races.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The client's answer for a device.
#[derive(Clone, Copy, Debug)]
pub enum Submitted<'a> {
    /// Nothing: it has not been asked yet.
    Nothing,
    /// A code, for the default device.
    Code(&'a Secret),
    /// A backup code.
    BackupCode(&'a Secret),
}

impl<'a> Submitted<'a> {
    fn answer(self) -> Option<&'a Secret> {
        match self {
            Self::Nothing => None,
            Self::Code(answer) | Self::BackupCode(answer) => Some(answer),
        }
    }
}

/// The result of a request.
#[derive(Debug)]
pub enum Stateless<T> {
    /// It is done.
    Done(T),
    /// A device has to be proved first.
    Owed(Prompt),
}

/// A device that is asked.
#[derive(Debug)]
pub struct Prompt {
    /// Its method.
    pub kind: Kind,
    /// Why no code was sent to it, if sending failed and none is valid.
    pub unsent: Option<Refusal>,
}

/// The session and purpose an attempt belongs to.
#[derive(Clone, Copy)]
struct Scope<'a> {
    purpose: Purpose,
    session: Option<&'a SessionKey>,
}

impl Engine {
    /// Signs in with all of the client's input.
    pub async fn sign_in_stateless(
        &self,
        name: &str,
        password: &Secret,
        submitted: Submitted<'_>,
        context: &RequestContext,
    ) -> Result<Stateless<NewSession>, Error> {
        let (user, charge) = &self.first_step(name, password, context).await?;
        let outcome = self.after_password_stateless(user, charge, submitted, context).await;
        // Such a client sends the password with every request, so a request without a new session is refunded.
        if !matches!(outcome, Ok(Stateless::Done(_))) {
            self.give_back(charge).await;
        }
        outcome
    }

    async fn after_password_stateless(
        &self,
        user: &User,
        charge: &Charge,
        submitted: Submitted<'_>,
        context: &RequestContext,
    ) -> Result<Stateless<NewSession>, Error> {
        const PLACE: Scope<'_> = Scope { purpose: Purpose::Login, session: None };
        let charged = |attempt| Attempt { charge: Some(charge.clone()), ..attempt };
        let mut rounds = self.rounds();
        while let Some(now) = rounds.next() {
            let factors = self.open_factors(&user.id).await?;
            match login::owed(&factors, None)? {
                login::Owed::Nothing { factors } => {
                    let attempt = charged(self.new_attempt(user, PLACE, None, now));
                    if let Some(new_session) =
                        self.sign_in_without_factor(user, &attempt, factors, context, now).await?
                    {
                        return Ok(Stateless::Done(new_session));
                    }
                }
                login::Owed::Device(first) => {
                    let device = answering(submitted, first, &factors)?;
                    let Some(answer) = submitted.answer() else {
                        let running = self.running(device, PLACE).await?;
                        let attempt = charged(self.new_attempt(user, PLACE, running, now));
                        let sent = if device.kind.is_delivered() {
                            self.send_at_login(user, &attempt, &device.id, context).await
                        } else {
                            Ok(())
                        };
                        return asked(device, sent, &attempt, now).map(Stateless::Owed);
                    };
                    // A new attempt, in which the last code that was sent for a sign-in is valid, whichever front end
                    // sent it.
                    let attempt = charged(self.new_attempt(user, PLACE, None, now));
                    return self
                        .second_step(user, &attempt, &device.id, answer, context, None)
                        .await
                        .map(Stateless::Done);
                }
            }
        }
        Err(Fault::busy("let somebody in in time", RETRY_AFTER).into())
    }

    /// The attempt of such a client that has a code at this device, if one has not expired.
    async fn running(&self, device: &Device, scope: Scope<'_>) -> Result<Option<AttemptId>, Fault> {
        for attempt in stateless::running(device, scope.purpose, scope.session, self.now()) {
            if !self.store().attempt_spent(&attempt).await? {
                return Ok(Some(attempt));
            }
        }
        Ok(None)
    }

    /// That attempt, or a new one.
    fn new_attempt(&self, user: &User, scope: Scope<'_>, running: Option<AttemptId>, now: Timestamp) -> Attempt {
        let Scope { purpose, session } = scope;
        Attempt {
            id: running.unwrap_or_else(|| stateless::name(purpose, session, &self.new_id())),
            purpose,
            user: user.id.clone(),
            stamp: user.stamp.clone(),
            started: now,
            session: session.cloned(),
            device: None,
            next: None,
            charge: None,
            level: None,
            replaces: None,
        }
    }
}

/// The device that has to answer.
fn answering<'a>(submitted: Submitted<'_>, first: &'a Device, factors: &'a Factors) -> Result<&'a Device, Refusal> {
    match submitted {
        Submitted::Nothing | Submitted::Code(_) => Ok(first),
        Submitted::BackupCode(_) => factors.of_kind(&Kind::BACKUP_CODES).next().ok_or(Refusal::DeviceUnknown),
    }
}

/// The prompt for a device, after sending a code or failing to; an earlier code that is valid in this attempt suffices.
fn asked(device: &Device, sent: Result<(), Error>, attempt: &Attempt, now: Timestamp) -> Result<Prompt, Error> {
    let unsent = match sent {
        Ok(()) => None,
        Err(Error::Refused(Refusal::SendingTooSoon { .. } | Refusal::SendingLimited { .. }))
            if has_code(device, attempt, now) =>
        {
            None
        }
        Err(Error::Refused(refusal)) => Some(refusal),
        Err(fault) => return Err(fault),
    };
    Ok(Prompt { kind: device.kind.clone(), unsent })
}

/// Whether a code that is valid in this attempt was sent to the device.
fn has_code(device: &Device, attempt: &Attempt, now: Timestamp) -> bool {
    let State::Delivered(state) = &device.state.state else { return false };
    let asked = delivered::Asked { attempt: &attempt.id, purpose: attempt.purpose, marks: &device.state.marks };
    state.usable(asked, now).is_some()
}

/// A session that continues while all others of its user end: with the password alone.
fn lowered(own: &Session, now: Timestamp) -> Session {
    Session { level: Level::Aal1, device: None, method: None, verified: None, last_seen: now, ..own.clone() }
}

/// A session after a device was proved in it: with the proof, and at its earlier level.
fn with_proof(own: &Session, device: &DeviceId, method: &Kind, now: Timestamp) -> Session {
    let (device, method) = (Some(device.clone()), Some(method.clone()));
    Session { device, method, verified: Some(now), last_seen: now, ..own.clone() }
}

/// Revokes every token but those of this session, which are lowered with it.
fn others_tokens(own: &Session) -> Change {
    Change::Token(TokenChange::RevokeAllExcept { user: own.user.clone(), family: FamilyId::new(own.key.as_str()) })
}
