//! Sealing on the way into the store, opening on the way out.
//!
//! A device's state is bound to its row: its id, its user and its kind. A state that was moved to another row, or sealed
//! by a key that is gone, does not open; that is a fault, whoever caused it.

use countersign_core::{
    Batch, Change, DeliveryId, Device, DeviceId, Envelope, Event, Factors, Receipt, Sealed, UserId, Written,
    flow::Attempt, flow::Purpose,
};
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use crate::{AttemptToken, CallToken, Engine, Fault, keyring::Use};

impl Engine {
    /// The factors of a user with every device open.
    pub(crate) async fn open_factors(&self, user: &UserId) -> Result<Factors, Fault> {
        let Factors { account, devices } = self.store().factors(user).await?;
        let devices = devices.into_iter().map(|device| self.open_device(device)).collect::<Result<_, _>>()?;
        Ok(Factors { account, devices })
    }

    /// The same row with its state open.
    pub(crate) fn open_device(&self, device: Device<Sealed>) -> Result<Device, Fault> {
        const DOING: &str = "open the sealed state of a device";
        let plain = self.keyring().open(Use::DeviceState, &place(&device), &device.state.0);
        let plain = plain.ok_or_else(|| Fault::because(DOING, format!("device {}", device.id)))?;
        // A parser's message may quote what it read, so only its place is told.
        let envelope: Envelope = serde_json::from_slice(&plain)
            .map_err(|error| Fault::because(DOING, format!("device {}: column {}", device.id, error.column())))?;
        Ok(device.with_state(envelope))
    }

    fn seal_device(&self, device: &Device) -> Result<Sealed, Fault> {
        const DOING: &str = "seal the state of a device";
        let plain = serde_json::to_vec(&device.state).map(Zeroizing::new).map_err(|_| Fault::new(DOING))?;
        let sealed = self.keyring().seal(Use::DeviceState, &place(device), &plain, self.random());
        sealed.map(Sealed).ok_or_else(|| Fault::new(DOING))
    }

    /// Seals the batch, has the store write it, and tells the observer what was written.
    pub(crate) async fn commit(&self, batch: &Batch) -> Result<Receipt, Fault> {
        let sealed = batch.seal(|device| self.seal_device(device))?;
        let receipt = self.store().commit(sealed).await?;
        if *receipt.written() == Written::Done {
            let events: Vec<_> = batch.changes().iter().filter_map(recorded).collect();
            if !events.is_empty() {
                self.observer().after_commit(&events).await;
            }
        }
        Ok(receipt)
    }

    /// Seals a run of a flow for the browser that runs it.
    pub(crate) fn seal_attempt(&self, attempt: &Attempt) -> Result<AttemptToken, Fault> {
        const DOING: &str = "seal an attempt";
        let plain = serde_json::to_vec(attempt).map_err(|_| Fault::new(DOING))?;
        let place = ["attempt", attempt.purpose.as_str()];
        let sealed = self.keyring().seal(Use::Attempt, &place, &plain, self.random());
        sealed.map(|sealed| AttemptToken::new(BASE64URL_NOPAD.encode(&sealed))).ok_or_else(|| Fault::new(DOING))
    }

    /// Seals the name of a call for the gateway that makes it.
    pub(crate) fn seal_call(&self, device: &DeviceId, delivery: &DeliveryId) -> Result<CallToken, Fault> {
        const DOING: &str = "seal the name of a call";
        let plain = serde_json::to_vec(&(device, delivery)).map_err(|_| Fault::new(DOING))?;
        let sealed = self.keyring().seal(Use::Call, &[], &plain, self.random()).ok_or_else(|| Fault::new(DOING))?;
        Ok(CallToken::new(BASE64URL_NOPAD.encode(&sealed)))
    }

    /// The device and the delivery that were sealed in `call`, if they were.
    pub(crate) fn open_call(&self, call: &CallToken) -> Option<(DeviceId, DeliveryId)> {
        let sealed = BASE64URL_NOPAD.decode(call.expose().as_bytes()).ok()?;
        let plain = self.keyring().open(Use::Call, &[], &sealed)?;
        serde_json::from_slice(&plain).ok()
    }

    /// The run that was sealed in `token` for this purpose, if it was.
    pub(crate) fn open_attempt(&self, token: &AttemptToken, purpose: Purpose) -> Option<Attempt> {
        let sealed = BASE64URL_NOPAD.decode(token.expose().as_bytes()).ok()?;
        let plain = self.keyring().open(Use::Attempt, &["attempt", purpose.as_str()], &sealed)?;
        serde_json::from_slice(&plain).ok().filter(|attempt: &Attempt| attempt.purpose == purpose)
    }
}

fn recorded(change: &Change) -> Option<&Event> {
    if let Change::Record(event) = change { Some(event) } else { None }
}

fn place<S>(device: &Device<S>) -> [&str; 4] {
    ["device", device.id.as_str(), device.user.as_str(), device.kind.as_str()]
}
