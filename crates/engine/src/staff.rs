//! Actions of administrators, from the command line or the admin pages.
//!
//! Administrators can remove factors and issue one emergency code; they never learn or set a secret that is in use.
//! Their actions take effect at once on every node, because devices, users and sessions are never cached.

use std::time::Duration;

use countersign_core::{
    AccountChange, Batch, BudgetChange, Change, Delivery, Device, DeviceChange, DeviceId, DeviceName, Envelope, Event,
    EventChange, EventKind, Kind, Refusal, Secret, Status, UserId, Written,
    flow::manage,
    method::{
        State,
        backup_codes::{BackupCode, Slip},
        foreign,
    },
    throttle::{Standing, Throttle},
    time::CLOCK_TOLERANCE,
    view::DeviceView,
};

use crate::{Engine, Error, Fault, User, port::Retention, session::ends_all, verify::Precondition};

/// The prefixes of budgets that are named by a user's id: wrong passwords, and codes that were sent.
const BUDGETS_OF_USER: [&str; 3] = ["password/user/", "send-user:", "send-user-ceiling:"];

/// Whether two-factor authentication is on for a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TwoFactorStatus {
    /// A second factor is required at login.
    Enabled,
    /// The password is sufficient.
    Disabled,
}

impl Engine {
    /// Whether two-factor authentication is on for this user.
    pub async fn two_factor_status(&self, user: &UserId) -> Result<TwoFactorStatus, Fault> {
        let enabled = self.store().factors(user).await?.enabled();
        Ok(if enabled { TwoFactorStatus::Enabled } else { TwoFactorStatus::Disabled })
    }

    /// Removes every device of this user, confirmed or not, and revokes every session and token.
    pub async fn disable_two_factor(&self, user: &User) -> Result<(), Error> {
        self.settle(user, Precondition::Staff, |factors, now| {
            let mut changes = vec![
                Change::Account(AccountChange::BumpFactorSet {
                    user: user.id.clone(),
                    expected_version: factors.account.factors,
                    preferred: None,
                }),
                Change::Device(DeviceChange::RemoveAll { user: user.id.clone() }),
                Change::Event(EventChange::Record(Event::new(now, user.id.clone(), EventKind::TwoFactorDisabled))),
            ];
            changes.extend(ends_all(&user.id));
            Ok((changes, ()))
        })
        .await
    }

    /// Adds one backup code, the given or a random one, for a user who is locked out, and returns it.
    pub async fn add_backup_code(&self, user: &User, name: DeviceName, code: Option<&Secret>) -> Result<Secret, Error> {
        let code = match code {
            Some(text) => BackupCode::parse(text.expose()).map_err(|slip| match slip {
                Slip::Malformed => Refusal::CodeMalformed,
                Slip::Mistyped => Refusal::CodeMistyped,
            })?,
            None => self.draw_backup_code(),
        };
        let fresh = self.backup_code_device(&user.id, name, std::slice::from_ref(&code));
        let mut rounds = self.rounds();
        while let Some(now) = rounds.next() {
            let factors = self.open_factors(&user.id).await?;
            if !factors.enabled() {
                return Err(Refusal::NotEnabled.into());
            }
            let change = match factors.of_kind(&Kind::BACKUP_CODES).next() {
                Some(device) => {
                    Change::Device(DeviceChange::Update(with_code(device, &code).ok_or(Refusal::CodeUsed)?))
                }
                None => Change::Device(DeviceChange::Add(fresh.clone())),
            };
            let event = Event::new(now, user.id.clone(), EventKind::BackupCodesMade);
            let account = factors.account;
            let moved = Change::Account(AccountChange::BumpFactorSet {
                user: user.id.clone(),
                expected_version: account.factors,
                preferred: account.preferred,
            });
            let receipt =
                self.commit(&Batch::new(vec![change, moved, Change::Event(EventChange::Record(event))])).await?;
            if *receipt.written() == Written::Done {
                return Ok(code.text());
            }
        }
        Err(Fault::busy("add a backup code in time", Duration::from_secs(1)).into())
    }

    /// Gives a user a device of a host's own method, active at once: the host has verified it itself.
    pub async fn add_foreign_device(
        &self,
        user: &User,
        kind: &Kind,
        name: DeviceName,
        document: serde_json::Value,
    ) -> Result<DeviceId, Error> {
        if self.methods().foreign(kind).is_none() {
            return Err(Refusal::MethodUnknown.into());
        }
        let state = Envelope::new(State::Foreign(foreign::State { document }));
        let id = self.new_id();
        self.add_device(user, &id, kind, name, state).await?;
        Ok(id)
    }

    /// Gives a user a device whose secret was made elsewhere, such as a hardware token. It is active at once.
    pub async fn add_device(
        &self,
        user: &User,
        id: &DeviceId,
        kind: &Kind,
        name: DeviceName,
        state: Envelope,
    ) -> Result<(), Error> {
        let fresh = self.new_device(&user.id, kind.clone(), name, Status::Active, state.state.clone());
        let device = Device { id: id.clone(), state, ..fresh };
        self.settle(user, Precondition::Staff, |factors, now| {
            manage::room(&factors, self.config())?;
            let preferred = Some(factors.default_with(&device.id, None));
            let mut confirmed = Event::new(now, user.id.clone(), EventKind::DeviceConfirmed);
            confirmed.device = Some(device.id.clone());
            confirmed.method = Some(kind.clone());
            let mut changes = vec![
                Change::Account(AccountChange::BumpFactorSet {
                    user: user.id.clone(),
                    expected_version: factors.account.factors,
                    preferred,
                }),
                Change::Device(DeviceChange::Add(device.clone())),
                Change::Event(EventChange::Record(confirmed)),
            ];
            changes.extend(ends_all(&user.id));
            Ok((changes, ()))
        })
        .await
    }

    /// A device without accepted answers and failures.
    pub(crate) fn new_device(
        &self,
        user: &UserId,
        kind: Kind,
        name: DeviceName,
        status: Status,
        state: State,
    ) -> Device {
        Device {
            id: self.new_id(),
            user: user.clone(),
            kind,
            name,
            status,
            version: 1,
            throttle: Throttle::default(),
            created: self.now(),
            last_used: None,
            state: Envelope::new(state),
        }
    }

    /// The user's devices, including those being enrolled.
    pub async fn devices_of(&self, user: &UserId) -> Result<Vec<DeviceView>, Fault> {
        let factors = self.open_factors(user).await?;
        let looking = self.looking(Standing::Unrecognized, None, self.now());
        Ok(factors.devices.iter().map(|device| DeviceView::new(device, &factors, looking)).collect())
    }

    /// Whether a device with this id exists, whichever user owns it.
    pub async fn has_device(&self, id: &DeviceId) -> Result<bool, Fault> {
        Ok(self.store().device(id).await?.is_some())
    }

    /// The latest messages with codes that were sent to this user, newest first, at most `limit`.
    pub async fn sent_to(&self, user: &UserId, limit: u32) -> Result<Vec<Delivery>, Fault> {
        self.store().deliveries(user, limit).await
    }

    /// Revokes every session, every token and every device cookie of this user.
    pub async fn end_sessions(&self, user: &UserId) -> Result<(), Fault> {
        self.commit(&Batch::new(ends_all(user).into())).await.map(drop)
    }

    /// Deletes the data of a user whom the host has removed: devices, sessions, tokens, the account and the budgets
    /// named by the user's id, in one commit. Call it after the user is gone from the host's own table. Events and
    /// deliveries of the user are kept for their usual time. A pending login is not a row; its stamp makes it invalid.
    pub async fn forget_user(&self, user: &UserId) -> Result<(), Fault> {
        let mut rounds = self.rounds();
        while rounds.next().is_some() {
            let mut changes = vec![
                Change::Account(AccountChange::Remove { user: user.clone() }),
                Change::Device(DeviceChange::RemoveAll { user: user.clone() }),
            ];
            changes.extend(ends_all(user));
            changes.extend(
                BUDGETS_OF_USER.map(|kind| Change::Budget(BudgetChange::Remove { name: format!("{kind}{user}") })),
            );
            if *self.commit(&Batch::new(changes)).await?.written() == Written::Done {
                return Ok(());
            }
        }
        Err(Fault::busy("forget a user in time", Duration::from_secs(1)))
    }

    /// Purges expired rows: ended sessions and tokens, expired attempts, abandoned enrolments, empty budgets, stopped
    /// nodes, and events older than they are kept. Returns the number of rows gone.
    pub async fn purge(&self) -> Result<u64, Fault> {
        let now = self.now();
        let config = self.config();
        let longest = config.lifetimes.aal1.idle.max(config.lifetimes.aal2.idle);
        let retention = Retention {
            now,
            sessions_before: now.before(longest),
            enrolments_before: now.before(config.login_timeout),
            events_before: config.keep_events.map(|span| now.before(span)),
            nodes_before: now.before(self.nodes_kept()),
            credible_until: now.after(CLOCK_TOLERANCE),
        };
        self.store().purge(&retention).await
    }
}

fn with_code(device: &Device, code: &BackupCode) -> Option<Device> {
    let State::BackupCodes(state) = &device.state.state else { return None };
    let mut device = device.clone();
    device.version = device.version.saturating_add(1);
    device.state.state = State::BackupCodes(state.clone().with(code)?);
    Some(device)
}
