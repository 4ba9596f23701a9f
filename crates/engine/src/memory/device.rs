use countersign_core::{Device, DeviceChange, DeviceId, Sealed, Status};

use super::{Rows, Stop, fresh, within};

impl Rows {
    pub(super) fn change_devices(&mut self, change: DeviceChange<Sealed>) -> Result<(), Stop> {
        match change {
            DeviceChange::RemoveAll { user } => self.devices.retain(|_, device| device.user != user),
            DeviceChange::Remove { device, expected_version } => {
                self.require_device(&device, expected_version)?;
                self.devices.remove(&device);
            }
            DeviceChange::Add(device) => return fresh(self.devices.insert(device.id.clone(), device)),
            DeviceChange::Update(device) => {
                self.require_device(&device.id, device.version.saturating_sub(1))?;
                if self.devices.get(&device.id).is_some_and(|row| row.user != device.user) {
                    return Err(Stop::Conflict);
                }
                self.devices.insert(device.id.clone(), device);
            }
            DeviceChange::LimitSetups { user, max } => {
                let is_setup = |device: &&Device<Sealed>| device.user == user && device.status == Status::Enrolling;
                return within(self.devices.values().filter(is_setup).count(), max);
            }
        }
        Ok(())
    }

    fn require_device(&self, device: &DeviceId, expected_version: u64) -> Result<(), Stop> {
        let version = self.devices.get(device).map(|device| device.version);
        if version == Some(expected_version) { Ok(()) } else { Err(Stop::Conflict) }
    }
}
