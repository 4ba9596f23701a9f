//! `countersign after-restore`: the steps that must follow when the database's own tools have restored a backup.
//!
//! It records the time of the restore; everything that may have been used before that time is rejected from then on. It
//! lists, by user, what this time does not settle. `countersign restore` does the same by itself. It needs no keys.

use std::fmt::{self, Display};

use anyhow::{Context as _, Result};
use clap::Args;
use countersign_engine::{
    Clock as _, Fault, SystemClock,
    core::Timestamp,
    restored::{self, InDoubt},
};
use countersign_store::{Opened, UserRow};
use serde::Serialize;

use super::{Form, SettingFlags, device::moment};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
    /// Show what the last restore left in doubt, and change nothing
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    form: Form,
}

pub(super) async fn run(Arguments { settings, list, form }: Arguments) -> Result<()> {
    let opened = settings.config()?.open_database().await?;
    if !list {
        restored::note(&*opened.store, SystemClock.now()).await.context("could not record the restore")?;
    }
    let doubts = Doubts::read(&opened).await?;
    form.print(&doubts, &doubts)
}

/// What the last restore has left in doubt.
#[derive(Debug, Serialize)]
pub(super) struct Doubts {
    /// When the database was restored, in milliseconds since 1970; `None` if it never was.
    pub(super) restored: Option<i64>,
    pub(super) users: Vec<UserDoubt>,
}

/// What is in doubt for one user.
#[derive(Debug, Serialize)]
pub(super) struct UserDoubt {
    /// The name, or the id of a user whom this server does not have.
    user: String,
    /// When the current password was set; `None` if it was set after the restore.
    password_set: Option<i64>,
    /// Devices that again accept codes which were used after the backup was made.
    pub(super) devices: Vec<DeviceDoubt>,
}

#[derive(Debug, Serialize)]
pub(super) struct DeviceDoubt {
    id: String,
    kind: String,
    name: String,
}

impl Doubts {
    /// Reads all users and all devices, if the database was ever restored.
    pub(super) async fn read(Opened { store, users, .. }: &Opened) -> Result<Self, Fault> {
        let Some(moment) = restored::moment(&**store).await? else {
            return Ok(Self { restored: None, users: vec![] });
        };
        let mut devices = restored::in_doubt(&**store).await?;
        let of_ours = users.list().await?.into_iter().map(|row| {
            let UserRow { id, name, password_changed, .. } = row;
            UserDoubt::new(name, Some(password_changed), devices.remove(&id).unwrap_or_default(), moment)
        });
        let mut all: Vec<UserDoubt> = of_ours.collect();
        all.extend(devices.into_iter().map(|(id, devices)| UserDoubt::new(id.to_string(), None, devices, moment)));
        all.retain(|user| user.password_set.is_some() || !user.devices.is_empty());
        Ok(Self { restored: Some(moment.as_millis()), users: all })
    }
}

impl UserDoubt {
    fn new(user: String, password_set: Option<Timestamp>, devices: Vec<InDoubt>, restored: Timestamp) -> Self {
        let device = |InDoubt { id, kind, name }| DeviceDoubt {
            id: id.to_string(),
            kind: kind.to_string(),
            name: name.as_str().to_owned(),
        };
        let password_set = password_set.filter(|set| *set <= restored).map(Timestamp::as_millis);
        Self { user, password_set, devices: devices.into_iter().map(device).collect() }
    }
}

impl Display for Doubts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(restored) = self.restored else {
            return f.write_str("no restore is recorded in this database");
        };
        writeln!(
            f,
            "restored at {}: every session and token has ended; codes from authenticator apps and messages from before \
             then are rejected",
            moment(Timestamp::from_millis(restored))
        )?;
        for user in &self.users {
            writeln!(f, "{user}")?;
        }
        f.write_str(
            "users, devices and clients that were removed or deactivated after the backup was made are back: remove or \
             deactivate them again",
        )
    }
}

impl Display for UserDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.user)?;
        let mut between = " ";
        if let Some(set) = self.password_set {
            write!(f, " the password set at {} is valid again", moment(Timestamp::from_millis(set)))?;
            between = "; ";
        }
        for DeviceDoubt { kind, name, .. } in &self.devices {
            write!(f, "{between}{kind} {name:?} accepts codes again that were used after the backup was made")?;
            between = "; ";
        }
        Ok(())
    }
}
