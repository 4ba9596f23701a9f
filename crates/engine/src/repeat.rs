//! Repeated calls: the same result for the same client and the same answer.
//!
//! The rules are in `countersign_core::repeat`, the sealing in `keyring/repeat.rs`. A repeated call reads and writes
//! nothing else. The first different answer closes the window in the commit that counts it as a failure: at a sign-in
//! on the device, in a session on the session, for a password on the password budget.

use std::time::Duration;

use countersign_core::{
    AttemptId, Batch, Case, Change, DeviceId, Predecessor, Refusal, Repeat, SealedResult, Secret, Session,
    SessionChange, Status, Timestamp, Written,
    admission::Admission,
    flow::{Attempt, Purpose},
    judge_different,
    repeat::{REPEAT_WINDOW, call},
    throttle::Standing,
};

use crate::{
    AttemptToken, Engine, Error, Fault, NewSession, SessionToken, SignedIn, User,
    flow::RequestContext,
    keyring::{Comparison, Given},
};

/// A call that replaces the session that it is made in.
#[derive(Clone, Copy, Debug)]
pub enum ReplacingCall<'a> {
    /// [`Engine::step_up`].
    StepUp {
        /// The attempt.
        attempt: &'a AttemptToken,
        /// The device that answers.
        device: &'a DeviceId,
        /// The answer.
        answer: &'a Secret,
    },
    /// [`Engine::confirm_enrolment`].
    ConfirmEnrolment {
        /// The attempt.
        attempt: &'a AttemptToken,
        /// The answer.
        answer: &'a Secret,
    },
    /// [`Engine::change_password`].
    ChangePassword {
        /// The current password.
        current: &'a Secret,
        /// The new one.
        new: &'a Secret,
    },
    /// [`Engine::disable`], or [`Engine::disable_now`] if there is no attempt.
    Disable {
        /// The attempt.
        attempt: Option<&'a AttemptToken>,
    },
}

/// A call that creates a session, as it is recognised when it is repeated.
pub(crate) struct Call<'a> {
    of: Predecessor,
    name: String,
    held: Vec<&'a str>,
    answer: Vec<&'a str>,
    failure: Failure<'a>,
}

/// Where a different answer is counted.
enum Failure<'a> {
    /// The device that was asked at a sign-in.
    Device { attempt: AttemptId, device: &'a DeviceId },
    /// The session that replaced the one in which a device was asked.
    Session { attempt: AttemptId, purpose: Purpose, device: DeviceId },
    /// The budget for passwords.
    Password,
    /// Nothing: there is no answer that could differ.
    Nothing,
}

/// A session that may be returned once more.
pub(crate) struct Repeated {
    pub(crate) token: SessionToken,
    pub(crate) session: Session,
    pub(crate) user: User,
}

impl<'a> Call<'a> {
    /// The second step of a sign-in.
    pub(crate) fn login(token: &'a AttemptToken, attempt: &Attempt, device: &'a DeviceId, answer: &'a Secret) -> Self {
        Self {
            of: (&attempt.id).into(),
            name: call::LOGIN.into(),
            held: vec![token.expose()],
            answer: vec![device.as_str(), answer.expose()],
            failure: Failure::Device { attempt: attempt.id.clone(), device },
        }
    }

    fn given<'g>(&'g self, place: &'g [&'g str]) -> Given<'g> {
        Given { held: &self.held, place, answer: &self.answer }
    }
}

impl Engine {
    /// Returns the result of a call once more, to a client that presents the token of the session that the call has
    /// replaced. Refused as [`Refusal::SessionReplaced`] if another call has replaced it, the answer differs, or the
    /// new token is in use already; as [`Refusal::SignInNeeded`] if the session was ended, or was replaced longer ago
    /// than [`REPEAT_WINDOW`].
    pub async fn repeat(
        &self,
        replaced: &SessionToken,
        call: ReplacingCall<'_>,
        context: &RequestContext,
    ) -> Result<NewSession, Error> {
        let Some(call) = self.call_in(replaced, call) else {
            let is_replaced = self.is_replaced(replaced).await?;
            return Err(if is_replaced { Refusal::SessionReplaced } else { Refusal::SignInNeeded }.into());
        };
        self.repeated_session(&call, context, Refusal::SignInNeeded).await
    }

    /// Whether another session replaced this token's less than [`REPEAT_WINDOW`] ago, and is still valid.
    pub async fn is_replaced(&self, token: &SessionToken) -> Result<bool, Fault> {
        Ok(self.successor(&(&token.key()).into(), self.now()).await?.is_some())
    }

    /// A call in the session of this token; `None` if its attempt does not belong to that session.
    fn call_in<'a>(&self, old: &'a SessionToken, call: ReplacingCall<'a>) -> Option<Call<'a>> {
        let key = old.key();
        let opened =
            |token, purpose| self.open_attempt(token, purpose).filter(|attempt| attempt.session.as_ref() == Some(&key));
        let of = Predecessor::from(&key);
        Some(match call {
            ReplacingCall::StepUp { attempt: token, device, answer } => {
                let attempt = opened(token, Purpose::StepUp)?;
                Call {
                    of,
                    name: format!("{}/{}", call::STEP_UP, attempt.id),
                    held: vec![old.expose(), token.expose()],
                    answer: vec![device.as_str(), answer.expose()],
                    failure: Failure::Session { attempt: attempt.id, purpose: Purpose::StepUp, device: device.clone() },
                }
            }
            ReplacingCall::ConfirmEnrolment { attempt: token, answer } => {
                // An enrolment may have begun in another session, which this token's session replaced. Which session
                // completed it is checked by the name of the call and the seal.
                let attempt = self.open_attempt(token, Purpose::Enrol)?;
                Call {
                    of,
                    name: format!("{}/{}", call::ENROL, attempt.id),
                    held: vec![old.expose(), token.expose()],
                    answer: vec![answer.expose()],
                    failure: Failure::Session { attempt: attempt.id, purpose: Purpose::Enrol, device: attempt.device? },
                }
            }
            ReplacingCall::ChangePassword { current, new } => Call {
                of,
                name: call::PASSWORD.into(),
                held: vec![old.expose()],
                answer: vec![current.expose(), new.expose()],
                failure: Failure::Password,
            },
            ReplacingCall::Disable { attempt: None } => Call {
                of,
                name: call::DISABLE.into(),
                held: vec![old.expose()],
                answer: vec![],
                failure: Failure::Nothing,
            },
            ReplacingCall::Disable { attempt: Some(token) } => Call {
                of,
                name: format!("{}/{}", call::DISABLE, opened(token, Purpose::Disable)?.id),
                held: vec![old.expose(), token.expose()],
                answer: vec![],
                failure: Failure::Nothing,
            },
        })
    }

    /// A call in this session, if its client presented the session's token.
    pub(crate) fn call_of<'a>(&self, signed_in: &'a SignedIn, call: ReplacingCall<'a>) -> Option<Call<'a>> {
        self.call_in(signed_in.token()?, call)
    }

    /// The same session with the data to repeat this call, if there is one.
    pub(crate) fn repeatable(
        &self,
        session: Session,
        token: &SessionToken,
        call: Option<&Call<'_>>,
        now: Timestamp,
    ) -> Result<Session, Fault> {
        let Some(call) = call else { return Ok(session) };
        let place = [session.key.as_str(), session.user.as_str(), &call.name];
        let sealed = self.keyring().seal_result(call.given(&place), token.expose().as_bytes(), self.random());
        let sealed = SealedResult(sealed.ok_or_else(|| Fault::new("seal the result of a call"))?);
        let until = now.after(REPEAT_WINDOW);
        let repeat = Repeat { of: call.of.clone(), call: call.name.clone(), until, sealed: Some(sealed) };
        Ok(Session { repeat: Some(repeat), ..session })
    }

    /// The result of a call that may be a repetition: if it was refused because its attempt or session is gone, its own
    /// earlier result.
    pub(crate) async fn or_repeated(
        &self,
        outcome: Result<NewSession, Error>,
        call: Option<&Call<'_>>,
        context: &RequestContext,
    ) -> Result<NewSession, Error> {
        match (outcome, call) {
            (Err(Error::Refused(refusal)), Some(call)) if is_of_one_that_is_gone(&refusal) => {
                self.repeated_session(call, context, refusal).await
            }
            (outcome, _) => outcome,
        }
    }

    pub(crate) async fn repeated_session(
        &self,
        call: &Call<'_>,
        context: &RequestContext,
        otherwise: Refusal,
    ) -> Result<NewSession, Error> {
        let Repeated { token, session, user } = self.repeated(call, context, otherwise).await?;
        // No device cookie: the first result set one, or the browser has one already.
        Ok(NewSession::new(token, session, &user, None))
    }

    /// The session that this call created, if the call may be repeated; otherwise this refusal, or that the session was
    /// replaced.
    pub(crate) async fn repeated(
        &self,
        call: &Call<'_>,
        context: &RequestContext,
        otherwise: Refusal,
    ) -> Result<Repeated, Error> {
        let mut rounds = self.rounds();
        while let Some(now) = rounds.next() {
            let Some((session, user)) = self.successor(&call.of, now).await? else { return Err(otherwise.into()) };
            let over = || Error::from(call.over(&otherwise));
            let kept = session.repeat.as_ref().filter(|repeat| repeat.call == call.name);
            let Some(SealedResult(sealed)) = kept.and_then(|repeat| repeat.sealed.as_ref()) else { return Err(over()) };
            if context.session.as_ref().is_some_and(|shown| shown.key() == session.key) {
                // The new token came with this very request.
                return Err(over());
            }
            let place = [session.key.as_str(), session.user.as_str(), &call.name];
            match self.keyring().open_result(call.given(&place), sealed) {
                Comparison::Same(result) => {
                    let token = std::str::from_utf8(&result).ok().and_then(SessionToken::parse);
                    let token = token.ok_or_else(|| Fault::new("read the sealed result of a call"))?;
                    return Ok(Repeated { token, session, user });
                }
                Comparison::Unreadable => return Err(over()),
                Comparison::Different => {
                    if self.close_after_different(call, &session, &user, context, now).await? {
                        return Err(over());
                    }
                }
            }
        }
        Err(Fault::busy("repeat a call in time", Duration::from_secs(1)).into())
    }

    /// The session that replaced this one a moment ago, and its user, if it is valid.
    async fn successor(&self, of: &Predecessor, now: Timestamp) -> Result<Option<(Session, User)>, Fault> {
        let is_running = |session: &Session| {
            session.repeat.as_ref().is_some_and(|repeat| repeat.is_recent(now))
                && session.is_credible(now)
                && self.config().lifetimes.allow(session, now)
        };
        let Some(session) = self.store().session_after(of).await?.filter(is_running) else { return Ok(None) };
        let user = self.users().by_id(&session.user).await?.filter(|user| user.holds(&session.stamp));
        Ok(user.map(|user| (session, user)))
    }

    /// Closes the window of this session because a different answer came, and counts the answer as a failure. Returns
    /// whether that was written; if not, there was a conflict.
    async fn close_after_different(
        &self,
        call: &Call<'_>,
        session: &Session,
        user: &User,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let close = Change::Session(SessionChange::CloseRepeat(session.key.clone()));
        let mut changes = self.failure(call, session, user, context, now).await?;
        changes.push(close.clone());
        Ok(match self.commit(&Batch::new(changes)).await?.written() {
            Written::Done => true,
            Written::Conflict => false,
            // The budget is used up: no password is checked any more, and the next answer in the session ends it.
            Written::Overspent { .. } => *self.commit(&Batch::new(vec![close])).await?.written() == Written::Done,
        })
    }

    async fn failure(
        &self,
        call: &Call<'_>,
        session: &Session,
        user: &User,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Vec<Change>, Fault> {
        let (attempt, purpose, device, standing) = match &call.failure {
            Failure::Nothing => return Ok(vec![]),
            Failure::Password => return Ok(vec![self.failed_password(user, context).await?]),
            Failure::Device { attempt, device } => {
                (attempt, Purpose::Login, *device, self.browser(user, context).await?.standing())
            }
            Failure::Session { attempt, purpose, device } => (attempt, *purpose, device, Standing::InSession),
        };
        let factors = self.factors_of(&user.id).await?;
        // An unknown device has nothing to count on.
        let Some(asked) = factors.device(device).cloned() else { return Ok(vec![]) };
        let asked = self.open_device_of(&factors.account, asked)?;
        let failures = self.failures_in(Some(session), standing).await?;
        let rule = &self.config().throttle;
        let case = Case {
            device: &asked,
            account: &factors.account,
            attempt,
            purpose,
            admission: Admission { rule, standing, another_disabled: factors.another_disabled(&asked.id, rule) },
            session: failures,
            methods: self.methods(),
            stage: Status::Active,
            address: context.address,
        };
        Ok(judge_different(case, now).batch().changes().to_vec())
    }
}

impl Call<'_> {
    /// The refusal of a call that cannot be repeated, although the session it created exists.
    fn over(&self, otherwise: &Refusal) -> Refusal {
        match self.failure {
            Failure::Device { .. } => otherwise.clone(),
            Failure::Session { .. } | Failure::Password | Failure::Nothing => Refusal::SessionReplaced,
        }
    }
}

/// Whether this refusal may mean that the call was made before: its attempt or its session is gone, or its change has
/// been made.
pub(crate) fn is_of_one_that_is_gone(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::AttemptExpired | Refusal::SignInNeeded | Refusal::VerificationNeeded | Refusal::NotEnabled
    )
}
