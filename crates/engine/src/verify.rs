//! The only verification path: every answer of every front end and every flow is verified here.
//!
//! Load, judge, commit, settle; after a conflict, again from the start. A proof exists only after the batch with its
//! device, its session and its event was written. An attempt inside a session also requires that session in its commit:
//! after a sign-out it fails. Too many conflicts, or too long a delay, is a fault.
//!
//! ```text
//!   ┌────────────────────────── moved ◀───────────────────────────┐
//!   ▼                                                              │
//! load ──▶ may this flow ask? ──▶ judge ──▶ (observer) ──▶ commit ──┴──▶ settle ──▶ Verified | Refusal
//!                                   ▲                                      │
//!                                   └────────── reply ◀── service ◀────────┘  (a question, once)
//! ```

use std::time::Duration;

use countersign_core::{
    AttemptChange, Batch, Case, Change, Config, DeviceCookieChange, DeviceId, Factors, Kind, Refusal, Sealed, Secret,
    Session, SessionChange, SessionKey, Settled, Status, Timestamp, Written,
    admission::Admission,
    flow::{Attempt, Charge, step_up::SessionFailures},
    judge, judge_response,
    method::validation::{ValidationRequest, ValidationResponse},
    ruling::Draft,
    throttle::Standing,
};

use crate::{
    BrowserToken, Engine, Error, Fault, SessionToken, User,
    device_cookie::{Browser, Remembered},
    flow::RequestContext,
    port::Answered,
    repeat::{self, Call, Repeated},
};

const ROUNDS: u32 = 1000;
const TIMEOUT: Duration = Duration::from_secs(10);

/// One answer, with its context.
pub(crate) struct Submission<'a> {
    /// The user who answers.
    pub(crate) user: &'a User,
    /// The attempt it belongs to.
    pub(crate) attempt: &'a Attempt,
    /// What they answer.
    pub(crate) answer: &'a Secret,
    /// The request's context.
    pub(crate) context: &'a RequestContext,
    /// Whether a device is to verify its owner or to be confirmed.
    pub(crate) stage: Status,
    /// The flow's own rule: which device may answer, if any.
    pub(crate) permit: &'a Permit<'a>,
    /// How the call is recognised when it is repeated, and the token that the session will have; `None` if it may not
    /// be repeated.
    pub(crate) repeat: Option<(&'a Call<'a>, &'a SessionToken)>,
    /// Makes the changes that are committed with the proof.
    pub(crate) on_success: &'a Completion<'a>,
}

type Permit<'a> = dyn Fn(&Factors<Sealed>, Timestamp) -> Result<DeviceId, Refusal> + Sync + 'a;
type Completion<'a> = dyn Fn(&Draft<'_>, &Factors<Sealed>, Timestamp) -> OnSuccess + Sync + 'a;

/// Changes that are committed with a proof: a session and whatever else the flow writes.
pub(crate) struct OnSuccess {
    pub(crate) session: Session,
    pub(crate) changes: Vec<Change>,
}

/// The result of a settled proof.
pub(crate) struct Proven {
    pub(crate) session: Session,
    /// The device cookie for the browser.
    pub(crate) browser: Option<BrowserToken>,
    /// The token of the session, if this is a repeated call.
    pub(crate) repeated: Option<SessionToken>,
}

/// The standing of a request that answers, or asks for a code: in a session, failures are not counted on the device.
pub(crate) fn standing(attempt: &Attempt, stage: Status, browser: &Browser) -> Standing {
    let in_session = attempt.session.is_some() && stage == Status::Active;
    if in_session { Standing::InSession } else { browser.standing() }
}

/// The progress of a decision, for metrics.
#[derive(Default)]
struct Trace {
    method: Option<Kind>,
    rounds: u32,
}

impl Engine {
    pub(crate) async fn verify(&self, submission: Submission<'_>) -> Result<Proven, Error> {
        let mut trace = Trace::default();
        let (repeat, context) = (submission.repeat, submission.context);
        let mut decided = self.decide(submission, &mut trace).await;
        if let (Err(Error::Refused(refusal)), Some((call, _))) = (&decided, repeat)
            && repeat::is_of_one_that_is_gone(refusal)
        {
            match self.repeated(call, context, refusal.clone()).await {
                // No new decision was made, so there is nothing to count.
                Ok(Repeated { token, session, .. }) => {
                    return Ok(Proven { session, browser: None, repeated: Some(token) });
                }
                Err(error) => decided = Err(error),
            }
        }
        let refusal = match &decided {
            Ok(_) => None,
            Err(Error::Refused(refusal)) => Some(refusal),
            Err(Error::Faulted(_)) => return decided,
        };
        self.observer().answered(&Answered { method: trace.method.as_ref(), refusal, rounds: trace.rounds });
        decided
    }

    async fn decide(&self, submission: Submission<'_>, trace: &mut Trace) -> Result<Proven, Error> {
        let Submission { user, attempt, answer, context, stage, permit, repeat, on_success } = submission;
        let browser = self.browser(user, context).await?;
        let standing = standing(attempt, stage, &browser);
        let mut replied: Option<(ValidationRequest, ValidationResponse)> = None;
        let mut rounds = self.rounds();
        while let Some(now) = rounds.next() {
            trace.rounds = trace.rounds.saturating_add(1);
            // Read before the attempt: an answer is never judged on a device that the completion of this very attempt
            // has changed.
            let factors = self.factors_of(&user.id).await?;
            let session = self.is_alive(attempt).await?;
            attempt.check_restored(factors.account.restored, now)?;
            let failures = self.failures_in(session.as_ref(), standing).await?;
            let asked = permit(&factors, now)?;
            let device = factors.device(&asked).ok_or(Refusal::DeviceUnknown)?;
            let device = self.open_device_of(&factors.account, device.clone())?;
            trace.method = Some(device.kind.clone());
            let case = Case {
                device: &device,
                account: &factors.account,
                attempt: &attempt.id,
                purpose: attempt.purpose,
                admission: Admission {
                    rule: &self.config().throttle,
                    standing,
                    another_disabled: factors.another_disabled(&device.id, &self.config().throttle),
                },
                session: failures,
                methods: self.methods(),
                stage,
                address: context.address,
            };
            let mut ruling = match &replied {
                None => judge(case, answer, now),
                Some((asked, reply)) => judge_response(case, asked, reply, now),
            };
            let mut created = None;
            if let Some(draft) = ruling.draft() {
                let OnSuccess { session, mut changes } = on_success(&draft, &factors, now);
                self.observer().before_session(user, &session).await?;
                let session = match repeat {
                    Some((call, token)) => self.repeatable(session, token, Some(call), now)?,
                    None => session,
                };
                let remembered = self.remembered_after(user, draft.device(), context, &changes).await?;
                changes.extend(remembered.changes);
                changes.push(Self::spend(attempt));
                changes.extend(attempt.charge.as_ref().map(Charge::refund));
                changes.extend(attempt.session.clone().map(SessionChange::Require).map(Change::Session));
                changes.push(Change::Session(SessionChange::Create(session.clone())));
                created = Some((session, remembered.token));
                ruling = ruling.if_verified(changes);
            }
            ruling = match ruling.settle_unwritten() {
                Ok(refusal) => return Err(refusal.into()),
                Err(ruling) => ruling,
            };
            let receipt = self.commit(ruling.batch()).await?;
            match (ruling.settle(&receipt), created) {
                (Settled::Verified(_), Some((session, browser))) => {
                    return Ok(Proven { session, browser, repeated: None });
                }
                (Settled::Refused(refusal), _) => return Err(refusal.into()),
                (Settled::Ask(asked), _) => {
                    let reply = self.ask(&asked).await;
                    replied = Some((asked, reply));
                    rounds = self.rounds();
                }
                (Settled::Again | Settled::Verified(_), _) => {}
            }
        }
        Err(Fault::busy("decide on an answer in time", Duration::from_secs(1)).into())
    }

    /// The wrong answers given in this session, if they are counted there.
    pub(crate) async fn failures_in<'s>(
        &self,
        session: Option<&'s Session>,
        standing: Standing,
    ) -> Result<Option<SessionFailures<'s>>, Fault> {
        let Some(session) = session.filter(|_| standing == Standing::InSession) else {
            return Ok(None);
        };
        let budget = self.store().budget(&SessionFailures::budget(session)).await?;
        let failures = budget.map_or(0, |budget| budget.spent);
        Ok(Some(SessionFailures { session, failures, window: self.config().lifetimes.longest() }))
    }

    /// The device cookie after this device was proved, if `changes` are committed with the proof.
    async fn remembered_after(
        &self,
        user: &User,
        device: &DeviceId,
        context: &RequestContext,
        changes: &[Change],
    ) -> Result<Remembered, Fault> {
        let ends_all = |change: &Change| matches!(change, Change::DeviceCookie(DeviceCookieChange::EndAll { .. }));
        if changes.iter().any(ends_all) {
            Ok(self.remembered(user, Some(device), context, &[]))
        } else {
            self.remember(user, Some(device), context).await
        }
    }

    /// Asks the validation service.
    async fn ask(&self, asked: &ValidationRequest) -> ValidationResponse {
        match self.validator() {
            Some(validator) => validator.ask(asked).await,
            None => ValidationResponse::Unavailable,
        }
    }

    /// Refuses an attempt that is closed or expired, or whose session is; returns that session.
    pub(crate) async fn is_alive(&self, attempt: &Attempt) -> Result<Option<Session>, Error> {
        self.is_unspent(attempt).await?;
        match &attempt.session {
            Some(key) => self.open_session(key).await.map(Some),
            None => Ok(None),
        }
    }

    async fn is_unspent(&self, attempt: &Attempt) -> Result<(), Error> {
        if self.store().attempt_spent(&attempt.id).await? { Err(Refusal::AttemptExpired.into()) } else { Ok(()) }
    }

    /// The session with this key; refuses one that was ended.
    async fn open_session(&self, key: &SessionKey) -> Result<Session, Error> {
        Ok(self.store().session(key).await?.ok_or(Refusal::SignInNeeded)?)
    }

    /// Refuses a session that was ended, or that proves less now than when it was read.
    pub(crate) async fn stands(&self, session: &Session) -> Result<(), Error> {
        let row = self.store().session(&session.key).await?;
        let stands = row.is_some_and(|row| row.proved().still_proves(&session.proved()));
        if stands { Ok(()) } else { Err(Refusal::SignInNeeded.into()) }
    }

    /// Refuses a user whose credentials have changed, or who was deactivated, since they were read.
    async fn credentials_stand(&self, user: &User) -> Result<(), Error> {
        let current = self.users().by_id(&user.id).await?;
        if current.is_some_and(|current| current.holds(&user.stamp)) {
            Ok(())
        } else {
            Err(Refusal::SignInNeeded.into())
        }
    }

    /// The change that closes an attempt. The row is kept for the maximum lifetime of an attempt: `login_timeout` may
    /// be raised later, and would make the token valid again.
    pub(crate) fn spend(attempt: &Attempt) -> Change {
        Change::Attempt(AttemptChange::Close { attempt: attempt.id.clone(), until: attempt.end(Config::MAX_LOGIN_TTL) })
    }

    /// Commits what `changes` makes of a freshly read state, again after each conflict, and only while its precondition
    /// holds.
    pub(crate) async fn settle<T>(
        &self,
        user: &User,
        ground: Precondition<'_>,
        changes: impl Fn(Factors<Sealed>, Timestamp) -> Result<(Vec<Change>, T), Error>,
    ) -> Result<T, Error> {
        let mut rounds = self.rounds();
        while let Some(now) = rounds.next() {
            // Read before the session: whatever lowers a session changes these, too.
            let factors = self.factors_of(&user.id).await?;
            if let Precondition::Attempt(attempt, _) = ground {
                self.is_unspent(attempt).await?;
            }
            for session in ground.sessions() {
                self.stands(session).await?;
            }
            if let Precondition::Credentials(_) = ground {
                self.credentials_stand(user).await?;
            }
            let (mut changes, outcome) = changes(factors, now)?;
            if let Precondition::Attempt(attempt, _) = ground {
                changes.push(Self::spend(attempt));
            }
            changes
                .extend(ground.sessions().map(|session| Change::Session(SessionChange::Require(session.key.clone()))));
            match self.commit(&Batch::new(changes)).await?.written() {
                Written::Done => return Ok(outcome),
                Written::Overspent { until, .. } => return Err(Refusal::TooManyFailures { until: *until }.into()),
                Written::Conflict => {}
            }
        }
        Err(Fault::busy("write a change in time", Duration::from_secs(1)).into())
    }

    /// The rounds that are allowed, each with its time.
    pub(crate) fn rounds(&self) -> Rounds<'_> {
        Rounds { engine: self, left: ROUNDS, deadline: self.now().after(TIMEOUT) }
    }
}

/// What an action depends on.
#[derive(Clone, Copy)]
pub(crate) enum Precondition<'a> {
    /// Nothing: an administrator does it.
    Staff,
    /// A session.
    Session(&'a Session),
    /// A session, and the credentials that its user had when they were read.
    Credentials(&'a Session),
    /// A session, and another that exists only for this action.
    Proof { own: &'a Session, passing: &'a Session },
    /// An attempt, which the action closes, and its session.
    Attempt(&'a Attempt, &'a Session),
}

impl<'a> Precondition<'a> {
    fn sessions(self) -> impl Iterator<Item = &'a Session> {
        let (own, passing) = match self {
            Self::Staff => (None, None),
            Self::Session(own) | Self::Credentials(own) | Self::Attempt(_, own) => (Some(own), None),
            Self::Proof { own, passing } => (Some(own), Some(passing)),
        };
        own.into_iter().chain(passing)
    }
}

/// Limits the rounds by number and time.
pub(crate) struct Rounds<'a> {
    engine: &'a Engine,
    left: u32,
    deadline: Timestamp,
}

impl Rounds<'_> {
    /// The time of the next round, if another is allowed.
    pub(crate) fn next(&mut self) -> Option<Timestamp> {
        self.left = self.left.checked_sub(1)?;
        Some(self.engine.now()).filter(|now| *now <= self.deadline)
    }
}
