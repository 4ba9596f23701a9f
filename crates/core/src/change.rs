//! Changes to be written, by table.
//!
//! A change that depends on a row includes the version that was read; a store writes a whole [`Batch`](crate::Batch) or
//! nothing. The changes of each table have a file of their own, here and in each store. A new table is one more file
//! and one more line in each `match` over [`Change`], none of which has a wildcard arm.
#![deny(clippy::wildcard_enum_match_arm, reason = "a new table has to be met in every list")]

mod account;
mod attempt;
mod budget;
mod client;
mod delivery;
mod device;
mod device_cookie;
mod event;
mod lease;
mod node;
mod restoration;
mod session;
mod token;
mod user;

pub use account::AccountChange;
pub use attempt::AttemptChange;
pub use budget::{Budget, BudgetChange};
pub use client::ClientChange;
pub use delivery::DeliveryChange;
pub use device::DeviceChange;
pub use device_cookie::DeviceCookieChange;
pub use event::EventChange;
pub use lease::LeaseChange;
pub use node::NodeChange;
pub use restoration::RestorationChange;
pub use session::SessionChange;
pub use token::TokenChange;
pub use user::UserChange;

use crate::{Device, Envelope, device::Sealed};

/// One change to be written. `S` is the state of devices: readable where rules run, sealed where stores write.
///
/// The variants are in the order in which all batches are applied, so that batches never deadlock.
#[derive(Clone, Debug)]
pub enum Change<S = Envelope> {
    /// Attempts that are closed.
    Attempt(AttemptChange),
    /// Users' factor sets.
    Account(AccountChange),
    /// Devices.
    Device(DeviceChange<S>),
    /// Sessions.
    Session(SessionChange),
    /// OAuth clients.
    Client(ClientChange),
    /// Access tokens and personal tokens.
    Token(TokenChange),
    /// Budgets.
    Budget(BudgetChange),
    /// Events.
    Event(EventChange),
    /// Codes that were sent.
    Delivery(DeliveryChange),
    /// Nodes.
    Node(NodeChange),
    /// Leases: tasks that one node does at a time.
    Lease(LeaseChange),
    /// Users, where the store keeps them.
    User(UserChange),
    /// Device cookies.
    DeviceCookie(DeviceCookieChange),
    /// The restore of the database from a backup.
    Restoration(RestorationChange),
}

impl<S> Change<S> {
    /// The position of this change in the order in which a batch is applied: its table, its position within the table,
    /// and its row.
    pub(crate) fn order(&self) -> (u8, u8, &str) {
        let (table, (place, row)) = match self {
            Self::Attempt(change) => (0, change.order()),
            Self::Account(change) => (1, change.order()),
            Self::Device(change) => (2, change.order()),
            Self::Session(change) => (3, change.order()),
            Self::Client(change) => (4, change.order()),
            Self::Token(change) => (5, change.order()),
            Self::Budget(change) => (6, change.order()),
            Self::Event(change) => (7, change.order()),
            Self::Delivery(change) => (8, change.order()),
            Self::Node(change) => (9, change.order()),
            Self::Lease(change) => (10, change.order()),
            Self::User(change) => (11, change.order()),
            Self::DeviceCookie(change) => (12, change.order()),
            Self::Restoration(change) => (13, change.order()),
        };
        (table, place, row)
    }
}

impl Change {
    /// The same change with the state of its device, if it has one, sealed by `seal`.
    pub(crate) fn seal<E>(self, seal: &mut impl FnMut(&Device) -> Result<Sealed, E>) -> Result<Change<Sealed>, E> {
        Ok(match self {
            Self::Attempt(change) => Change::Attempt(change),
            Self::Account(change) => Change::Account(change),
            Self::Device(change) => Change::Device(change.seal(seal)?),
            Self::Session(change) => Change::Session(change),
            Self::Client(change) => Change::Client(change),
            Self::Token(change) => Change::Token(change),
            Self::Budget(change) => Change::Budget(change),
            Self::Event(change) => Change::Event(change),
            Self::Delivery(change) => Change::Delivery(change),
            Self::Node(change) => Change::Node(change),
            Self::Lease(change) => Change::Lease(change),
            Self::User(change) => Change::User(change),
            Self::DeviceCookie(change) => Change::DeviceCookie(change),
            Self::Restoration(change) => Change::Restoration(change),
        })
    }
}
