//! Views for front ends: plain data without a secret, except where showing the secret is the purpose.

use crate::{
    Device, DeviceId, DeviceName, Factors, Kind, Proved, Scopes, Secret, Session, SessionKey, Status, Timestamp, Token,
    TokenId,
    assurance::Lifetimes,
    flow::Attempt,
    method::{State, delivered},
    otp::Digits,
    throttle::{Standing, ThrottleRule},
    token::TokenName,
};

/// The context in which a view is made.
#[derive(Clone, Copy, Debug)]
pub struct Looking<'a> {
    /// The delays and the cap after failures.
    pub rule: &'a ThrottleRule,
    /// The standing of the request.
    pub standing: Standing,
    /// The attempt in which it is shown, if any.
    pub attempt: Option<&'a Attempt>,
    /// The number of digits of the next code that is sent.
    pub digits: Digits,
    /// The current time.
    pub now: Timestamp,
}

/// A device as its owner sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceView {
    /// Its id.
    pub id: DeviceId,
    /// Its method.
    pub kind: Kind,
    /// The name its owner gave it.
    pub name: DeviceName,
    /// Whether it counts as a factor.
    pub status: Status,
    /// Whether it is the default.
    pub preferred: bool,
    /// When it was created.
    pub created: Timestamp,
    /// When it last verified its owner.
    pub last_used: Option<Timestamp>,
    /// Consecutive wrong answers since then, of all requests.
    pub failures: u32,
    /// Until when it rejects answers, if it is locked.
    pub locked_until: Option<Timestamp>,
    /// The form of its answers.
    pub answer: AnswerForm,
    /// The masked address that codes are sent to.
    pub to: Option<String>,
    /// When it expires, if its issuer has set an expiry.
    pub valid_until: Option<Timestamp>,
    /// Whether it has expired.
    pub is_expired: bool,
    /// Whether its key is shorter than recommended.
    pub weak_key: bool,
}

/// The form of an answer, for the input field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnswerForm {
    /// This number of decimal digits.
    Digits(u8),
    /// A code that was sent, or can be.
    Sent {
        /// Digits of the code that was sent, or of the next one.
        digits: u8,
        /// When the code that is valid in this attempt expires; `None` if there is none.
        until: Option<Timestamp>,
    },
    /// What a security key types when it is pressed.
    Press,
    /// A backup code.
    BackupCode {
        /// The number of unused codes; `None` if the caller must not know.
        left: Option<usize>,
    },
    /// Any text.
    Text,
}

impl DeviceView {
    /// The view of the device.
    pub fn new<S>(device: &Device, factors: &Factors<S>, looking: Looking<'_>) -> Self {
        Self {
            id: device.id.clone(),
            kind: device.kind.clone(),
            name: device.name.clone(),
            status: device.status,
            preferred: is_preferred(device, factors),
            created: device.created,
            last_used: device.last_used,
            failures: device.throttle.failures,
            locked_until: looking.locked_until(device),
            answer: AnswerForm::of(device, looking),
            to: masked(device),
            valid_until: device.state.valid_until,
            is_expired: device.state.is_expired(looking.now),
            weak_key: device.state.state.has_weak_key(),
        }
    }
}

impl Looking<'_> {
    fn locked_until(&self, device: &Device) -> Option<Timestamp> {
        self.rule.locked_until(&device.throttle, self.standing, self.now)
    }
}

fn is_preferred<S>(device: &Device, factors: &Factors<S>) -> bool {
    factors.default_device().is_some_and(|default| default.id == device.id)
}

fn masked(device: &Device) -> Option<String> {
    match &device.state.state {
        State::Delivered(state) => Some(state.to.masked()),
        _ => None,
    }
}

impl SetupView {
    /// The full address of a device that is being set up.
    pub fn typed_address(device: &Device) -> Option<String> {
        match &device.state.state {
            State::Delivered(state) => Some(state.to.expose_as_written().to_owned()),
            _ => None,
        }
    }
}

impl AnswerForm {
    fn of(device: &Device, looking: Looking<'_>) -> Self {
        match &device.state.state {
            State::Totp(state) => AnswerForm::Digits(state.digits.count()),
            State::Hotp(state) => AnswerForm::Digits(state.digits.count()),
            State::Delivered(state) => {
                let challenge = looking.attempt.and_then(|Attempt { id, purpose, .. }| {
                    let asked = delivered::Asked { attempt: id, purpose: *purpose, marks: &device.state.marks };
                    state.usable(asked, looking.now)
                });
                let digits = challenge.map_or(looking.digits, |challenge| challenge.code.digits());
                AnswerForm::Sent { digits: digits.count(), until: challenge.map(|challenge| challenge.until) }
            }
            State::Yubikey(_) => AnswerForm::Press,
            State::BackupCodes(state) => {
                AnswerForm::BackupCode { left: Some(state.count().saturating_sub(device.state.marks.used())) }
            }
            State::Foreign(_) => AnswerForm::Text,
        }
    }
}

/// A user's second factors, as the user sees them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FactorsView {
    /// Whether a second factor is required at login.
    pub enabled: bool,
    /// The devices that are not fallbacks and not being enrolled.
    pub devices: Vec<DeviceView>,
    /// Backup codes not used yet; `None` if there never were any.
    pub backup_codes_left: Option<usize>,
}

impl FactorsView {
    /// The view of these factors.
    pub fn new(factors: &Factors, looking: Looking<'_>) -> Self {
        let view = |device: &Device| DeviceView::new(device, factors, looking);
        let shown = |device: &&Device| device.status != Status::Enrolling;
        let (fallbacks, devices): (Vec<_>, Vec<_>) =
            factors.devices.iter().filter(shown).map(view).partition(|device| device.kind.is_fallback());
        let left = fallbacks.iter().filter_map(|device| match device.answer {
            AnswerForm::BackupCode { left } if device.status == Status::Active => left,
            _ => None,
        });
        Self { enabled: factors.enabled(), devices, backup_codes_left: left.reduce(usize::saturating_add) }
    }
}

/// A device that has to answer, or could: what is needed to answer it, and more for its owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PromptView {
    /// Its id.
    pub id: DeviceId,
    /// Its method.
    pub kind: Kind,
    /// The name its owner gave it; see [`ChallengeView::at_login`] for when it is left out.
    pub name: Option<DeviceName>,
    /// Whether it is the default.
    pub preferred: bool,
    /// Consecutive wrong answers since it was last used; left out for a caller who has proved only the password.
    pub failures: Option<u32>,
    /// Until when it rejects answers, if it is locked.
    pub locked_until: Option<Timestamp>,
    /// The form of its answers.
    pub answer: AnswerForm,
    /// The masked address that codes are sent to.
    pub to: Option<String>,
}

impl PromptView {
    /// The full view, for the owner.
    fn of_owner(device: &Device, factors: &Factors, looking: Looking<'_>) -> Self {
        Self {
            id: device.id.clone(),
            kind: device.kind.clone(),
            name: Some(device.name.clone()),
            preferred: is_preferred(device, factors),
            failures: Some(device.throttle.failures),
            locked_until: looking.locked_until(device),
            answer: AnswerForm::of(device, looking),
            to: masked(device),
        }
    }

    /// The same without what a caller who has proved only the password must not know.
    fn reduced(self, others: &[&Device]) -> Self {
        let alike = |other: &&Device| other.id != self.id && other.kind == self.kind && masked(other) == self.to;
        let is_named = !self.kind.is_ours() || others.iter().any(alike);
        let answer = match self.answer {
            AnswerForm::BackupCode { .. } => AnswerForm::BackupCode { left: None },
            answer => answer,
        };
        Self { name: self.name.filter(|_| is_named), failures: None, answer, ..self }
    }
}

/// A challenge: the page that asks for a second factor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChallengeView {
    /// The device that is asked.
    pub device: PromptView,
    /// The user's other devices.
    pub others: Vec<PromptView>,
    /// Devices that too many wrong codes have disabled: the user is told after the password was proved.
    pub disabled: Vec<PromptView>,
}

impl ChallengeView {
    /// The challenge in a session; it shows everything.
    pub fn in_session(device: &Device, factors: &Factors, looking: Looking<'_>) -> Self {
        let view = |device: &Device| PromptView::of_owner(device, factors, looking);
        let others = factors.active().into_iter().filter(|other| other.id != device.id).map(view).collect();
        let disabled = factors.devices.iter().filter(|device| device.status == Status::Disabled).map(view).collect();
        Self { device: view(device), others, disabled }
    }

    /// The challenge at sign-in. A browser with a device cookie is shown as much as a session. A caller who has proved
    /// only the password is shown no failures, no number of backup codes, and the name of a device only if it is
    /// needed: to distinguish it from another one of the same method and address, or for a host's own method.
    pub fn at_login(device: &Device, factors: &Factors, looking: Looking<'_>) -> Self {
        let Self { device, others, disabled } = Self::in_session(device, factors, looking);
        if looking.standing != Standing::Unrecognized {
            return Self { device, others, disabled };
        }
        let shown: Vec<_> = factors.devices.iter().filter(|device| device.status != Status::Enrolling).collect();
        let all = |views: Vec<PromptView>| views.into_iter().map(|view| view.reduced(&shown)).collect();
        Self { device: device.reduced(&shown), others: all(others), disabled: all(disabled) }
    }
}

/// The page that sets a device up.
#[derive(Clone, Debug)]
pub struct SetupView {
    /// The device being enrolled. The form of its answer says what its owner has to do.
    pub device: DeviceView,
    /// The full telephone number in display form, or the mailbox: it was typed in this very enrolment, and a typo must
    /// be visible. Every other view masks it.
    pub typed_address: Option<String>,
    /// The name of the device that it replaces, if any.
    pub replaces: Option<DeviceName>,
    /// The key for an authenticator app. It contains a secret: that is its purpose.
    pub key: Option<SetupKey>,
    /// When the enrolment expires.
    pub until: Timestamp,
}

/// The key for an authenticator app that is being set up.
#[derive(Clone, Debug)]
pub struct SetupKey {
    /// The key as text, in groups of four.
    pub text: Secret,
    /// The `otpauth:` URI of the QR code.
    pub uri: Secret,
}

/// A session as its owner sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionView {
    /// Its id; it grants no access.
    pub id: SessionKey,
    /// Whether it is the session that asks.
    pub current: bool,
    /// What was proved in it.
    pub proved: Proved,
    /// When it was last used, to within a minute.
    pub last_seen: Timestamp,
    /// When it expires unless it is used before.
    pub until: Timestamp,
}

impl SessionView {
    /// The view of `session`, seen from the session with the key `here`.
    pub fn new(session: &Session, here: &SessionKey, lifetimes: &Lifetimes) -> Self {
        Self {
            id: session.key.clone(),
            current: session.key == *here,
            proved: session.proved(),
            last_seen: session.last_seen,
            until: lifetimes.end(session),
        }
    }
}

/// A token as its owner sees it after its creation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenView {
    /// Its id; it grants no access.
    pub id: TokenId,
    /// The name its owner gave it.
    pub name: TokenName,
    /// Its scopes.
    pub scopes: Scopes,
    /// What its owner had proved when it was made.
    pub proved: Proved,
    /// When it was made.
    pub created: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
    /// When it was last used, to within a minute.
    pub last_used: Option<Timestamp>,
}

impl TokenView {
    /// The view of `token`.
    pub fn new(token: &Token) -> Self {
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            scopes: token.scopes.clone(),
            proved: token.proved(),
            created: token.created,
            expires: token.expires,
            last_used: token.last_used,
        }
    }
}
