//! What must be written.
//!
//! A [`Change`] names the version it saw; a store writes a whole [`Batch`] or nothing, and answers [`Written::Conflict`]
//! when any version has moved. A [`Receipt`] is made from the sealed batch, which only a store is given, and settles only
//! the ruling whose batch it names. `S` is the state of devices: open where rules run, sealed where stores write.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::{
    AttemptId, BrowserId, Client, ClientId, ClientSecretHash, Delivery, DeliveryId, Device, DeviceCookie, DeviceId,
    Envelope, Event, FamilyId, Node, NodeId, Secret, Session, SessionKey, Timestamp, Token, TokenId, UserId,
    delivery::Note, device::Sealed,
};

/// One thing to write.
#[derive(Clone, Debug)]
pub enum Change<S = Envelope> {
    /// A run of a flow is over: it may finish once. Conflicts if it is over already.
    SpendAttempt {
        /// The run.
        attempt: AttemptId,
        /// When the run would have ended by itself, so that the row may be forgotten.
        until: Timestamp,
    },
    /// The set of devices changes. Conflicts unless its version is `seen`; 0 means that there is no row yet.
    MoveFactors {
        /// Whose set.
        user: UserId,
        /// The version this rests on; the row will say `seen + 1`.
        seen: u64,
        /// The device that is asked first from now on.
        preferred: Option<DeviceId>,
    },
    /// The decision rests on the set of devices being what it was. Conflicts unless its version is `seen`.
    ExpectFactors {
        /// Whose set.
        user: UserId,
        /// The version this rests on; 0 means that there is no row.
        seen: u64,
    },
    /// Removes a user's account row, if there is one: the version of their set of devices starts at 0 again.
    RemoveAccount {
        /// The user.
        user: UserId,
    },
    /// Removes one device. Conflicts unless its version is `seen`.
    RemoveDevice {
        /// The device.
        device: DeviceId,
        /// Its version.
        seen: u64,
    },
    /// Removes every device of a user, whatever its status.
    RemoveDevices {
        /// Whose devices.
        user: UserId,
    },
    /// Adds a device. Conflicts if the id is taken.
    AddDevice(Device<S>),
    /// Writes a device anew. Conflicts unless the version of the row is one below the device's own, and its user is the same.
    UpdateDevice(Device<S>),
    /// The deed rests on a session that must still be there. Conflicts if it has ended.
    ExpectSession(SessionKey),
    /// From now on the call that opened this session cannot be repeated. Conflicts unless the session is there and the call
    /// could be.
    CloseRepeat(SessionKey),
    /// Ends one session, if it is there.
    EndSession(SessionKey),
    /// Ends every session of a user.
    EndSessions {
        /// Whose sessions.
        user: UserId,
    },
    /// Ends every session of a user that this device had verified.
    EndSessionsOf {
        /// The user.
        user: UserId,
        /// The device.
        device: DeviceId,
        /// A session that goes on all the same.
        but: Option<SessionKey>,
    },
    /// Opens a session. Conflicts if the key is taken.
    OpenSession(Session),
    /// Notes that a session was used, if it is there.
    TouchSession {
        /// The session.
        key: SessionKey,
        /// When.
        at: Timestamp,
    },
    /// The deed rests on a client that must still be registered. Conflicts if it is not.
    ExpectClient(ClientId),
    /// Removes a client, and ends every token that it was given. Conflicts if it is not there.
    RemoveClient(ClientId),
    /// Registers a client. Conflicts if the id is taken.
    AddClient(Client),
    /// Gives a client another secret. Conflicts unless it is there and has one.
    RotateClient {
        /// The client.
        client: ClientId,
        /// The hash of its secret from now on.
        secret: ClientSecretHash,
    },
    /// The action depends on a token that must still be there. Conflicts if it has ended.
    RequireToken(TokenId),
    /// Ends every token of a user.
    EndTokens {
        /// Whose tokens.
        user: UserId,
    },
    /// Ends every token of a user's but those of this grant.
    EndTokensBut {
        /// Whose tokens.
        user: UserId,
        /// The grant.
        family: FamilyId,
    },
    /// Ends every token of a user's that this device had verified.
    EndTokensOf {
        /// Whose tokens.
        user: UserId,
        /// The device.
        device: DeviceId,
        /// A grant whose tokens go on all the same.
        but: Option<FamilyId>,
    },
    /// Ends one token, if it is there.
    EndToken(TokenId),
    /// Makes a token. Conflicts if its name or its key is taken.
    OpenToken(Token),
    /// Notes that a token was used, if it is there.
    TouchToken {
        /// The token.
        token: TokenId,
        /// When.
        at: Timestamp,
    },
    /// Bounds how many personal tokens a user may have. Conflicts if, with what this batch makes, more than `most` of them
    /// carry this stamp and end after `at`.
    LimitTokens {
        /// The user.
        user: UserId,
        /// The user's credential stamp: tokens with another one have ended.
        stamp: String,
        /// The moment it is.
        at: Timestamp,
        /// How many there may be.
        most: u32,
    },
    /// Bounds how many setups of devices a user may have running. Conflicts if, with what this batch begins, more than `most`
    /// of the user's devices are enrolling.
    LimitSetups {
        /// The user.
        user: UserId,
        /// How many there may be.
        most: u32,
    },
    /// Charges a budget. Answers [`Written::Overspent`] when it would hold more than `limit`.
    Spend {
        /// Names the budget.
        key: String,
        /// How much.
        amount: u32,
        /// How much it may hold.
        limit: u32,
        /// The moment of the charge.
        at: Timestamp,
        /// How long after its first charge a budget is empty again.
        window: Duration,
    },
    /// Takes a charge back, down to nothing, from the window that was charged: what was charged in an earlier window is not
    /// given back from a later one. A window in which nothing is left is over.
    Refund {
        /// Names the budget.
        key: String,
        /// How much.
        amount: u32,
        /// The end that the budget's window has at most, if it is still the one that was charged.
        until: Timestamp,
    },
    /// Dates a budget anew that a clock which was ahead has dated: it keeps what it holds.
    RestartBudget {
        /// Names the budget.
        key: String,
        /// When it is empty again from now on.
        until: Timestamp,
        /// Only if it would be empty again after this moment.
        beyond: Timestamp,
    },
    /// Keeps a device cookie in its slot, if the slot is still free or, if so, still that of `replaces`. Never conflicts:
    /// nobody is kept from signing in because their browser was not remembered.
    PutDeviceCookie {
        /// The row.
        cookie: DeviceCookie,
        /// The browser whose place it takes.
        replaces: Option<BrowserId>,
    },
    /// Ends every device cookie of a user.
    EndDeviceCookies {
        /// Whose.
        user: UserId,
    },
    /// Ends one device cookie of a user, if it is there.
    EndDeviceCookie {
        /// Whose.
        user: UserId,
        /// Of which browser.
        browser: BrowserId,
    },
    /// Removes a budget, and every budget whose name continues this one after a slash.
    RemoveBudgets {
        /// The name.
        name: String,
    },
    /// Writes an event down.
    Record(Event),
    /// A code is about to be sent. Conflicts if the id is taken.
    AddDelivery(Delivery),
    /// Notes how a delivery went, if it is there and this follows what is known of it.
    NoteDelivery(Note),
    /// Notes that the code of a delivery came back, if the delivery is there.
    NoteVerified {
        /// The delivery.
        delivery: DeliveryId,
        /// When.
        at: Timestamp,
    },
    /// A node says of itself that it runs, in place of what it said before.
    ReportNode(Node),
    /// The database has just been restored from a backup: ends every session and every token, and has the moment told with
    /// every account.
    NoteRestored {
        /// The moment. It takes the place of an earlier one.
        at: Timestamp,
    },
    /// A node takes on, or keeps, a task that one node does at a time. Conflicts while another has it.
    TakeLease {
        /// The task.
        name: String,
        /// The node.
        holder: NodeId,
        /// The moment it is: what somebody else has until then is over.
        at: Timestamp,
        /// Until when it has the task.
        until: Timestamp,
    },
    /// Sets the password of a user whose row is in the store's own table. Conflicts unless the user is there and the credential
    /// stamp is `expected_stamp`. A store without such a table answers with a fault and writes nothing of the batch.
    SetPassword {
        /// The user.
        user: UserId,
        /// The credential stamp that this depends on.
        expected_stamp: String,
        /// The stamp from now on.
        stamp: String,
        /// The hash of the password, with its parameters.
        hash: Secret,
        /// When the password was set.
        at: Timestamp,
    },
}

impl<S> Change<S> {
    /// Where this change stands in the one order in which all batches are applied, so that batches never deadlock:
    /// attempts, accounts, devices (removals first), sessions (conditions and ends first), clients (removals first, each with its tokens),
    /// tokens (ends first), budgets, events, deliveries, nodes, leases, built-in users, device cookies (ends first); each by
    /// the name of its row. Limits come last, because they count what the others have made.
    fn order(&self) -> (u8, &str) {
        match self {
            Self::SpendAttempt { attempt, .. } => (0, attempt.as_str()),
            Self::MoveFactors { user, .. } | Self::ExpectFactors { user, .. } | Self::RemoveAccount { user } => {
                (1, user.as_str())
            }
            Self::RemoveDevices { user } => (2, user.as_str()),
            Self::RemoveDevice { device, .. } => (3, device.as_str()),
            Self::AddDevice(device) | Self::UpdateDevice(device) => (4, device.id.as_str()),
            Self::ExpectSession(key) | Self::CloseRepeat(key) => (5, key.as_str()),
            Self::EndSessions { user } => (6, user.as_str()),
            Self::EndSessionsOf { device, .. } => (7, device.as_str()),
            Self::EndSession(key) => (8, key.as_str()),
            Self::OpenSession(session) => (9, session.key.as_str()),
            Self::TouchSession { key, .. } => (10, key.as_str()),
            Self::ExpectClient(client) => (11, client.as_str()),
            Self::RemoveClient(client) => (12, client.as_str()),
            Self::AddClient(client) => (13, client.id.as_str()),
            Self::RotateClient { client, .. } => (13, client.as_str()),
            Self::RequireToken(token) => (14, token.as_str()),
            Self::EndTokens { user } | Self::EndTokensBut { user, .. } => (15, user.as_str()),
            Self::EndTokensOf { device, .. } => (16, device.as_str()),
            Self::EndToken(token) => (17, token.as_str()),
            Self::OpenToken(token) => (18, token.id.as_str()),
            Self::TouchToken { token, .. } => (19, token.as_str()),
            Self::Spend { key, .. } | Self::Refund { key, .. } | Self::RestartBudget { key, .. } => (20, key),
            Self::RemoveBudgets { name } => (20, name),
            Self::Record(event) => (21, event.user.as_str()),
            Self::AddDelivery(delivery) => (22, delivery.id.as_str()),
            Self::NoteDelivery(note) => (23, note.delivery.as_str()),
            Self::NoteVerified { delivery, .. } => (24, delivery.as_str()),
            Self::ReportNode(node) => (25, node.id.as_str()),
            Self::TakeLease { name, .. } => (26, name),
            Self::SetPassword { user, .. } => (27, user.as_str()),
            Self::EndDeviceCookies { user } | Self::EndDeviceCookie { user, .. } => (28, user.as_str()),
            Self::PutDeviceCookie { cookie, .. } => (29, cookie.user.as_str()),
            Self::LimitTokens { user, .. } => (30, user.as_str()),
            Self::LimitSetups { user, .. } => (31, user.as_str()),
            Self::NoteRestored { .. } => (32, ""),
        }
    }
}

/// Changes that come true together or not at all.
#[derive(Clone, Debug)]
pub struct Batch<S = Envelope> {
    id: u64,
    changes: Vec<Change<S>>,
}

impl Batch {
    /// A batch of these changes.
    pub fn new(mut changes: Vec<Change>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        changes.sort_by(|a, b| a.order().cmp(&b.order()));
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), changes }
    }

    /// The same batch with every device state sealed by `seal`.
    pub fn seal<E>(&self, mut seal: impl FnMut(&Device) -> Result<Sealed, E>) -> Result<Batch<Sealed>, E> {
        let changes = self.changes.iter().map(|change| change.seal(&mut seal)).collect::<Result<_, _>>()?;
        Ok(Batch { id: self.id, changes })
    }
}

impl Change {
    fn seal<E>(&self, seal: &mut impl FnMut(&Device) -> Result<Sealed, E>) -> Result<Change<Sealed>, E> {
        Ok(match self.clone() {
            Self::AddDevice(device) => Change::AddDevice(sealed(device, seal)?),
            Self::UpdateDevice(device) => Change::UpdateDevice(sealed(device, seal)?),
            Self::SpendAttempt { attempt, until } => Change::SpendAttempt { attempt, until },
            Self::MoveFactors { user, seen, preferred } => Change::MoveFactors { user, seen, preferred },
            Self::ExpectFactors { user, seen } => Change::ExpectFactors { user, seen },
            Self::RemoveAccount { user } => Change::RemoveAccount { user },
            Self::RemoveDevice { device, seen } => Change::RemoveDevice { device, seen },
            Self::RemoveDevices { user } => Change::RemoveDevices { user },
            Self::ExpectSession(key) => Change::ExpectSession(key),
            Self::CloseRepeat(key) => Change::CloseRepeat(key),
            Self::EndSession(key) => Change::EndSession(key),
            Self::EndSessions { user } => Change::EndSessions { user },
            Self::EndSessionsOf { user, device, but } => Change::EndSessionsOf { user, device, but },
            Self::OpenSession(session) => Change::OpenSession(session),
            Self::TouchSession { key, at } => Change::TouchSession { key, at },
            Self::ExpectClient(client) => Change::ExpectClient(client),
            Self::RemoveClient(client) => Change::RemoveClient(client),
            Self::AddClient(client) => Change::AddClient(client),
            Self::RotateClient { client, secret } => Change::RotateClient { client, secret },
            Self::RequireToken(token) => Change::RequireToken(token),
            Self::EndTokens { user } => Change::EndTokens { user },
            Self::EndTokensBut { user, family } => Change::EndTokensBut { user, family },
            Self::EndTokensOf { user, device, but } => Change::EndTokensOf { user, device, but },
            Self::EndToken(token) => Change::EndToken(token),
            Self::OpenToken(token) => Change::OpenToken(token),
            Self::TouchToken { token, at } => Change::TouchToken { token, at },
            Self::LimitTokens { user, stamp, at, most } => Change::LimitTokens { user, stamp, at, most },
            Self::LimitSetups { user, most } => Change::LimitSetups { user, most },
            Self::Spend { key, amount, limit, at, window } => Change::Spend { key, amount, limit, at, window },
            Self::Refund { key, amount, until } => Change::Refund { key, amount, until },
            Self::RestartBudget { key, until, beyond } => Change::RestartBudget { key, until, beyond },
            Self::PutDeviceCookie { cookie, replaces } => Change::PutDeviceCookie { cookie, replaces },
            Self::EndDeviceCookies { user } => Change::EndDeviceCookies { user },
            Self::EndDeviceCookie { user, browser } => Change::EndDeviceCookie { user, browser },
            Self::RemoveBudgets { name } => Change::RemoveBudgets { name },
            Self::Record(event) => Change::Record(event),
            Self::AddDelivery(delivery) => Change::AddDelivery(delivery),
            Self::NoteDelivery(note) => Change::NoteDelivery(note),
            Self::NoteVerified { delivery, at } => Change::NoteVerified { delivery, at },
            Self::ReportNode(node) => Change::ReportNode(node),
            Self::NoteRestored { at } => Change::NoteRestored { at },
            Self::TakeLease { name, holder, at, until } => Change::TakeLease { name, holder, at, until },
            Self::SetPassword { user, expected_stamp, stamp, hash, at } => {
                Change::SetPassword { user, expected_stamp, stamp, hash, at }
            }
        })
    }
}

fn sealed<E>(device: Device, seal: &mut impl FnMut(&Device) -> Result<Sealed, E>) -> Result<Device<Sealed>, E> {
    let state = seal(&device)?;
    Ok(device.with_state(state))
}

impl<S> Batch<S> {
    /// The changes, in the order in which they are to be applied.
    pub fn changes(&self) -> &[Change<S>] {
        &self.changes
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The same batch, which the same receipts settle, with other changes: for stores that stand before stores in tests.
    #[must_use]
    pub fn with_changes(self, mut changes: Vec<Change<S>>) -> Self {
        changes.sort_by(|a, b| a.order().cmp(&b.order()));
        Self { id: self.id, changes }
    }

    pub(crate) fn is_settled_by(&self, receipt: &Receipt) -> bool {
        self.id == receipt.batch
    }

    pub(crate) fn with(self, more: Vec<Change<S>>) -> Self {
        let mut changes = self.changes;
        changes.extend(more);
        Self { id: self.id, changes: vec![] }.with_changes(changes)
    }
}

impl Batch<Sealed> {
    /// The store's word that every change of this batch was written, durably.
    pub fn done(&self) -> Receipt {
        Receipt { batch: self.id, written: Written::Done }
    }

    /// The store's word that nothing was written, because something had moved.
    pub fn conflict(&self) -> Receipt {
        Receipt { batch: self.id, written: Written::Conflict }
    }

    /// The store's word that nothing was written, because the budget `key` is spent until the moment given.
    pub fn overspent(&self, key: String, until: Timestamp) -> Receipt {
        Receipt { batch: self.id, written: Written::Overspent { key, until } }
    }
}

/// What became of a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Written {
    /// All of it was written, durably.
    Done,
    /// Nothing was written: something had moved. Load afresh and judge again.
    Conflict,
    /// Nothing was written: a budget is spent.
    Overspent {
        /// The budget.
        key: String,
        /// When it will be empty again.
        until: Timestamp,
    },
}

/// A budget that has been charged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// How much it holds.
    pub spent: u32,
    /// When it is empty again.
    pub until: Timestamp,
}

/// A store's word on one batch. It settles that batch only.
#[derive(Debug)]
pub struct Receipt {
    batch: u64,
    written: Written,
}

impl Receipt {
    /// What became of the batch.
    pub fn written(&self) -> &Written {
        &self.written
    }
}
