//! The ids of rows.
//!
//! An [`Id`] is text, and its type says what it identifies, so a device's id cannot be passed for a user's. Generated
//! ids are 128 random bits; a user's id is chosen by the host application. An id is never a secret and never implies an
//! order.

use std::{fmt, hash::Hash, marker::PhantomData};

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};

/// The id of a user, as the `Users` port gives it.
pub type UserId = Id<marker::User>;
/// The id of a device.
pub type DeviceId = Id<marker::Device>;
/// The id of an attempt.
pub type AttemptId = Id<marker::Attempt>;
/// The id of a browser in which a user has signed in.
pub type BrowserId = Id<marker::Browser>;
/// The id of a message with a code.
pub type DeliveryId = Id<marker::Delivery>;
/// The id of a running server.
pub type NodeId = Id<marker::Node>;

/// Marker types for ids.
pub mod marker {
    /// Marks the id of a user.
    #[derive(Debug)]
    pub enum User {}
    /// Marks the id of a device.
    #[derive(Debug)]
    pub enum Device {}
    /// Marks the id of an attempt.
    #[derive(Debug)]
    pub enum Attempt {}
    /// Marks the id of a delivery.
    #[derive(Debug)]
    pub enum Delivery {}
    /// Marks the id of a node.
    #[derive(Debug)]
    pub enum Node {}
    /// Marks the id of a browser.
    #[derive(Debug)]
    pub enum Browser {}
}

/// The id of a `T`.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id<T> {
    text: Box<str>,
    #[serde(skip)]
    names: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// The id with this text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self { text: text.into(), names: PhantomData }
    }

    /// An id of 128 random bits, as 26 lower-case base32 characters.
    pub fn random(bytes: [u8; 16]) -> Self {
        Self::new(BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        Self::new(self.text.clone())
    }
}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
