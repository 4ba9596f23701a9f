//! Test doubles: messages that were sent, a YubiKey validation service, and keys and tokens in software.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use countersign_engine::{
    Fault,
    core::{
        method::validation::{ValidationRequest, ValidationResponse},
        otp::{
            Algorithm, Digits, Key, hotp,
            yubikey::{Plain, PrivateId, PublicId, Token, YubikeyKey},
        },
    },
    port::{Gateway, Message, NotTaken, Taken, Validator},
};

/// A gateway that keeps what it is given.
#[derive(Debug, Default)]
pub struct Outbox {
    sent: Mutex<Vec<Message>>,
    behaves: Mutex<Behaviour>,
}

/// How a gateway behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Behaviour {
    /// It takes every message.
    #[default]
    Takes,
    /// It says that the address cannot receive any.
    Unreachable,
    /// It fails.
    Fails,
    /// It panics.
    Panics,
}

impl Outbox {
    /// Behaves like this from now on.
    pub fn behaves(&self, like: Behaviour) {
        *self.behaves.lock().expect("no test panics here") = like;
    }

    /// How many messages it has taken.
    pub fn count(&self) -> usize {
        self.sent.lock().expect("no test panics here").len()
    }

    /// The last message it has taken.
    pub fn last(&self) -> Message {
        self.sent.lock().expect("no test panics here").last().cloned().expect("a message was sent")
    }

    /// The code in the last message.
    pub fn code(&self) -> String {
        self.last().code.expose().to_owned()
    }
}

#[async_trait]
impl Gateway for Outbox {
    async fn deliver(&self, message: &Message) -> Result<Taken, NotTaken> {
        let behaviour = *self.behaves.lock().expect("no test panics here");
        match behaviour {
            Behaviour::Takes => {
                let mut sent = self.sent.lock().expect("no test panics here");
                sent.push(message.clone());
                Ok(Taken { reference: Some(format!("message-{}", sent.len())) })
            }
            Behaviour::Unreachable => Err(NotTaken::Unreachable { reason: "no-such-number".into() }),
            Behaviour::Fails => Err(NotTaken::Failed(Fault::new("send a message in a test"))),
            Behaviour::Panics => panic!("a gateway panics"),
        }
    }
}

/// A service that knows one YubiKey, and answers as it is told.
#[derive(Debug, Default)]
pub struct TestValidator {
    says: Mutex<Option<ValidationResponse>>,
    asked: AtomicU64,
}

impl TestValidator {
    /// Says this from now on, whatever it is asked; `None`: that every answer is right.
    pub fn says(&self, reply: Option<ValidationResponse>) {
        *self.says.lock().expect("no test panics here") = reply;
    }

    /// How often it was asked.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Validator for TestValidator {
    async fn ask(&self, _: &ValidationRequest) -> ValidationResponse {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.says.lock().expect("no test panics here").clone().unwrap_or(ValidationResponse::Right { counter: None })
    }
}

/// A YubiKey in software.
#[derive(Debug)]
pub struct SoftYubikey {
    /// Its name.
    pub public_id: PublicId,
    /// The name in its codes.
    pub private_id: PrivateId,
    /// The key that it shares with the server.
    pub key: YubikeyKey,
    touched: AtomicU64,
}

impl SoftYubikey {
    /// The key of this number.
    pub fn new(number: u8) -> Self {
        Self {
            public_id: PublicId::new(&[0, 0, 0, 0, 1, number]).expect("six bytes are a name"),
            private_id: PrivateId::new([number; 6]),
            key: YubikeyKey::new([number; 16]),
            touched: AtomicU64::new(0),
        }
    }

    /// The same secret under another name.
    #[must_use]
    pub fn named(self, public_id: PublicId) -> Self {
        Self { public_id, ..self }
    }

    /// What it types at the next touch.
    pub fn touch(&self) -> String {
        self.types(self.touched.fetch_add(1, Ordering::SeqCst))
    }

    /// What it types at the touch of this number.
    pub fn types(&self, touch: u64) -> String {
        let plain = Plain {
            private_id: self.private_id.clone(),
            session_counter: u16::try_from(1 + touch / 256).expect("no test touches it so often"),
            usage: u8::try_from(touch % 256).expect("a remainder"),
            timestamp: 0,
            random: 0,
        };
        let token: Token = plain.encrypt(&self.key, self.public_id.clone());
        token.to_modhex().as_str().to_owned()
    }
}

/// A token that counts its presses.
#[derive(Debug)]
pub struct SoftToken {
    key: Key,
    presses: AtomicU64,
}

impl SoftToken {
    /// The token with this key, never pressed.
    pub fn with_key(key: &str) -> Self {
        Self { key: Key::from_base32(key).expect("a key"), presses: AtomicU64::new(0) }
    }

    /// What it shows at the next press.
    pub fn press(&self) -> String {
        self.shows(self.presses.fetch_add(1, Ordering::SeqCst))
    }

    /// What it shows at the press of this number, the first being 0.
    pub fn shows(&self, press: u64) -> String {
        hotp::value(&self.key, press, Algorithm::Sha1, Digits::SIX).as_str().to_owned()
    }
}

/// A code that differs from `code` in its last digit.
pub fn other_code(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    let mut other = code.to_owned();
    other.pop();
    other.push(last);
    other
}
