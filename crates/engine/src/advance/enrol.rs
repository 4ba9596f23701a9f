//! Setting up a device: a fresh secret beside the live ones, and a proof before it counts.
//!
//! The secret stays the same over wrong codes and reloads of one run, and is dead after it. Confirming names the version
//! of the set of devices, so of two sessions that both set up a "first" device one wins and the other is refused. The
//! session that comes out is verified and has a new id; the first device ends every other session, because those were
//! opened with a password alone.

use std::time::Duration;

use countersign_core::{
    Batch, Change, Device, DeviceName, EventKind, Factors, Kind, Refusal, Sealed, Secret, Status, Timestamp, Written,
    flow::{Attempt, Purpose, manage},
    method::{State, totp},
    otp::{Key, Otpauth},
    view::{DeviceView, SetupView},
};
use zeroize::Zeroizing;

use super::{Visit, proved};
use crate::{
    AttemptToken, Engine, Fault, Grant, SignedIn, Stop, User,
    session::{self, Terms},
    verify::{Ground, Question, Success},
};

/// How many runs of setup a user may have at once; the oldest gives way.
const MOST_RUNNING: usize = 8;

impl Engine {
    /// The methods a user can set up on their own.
    pub fn enrollable(&self) -> Vec<Kind> {
        vec![Kind::TOTP]
    }

    /// Whether this session may set up a device now.
    pub async fn may_enrol(&self, signed_in: &SignedIn) -> Result<(), Stop> {
        let factors = self.store().factors(&signed_in.user().id).await?;
        Ok(manage::may_change(signed_in.session(), &factors, self.policy(), self.now())?)
    }

    /// Begins: draws a secret and writes a device that counts for nothing yet.
    pub async fn begin_enrolment(
        &self,
        signed_in: &SignedIn,
        kind: &Kind,
        name: DeviceName,
    ) -> Result<AttemptToken, Stop> {
        if !self.enrollable().contains(kind) {
            return Err(Refusal::MethodUnknown.into());
        }
        let now = self.now();
        let factors = self.store().factors(&signed_in.user().id).await?;
        manage::may_change(signed_in.session(), &factors, self.policy(), now)?;
        let key = Zeroizing::new(self.draw::<{ totp::State::KEY_BYTES }>());
        let state = State::Totp(totp::State::new(Key::new(key.to_vec())));
        let device = self.new_device(&signed_in.user().id, kind.clone(), name, Status::Enrolling, state);
        let attempt = Attempt { device: Some(device.id.clone()), ..self.attempt(signed_in, Purpose::Enrol, now) };
        let mut changes = stale(&factors, self.policy().login_timeout, now);
        changes.push(Change::AddDevice(device));
        match self.commit(&Batch::new(changes)).await?.written() {
            Written::Done => Ok(self.seal_attempt(&attempt)?),
            _ => Err(Refusal::FactorsChanged.into()),
        }
    }

    /// Shows the running setup: the key, and the address behind the QR code.
    pub async fn setup(&self, signed_in: &SignedIn, token: &AttemptToken) -> Result<SetupView, Stop> {
        let attempt = self.resume(signed_in, token, Purpose::Enrol).await?;
        let now = self.now();
        let factors = self.store().factors(&signed_in.user().id).await?;
        manage::may_change(signed_in.session(), &factors, self.policy(), now)?;
        let device = attempt.device.and_then(|id| factors.device(&id).cloned());
        let device = device.filter(|device| device.status == Status::Enrolling).ok_or(Refusal::AttemptOver)?;
        let device = self.open_device(device)?;
        let State::Totp(state) = &device.state.state else { return Err(Refusal::MethodUnknown.into()) };
        let uri = Otpauth {
            key: &state.key,
            totp: state.totp(),
            issuer: &self.policy().issuer,
            account: &signed_in.user().name,
            image: None,
        };
        Ok(SetupView {
            key: in_fours(&state.key.to_base32()),
            uri: Secret::new(uri.to_uri().as_str()),
            device: DeviceView::new(&device, &factors.account, self.looking(None, now)),
        })
    }

    /// Takes the proof: the device counts from now on, and the session is verified by it.
    pub async fn confirm_enrolment(
        &self,
        signed_in: &SignedIn,
        token: &AttemptToken,
        answer: &Secret,
        visit: &Visit,
    ) -> Result<Grant, Stop> {
        let attempt = self.resume(signed_in, token, Purpose::Enrol).await?;
        let (user, old) = (signed_in.user(), signed_in.session());
        let token = self.draw_token();
        let (_, session) = self
            .verify(Question {
                user,
                attempt: &attempt,
                answer,
                visit,
                stage: Status::Enrolling,
                permit: &|factors, now| {
                    manage::may_change(old, factors, self.policy(), now)?;
                    attempt.device.clone().ok_or(Refusal::AttemptOver)
                },
                grant: &|draft, factors, now| {
                    let terms = Terms::proved(user, draft, old.signed_in, now);
                    let confirmed = proved(EventKind::DeviceConfirmed, &attempt, draft, visit, now);
                    let changes = vec![
                        joined(user, factors, draft.device()),
                        if factors.enabled() {
                            Change::EndSession(old.key.clone())
                        } else {
                            Change::EndSessions { user: user.id.clone() }
                        },
                        Change::Record(confirmed),
                    ];
                    Success { session: session::row(&token, terms, now), changes }
                },
            })
            .await?;
        Ok(self.grant(token, session, user, visit))
    }

    /// Gives a running setup up.
    pub async fn abandon_enrolment(&self, signed_in: &SignedIn, token: &AttemptToken) -> Result<(), Fault> {
        let attempt = match self.resume(signed_in, token, Purpose::Enrol).await {
            Ok(attempt) => attempt,
            Err(Stop::Refused(_)) => return Ok(()),
            Err(Stop::Faulted(fault)) => return Err(fault),
        };
        let abandoned = self.settle(signed_in.user(), Ground::Run(&attempt), |factors, _| {
            let device = attempt.device.as_ref().and_then(|id| factors.device(id));
            let running = device.filter(|device| device.status == Status::Enrolling);
            let removal =
                |device: &Device<Sealed>| Change::RemoveDevice { device: device.id.clone(), seen: device.version };
            Ok((running.map(removal).into_iter().collect(), ()))
        });
        match abandoned.await {
            Ok(()) | Err(Stop::Refused(_)) => Ok(()),
            Err(Stop::Faulted(fault)) => Err(fault),
        }
    }
}

/// The set of devices with one more: the first of all is asked first.
fn joined(user: &User, factors: &Factors<Sealed>, device: &countersign_core::DeviceId) -> Change {
    let preferred = factors.account.preferred.clone().or_else(|| Some(device.clone()));
    Change::MoveFactors { user: user.id.clone(), seen: factors.account.factors, preferred }
}

/// The setups that are dead, or too many, and go when another begins.
fn stale(factors: &Factors<Sealed>, timeout: Duration, now: Timestamp) -> Vec<Change> {
    let enrolling: Vec<_> = factors.devices.iter().filter(|device| device.status == Status::Enrolling).collect();
    let surplus = enrolling.len().saturating_sub(MOST_RUNNING.saturating_sub(1));
    let gone = |(place, device): &(usize, &&Device<Sealed>)| *place < surplus || device.created.after(timeout) <= now;
    let removal = |device: &Device<Sealed>| Change::RemoveDevice { device: device.id.clone(), seen: device.version };
    enrolling.iter().enumerate().filter(gone).map(|(_, device)| removal(device)).collect()
}

/// A key in groups of four, as people copy it.
fn in_fours(key: &str) -> Secret {
    let mut text = String::with_capacity(key.len().saturating_mul(5) / 4);
    for (place, letter) in key.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push(' ');
        }
        text.push(letter);
    }
    Secret::new(text)
}
