//! After a restore from a backup: records the time, and reports what cannot be made safe.
//!
//! Neither needs the keys, so both work on a store alone. The consequences are decided in the core whenever an answer
//! is judged (`countersign_core::restored`, ADR 15).

use std::collections::BTreeMap;

use countersign_core::{
    Batch, Change, DeviceId, DeviceName, Kind, RestorationChange, Timestamp, UserId, Written, restored,
};

use crate::{Fault, Store};

/// How many devices are read at once.
const PAGE: u32 = 1000;
/// How often the write is retried if servers are running during the restore, which they should not.
const ROUNDS: u32 = 100;

/// A device whose answers may have been used since the backup, and are valid again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InDoubt {
    /// The device.
    pub id: DeviceId,
    /// Its method.
    pub kind: Kind,
    /// The name its owner gave it.
    pub name: DeviceName,
}

/// Records that the database was restored just before `at`: revokes every session and token, and from then on refuses
/// answers that may have been used before. Returns a fault if it cannot be written.
pub async fn note(store: &dyn Store, at: Timestamp) -> Result<(), Fault> {
    const DOING: &str = "note that the database was restored";
    for _ in 0..ROUNDS {
        let batch =
            Batch::new(vec![Change::Restoration(RestorationChange::Note { at })]).seal(|_| Err(Fault::new(DOING)))?;
        if *store.commit(batch).await?.written() == Written::Done {
            return Ok(());
        }
    }
    Err(Fault::because(DOING, "servers are running: stop every one of them first"))
}

/// When the database was last restored, if that was recorded.
pub async fn moment(store: &dyn Store) -> Result<Option<Timestamp>, Fault> {
    // The time is read with every account, even that of no user.
    Ok(store.factors(&UserId::new("")).await?.account.restored)
}

/// The devices in doubt, by user. Reads every device; empty if the database was never restored.
pub async fn in_doubt(store: &dyn Store) -> Result<BTreeMap<UserId, Vec<InDoubt>>, Fault> {
    let mut doubts: BTreeMap<UserId, Vec<InDoubt>> = BTreeMap::new();
    let Some(moment) = moment(store).await? else { return Ok(doubts) };
    let mut cursor: Option<DeviceId> = None;
    loop {
        let devices = store.devices_after(cursor.as_ref(), PAGE).await?;
        let Some(last) = devices.last() else { return Ok(doubts) };
        cursor = Some(last.id.clone());
        for device in devices.into_iter().filter(|device| restored::is_in_doubt(device, moment)) {
            let doubt = InDoubt { id: device.id, kind: device.kind, name: device.name };
            doubts.entry(device.user).or_default().push(doubt);
        }
    }
}
