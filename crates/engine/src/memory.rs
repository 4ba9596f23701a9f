//! A store in memory, for tests and demos: the shortest implementation of [`Store`].
//!
//! It implements the whole port but durability. A SQL store must behave like this one: both run the same contract
//! suite.
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

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use countersign_core::{
    Account, AttemptId, Batch, Budget, Change, Client, ClientId, Delivery, Device, DeviceCookie, DeviceId, Event,
    Factors, Node, NodeId, Predecessor, Receipt, Sealed, Session, SessionKey, Status, Timestamp, Token, TokenId,
    TokenKey, UserChange, UserId,
};

use crate::{Fault, Store, port::Retention};

/// Rows in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    rows: Mutex<Rows>,
}

#[derive(Clone, Debug, Default)]
struct Rows {
    attempts: BTreeMap<AttemptId, Timestamp>,
    accounts: BTreeMap<UserId, Account>,
    devices: BTreeMap<DeviceId, Device<Sealed>>,
    sessions: BTreeMap<SessionKey, Session>,
    clients: BTreeMap<ClientId, Client>,
    tokens: BTreeMap<TokenId, Token>,
    budgets: BTreeMap<String, Budget>,
    events: Vec<Event>,
    deliveries: Vec<Delivery>,
    nodes: BTreeMap<NodeId, Node>,
    leases: BTreeMap<String, (NodeId, Timestamp)>,
    device_cookies: BTreeMap<(UserId, u8), DeviceCookie>,
    restored: Option<Timestamp>,
}

/// Why a batch is not written.
enum Stop {
    Conflict,
    Overspent(String, Timestamp),
    /// There is no table for this change.
    NoTable(&'static str),
}

impl MemoryStore {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn factors(&self, user: &UserId) -> Result<Factors<Sealed>, Fault> {
        let rows = self.rows();
        let account = rows.accounts.get(user).cloned().unwrap_or_else(|| Account::new(user.clone()));
        let account = Account { restored: rows.restored, ..account };
        let mut devices: Vec<_> = rows.devices.values().filter(|device| device.user == *user).cloned().collect();
        devices.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok(Factors { account, devices })
    }

    async fn device(&self, device: &DeviceId) -> Result<Option<Device<Sealed>>, Fault> {
        Ok(self.rows().devices.get(device).cloned())
    }

    async fn attempt_spent(&self, attempt: &AttemptId) -> Result<bool, Fault> {
        Ok(self.rows().attempts.contains_key(attempt))
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, Fault> {
        Ok(self.rows().sessions.get(key).cloned())
    }

    async fn session_after(&self, predecessor: &Predecessor) -> Result<Option<Session>, Fault> {
        let comes_after = |session: &&Session| session.repeat.as_ref().is_some_and(|repeat| repeat.of == *predecessor);
        Ok(self.rows().sessions.values().find(comes_after).cloned())
    }

    async fn sessions(&self, user: &UserId) -> Result<Vec<Session>, Fault> {
        let mut sessions: Vec<_> = self.rows().sessions.values().filter(|row| row.user == *user).cloned().collect();
        sessions.sort_by(|a, b| (b.last_seen, &b.key).cmp(&(a.last_seen, &a.key)));
        Ok(sessions)
    }

    async fn token(&self, key: &TokenKey) -> Result<Option<Token>, Fault> {
        Ok(self.rows().tokens.values().find(|token| token.key == *key).cloned())
    }

    async fn tokens(&self, user: &UserId) -> Result<Vec<Token>, Fault> {
        let mut tokens: Vec<_> = self.rows().tokens.values().filter(|row| row.user == *user).cloned().collect();
        tokens.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        Ok(tokens)
    }

    async fn client(&self, client: &ClientId) -> Result<Option<Client>, Fault> {
        Ok(self.rows().clients.get(client).cloned())
    }

    async fn clients(&self) -> Result<Vec<Client>, Fault> {
        let mut clients: Vec<_> = self.rows().clients.values().cloned().collect();
        clients.sort_by(|a, b| (a.name.as_str(), &a.id).cmp(&(b.name.as_str(), &b.id)));
        Ok(clients)
    }

    async fn events(&self, user: &UserId, limit: u32) -> Result<Vec<Event>, Fault> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(self.rows().events.iter().rev().filter(|event| event.user == *user).take(limit).cloned().collect())
    }

    async fn deliveries(&self, user: &UserId, limit: u32) -> Result<Vec<Delivery>, Fault> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut sent: Vec<_> = self.rows().deliveries.iter().filter(|row| row.user == *user).cloned().collect();
        sent.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        sent.truncate(limit);
        Ok(sent)
    }

    async fn budget(&self, key: &str) -> Result<Option<Budget>, Fault> {
        Ok(self.rows().budgets.get(key).copied())
    }

    async fn device_cookies(&self, user: &UserId) -> Result<Vec<DeviceCookie>, Fault> {
        Ok(self.rows().device_cookies.values().filter(|cookie| cookie.user == *user).cloned().collect())
    }

    async fn commit(&self, batch: Batch<Sealed>) -> Result<Receipt, Fault> {
        let mut rows = self.rows();
        let mut next = rows.clone();
        for change in batch.changes() {
            match next.apply(change) {
                Ok(()) => {}
                Err(Stop::Conflict) => return Ok(batch.conflict()),
                Err(Stop::Overspent(key, until)) => return Ok(batch.overspent(key, until)),
                Err(Stop::NoTable(doing)) => return Err(Fault::new(doing)),
            }
        }
        *rows = next;
        Ok(batch.done())
    }

    async fn nodes(&self) -> Result<Vec<Node>, Fault> {
        Ok(self.rows().nodes.values().cloned().collect())
    }

    async fn devices_after(&self, cursor: Option<&DeviceId>, limit: u32) -> Result<Vec<Device<Sealed>>, Fault> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let rows = self.rows();
        let after = rows.devices.values().filter(|device| cursor.is_none_or(|cursor| device.id > *cursor));
        Ok(after.take(limit).cloned().collect())
    }

    async fn purge(&self, retention: &Retention) -> Result<u64, Fault> {
        let Retention { now, sessions_before, enrolments_before, events_before, nodes_before, credible_until } =
            *retention;
        let mut rows = self.rows();
        let before = rows.count();
        rows.attempts.retain(|_, until| *until > now);
        rows.budgets.retain(|_, budget| budget.until > now);
        rows.sessions.retain(|_, session| (sessions_before..=credible_until).contains(&session.last_seen));
        for repeat in rows.sessions.values_mut().filter_map(|session| session.repeat.as_mut()) {
            repeat.sealed.take_if(|_| repeat.until <= now);
        }
        rows.tokens.retain(|_, token| token.expires > now && token.created <= credible_until);
        rows.devices.retain(|_, device| device.status != Status::Enrolling || device.created >= enrolments_before);
        rows.events.retain(|event| events_before.is_none_or(|before| event.at >= before));
        rows.deliveries.retain(|sent| events_before.is_none_or(|before| sent.created >= before));
        rows.nodes.retain(|_, node| (nodes_before..=credible_until).contains(&node.seen));
        Ok(u64::try_from(before.saturating_sub(rows.count())).unwrap_or(u64::MAX))
    }

    async fn ping(&self) -> Result<(), Fault> {
        Ok(())
    }
}

impl Rows {
    fn count(&self) -> usize {
        let Self {
            attempts,
            accounts: _,
            devices,
            sessions,
            clients: _,
            tokens,
            budgets,
            events,
            deliveries,
            nodes,
            leases: _,
            device_cookies: _,
            restored: _,
        } = self;
        let counts = [attempts.len(), devices.len(), sessions.len(), tokens.len(), budgets.len()];
        counts.into_iter().chain([events.len(), deliveries.len(), nodes.len()]).sum()
    }

    fn apply(&mut self, change: &Change<Sealed>) -> Result<(), Stop> {
        match change.clone() {
            Change::Attempt(change) => self.change_attempts(change)?,
            Change::Account(change) => self.change_accounts(change)?,
            Change::Device(change) => self.change_devices(change)?,
            Change::Session(change) => self.change_sessions(change)?,
            Change::Client(change) => self.change_clients(change)?,
            Change::Token(change) => self.change_tokens(change)?,
            Change::Budget(change) => self.change_budgets(change)?,
            Change::Event(change) => self.change_events(change),
            Change::Delivery(change) => self.change_deliveries(change)?,
            Change::Node(change) => self.change_nodes(change),
            Change::Lease(change) => self.change_leases(change)?,
            Change::User(UserChange::SetPassword { .. }) => {
                return Err(Stop::NoTable("keep a password: there is no table of users"));
            }
            Change::DeviceCookie(change) => self.change_device_cookies(change),
            Change::Restoration(change) => self.change_restoration(&change),
        }
        Ok(())
    }
}

/// Conflicts if the key of an inserted row is taken.
fn fresh<T>(earlier: Option<T>) -> Result<(), Stop> {
    earlier.map_or(Ok(()), |_| Err(Stop::Conflict))
}

/// Conflicts if there are more rows than `max`.
fn within(count: usize, max: u32) -> Result<(), Stop> {
    if u32::try_from(count).is_ok_and(|count| count <= max) { Ok(()) } else { Err(Stop::Conflict) }
}
