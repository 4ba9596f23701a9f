//! After a database was restored from a backup: the moment is noted, and what cannot be made safe is told.
//!
//! Neither needs the keys, so both work on a store alone. What follows from the moment is decided in the core, whenever an
//! answer is judged (`countersign_core::restored`, ADR 15).

use std::collections::BTreeMap;

use countersign_core::{
    Batch, Change, DeviceId, DeviceName, Kind, RestorationChange, Timestamp, UserId, Written, restored,
};

use crate::{Fault, Store};

/// How many devices are read at once.
const PAGE: u32 = 1000;
/// How often noting the moment is tried while servers are, against all advice, running.
const ROUNDS: u32 = 100;

/// A device whose answers may have been used since the backup, and are good again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InDoubt {
    /// The device.
    pub id: DeviceId,
    /// Its method.
    pub kind: Kind,
    /// What its owner calls it.
    pub name: DeviceName,
}

/// Notes that the database was restored just before `at`: ends every session and every token, and from then on refuses what
/// may have been used before. Faults if it cannot be written.
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

/// When the database was last restored, if that was noted.
pub async fn moment(store: &dyn Store) -> Result<Option<Timestamp>, Fault> {
    // The moment comes with every account, also with that of nobody.
    Ok(store.factors(&UserId::new("")).await?.account.restored)
}

/// The devices in doubt, by user. Reads every device; nothing if the database was never restored.
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
