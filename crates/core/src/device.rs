//! Devices: what a person proves possession of.
//!
//! A [`Device<S>`] is one row. Its plain columns are the same everywhere; its state is an open [`Envelope`] in the core
//! and a [`Sealed`] ciphertext in a store, so no store can see a secret and no rule can run on a ciphertext. Only a
//! device whose status is [`Status::Active`] ever counts; nothing hangs on its name.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

use crate::{DeviceId, Refusal, SessionKey, Timestamp, UserId, mark::Marks, method::State, throttle::Throttle};

/// Something that can answer for a user.
#[derive(Clone, Debug)]
pub struct Device<S = Envelope> {
    /// Names the row.
    pub id: DeviceId,
    /// Whose it is.
    pub user: UserId,
    /// By which method it is verified.
    pub kind: Kind,
    /// What its owner calls it.
    pub name: DeviceName,
    /// Whether it counts.
    pub status: Status,
    /// Moves by one with every change of the row.
    pub version: u64,
    /// Its failures since its last success.
    pub throttle: Throttle,
    /// When it was made.
    pub created: Timestamp,
    /// When it last verified its owner; never moved by a failure.
    pub last_used: Option<Timestamp>,
    /// The secret part.
    pub state: S,
}

impl<S> Device<S> {
    /// The same row with another state.
    pub fn with_state<T>(self, state: T) -> Device<T> {
        let Self { id, user, kind, name, status, version, throttle, created, last_used, state: _ } = self;
        Device { id, user, kind, name, status, version, throttle, created, last_used, state }
    }

    /// Whether answers of this device count.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }
}

/// Whether a device counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Its owner has not proved it yet: it counts for nothing.
    Enrolling,
    /// It verifies its owner.
    Active,
    /// Too many failures in a row have disabled it; it has to be enrolled again.
    Disabled,
}

impl Status {
    /// The word a store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enrolling => "enrolling",
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// The status a store kept as `word`.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Enrolling, Self::Active, Self::Disabled].into_iter().find(|status| status.as_str() == word)
    }
}

/// A method's name, as it stands in the database and in addresses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(Cow<'static, str>);

impl Kind {
    /// Time-based codes from an authenticator app.
    pub const TOTP: Self = Self(Cow::Borrowed("totp"));
    /// Counted codes from a hardware token or an app.
    pub const HOTP: Self = Self(Cow::Borrowed("hotp"));
    /// Codes in a text message.
    pub const SMS: Self = Self(Cow::Borrowed("sms"));
    /// Codes read out in a telephone call.
    pub const CALL: Self = Self(Cow::Borrowed("call"));
    /// Codes by e-mail.
    pub const EMAIL: Self = Self(Cow::Borrowed("email"));
    /// One-time passwords that a YubiKey types.
    pub const YUBIKEY: Self = Self(Cow::Borrowed("yubikey"));
    /// Single-use codes on paper.
    pub const BACKUP_CODES: Self = Self(Cow::Borrowed("backup-codes"));

    /// The kind with this name; a host's own kinds have any name that is not one of ours.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(name.into())
    }

    /// The kind with this name, for a constant.
    pub const fn of(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Every method of ours, in the order in which they are offered.
    pub const OURS: [Self; 7] =
        [Self::TOTP, Self::SMS, Self::CALL, Self::EMAIL, Self::YUBIKEY, Self::HOTP, Self::BACKUP_CODES];

    /// Whether the method is one of ours.
    pub fn is_ours(&self) -> bool {
        Self::OURS.contains(self)
    }

    /// Whether codes are sent to devices of this kind.
    pub fn is_delivered(&self) -> bool {
        [Self::SMS, Self::CALL, Self::EMAIL].contains(self)
    }

    /// Whether devices of this kind only stand in for others: alone they do not switch two-factor authentication on.
    pub fn is_fallback(&self) -> bool {
        *self == Self::BACKUP_CODES
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an owner calls a device: 1 to 64 characters, none of them a control character.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceName(Box<str>);

impl DeviceName {
    /// The most characters a name may have.
    pub const MAX_LENGTH: usize = 64;

    /// The name somebody typed, without blanks around it.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let name = text.trim();
        let fits = (1..=Self::MAX_LENGTH).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        if fits { Ok(Self(name.into())) } else { Err(Refusal::NameInvalid { longest: Self::MAX_LENGTH }) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The secret part of a device: what its method remembers, and the marks of what it has accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// What has been accepted.
    #[serde(default)]
    pub marks: Marks,
    /// The method's own memory.
    pub state: State,
    /// The questions about an answer of this device that a service was asked and has not answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<String>,
    /// The same, for answers that came from a browser with a device cookie.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked_by_owner: Vec<String>,
    /// While it is being set up: the session in which that goes on. It moves with every proof in which another session
    /// replaces that one; what was written without it belongs to the session that its attempt names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_session: Option<SessionKey>,
    /// The last moment at which an answer of this device counts, as the issuer of its key has set it (RFC 6030 section 5). It
    /// comes with the key and from no clock of ours. `None`: the key has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

impl Envelope {
    /// A fresh envelope that has accepted nothing.
    pub fn new(state: State) -> Self {
        Self {
            marks: Marks::default(),
            state,
            asked: vec![],
            asked_by_owner: vec![],
            setup_session: None,
            valid_until: None,
        }
    }

    /// Whether the device's validity has ended.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.valid_until.is_some_and(|until| now > until)
    }
}

/// The sealed form of an [`Envelope`]: bytes that mean nothing outside the row they were sealed for.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}
