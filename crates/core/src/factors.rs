//! A user's second factors, read at one moment.
//!
//! [`Factors`] answers the questions that flows ask about a set of devices. "Two-factor authentication is on" means:
//! there is an active device that is not a fallback only. A device that is being enrolled or was disabled does not
//! count.

use crate::{Account, Device, DeviceId, Envelope, Kind, Level, Status, method::Methods, throttle::ThrottleRule};

/// A user's account and devices, read together.
#[derive(Clone, Debug)]
pub struct Factors<S = Envelope> {
    /// The account row.
    pub account: Account,
    /// Every device of the user, whatever its status, oldest first.
    pub devices: Vec<Device<S>>,
}

impl<S> Factors<S> {
    /// Whether this user has to prove a second factor. A device that was disabled by failures still counts here:
    /// otherwise an attacker could switch two-factor authentication off by failing often enough.
    pub fn enabled(&self) -> bool {
        self.binding().next().is_some()
    }

    /// The level of the strongest device that counts here: required of a session that changes factors.
    pub fn level(&self, methods: &Methods) -> Level {
        self.binding().map(|device| methods.level(&device.kind)).max().unwrap_or(Level::Aal1)
    }

    fn binding(&self) -> impl Iterator<Item = &Device<S>> {
        self.devices.iter().filter(|device| device.status != Status::Enrolling && !device.kind.is_fallback())
    }

    /// The active devices: the default first, fallbacks last.
    pub fn active(&self) -> Vec<&Device<S>> {
        let mut active: Vec<_> = self.devices.iter().filter(|device| device.is_active()).collect();
        active.sort_by_key(|device| {
            (device.kind.is_fallback(), self.account.preferred.as_ref() != Some(&device.id), device.created)
        });
        active
    }

    /// The default device, backup codes apart: the one that was chosen, or the oldest active one while that is
    /// disabled.
    pub fn default_device(&self) -> Option<&Device<S>> {
        self.active().into_iter().find(|device| !device.kind.is_fallback())
    }

    /// The default device after `gone` is removed: the same one, or the next.
    pub fn default_without(&self, gone: &DeviceId) -> Option<DeviceId> {
        let mut remaining = self.active().into_iter().filter(|device| device.id != *gone && !device.kind.is_fallback());
        let stays = self.chosen_default().filter(|id| *id != gone);
        stays.or_else(|| remaining.next().map(|device| &device.id)).cloned()
    }

    /// The default device after `new` is added, replacing `replaced` if given: the present default, or `new` if there
    /// is none or if it replaces it.
    pub fn default_with(&self, new: &DeviceId, replaced: Option<&DeviceId>) -> DeviceId {
        let present = self.chosen_default().or_else(|| self.default_device().map(|device| &device.id));
        present.filter(|id| Some(*id) != replaced).unwrap_or(new).clone()
    }

    /// The device that the account names as the default, if it still exists.
    fn chosen_default(&self) -> Option<&DeviceId> {
        self.account.preferred.as_ref().filter(|id| self.device(id).is_some())
    }

    /// The active device with this id or, if none is chosen or it is not this user's, the default.
    pub fn chosen(&self, choice: Option<&DeviceId>) -> Option<&Device<S>> {
        let active = self.active();
        active.iter().find(|device| choice == Some(&device.id)).or(active.first()).copied()
    }

    /// Whether failures have disabled another device than this one, or would if a pending validation fails.
    pub fn another_disabled(&self, than: &DeviceId, rule: &ThrottleRule) -> bool {
        self.devices.iter().filter(|device| device.id != *than).any(|device| match device.status {
            Status::Disabled => true,
            Status::Active => !device.kind.is_fallback() && rule.disables(device.throttle.failures),
            Status::Enrolling => false,
        })
    }

    /// The device with this id, whatever its status.
    pub fn device(&self, id: &DeviceId) -> Option<&Device<S>> {
        self.devices.iter().find(|device| device.id == *id)
    }

    /// The same set without one device.
    #[must_use]
    pub fn without(&self, gone: &DeviceId) -> Self
    where
        S: Clone,
    {
        let devices = self.devices.iter().filter(|device| device.id != *gone).cloned().collect();
        Self { account: self.account.clone(), devices }
    }

    /// The active devices of this kind.
    pub fn of_kind<'a>(&'a self, kind: &'a Kind) -> impl Iterator<Item = &'a Device<S>> {
        self.devices.iter().filter(move |device| device.is_active() && device.kind == *kind)
    }
}
