//! Checks where a file is stored: whether the storage is durable, and who can read the file.

use std::{fs, path::Path};

/// Why data written here may be lost, or `None` if no reason is known.
#[cfg(target_os = "linux")]
pub(super) fn doubt(path: &Path) -> Option<&'static str> {
    // The values are from the kernel's `magic.h`.
    const MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
    const NETWORK: [u64; 4] = [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x517b];
    const LAYERS: u64 = 0x794c_7630;
    let kind = rustix::fs::statfs(path).ok().and_then(|found| u64::try_from(found.f_type).ok())?;
    if MEMORY.contains(&kind) {
        return Some("the database is on a file system in memory and is lost at a restart: put it on a disk");
    }
    if NETWORK.contains(&kind) {
        return Some(
            "the database is on a network file system, where SQLite's locks are not reliable: put it on a local disk",
        );
    }
    (kind == LAYERS)
        .then_some("the database is in a container's own layer and is lost with the container: put it on a volume")
}

#[cfg(not(target_os = "linux"))]
pub(super) fn doubt(_: &Path) -> Option<&'static str> {
    None
}

/// Whether users other than the owner can read the file.
#[cfg(unix)]
pub(super) fn others_can_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
pub(super) fn others_can_read(path: &Path) -> bool {
    let _ = fs::metadata(path);
    false
}
