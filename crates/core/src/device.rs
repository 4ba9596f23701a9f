//! Devices: the authenticators whose possession a user proves.
//!
//! A [`Device<S>`] is one row. Its plain columns are the same everywhere; its state is a readable [`Envelope`] in the
//! core and a [`Sealed`] ciphertext in a store, so no store can see a secret and no rule can run on a ciphertext. Only
//! a device whose status is [`Status::Active`] counts as a factor; no rule depends on its name.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

use crate::{DeviceId, Refusal, SessionKey, Timestamp, UserId, mark::Marks, method::State, throttle::Throttle};

/// An authenticator of a user.
#[derive(Clone, Debug)]
pub struct Device<S = Envelope> {
    /// Names the row.
    pub id: DeviceId,
    /// The user who owns it.
    pub user: UserId,
    /// The method that verifies it.
    pub kind: Kind,
    /// The name its owner gave it.
    pub name: DeviceName,
    /// Whether it counts as a factor.
    pub status: Status,
    /// The version of the row, incremented with every change.
    pub version: u64,
    /// Its failures since its last success.
    pub throttle: Throttle,
    /// When it was created.
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

    /// Whether answers of this device are accepted.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }
}

/// Whether a device counts as a factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Its owner has not proved it yet: it does not count.
    Enrolling,
    /// It verifies its owner.
    Active,
    /// Too many consecutive failures have disabled it; it must be enrolled again.
    Disabled,
}

impl Status {
    /// The word that a store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enrolling => "enrolling",
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// The status for a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Enrolling, Self::Active, Self::Disabled].into_iter().find(|status| status.as_str() == word)
    }
}

/// A method's name, as used in the database and in URLs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(Cow<'static, str>);

impl Kind {
    /// Time-based codes from an authenticator app.
    pub const TOTP: Self = Self(Cow::Borrowed("totp"));
    /// Counter-based codes from a hardware token or an app.
    pub const HOTP: Self = Self(Cow::Borrowed("hotp"));
    /// Codes in a text message.
    pub const SMS: Self = Self(Cow::Borrowed("sms"));
    /// Codes read out in a telephone call.
    pub const CALL: Self = Self(Cow::Borrowed("call"));
    /// Codes by e-mail.
    pub const EMAIL: Self = Self(Cow::Borrowed("email"));
    /// One-time passwords that a YubiKey types.
    pub const YUBIKEY: Self = Self(Cow::Borrowed("yubikey"));
    /// Single-use codes, printed or stored by the user.
    pub const BACKUP_CODES: Self = Self(Cow::Borrowed("backup-codes"));

    /// The kind with this name; a host's own kinds may have any name that is not built in.
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

    /// All built-in methods, in the order in which they are offered.
    pub const OURS: [Self; 7] =
        [Self::TOTP, Self::SMS, Self::CALL, Self::EMAIL, Self::YUBIKEY, Self::HOTP, Self::BACKUP_CODES];

    /// Whether the method is built in.
    pub fn is_ours(&self) -> bool {
        Self::OURS.contains(self)
    }

    /// Whether codes are sent to devices of this kind.
    pub fn is_delivered(&self) -> bool {
        [Self::SMS, Self::CALL, Self::EMAIL].contains(self)
    }

    /// Whether devices of this kind only replace others: alone they do not enable two-factor authentication.
    pub fn is_fallback(&self) -> bool {
        *self == Self::BACKUP_CODES
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a device: 1 to 64 characters, none of them a control character.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceName(Box<str>);

impl DeviceName {
    /// The maximum length of a name in characters.
    pub const MAX_LENGTH: usize = 64;

    /// Parses a typed name, trimmed.
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

/// The secret part of a device: the state of its method, and the marks of accepted answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// The marks of accepted answers.
    #[serde(default)]
    pub marks: Marks,
    /// The method's own state.
    pub state: State,
    /// The pending validation requests for answers of this device.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<String>,
    /// The same, for answers from a browser with a device cookie.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked_by_owner: Vec<String>,
    /// During an enrolment: the session it belongs to. It is updated when another session replaces that one after a
    /// proof; where it is missing, the attempt's session applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_session: Option<SessionKey>,
    /// When the device's key expires, as its issuer has set it (RFC 6030 section 5). It comes with the key, not from
    /// the server's clock. `None`: it does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

impl Envelope {
    /// A new envelope without accepted answers.
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

    /// Whether the device has expired.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.valid_until.is_some_and(|until| now > until)
    }
}

/// The sealed form of an [`Envelope`]: a ciphertext bound to its row.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}
