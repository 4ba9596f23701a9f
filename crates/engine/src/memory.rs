//! A store in memory, for tests and trials: the meaning of [`Store`], in the fewest words.
//!
//! It keeps every promise of the port but durability. What a SQL store does, it must do as this one does: both run the
//! same contract suite.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use countersign_core::{
    Account, AttemptId, Batch, Budget, Change, Client, ClientId, ClientKind, Delivery, Device, DeviceCookie, DeviceId,
    Event, Factors, Node, NodeId, Predecessor, Receipt, Sealed, Session, SessionKey, Status, Timestamp, Token, TokenId,
    TokenKey, TokenKind, UserId, delivery::Note, time::CLOCK_TOLERANCE,
};

use crate::{Fault, Store, port::Horizon};

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
    /// There is no table that this could be written to.
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

    async fn purge(&self, horizon: &Horizon) -> Result<u64, Fault> {
        let Horizon { now, sessions_before, enrolments_before, events_before, nodes_before, credible_until } = *horizon;
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
            Change::SpendAttempt { attempt, until } => fresh(self.attempts.insert(attempt, until)),
            Change::MoveFactors { user, seen, preferred } => {
                self.expect_factors(&user, seen)?;
                let factors = seen.saturating_add(1);
                self.accounts.insert(user.clone(), Account { factors, preferred, ..Account::new(user) });
                Ok(())
            }
            Change::ExpectFactors { user, seen } => self.expect_factors(&user, seen),
            Change::RemoveAccount { user } => {
                self.accounts.remove(&user);
                Ok(())
            }
            Change::RemoveDevice { device, seen } => {
                self.expect_device(&device, seen)?;
                self.devices.remove(&device);
                Ok(())
            }
            Change::RemoveDevices { user } => {
                self.devices.retain(|_, device| device.user != user);
                Ok(())
            }
            Change::AddDevice(device) => fresh(self.devices.insert(device.id.clone(), device)),
            Change::UpdateDevice(device) => {
                self.expect_device(&device.id, device.version.saturating_sub(1))?;
                if self.devices.get(&device.id).is_some_and(|row| row.user != device.user) {
                    return Err(Stop::Conflict);
                }
                self.devices.insert(device.id.clone(), device);
                Ok(())
            }
            Change::ExpectSession(key) => {
                if self.sessions.contains_key(&key) {
                    Ok(())
                } else {
                    Err(Stop::Conflict)
                }
            }
            Change::CloseRepeat(key) => self.close_repeat(&key),
            change @ (Change::EndSession(_)
            | Change::EndSessions { .. }
            | Change::EndSessionsOf { .. }
            | Change::TouchSession { .. }) => {
                self.end_or_touch_sessions(change);
                Ok(())
            }
            Change::OpenSession(session) => fresh(self.sessions.insert(session.key.clone(), session)),
            change @ (Change::ExpectClient(_)
            | Change::RemoveClient(_)
            | Change::AddClient(_)
            | Change::RotateClient { .. }) => self.change_clients(change),
            Change::RequireToken(token) => self.tokens.get(&token).map(drop).ok_or(Stop::Conflict),
            Change::OpenToken(token) => self.open_token(token),
            change @ (Change::EndTokens { .. }
            | Change::EndTokensBut { .. }
            | Change::EndTokensOf { .. }
            | Change::EndToken(_)
            | Change::TouchToken { .. }) => {
                self.end_or_touch_tokens(change);
                Ok(())
            }
            change @ (Change::LimitTokens { .. } | Change::LimitSetups { .. }) => self.keep_limit(&change),
            change @ (Change::Spend { .. } | Change::Refund { .. } | Change::RestartBudget { .. }) => {
                self.change_budgets(change)
            }
            change @ (Change::PutDeviceCookie { .. }
            | Change::EndDeviceCookies { .. }
            | Change::EndDeviceCookie { .. }) => {
                self.change_device_cookies(change);
                Ok(())
            }
            Change::RemoveBudgets { name } => {
                let is_below = |key: &str| key.strip_prefix(&*name).is_some_and(|rest| rest.starts_with('/'));
                self.budgets.retain(|key, _| *key != name && !is_below(key));
                Ok(())
            }
            Change::Record(event) => {
                self.events.push(event);
                Ok(())
            }
            Change::AddDelivery(delivery) => self.add(delivery),
            Change::NoteDelivery(note) => {
                self.note(note);
                Ok(())
            }
            Change::NoteVerified { delivery, at } => {
                if let Some(sent) = self.deliveries.iter_mut().find(|sent| sent.id == delivery) {
                    sent.verified = sent.verified.or(Some(at));
                }
                Ok(())
            }
            change @ (Change::ReportNode(_) | Change::TakeLease { .. } | Change::NoteRestored { .. }) => {
                self.change_installation(change)
            }
            Change::SetPassword { .. } => Err(Stop::NoTable("keep a password: there is no table of users")),
        }
    }

    fn change_budgets(&mut self, change: Change<Sealed>) -> Result<(), Stop> {
        match change {
            Change::Spend { key, amount, limit, at, window } => {
                return self.spend(key, amount, limit, at, at.after(window));
            }
            Change::Refund { key, amount, until } => {
                if let Some(budget) = self.budgets.get_mut(&key).filter(|budget| budget.until <= until) {
                    budget.spent = budget.spent.saturating_sub(amount);
                    if budget.spent == 0 {
                        budget.until = Timestamp::from_millis(0);
                    }
                }
            }
            Change::RestartBudget { key, until, beyond } => {
                if let Some(budget) = self.budgets.get_mut(&key).filter(|budget| budget.until > beyond) {
                    budget.until = until;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn change_device_cookies(&mut self, change: Change<Sealed>) {
        match change {
            Change::PutDeviceCookie { cookie, replaces } => {
                let slot = (cookie.user.clone(), cookie.slot);
                if self.device_cookies.get(&slot).map(|row| &row.browser) == replaces.as_ref() {
                    self.device_cookies.insert(slot, cookie);
                }
            }
            Change::EndDeviceCookies { user } => self.device_cookies.retain(|_, cookie| cookie.user != user),
            Change::EndDeviceCookie { user, browser } => {
                self.device_cookies.retain(|_, cookie| cookie.user != user || cookie.browser != browser);
            }
            _ => {}
        }
    }

    fn keep_limit(&self, change: &Change<Sealed>) -> Result<(), Stop> {
        let (count, most) = match change {
            Change::LimitTokens { user, stamp, at, most } => {
                let is_personal = |token: &&Token| token.user == *user && token.kind == TokenKind::Personal;
                let is_running = |token: &&Token| token.stamp == *stamp && token.is_running(*at);
                (self.tokens.values().filter(is_personal).filter(is_running).count(), *most)
            }
            Change::LimitSetups { user, most } => {
                let is_setup = |device: &&Device<Sealed>| device.user == *user && device.status == Status::Enrolling;
                (self.devices.values().filter(is_setup).count(), *most)
            }
            _ => return Ok(()),
        };
        if u32::try_from(count).is_ok_and(|count| count <= most) { Ok(()) } else { Err(Stop::Conflict) }
    }

    /// What is about the whole installation: its nodes, their tasks, its restores.
    fn change_installation(&mut self, change: Change<Sealed>) -> Result<(), Stop> {
        match change {
            Change::ReportNode(node) => {
                self.nodes.insert(node.id.clone(), node);
            }
            Change::NoteRestored { at } => {
                self.sessions.clear();
                self.tokens.clear();
                self.device_cookies.clear();
                self.restored = Some(at);
            }
            Change::TakeLease { name, holder, at, until } => {
                let held = |until: Timestamp, end: Timestamp| until > at && until <= end.after(CLOCK_TOLERANCE);
                let taken = self.leases.get(&name).is_some_and(|(other, end)| *other != holder && held(*end, until));
                if taken {
                    return Err(Stop::Conflict);
                }
                self.leases.insert(name, (holder, until));
            }
            _ => {}
        }
        Ok(())
    }

    fn change_clients(&mut self, change: Change<Sealed>) -> Result<(), Stop> {
        match change {
            Change::ExpectClient(client) => self.clients.get(&client).map(drop).ok_or(Stop::Conflict),
            Change::RemoveClient(client) => {
                self.tokens.retain(|_, token| token.client.as_ref() != Some(&client));
                self.clients.remove(&client).map(drop).ok_or(Stop::Conflict)
            }
            Change::AddClient(client) => fresh(self.clients.insert(client.id.clone(), client)),
            Change::RotateClient { client, secret } => {
                match self.clients.get_mut(&client).map(|client| &mut client.kind) {
                    Some(ClientKind::Confidential { secret: kept }) => *kept = secret,
                    Some(ClientKind::Public) | None => return Err(Stop::Conflict),
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn end_or_touch_sessions(&mut self, change: Change<Sealed>) {
        match change {
            Change::EndSession(key) => {
                self.sessions.remove(&key);
            }
            Change::EndSessions { user } => self.sessions.retain(|_, session| session.user != user),
            Change::EndSessionsOf { user, device, but } => self.sessions.retain(|key, session| {
                session.user != user || session.device.as_ref() != Some(&device) || but.as_ref() == Some(key)
            }),
            Change::TouchSession { key, at } => {
                if let Some(session) = self.sessions.get_mut(&key) {
                    session.last_seen = session.last_seen.max(at);
                }
            }
            _ => {}
        }
    }

    fn close_repeat(&mut self, key: &SessionKey) -> Result<(), Stop> {
        let repeat = self.sessions.get_mut(key).and_then(|session| session.repeat.as_mut());
        repeat.and_then(|repeat| repeat.sealed.take()).map(drop).ok_or(Stop::Conflict)
    }

    fn end_or_touch_tokens(&mut self, change: Change<Sealed>) {
        match change {
            Change::EndTokens { user } => self.tokens.retain(|_, token| token.user != user),
            Change::EndTokensBut { user, family } => {
                self.tokens.retain(|_, token| token.user != user || token.family.as_ref() == Some(&family));
            }
            Change::EndTokensOf { user, device, but } => {
                let goes_on = |token: &Token| but.is_some() && token.family == but;
                let is_of = |token: &Token| token.user == user && token.device.as_ref() == Some(&device);
                self.tokens.retain(|_, token| !is_of(token) || goes_on(token));
            }
            Change::EndToken(ended) => self.tokens.retain(|_, token| token.id != ended),
            Change::TouchToken { token, at } => {
                if let Some(token) = self.tokens.get_mut(&token) {
                    token.last_used = token.last_used.max(Some(at));
                }
            }
            _ => {}
        }
    }

    fn open_token(&mut self, token: Token) -> Result<(), Stop> {
        if self.tokens.values().any(|other| other.key == token.key) {
            return Err(Stop::Conflict);
        }
        fresh(self.tokens.insert(token.id.clone(), token))
    }

    fn add(&mut self, delivery: Delivery) -> Result<(), Stop> {
        if self.deliveries.iter().any(|sent| sent.id == delivery.id) {
            return Err(Stop::Conflict);
        }
        self.deliveries.push(delivery);
        Ok(())
    }

    fn note(&mut self, note: Note) {
        let Note { delivery, status, reference, reason, at } = note;
        let sent = self.deliveries.iter_mut().find(|sent| sent.id == delivery);
        if let Some(sent) = sent.filter(|sent| status.follows(sent.status)) {
            sent.status = status;
            sent.noted = at;
            sent.reference = reference.or(sent.reference.take());
            sent.reason = reason;
        }
    }

    fn expect_factors(&self, user: &UserId, seen: u64) -> Result<(), Stop> {
        let version = self.accounts.get(user).map_or(0, |account| account.factors);
        if version == seen { Ok(()) } else { Err(Stop::Conflict) }
    }

    fn expect_device(&self, device: &DeviceId, seen: u64) -> Result<(), Stop> {
        let version = self.devices.get(device).map(|device| device.version);
        if version == Some(seen) { Ok(()) } else { Err(Stop::Conflict) }
    }

    fn spend(&mut self, key: String, amount: u32, limit: u32, at: Timestamp, until: Timestamp) -> Result<(), Stop> {
        let budget = self.budgets.get(&key).copied().filter(|budget| budget.until > at);
        let budget = budget.unwrap_or(Budget { spent: 0, until });
        let Some(spent) = budget.spent.checked_add(amount).filter(|spent| *spent <= limit) else {
            return Err(Stop::Overspent(key, budget.until));
        };
        let is_credible = budget.until <= until.after(CLOCK_TOLERANCE);
        let until = if is_credible { budget.until } else { until };
        self.budgets.insert(key, Budget { spent, until });
        Ok(())
    }
}

fn fresh<T>(earlier: Option<T>) -> Result<(), Stop> {
    earlier.map_or(Ok(()), |_| Err(Stop::Conflict))
}
