//! Seals device states on the way into the store and unseals them on the way out.
//!
//! A device's state is bound to its row: its id, its user and its kind. A state that was moved to another row, or whose
//! key is gone, cannot be unsealed; that is a fault, whatever the cause.

use std::time::Duration;

use countersign_core::{
    Account, Batch, BudgetChange, Change, DeliveryId, Device, DeviceChange, DeviceId, Envelope, Event, EventChange,
    Factors, Receipt, Sealed, UserId, Written,
    flow::Attempt,
    flow::Purpose,
    restored::{self, Rules},
    time::CLOCK_TOLERANCE,
};
use data_encoding::BASE64URL_NOPAD;

use crate::{AttemptToken, CallToken, Engine, Fault, keyring::Use, wiped::Wiped};

impl Engine {
    /// The factors of a user. Failures dated by a clock that was ahead are dated now, once, so that no lock lasts
    /// longer than the throttle allows.
    pub(crate) async fn factors_of(&self, user: &UserId) -> Result<Factors<Sealed>, Fault> {
        let mut rounds = self.rounds();
        while let Some(now) = rounds.next() {
            let factors = self.store().factors(user).await?;
            let corrected = factors.devices.iter().filter_map(|device| Some((device, device.throttle.corrected(now)?)));
            let corrected = corrected.map(|(device, throttle)| {
                let device = self.open_device(device.clone())?;
                let version = device.version.saturating_add(1);
                Ok(Change::Device(DeviceChange::Update(Device { throttle, version, ..device })))
            });
            let changes = corrected.collect::<Result<Vec<_>, Fault>>()?;
            if changes.is_empty() {
                return Ok(factors);
            }
            // After a conflict, the next read shows the change.
            self.commit(&Batch::new(changes)).await?;
        }
        Err(Fault::busy("read a user's factors in time", Duration::from_secs(1)))
    }

    /// The factors of a user with every device unsealed.
    pub(crate) async fn open_factors(&self, user: &UserId) -> Result<Factors, Fault> {
        let Factors { account, devices } = self.factors_of(user).await?;
        let open = |device| self.open_device_of(&account, device);
        let devices = devices.into_iter().map(open).collect::<Result<_, _>>()?;
        Ok(Factors { account, devices })
    }

    /// The same row, unsealed, as it has to be judged in this account.
    pub(crate) fn open_device_of(&self, account: &Account, device: Device<Sealed>) -> Result<Device, Fault> {
        let rules = Rules { totp: self.config().totp, code_lifetime: self.config().sending.lifetime };
        self.open_device(device).map(|device| restored::caught_up(device, account.restored, rules, self.now()))
    }

    /// The same row, unsealed.
    pub(crate) fn open_device(&self, device: Device<Sealed>) -> Result<Device, Fault> {
        const DOING: &str = "open the sealed state of a device";
        let plain = self.keyring().open(Use::DeviceState, &place(&device), &device.state.0);
        let plain = plain.ok_or_else(|| Fault::because(DOING, format!("device {}", device.id)))?;
        // A parser's message may quote its input, so only the position is reported.
        let envelope: Envelope = serde_json::from_slice(&plain)
            .map_err(|error| Fault::because(DOING, format!("device {}: column {}", device.id, error.column())))?;
        Ok(device.with_state(envelope))
    }

    fn seal_device(&self, device: &Device) -> Result<Sealed, Fault> {
        const DOING: &str = "seal the state of a device";
        let mut plain = Wiped::default();
        serde_json::to_writer(&mut plain, &device.state).map_err(|_| Fault::new(DOING))?;
        let sealed = self.keyring().seal(Use::DeviceState, &place(device), plain.bytes(), self.random());
        sealed.map(Sealed).ok_or_else(|| Fault::new(DOING))
    }

    /// Seals the batch, has the store write it, and notifies the observer.
    pub(crate) async fn commit(&self, batch: &Batch) -> Result<Receipt, Fault> {
        let sealed = batch.seal(|device| self.seal_device(device))?;
        let receipt = self.store().commit(sealed).await?;
        if let Written::Overspent { key, .. } = receipt.written()
            && let Some(restarted) = self.restarted(batch, key, &receipt).await?
        {
            return Ok(restarted);
        }
        if *receipt.written() == Written::Done {
            let events: Vec<_> = batch.changes().iter().filter_map(recorded).collect();
            if !events.is_empty() {
                self.observer().after_commit(&events).await;
            }
        }
        Ok(receipt)
    }

    /// If a clock that was ahead has dated the budget that `receipt` reports as used up, restarts it: it stays used up
    /// for one window from now. Returns the new receipt. Other budgets of the batch with such dates are restarted too,
    /// or each would be found only when the one before it is empty again.
    async fn restarted(&self, batch: &Batch, key: &str, receipt: &Receipt) -> Result<Option<Receipt>, Fault> {
        let Written::Overspent { until, .. } = receipt.written() else { return Ok(None) };
        let charged = batch.changes().iter().find_map(|change| match change {
            Change::Budget(BudgetChange::Charge { key: charged, at, window, .. }) if charged == key => {
                Some((*at, *window))
            }
            _ => None,
        });
        let Some((at, window)) = charged.filter(|(at, window)| !until.is_credible_end(*window, *at)) else {
            return Ok(None);
        };
        let restarts = batch.changes().iter().filter_map(|change| match change {
            Change::Budget(BudgetChange::Charge { key, at, window, .. }) => {
                let until = at.after(*window);
                Some(Change::Budget(BudgetChange::Restart {
                    key: key.clone(),
                    until,
                    beyond: until.after(CLOCK_TOLERANCE),
                }))
            }
            _ => None,
        });
        self.store().commit(Batch::new(restarts.collect()).seal(|device| self.seal_device(device))?).await?;
        let sealed = batch.seal(|device| self.seal_device(device))?;
        Ok(Some(sealed.overspent(key.to_owned(), at.after(window))))
    }

    /// Seals an attempt for its browser.
    pub(crate) fn seal_attempt(&self, attempt: &Attempt) -> Result<AttemptToken, Fault> {
        const DOING: &str = "seal an attempt";
        let plain = serde_json::to_vec(attempt).map_err(|_| Fault::new(DOING))?;
        let place = ["attempt", attempt.purpose.as_str()];
        let sealed = self.keyring().seal(Use::Attempt, &place, &plain, self.random());
        sealed.map(|sealed| AttemptToken::new(BASE64URL_NOPAD.encode(&sealed))).ok_or_else(|| Fault::new(DOING))
    }

    /// Seals the id of a call for the gateway that makes it.
    pub(crate) fn seal_call(&self, device: &DeviceId, delivery: &DeliveryId) -> Result<CallToken, Fault> {
        const DOING: &str = "seal the name of a call";
        let plain = serde_json::to_vec(&(device, delivery)).map_err(|_| Fault::new(DOING))?;
        let sealed = self.keyring().seal(Use::Call, &[], &plain, self.random()).ok_or_else(|| Fault::new(DOING))?;
        Ok(CallToken::new(BASE64URL_NOPAD.encode(&sealed)))
    }

    /// The device and the delivery sealed in `call`, if it can be unsealed.
    pub(crate) fn open_call(&self, call: &CallToken) -> Option<(DeviceId, DeliveryId)> {
        let sealed = BASE64URL_NOPAD.decode(call.expose().as_bytes()).ok()?;
        let plain = self.keyring().open(Use::Call, &[], &sealed)?;
        serde_json::from_slice(&plain).ok()
    }

    /// The attempt sealed in `token` for this purpose, if it can be unsealed.
    pub(crate) fn open_attempt(&self, token: &AttemptToken, purpose: Purpose) -> Option<Attempt> {
        let sealed = BASE64URL_NOPAD.decode(token.expose().as_bytes()).ok()?;
        let plain = self.keyring().open(Use::Attempt, &["attempt", purpose.as_str()], &sealed)?;
        serde_json::from_slice(&plain).ok().filter(|attempt: &Attempt| attempt.purpose == purpose)
    }
}

fn recorded(change: &Change) -> Option<&Event> {
    if let Change::Event(EventChange::Record(event)) = change { Some(event) } else { None }
}

fn place<S>(device: &Device<S>) -> [&str; 4] {
    ["device", device.id.as_str(), device.user.as_str(), device.kind.as_str()]
}
