//! Enrolment: a new secret or an address beside the existing devices, and a proof before it is active.
//!
//! The numbers of a user's devices (`devices_per_user`) and of pending enrolments are limited even under concurrent
//! requests: the first is protected by the version of the factor set in the confirming commit, the second is counted in
//! the commit that begins one.
//!
//! The secret stays the same over wrong codes and reloads of one attempt, and is void after it. An enrolment belongs to
//! the session in which it began, and to the session that replaces that one after a proof in it: an enrolment that is
//! refused until the user has stepped up continues in the session that the step-up creates.
//!
//! The confirming commit expects the version of the factor set, so if two sessions both enrol a "first" device, one
//! wins and the other is refused. The resulting session is verified and has a new id; the first device ends every other
//! session, because those were created with a password alone.

use std::time::Duration;

use countersign_core::{
    AccountChange, Address, Batch, Change, Device, DeviceChange, DeviceId, DeviceName, EmailAddress, EventChange,
    EventKind, Factors, Kind, Refusal, Sealed, Secret, Session, SessionChange, SessionKey, Status, Timestamp, Written,
    flow::{Attempt, Purpose, manage},
    method::{State, delivered, hotp, totp, yubikey},
    otp::{Key, Otpauth, OtpauthHotp},
    throttle::Standing,
    view::{DeviceView, SetupKey, SetupView},
};
use zeroize::Zeroizing;

use super::{
    RequestContext, event,
    manage::{removal, removed},
    proved,
};
use crate::{
    AttemptToken, Engine, Error, Fault, NewSession, ReplacingCall, SignedIn, User,
    session::{self, SessionParams},
    verify::{OnSuccess, Precondition, Proven, Submission},
};

/// The maximum number of pending enrolments of a user; the oldest is removed.
const MAX_RUNNING: u32 = 8;

/// The device to be enrolled.
#[derive(Debug)]
pub struct Enrolment {
    /// The method.
    pub kind: Kind,
    /// The name its owner gives it.
    pub name: DeviceName,
    /// The address for codes, as it was typed; `None` for methods that send none.
    pub to: Option<String>,
}

impl Engine {
    /// The methods that this session may enrol now, in the order in which they are offered.
    pub async fn enrollable(&self, signed_in: &SignedIn) -> Result<Vec<Kind>, Error> {
        let factors = self.store().factors(&signed_in.user().id).await?;
        self.may_change(signed_in.session(), &factors, self.now())?;
        Ok(self.joining(&factors))
    }

    /// The methods that this session may enrol now to replace this device.
    pub async fn enrollable_instead(&self, signed_in: &SignedIn, replaced: &DeviceId) -> Result<Vec<Kind>, Error> {
        let factors = self.store().factors(&signed_in.user().id).await?;
        self.may_change(signed_in.session(), &factors, self.now())?;
        manage::replaceable(&factors, replaced)?;
        Ok(self.joining(&factors.without(replaced)))
    }

    /// The methods that can be enrolled here beside these factors.
    fn joining(&self, factors: &Factors<Sealed>) -> Vec<Kind> {
        let offered = self.config().offered.iter().filter(|kind| match kind {
            kind if kind.is_delivered() => self.gateway(kind).is_some(),
            kind if **kind == Kind::YUBIKEY => self.validator().is_some(),
            kind => [Kind::TOTP, Kind::HOTP].contains(kind),
        });
        offered.filter(|kind| manage::may_join(kind, factors, self.config())).cloned().collect()
    }

    /// Begins an enrolment: draws a secret, or takes an address and sends the first code to it, and writes a device
    /// that is not active yet.
    pub async fn begin_enrolment(
        &self,
        signed_in: &SignedIn,
        enrolment: Enrolment,
        context: &RequestContext,
    ) -> Result<AttemptToken, Error> {
        let attempt = self.attempt(signed_in, Purpose::Enrol, self.now());
        Ok(self.seal_attempt(&self.begin_setup(signed_in, attempt, enrolment, context).await?)?)
    }

    /// Begins the enrolment of a device that replaces this one: the commit that confirms the new device removes the
    /// other, and revokes the sessions and tokens that it verified. Until then the other one stays active. So a user's
    /// only device can be replaced, too, and one of the maximum number.
    pub async fn begin_replacement(
        &self,
        signed_in: &SignedIn,
        replaced: &DeviceId,
        enrolment: Enrolment,
        context: &RequestContext,
    ) -> Result<AttemptToken, Error> {
        let attempt = self.attempt(signed_in, Purpose::Enrol, self.now());
        let attempt = Attempt { replaces: Some(replaced.clone()), ..attempt };
        Ok(self.seal_attempt(&self.begin_setup(signed_in, attempt, enrolment, context).await?)?)
    }

    /// Begins an enrolment in this attempt, which is returned with its device.
    pub(super) async fn begin_setup(
        &self,
        signed_in: &SignedIn,
        attempt: Attempt,
        enrolment: Enrolment,
        context: &RequestContext,
    ) -> Result<Attempt, Error> {
        let device = self.begin_device(signed_in, enrolment, attempt.replaces.as_ref()).await?;
        let attempt = Attempt { device: Some(device.id.clone()), ..attempt };
        if device.kind.is_delivered() {
            self.send_to_new(signed_in, &attempt, context).await?;
        }
        Ok(attempt)
    }

    /// Writes a device that is not active yet. If too many enrolments are pending, the oldest are removed.
    async fn begin_device(
        &self,
        signed_in: &SignedIn,
        enrolment: Enrolment,
        replaced: Option<&DeviceId>,
    ) -> Result<Device, Error> {
        let Enrolment { kind, name, to } = enrolment;
        let user = &signed_in.user().id;
        let mut fresh = None;
        let mut rounds = self.rounds();
        while let Some(now) = rounds.next() {
            let factors = self.store().factors(user).await?;
            self.may_change(signed_in.session(), &factors, now)?;
            if let Some(replaced) = replaced {
                manage::replaceable(&factors, replaced)?;
            }
            let staying = staying(&factors, replaced);
            if !self.joining(&staying).contains(&kind) {
                return Err(Refusal::MethodUnknown.into());
            }
            manage::room(&staying, self.config())?;
            self.stands(signed_in.session()).await?;
            let device = if let Some(device) = fresh.take() {
                device
            } else {
                let state = self.new_state(&kind, to.as_deref())?;
                let mut device = self.new_device(user, kind.clone(), name.clone(), Status::Enrolling, state);
                device.state.setup_session = Some(signed_in.session().key.clone());
                device
            };
            let mut changes = stale(&factors, self.config().login_timeout, now);
            changes.extend([
                Change::Session(SessionChange::Require(signed_in.session().key.clone())),
                Change::Device(DeviceChange::Add(device.clone())),
                Change::Device(DeviceChange::LimitSetups { user: user.clone(), max: MAX_RUNNING }),
            ]);
            if *self.commit(&Batch::new(changes)).await?.written() == Written::Done {
                return Ok(device);
            }
            fresh = Some(device);
        }
        Err(Fault::busy("begin a setup in time", Duration::from_secs(1)).into())
    }

    /// The initial state of a device of this kind.
    fn new_state(&self, kind: &Kind, to: Option<&str>) -> Result<State, Refusal> {
        let key = || {
            let key = Zeroizing::new(self.draw::<{ totp::State::KEY_BYTES }>());
            Key::new(key.to_vec())
        };
        let to = to.unwrap_or_default();
        match kind {
            kind if *kind == Kind::TOTP => Ok(State::Totp(totp::State::new(key()))),
            kind if *kind == Kind::HOTP => Ok(State::Hotp(hotp::State::new(key()))),
            kind if *kind == Kind::YUBIKEY => Ok(State::Yubikey(yubikey::State::unbound())),
            kind if kind.is_delivered() => {
                let address = if *kind == Kind::EMAIL {
                    EmailAddress::parse(to).map(Address::Email)
                } else {
                    self.numbers().parse(to).map(Address::Phone)
                };
                Ok(State::Delivered(delivered::State::new(address.ok_or(Refusal::AddressInvalid)?)))
            }
            _ => Err(Refusal::MethodUnknown),
        }
    }

    /// Shows the pending enrolment: for an app, the key and the URI of the QR code; for an address, the code that was
    /// sent.
    pub async fn setup(&self, signed_in: &SignedIn, token: &AttemptToken) -> Result<SetupView, Error> {
        let attempt = self.resume(signed_in, token, Purpose::Enrol).await?;
        let now = self.now();
        let factors = self.store().factors(&signed_in.user().id).await?;
        self.may_change(signed_in.session(), &factors, now)?;
        let device = attempt.device.as_ref().and_then(|id| factors.device(id).cloned());
        let device = device.filter(|device| device.status == Status::Enrolling).ok_or(Refusal::AttemptExpired)?;
        let replaced = attempt.replaces.as_ref().and_then(|id| factors.device(id));
        let device = self.open_device_of(&factors.account, device)?;
        let looking = self.looking(Standing::Unrecognized, Some(&attempt), now);
        Ok(SetupView {
            key: self.setup_key(&device, &signed_in.user().name),
            device: DeviceView::new(&device, &factors, looking),
            typed_address: SetupView::typed_address(&device),
            replaces: replaced.map(|device| device.name.clone()),
            until: attempt.end(self.config().login_timeout),
        })
    }

    /// Renames the device of a pending enrolment. A confirmed device keeps its name, and an unchanged name is not
    /// written.
    pub async fn name_enrolment(
        &self,
        signed_in: &SignedIn,
        token: &AttemptToken,
        name: &DeviceName,
    ) -> Result<(), Error> {
        let attempt = self.resume(signed_in, token, Purpose::Enrol).await?;
        let Some(id) = attempt.device else { return Ok(()) };
        let is_running = |device: &Device<Sealed>| device.status == Status::Enrolling && device.name != *name;
        if !self.store().device(&id).await?.is_some_and(|device| is_running(&device)) {
            return Ok(());
        }
        self.settle(signed_in.user(), Precondition::Session(signed_in.session()), |factors, now| {
            self.may_change(signed_in.session(), &factors, now)?;
            let Some(device) = factors.device(&id).filter(|device| is_running(device)).cloned() else {
                return Ok((vec![], ()));
            };
            let mut device = self.open_device_of(&factors.account, device)?;
            device.name = name.clone();
            device.version = device.version.saturating_add(1);
            Ok((vec![Change::Device(DeviceChange::Update(device))], ()))
        })
        .await
    }

    /// The key for an authenticator app.
    fn setup_key(&self, device: &Device, account: &str) -> Option<SetupKey> {
        let issuer = &self.config().issuer;
        let (key, uri) = match &device.state.state {
            State::Totp(state) => {
                let uri = Otpauth { key: &state.key, totp: state.totp(), issuer, account, image: None };
                (&state.key, Secret::new(uri.to_uri().as_str()))
            }
            State::Hotp(hotp::State { key, algorithm, digits, counter, .. }) => {
                let (algorithm, digits, counter) = (*algorithm, *digits, *counter);
                let uri = OtpauthHotp { key, algorithm, digits, counter, issuer, account };
                (key, Secret::new(uri.to_uri().as_str()))
            }
            _ => return None,
        };
        Some(SetupKey { text: in_fours(&key.to_base32()), uri })
    }

    /// Confirms the device: it is active from now on, and verifies the session, unless a stronger one did. A device
    /// that it replaces is removed. May be repeated like [`Engine::step_up`].
    pub async fn confirm_enrolment(
        &self,
        signed_in: &SignedIn,
        token: &AttemptToken,
        answer: &Secret,
        context: &RequestContext,
    ) -> Result<NewSession, Error> {
        let call = self.call_of(signed_in, ReplacingCall::ConfirmEnrolment { attempt: token, answer });
        let attempt = match self.resume(signed_in, token, Purpose::Enrol).await {
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
                stage: Status::Enrolling,
                permit: &|factors, now| {
                    self.may_change(old, factors, now)?;
                    let staying = staying(factors, attempt.replaces.as_ref());
                    manage::room(&staying, self.config())?;
                    let id = attempt.device.as_ref().ok_or(Refusal::AttemptExpired)?;
                    // Checked again: the device beside which e-mail was allowed may be gone.
                    if factors.device(id).is_some_and(|new| !manage::may_join(&new.kind, &staying, self.config())) {
                        return Err(Refusal::MethodUnknown);
                    }
                    Ok(id.clone())
                },
                repeat: call.as_ref().map(|call| (call, &token)),
                on_success: &|draft, factors, now| {
                    let session = session::row(&token, SessionParams::renewed(user, draft, old, now), now);
                    let confirmed = proved(EventKind::DeviceConfirmed, &attempt, draft, context, now);
                    let replaced = attempt.replaces.as_ref().and_then(|id| factors.device(id));
                    let default = factors.default_with(draft.device(), attempt.replaces.as_ref());
                    let mut changes =
                        vec![joined(user, factors, default), Change::Event(EventChange::Record(confirmed))];
                    changes.extend(superseded(user, old, factors));
                    changes.extend(self.setups_follow(factors, Some(draft.device()), &old.key, &session.key));
                    if let Some(replaced) = replaced {
                        let removed = removed(replaced, event(EventKind::DeviceRemoved, &attempt, context, now));
                        changes.extend(removal(replaced, Some(session.key.clone()), None));
                        changes.push(Change::Event(EventChange::Record(removed)));
                    }
                    OnSuccess { session, changes }
                },
            })
            .await?;
        Ok(NewSession::new(repeated.unwrap_or(token), session, user, browser))
    }

    /// Abandons a pending enrolment.
    pub async fn abandon_enrolment(&self, signed_in: &SignedIn, token: &AttemptToken) -> Result<(), Fault> {
        let attempt = match self.resume(signed_in, token, Purpose::Enrol).await {
            Ok(attempt) => attempt,
            Err(Error::Refused(_)) => return Ok(()),
            Err(Error::Faulted(fault)) => return Err(fault),
        };
        let abandoned =
            self.settle(signed_in.user(), Precondition::Attempt(&attempt, signed_in.session()), |factors, _| {
                let device = attempt.device.as_ref().and_then(|id| factors.device(id));
                let running = device.filter(|device| device.status == Status::Enrolling);
                let removal = |device: &Device<Sealed>| {
                    Change::Device(DeviceChange::Remove { device: device.id.clone(), expected_version: device.version })
                };
                Ok((running.map(removal).into_iter().collect(), ()))
            });
        match abandoned.await {
            Ok(()) | Err(Error::Refused(_)) => Ok(()),
            Err(Error::Faulted(fault)) => Err(fault),
        }
    }
}

impl Engine {
    /// The attempt of an enrolment as it continues in this session, if that has replaced the one in which it began.
    pub(super) async fn followed(&self, signed_in: &SignedIn, attempt: Attempt) -> Result<Attempt, Fault> {
        let (user, here) = (&signed_in.user().id, &signed_in.session().key);
        let Some(device) = attempt.device.as_ref().filter(|_| attempt.purpose == Purpose::Enrol) else {
            return Ok(attempt);
        };
        if attempt.session.as_ref() == Some(here) || attempt.user != *user {
            return Ok(attempt);
        }
        let device = self.store().device(device).await?;
        let Some(device) = device.filter(|device| device.status == Status::Enrolling && device.user == *user) else {
            return Ok(attempt);
        };
        let follows = self.open_device(device)?.state.setup_session.as_ref() == Some(here);
        Ok(if follows { Attempt { session: Some(here.clone()), ..attempt } } else { attempt })
    }

    /// The same at a sign-in whose request has the session it replaces, if that is valid: after a sign-out nothing
    /// continues.
    pub(super) async fn setups_carried(
        &self,
        user: &User,
        from: &SessionKey,
        to: &SessionKey,
    ) -> Result<Vec<Change>, Fault> {
        let factors = self.store().factors(&user.id).await?;
        let mut changes = self.setups_follow(&factors, None, from, to);
        let is_running = self.store().session(from).await?.is_some_and(|session| session.user == user.id);
        if changes.is_empty() || !is_running {
            return Ok(vec![]);
        }
        changes.push(Change::Session(SessionChange::Require(from.clone())));
        Ok(changes)
    }

    /// Moves the enrolments of one session to the session that replaces it in the same commit. A device that cannot be
    /// unsealed is left out: no session can confirm it. So is the one that is `confirmed` in this commit.
    pub(super) fn setups_follow(
        &self,
        factors: &Factors<Sealed>,
        confirmed: Option<&DeviceId>,
        from: &SessionKey,
        to: &SessionKey,
    ) -> Vec<Change> {
        let is_running = |device: &&Device<Sealed>| device.status == Status::Enrolling && Some(&device.id) != confirmed;
        let enrolling = factors.devices.iter().filter(is_running);
        let opened = enrolling.filter_map(|device| self.open_device(device.clone()).ok());
        let own = opened.filter(|device| device.state.setup_session.as_ref() == Some(from));
        own.map(|mut device| {
            device.state.setup_session = Some(to.clone());
            device.version = device.version.saturating_add(1);
            Change::Device(DeviceChange::Update(device))
        })
        .collect()
    }
}

/// Ends the sessions that a new device supersedes: this session, or, if it is the first device, all sessions and
/// tokens.
fn superseded(user: &User, old: &Session, factors: &Factors<Sealed>) -> Vec<Change> {
    if factors.enabled() {
        vec![Change::Session(SessionChange::End(old.key.clone()))]
    } else {
        session::ends_all(&user.id).into()
    }
}

/// The devices beside the one being enrolled: all but the one it replaces.
fn staying(factors: &Factors<Sealed>, replaced: Option<&DeviceId>) -> Factors<Sealed> {
    replaced.map_or_else(|| factors.clone(), |replaced| factors.without(replaced))
}

/// The change of the factor set after a device was added, with this default.
pub(super) fn joined(user: &User, factors: &Factors<Sealed>, default: DeviceId) -> Change {
    Change::Account(AccountChange::BumpFactorSet {
        user: user.id.clone(),
        expected_version: factors.account.factors,
        preferred: Some(default),
    })
}

/// Expired enrolments, and the oldest beyond the limit, are removed when another begins.
fn stale(factors: &Factors<Sealed>, timeout: Duration, now: Timestamp) -> Vec<Change> {
    let enrolling: Vec<_> = factors.devices.iter().filter(|device| device.status == Status::Enrolling).collect();
    let most = usize::try_from(MAX_RUNNING).unwrap_or(usize::MAX);
    let surplus = enrolling.len().saturating_sub(most.saturating_sub(1));
    let is_over = |device: &Device<Sealed>| device.created.after(timeout) <= now || !device.created.is_credible(now);
    let gone = |(place, device): &(usize, &&Device<Sealed>)| *place < surplus || is_over(device);
    let removal = |device: &Device<Sealed>| {
        Change::Device(DeviceChange::Remove { device: device.id.clone(), expected_version: device.version })
    };
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
