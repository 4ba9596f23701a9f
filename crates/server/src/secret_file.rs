//! Files that hold a secret: keys, passwords, tokens. The same rules apply to all of them before any byte is used.
//!
//! Only the owner may be able to read such a file, with one exception: secret stores mount files that belong to root
//! and that the group of the process may read (mode 0440), as Kubernetes does for `fsGroup`, Docker for a secret with a
//! `gid`, and systemd for credentials. Symbolic links are followed, because Kubernetes puts the files behind `..data`.
//! The check is made on the opened file, so the file that is checked is the file that is read.

use std::{fs::File, io::Read as _, path::Path};

use anyhow::{Context as _, Result};
use countersign_engine::core::Secret;
use zeroize::Zeroizing;

/// The byte order mark that some shells and editors put before UTF-8. It is not part of a secret: no user could type
/// it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The text of the file at `path`, called `what` in errors. A missing file is an [`std::io::Error`] in the chain.
pub(crate) fn read(path: &Path, what: &str) -> Result<Zeroizing<String>> {
    let unreadable = || format!("could not read the {what} {}", path.display());
    let mut file = File::open(path).with_context(unreadable)?;
    refuse_open(&file, path, what)?;
    let length = file.metadata().map(|metadata| metadata.len()).with_context(unreadable)?;
    // Allocate the whole size, because a buffer that grows would leave copies in memory.
    let room = usize::try_from(length).unwrap_or_default().saturating_add(1);
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.read_to_string(&mut text).with_context(unreadable)?;
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len_utf8());
    }
    Ok(text)
}

/// The text without a leading byte order mark.
pub(crate) fn without_byte_order_mark(text: &str) -> &str {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// The secret in the first line of the file at `path`.
pub(crate) fn first_line(path: &Path) -> Result<Secret> {
    let text = read(path, "secret file")?;
    let line = text.lines().next().filter(|line| !line.is_empty());
    line.map(Secret::new).with_context(|| format!("the first line of the secret file {} is empty", path.display()))
}

/// Whether there is a file at `path` that more users can read than may read a secret file.
pub(crate) fn is_open(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| refuse_open(&file, path, "file").is_err())
}

#[cfg(unix)]
fn refuse_open(file: &File, path: &Path, what: &str) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let unknown = || format!("could not check the {what} {}", path.display());
    let metadata = file.metadata().with_context(unknown)?;
    let access = Access { mode: metadata.mode() & 0o7777, owner: metadata.uid(), group: metadata.gid() };
    let process = Process::this().with_context(unknown)?;
    let Some(advice) = access.advice(&process) else { return Ok(()) };
    let path = path.display();
    match advice {
        Advice::ChangeMode => anyhow::bail!("other users can read the {what} {path}: run `chmod 600 {path}`"),
        Advice::MountOtherwise => anyhow::bail!(
            "other users can read the {what} {path}: a secret store must mount it for its owner only (mode 0400), or \
             for root and a group of this process (mode 0440)"
        ),
    }
}

#[cfg(not(unix))]
fn refuse_open(_: &File, _: &Path, _: &str) -> Result<()> {
    Ok(())
}

/// A file's owner, group and mode.
#[cfg(unix)]
#[derive(Clone, Copy, Debug)]
struct Access {
    mode: u32,
    owner: u32,
    group: u32,
}

/// The user and groups as which this process opens files.
#[cfg(unix)]
#[derive(Clone, Debug)]
struct Process {
    user: u32,
    groups: Vec<u32>,
}

/// What to do about a file that other users can read.
#[cfg(unix)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Advice {
    ChangeMode,
    MountOtherwise,
}

#[cfg(unix)]
const ROOT: u32 = 0;

#[cfg(unix)]
impl Access {
    /// What to do about the file; `None` if it is as it should be.
    fn advice(self, process: &Process) -> Option<Advice> {
        // The owner can write the file, so the owner can also change its mode.
        let is_ours = self.owner == process.user && self.mode & 0o200 != 0;
        // Root can read everything, so its group adds no reader; systemd assigns its credentials to that group.
        let is_our_group = self.group == ROOT || process.groups.contains(&self.group);
        let is_mounted = self.owner == ROOT && !is_ours && is_our_group;
        let for_others = if is_mounted { 0o037 } else { 0o077 };
        match (self.mode & for_others, is_ours) {
            (0, _) => None,
            (_, true) => Some(Advice::ChangeMode),
            (_, false) => Some(Advice::MountOtherwise),
        }
    }
}

#[cfg(unix)]
impl Process {
    fn this() -> Result<Self> {
        use rustix::process::{getegid, geteuid, getgroups};
        let mut groups: Vec<u32> = getgroups()?.into_iter().map(rustix::process::Gid::as_raw).collect();
        groups.push(getegid().as_raw());
        Ok(Self { user: geteuid().as_raw(), groups })
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use super::*;

    #[test]
    fn who_may_read_a_secret_file() {
        let server = Process { user: 10001, groups: vec![10001, 2000] };
        let root = Process { user: ROOT, groups: vec![ROOT, 2000] };
        let fine = None;
        let (change, mount) = (Some(Advice::ChangeMode), Some(Advice::MountOtherwise));
        for (process, owner, group, mode, advice) in [
            (&server, 10001, 10001, 0o600, fine),
            (&server, 10001, 10001, 0o400, fine),
            (&server, 10001, 10001, 0o640, change),
            (&server, 10001, 10001, 0o604, change),
            (&server, 10001, 10001, 0o440, mount),
            (&server, ROOT, 2000, 0o440, fine),
            (&server, ROOT, 10001, 0o640, fine),
            (&server, ROOT, ROOT, 0o440, fine),
            (&server, ROOT, 3000, 0o440, mount),
            (&server, ROOT, 2000, 0o444, mount),
            (&server, ROOT, 2000, 0o460, mount),
            (&server, ROOT, 2000, 0o450, mount),
            (&server, 10002, 2000, 0o440, mount),
            (&root, ROOT, ROOT, 0o600, fine),
            (&root, 10001, 10001, 0o600, fine),
            (&root, ROOT, ROOT, 0o440, fine),
            (&root, ROOT, 2000, 0o440, fine),
            (&root, ROOT, 3000, 0o440, mount),
            (&root, ROOT, ROOT, 0o640, change),
            (&root, ROOT, ROOT, 0o444, mount),
            (&root, ROOT, ROOT, 0o644, change),
        ] {
            let access = Access { mode, owner, group };
            assert_eq!(access.advice(process), advice, "{access:?} {process:?}");
        }
    }

    /// T145: the mode of the file counts, and not the mode of a symbolic link to it.
    #[test]
    fn t145_a_link_is_as_good_as_the_file_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("..2030")).unwrap();
        fs::write(at("..2030/password"), "hunter2\nmore\n").unwrap();
        symlink("..2030", at("..data")).unwrap();
        symlink("..data/password", at("password")).unwrap();
        for (mode, readable) in [(0o400, true), (0o600, true), (0o444, false), (0o644, false), (0o602, false)] {
            fs::set_permissions(at("..2030/password"), fs::Permissions::from_mode(mode)).unwrap();
            let read = first_line(&at("password"));
            let line = read.as_ref().ok().map(|secret| secret.expose().to_owned());
            assert_eq!(line.as_deref(), readable.then_some("hunter2"), "{mode:o}: {read:?}");
        }
    }
}
