//! What an entrance may show: plain data without a secret, except where showing the secret is the purpose.

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

/// Who looks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Looking<'a> {
    /// How failures slow a guesser down.
    pub rule: &'a ThrottleRule,
    /// What is known of whoever looks.
    pub standing: Standing,
    /// The run of the flow in which they look, if in one.
    pub attempt: Option<&'a Attempt>,
    /// How many digits the next code that is sent will have.
    pub digits: Digits,
    /// The moment it is.
    pub now: Timestamp,
}

/// A device as its owner sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceView {
    /// Names it.
    pub id: DeviceId,
    /// Its method.
    pub kind: Kind,
    /// What its owner calls it.
    pub name: DeviceName,
    /// Whether it counts.
    pub status: Status,
    /// Whether it is asked first.
    pub preferred: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it last verified its owner.
    pub last_used: Option<Timestamp>,
    /// Wrong answers in a row since then, wherever they came from.
    pub failures: u32,
    /// Until when it refuses to listen, if it does.
    pub locked_until: Option<Timestamp>,
    /// What an answer to it looks like.
    pub answer: AnswerForm,
    /// Where codes are sent, as much of it as its owner needs to recognise it.
    pub to: Option<String>,
    /// The last moment at which its answers count, if its issuer has set one.
    pub valid_until: Option<Timestamp>,
    /// Whether that moment is over.
    pub is_expired: bool,
    /// Whether its key is shorter than keys should be.
    pub weak_key: bool,
}

/// What an answer looks like, for the field it is typed into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnswerForm {
    /// So many decimal digits.
    Digits(u8),
    /// A code that was sent, or can be.
    Sent {
        /// Digits of the code: of the one that was sent, if one was.
        digits: u8,
        /// When the code that is good in this attempt is over; nothing if there is none.
        until: Option<Timestamp>,
    },
    /// What a key types when it is pressed.
    Press,
    /// A backup code; so many are left.
    BackupCode {
        /// Codes not used yet; nothing where the caller is not told.
        left: Option<usize>,
    },
    /// Any text.
    Text,
}

impl DeviceView {
    /// How the device looks now.
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
    /// The address of a device that is being set up, whole.
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

/// A user's second factors as they see them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FactorsView {
    /// Whether a second factor is asked at login.
    pub enabled: bool,
    /// The devices that are not fallbacks and not being enrolled.
    pub devices: Vec<DeviceView>,
    /// Backup codes not used yet; `None` if there never were any.
    pub backup_codes_left: Option<usize>,
}

impl FactorsView {
    /// How the factors look now.
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

/// A device that is asked for an answer, or could be: what is needed to answer it, and for its owner some more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PromptView {
    /// Names it.
    pub id: DeviceId,
    /// Its method.
    pub kind: Kind,
    /// What its owner calls it; see [`ChallengeView::at_login`] for when it is left out.
    pub name: Option<DeviceName>,
    /// Whether it is asked first.
    pub preferred: bool,
    /// Wrong answers in a row since it was last used; left out for a caller who has proved the password alone.
    pub failures: Option<u32>,
    /// Until when it refuses to listen, if it does.
    pub locked_until: Option<Timestamp>,
    /// What an answer to it looks like.
    pub answer: AnswerForm,
    /// Where codes are sent, as much of it as its owner needs to recognise it.
    pub to: Option<String>,
}

impl PromptView {
    /// The device as its owner is asked for it.
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

    /// The same without what a caller who has proved the password alone is not told.
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

/// The page on which a second factor is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChallengeView {
    /// The device that is asked.
    pub device: PromptView,
    /// The user's other devices.
    pub others: Vec<PromptView>,
    /// Devices that too many wrong codes have disabled: whoever has just proved the password is to know of it.
    pub disabled: Vec<PromptView>,
}

impl ChallengeView {
    /// How asking `device` looks in a session, whose user is told everything.
    pub fn in_session(device: &Device, factors: &Factors, looking: Looking<'_>) -> Self {
        let view = |device: &Device| PromptView::of_owner(device, factors, looking);
        let others = factors.active().into_iter().filter(|other| other.id != device.id).map(view).collect();
        let disabled = factors.devices.iter().filter(|device| device.status == Status::Disabled).map(view).collect();
        Self { device: view(device), others, disabled }
    }

    /// How asking `device` looks at sign-in. A browser with a device cookie is shown what a session is. A caller who has
    /// proved the password alone is shown no failures, no number of backup codes, and the name of a device only where it
    /// is needed: to tell it from another one of the same method and address, or for a host's own method.
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

/// The page on which a device is set up.
#[derive(Clone, Debug)]
pub struct SetupView {
    /// The device being enrolled. What its owner has to do with it, its answer's form says.
    pub device: DeviceView,
    /// The whole telephone number, as people write it, or mailbox, where codes are sent: it was typed in this very setup, and a
    /// slip in it has to be seen. Every other view shows it masked.
    pub typed_address: Option<String>,
    /// The name of the device that it takes the place of, if it takes one's.
    pub replaces: Option<DeviceName>,
    /// What an app has to be given, if it is one. It shows a secret: that is its purpose.
    pub key: Option<SetupKey>,
    /// When the setup ends by itself.
    pub until: Timestamp,
}

/// The key of an app that is being set up.
#[derive(Clone, Debug)]
pub struct SetupKey {
    /// The key as text, in groups of four.
    pub text: Secret,
    /// The `otpauth:` address behind the QR code.
    pub uri: Secret,
}

/// A session as its owner sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionView {
    /// Names it; it opens nothing.
    pub id: SessionKey,
    /// Whether it is the one that looks.
    pub current: bool,
    /// What was proved in it.
    pub proved: Proved,
    /// When it was last used, to within a minute.
    pub last_seen: Timestamp,
    /// When it ends unless it is used before.
    pub until: Timestamp,
}

impl SessionView {
    /// How `session` looks from the one with the key `here`.
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

/// A token as its owner sees it, once it was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenView {
    /// Names it; it opens nothing.
    pub id: TokenId,
    /// What its owner calls it.
    pub name: TokenName,
    /// What it opens.
    pub scopes: Scopes,
    /// What its owner had proved when it was made.
    pub proved: Proved,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was last used, to within a minute.
    pub last_used: Option<Timestamp>,
}

impl TokenView {
    /// How `token` looks.
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
