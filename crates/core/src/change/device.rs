use crate::{Device, DeviceId, Envelope, UserId, device::Sealed};

/// A change to devices.
#[derive(Clone, Debug)]
pub enum DeviceChange<S = Envelope> {
    /// Removes every device of a user, whatever its status.
    RemoveAll {
        /// Whose devices.
        user: UserId,
    },
    /// Removes one device. Conflicts unless its version is `expected_version`.
    Remove {
        /// The device.
        device: DeviceId,
        /// The version that was read.
        expected_version: u64,
    },
    /// Adds a device. Conflicts if the id is taken.
    Add(Device<S>),
    /// Replaces a device's row. Conflicts unless the version of the row is one below the device's own, and its user is the same.
    Update(Device<S>),
    /// Bounds how many setups of devices a user may have running. Conflicts if, with what this batch begins, more than `max`
    /// of the user's devices are enrolling.
    LimitSetups {
        /// The user.
        user: UserId,
        /// How many there may be.
        max: u32,
    },
}

impl<S> DeviceChange<S> {
    /// The limit comes last, because it counts what the others have added.
    pub(super) fn order(&self) -> (u8, &str) {
        match self {
            Self::RemoveAll { user } => (0, user.as_str()),
            Self::Remove { device, .. } => (1, device.as_str()),
            Self::Add(device) | Self::Update(device) => (2, device.id.as_str()),
            Self::LimitSetups { user, .. } => (3, user.as_str()),
        }
    }
}

impl DeviceChange {
    pub(super) fn seal<E>(
        self,
        seal: &mut impl FnMut(&Device) -> Result<Sealed, E>,
    ) -> Result<DeviceChange<Sealed>, E> {
        let mut sealed = |device: Device| seal(&device).map(|state| device.with_state(state));
        Ok(match self {
            Self::RemoveAll { user } => DeviceChange::RemoveAll { user },
            Self::Remove { device, expected_version } => DeviceChange::Remove { device, expected_version },
            Self::Add(device) => DeviceChange::Add(sealed(device)?),
            Self::Update(device) => DeviceChange::Update(sealed(device)?),
            Self::LimitSetups { user, max } => DeviceChange::LimitSetups { user, max },
        })
    }
}
