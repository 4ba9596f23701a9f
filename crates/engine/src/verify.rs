//! THE verification path: every answer of every entrance and every flow comes through here.
//!
//! Load, judge, commit, settle; when something moved meanwhile, again from the start. A proof comes out only after the
//! batch that holds its device, its session and its event was written. If that cannot be had in [`ROUNDS`] rounds or
//! [`PATIENCE`], it is a fault.
//!
//! ```text
//!   ┌────────────────────────── moved ◀───────────────────────────┐
//!   ▼                                                              │
//! load ──▶ may this flow ask? ──▶ judge ──▶ (observer) ──▶ commit ──┴──▶ settle ──▶ Verified | Refusal
//! ```

use std::time::Duration;

use countersign_core::{
    Batch, Case, Change, DeviceId, Factors, Refusal, Sealed, Secret, Session, Settled, Status, Timestamp, Verified,
    flow::Attempt, judge, ruling::Draft,
};

use crate::{Engine, Fault, Stop, User};

const ROUNDS: u32 = 1000;
const PATIENCE: Duration = Duration::from_secs(10);

/// One answer, and what depends on it.
pub(crate) struct Question<'a> {
    /// Who answers.
    pub(crate) user: &'a User,
    /// In which run of which flow.
    pub(crate) attempt: &'a Attempt,
    /// What they answer.
    pub(crate) answer: &'a Secret,
    /// Whether a device is to verify its owner or to be confirmed.
    pub(crate) stage: Status,
    /// The flow's own rule: which device may answer, if one may.
    pub(crate) permit: &'a Permit<'a>,
    /// What comes true together with the proof.
    pub(crate) grant: &'a Granting<'a>,
}

type Permit<'a> = dyn Fn(&Factors<Sealed>, Timestamp) -> Result<DeviceId, Refusal> + Sync + 'a;
type Granting<'a> = dyn Fn(&Draft<'_>, &Factors<Sealed>, Timestamp) -> Success + Sync + 'a;

/// What comes true together with a proof: a session and whatever else the flow writes.
pub(crate) struct Success {
    pub(crate) session: Session,
    pub(crate) changes: Vec<Change>,
}

impl Engine {
    pub(crate) async fn verify(&self, question: Question<'_>) -> Result<(Verified, Session), Stop> {
        let Question { user, attempt, answer, stage, permit, grant } = question;
        let deadline = self.now().after(PATIENCE);
        for _ in 0..ROUNDS {
            let now = self.now();
            if now > deadline {
                break;
            }
            if self.store().attempt_spent(&attempt.id).await? {
                return Err(Refusal::AttemptOver.into());
            }
            let factors = self.store().factors(&user.id).await?;
            let asked = permit(&factors, now)?;
            let device = factors.device(&asked).ok_or(Refusal::DeviceUnknown)?;
            let device = self.open_device(device.clone())?;
            let case = Case {
                device: &device,
                attempt: &attempt.id,
                throttle: &self.policy().throttle,
                methods: self.methods(),
                stage,
            };
            let mut ruling = judge(case, answer, now);
            let mut granted = None;
            if let Some(draft) = ruling.draft() {
                let Success { session, mut changes } = grant(&draft, &factors, now);
                self.observer().before_grant(user, &session).await?;
                changes.push(self.spend(attempt));
                changes.push(Change::OpenSession(session.clone()));
                granted = Some(session);
                ruling = ruling.if_verified(changes);
            }
            let receipt = match ruling.batch() {
                batch if batch.is_empty() => batch.done(),
                batch => self.commit(batch).await?,
            };
            match (ruling.settle(&receipt), granted) {
                (Settled::Verified(proof), Some(session)) => return Ok((proof, session)),
                (Settled::Refused(refusal), _) => return Err(refusal.into()),
                (Settled::Again | Settled::Verified(_), _) => {}
            }
        }
        Err(Fault::busy("decide on an answer in time", Duration::from_secs(1)).into())
    }

    /// The change that ends a run.
    pub(crate) fn spend(&self, attempt: &Attempt) -> Change {
        Change::SpendAttempt { attempt: attempt.id.clone(), until: attempt.end(self.policy().login_timeout) }
    }

    /// Writes what `changes` makes of a state read afresh, until nothing has moved between reading and writing.
    pub(crate) async fn settle<T>(
        &self,
        user: &User,
        changes: impl Fn(Factors<Sealed>, Timestamp) -> Result<(Vec<Change>, T), Refusal>,
    ) -> Result<T, Stop> {
        let deadline = self.now().after(PATIENCE);
        for _ in 0..ROUNDS {
            let now = self.now();
            if now > deadline {
                break;
            }
            let (changes, outcome) = changes(self.store().factors(&user.id).await?, now)?;
            match self.commit(&Batch::new(changes)).await?.written() {
                countersign_core::Written::Done => return Ok(outcome),
                countersign_core::Written::Overspent { until, .. } => {
                    return Err(Refusal::TooManyFailures { until: *until }.into());
                }
                countersign_core::Written::Conflict => {}
            }
        }
        Err(Fault::busy("write a change in time", Duration::from_secs(1)).into())
    }
}
