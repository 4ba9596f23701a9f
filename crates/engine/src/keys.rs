//! Key rotation without interruption.
//!
//! ```text
//! a new key, last ──▶ every node has it ──▶ it is first ──▶ every state is sealed by it ──▶ the old key is removed
//!   (it unseals)       (nodes report)       (it seals)        (reseal, row by row)           (nothing depends on it)
//! ```
//!
//! A state is resealed with the same compare-and-swap as every other change of a device: a concurrent sign-in with the
//! device succeeds or is retried, and neither write undoes the other. An interrupted run resumes where it stopped,
//! because each seal names its key. A state that cannot be unsealed stays as it is and is reported.

use std::collections::BTreeMap;

use countersign_core::{Batch, Change, Device, DeviceChange, DeviceId, Kind, Node, Sealed, Status, Timestamp, Written};

use crate::{Engine, Fault, KeyId, Keyring, node::LIVE_FOR};

/// How many devices are read at once for counting.
const PAGE: u32 = 1000;

/// How many states each key has sealed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seals {
    /// By the key's id, whether or not the key is in the keyring.
    pub by_key: BTreeMap<KeyId, u64>,
    /// States that are not seals.
    pub broken: u64,
}

impl Seals {
    /// The total number of states.
    pub fn total(&self) -> u64 {
        self.by_key.values().fold(self.broken, |sum, count| sum.saturating_add(*count))
    }
}

/// The result of resealing some consecutive devices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resealed {
    /// The last of them: the cursor for the next call.
    pub last: DeviceId,
    /// How many were read.
    pub looked_at: u64,
    /// How many were resealed.
    pub resealed: u64,
    /// Devices that cannot be unsealed: their key is gone, or they were tampered with. They stay as they are.
    pub closed: Vec<DeviceId>,
}

/// Why a key must be kept for now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Keeping {
    /// It is the sealing key.
    Seals,
    /// There are states sealed by it.
    Needed {
        /// How many.
        states: u64,
    },
    /// A running node seals with it.
    SealsAt(Node),
    /// Logins and enrolments begun under it may be pending.
    Pending {
        /// When they have expired.
        until: Timestamp,
    },
}

/// The result of resealing one batch.
enum Swap {
    Done,
    Closed,
}

impl Engine {
    /// The id of this node's sealing key.
    pub fn sealing_key(&self) -> KeyId {
        self.keyring().seals()
    }

    /// The ids of the keys in use; the first one seals.
    pub fn key_ids(&self) -> Vec<KeyId> {
        self.keyring().ids().collect()
    }

    /// Counts the states by sealing key. Reads every device.
    pub async fn count_seals(&self) -> Result<Seals, Fault> {
        let mut seals = Seals::default();
        let mut cursor: Option<DeviceId> = None;
        loop {
            let devices = self.store().devices_after(cursor.as_ref(), PAGE).await?;
            let Some(last) = devices.last() else { return Ok(seals) };
            cursor = Some(last.id.clone());
            for device in &devices {
                let count = match Keyring::sealed_by(&device.state.0) {
                    Some(id) => seals.by_key.entry(id).or_default(),
                    None => &mut seals.broken,
                };
                *count = count.saturating_add(1);
            }
        }
    }

    /// How many states cannot be unsealed although the keyring has their key. Unseals every device.
    pub async fn count_closed(&self) -> Result<u64, Fault> {
        let (ids, mut closed, mut cursor) = (self.key_ids(), 0_u64, None::<DeviceId>);
        loop {
            let devices = self.store().devices_after(cursor.as_ref(), PAGE).await?;
            let Some(last) = devices.last() else { return Ok(closed) };
            cursor = Some(last.id.clone());
            for device in devices {
                let ours = Keyring::sealed_by(&device.state.0).is_some_and(|id| ids.contains(&id));
                if ours && self.open_device(device).is_err() {
                    closed = closed.saturating_add(1);
                }
            }
        }
    }

    /// The number of devices of each kind, not counting those being enrolled. Reads every device.
    pub async fn count_kinds(&self) -> Result<BTreeMap<Kind, u64>, Fault> {
        let (mut counts, mut cursor) = (BTreeMap::new(), None::<DeviceId>);
        loop {
            let devices = self.store().devices_after(cursor.as_ref(), PAGE).await?;
            let Some(last) = devices.last() else { return Ok(counts) };
            cursor = Some(last.id.clone());
            for device in devices.into_iter().filter(|device| device.status != Status::Enrolling) {
                let count: &mut u64 = counts.entry(device.kind).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    /// How many devices were last used, or failed, further in the future than clocks may differ: they were dated by a
    /// clock that was ahead. Reads every device.
    pub async fn count_dated_ahead(&self) -> Result<u64, Fault> {
        let (mut ahead, mut cursor, now) = (0_u64, None::<DeviceId>, self.now());
        loop {
            let devices = self.store().devices_after(cursor.as_ref(), PAGE).await?;
            let Some(last) = devices.last() else { return Ok(ahead) };
            cursor = Some(last.id.clone());
            let is_ahead = |device: &&Device<Sealed>| {
                device.last_used.is_some_and(|used| !used.is_credible(now)) || device.throttle.corrected(now).is_some()
            };
            let count = u64::try_from(devices.iter().filter(is_ahead).count()).unwrap_or(u64::MAX);
            ahead = ahead.saturating_add(count);
        }
    }

    /// Reseals the next devices, at most `limit`, with the current sealing key; devices sealed with it already are
    /// skipped. `None` if no device comes after `cursor`.
    pub async fn reseal(&self, cursor: Option<&DeviceId>, limit: u32) -> Result<Option<Resealed>, Fault> {
        let devices = self.store().devices_after(cursor, limit).await?;
        let Some(last) = devices.last().map(|device| device.id.clone()) else { return Ok(None) };
        let looked_at = u64::try_from(devices.len()).unwrap_or(u64::MAX);
        let (mut ids, mut changes, mut closed) = (vec![], vec![], vec![]);
        for device in devices.into_iter().filter(|device| self.is_outdated(device)) {
            let id = device.id.clone();
            match self.open_device(device) {
                Ok(device) => {
                    ids.push(id);
                    changes.push(moved(device));
                }
                Err(fault) => {
                    tracing::error!(%fault, "resealing a device failed");
                    closed.push(id);
                }
            }
        }
        let mut resealed = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        if !changes.is_empty() && *self.commit(&Batch::new(changes)).await?.written() != Written::Done {
            // Another request has changed one of them. Nothing was written; now they are resealed one by one.
            resealed = 0;
            for id in ids {
                match self.reseal_one(&id).await? {
                    Swap::Done => resealed = resealed.saturating_add(1),
                    Swap::Closed => closed.push(id),
                }
            }
        }
        Ok(Some(Resealed { last, looked_at, resealed, closed }))
    }

    /// Reads and reseals one device, again after each conflict.
    async fn reseal_one(&self, id: &DeviceId) -> Result<Swap, Fault> {
        let mut rounds = self.rounds();
        while rounds.next().is_some() {
            let device = self.store().device(id).await?;
            let Some(device) = device.filter(|device| self.is_outdated(device)) else { return Ok(Swap::Done) };
            let Ok(device) = self.open_device(device) else { return Ok(Swap::Closed) };
            if *self.commit(&Batch::new(vec![moved(device)])).await?.written() == Written::Done {
                return Ok(Swap::Done);
            }
        }
        Err(Fault::busy("seal a state anew in time", std::time::Duration::from_secs(1)))
    }

    fn is_outdated(&self, device: &Device<Sealed>) -> bool {
        Keyring::sealed_by(&device.state.0) != Some(self.keyring().seals())
    }

    /// The running nodes that do not have this key, and so could not unseal with it.
    pub async fn nodes_without(&self, key: KeyId) -> Result<Vec<Node>, Fault> {
        let id = key.to_string();
        let nodes = self.nodes().await?;
        Ok(nodes.into_iter().filter(|node| self.may_run(node) && !node.keys.contains(&id)).collect())
    }

    /// The running nodes whose sealing key is not this node's.
    pub async fn nodes_behind(&self) -> Result<Vec<Node>, Fault> {
        let id = self.sealing_key().to_string();
        let nodes = self.nodes().await?;
        Ok(nodes.into_iter().filter(|node| self.may_run(node) && node.keys.first() != Some(&id)).collect())
    }

    /// Whether a node may be running. One whose clock is ahead counts until its report is purged.
    fn may_run(&self, node: &Node) -> bool {
        self.is_live(node) || !node.seen.is_credible(self.now())
    }

    /// Why this key must be kept; `None` if nothing depends on it.
    pub async fn keeping(&self, key: KeyId) -> Result<Option<Keeping>, Fault> {
        if key == self.sealing_key() {
            return Ok(Some(Keeping::Seals));
        }
        let (id, now, timeout) = (key.to_string(), self.now(), self.config().login_timeout);
        let mut pending = None;
        // Nodes first: one that seals with it may seal a state at any moment.
        for node in self.nodes().await? {
            let seals = node.keys.first() == Some(&id);
            if seals && self.may_run(&node) {
                return Ok(Some(Keeping::SealsAt(node)));
            }
            // One that is gone may have sealed until shortly after its last report; one that has changed keys while it
            // ran may have sealed with this one until then.
            let last = match (seals, node.sealing_since > node.started) {
                (true, _) => Some(node.seen.after(LIVE_FOR)),
                (false, true) => Some(node.sealing_since),
                (false, false) => None,
            };
            let last = last.filter(|last| last.is_credible(now.after(LIVE_FOR)));
            pending = pending.max(last.map(|last| last.after(timeout)));
        }
        if let Some(until) = pending.filter(|until| *until > now) {
            return Ok(Some(Keeping::Pending { until }));
        }
        let states = self.count_seals().await?.by_key.get(&key).copied();
        Ok(states.map(|states| Keeping::Needed { states }))
    }
}

/// The change that rewrites a device unchanged.
fn moved(mut device: Device) -> Change {
    device.version = device.version.saturating_add(1);
    Change::Device(DeviceChange::Update(device))
}
