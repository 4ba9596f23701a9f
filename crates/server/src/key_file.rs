//! The key file: read as a whole, and replaced as a whole.
//!
//! It holds the keys that seal device states and attempts; an attacker who has it and the database has every second
//! factor. It is created for its owner only, and read like every other secret file ([`secret_file`]). A change is
//! written to a file beside it, made durable and then moved into its place, so that readers find the old keys or the
//! new ones and never a part of them. Comments in it are kept.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use countersign_engine::{KeyId, Keyring, Random};
use zeroize::Zeroizing;

use crate::secret_file;

/// The first lines of a new file.
const HEAD: &str = "# Countersign's keys: the first one seals, all of them unseal. Without them no device works.\n\
                    # Keep a copy apart from the database.\n";

/// The keys in the file at `path`.
pub(crate) fn read(path: &Path) -> Result<Keyring> {
    parse(path, &text_of(path)?)
}

fn text_of(path: &Path) -> Result<Zeroizing<String>> {
    match secret_file::read(path, "key file") {
        Err(error) if error.downcast_ref().map(io::Error::kind) == Some(io::ErrorKind::NotFound) => {
            bail!("there is no key file at {}: run `countersign keys new {0}` to create one", path.display())
        }
        read => read,
    }
}

fn parse(path: &Path, text: &str) -> Result<Keyring> {
    Keyring::parse(text).with_context(|| format!("could not use the key file {}", path.display()))
}

/// Creates a key file with one new key, durable before this returns. An existing file is not changed.
pub(crate) fn create(path: &Path, random: &dyn Random) -> Result<KeyId> {
    let id = KeyId::draw(random);
    let line = Keyring::new_line(id, random);
    let text = Zeroizing::new([HEAD, &line].concat());
    let written = private().open(path).and_then(|file| write(file, &text)).and_then(|_| sync_folder(path));
    written.with_context(|| format!("could not create the key file {}", path.display()))?;
    Ok(id)
}

/// Adds a new key as the last one: this node can unseal with it, but does not seal with it.
pub(crate) fn add(path: &Path, random: &dyn Random) -> Result<KeyId> {
    let id = KeyId::draw(random);
    change(path, |lines| {
        let line = Keyring::new_line(id, random);
        let mut lines: Vec<&str> = lines.to_vec();
        lines.push(line.trim_end());
        Ok(joined(&lines))
    })?;
    Ok(id)
}

/// Makes this key the first one, so that it is the sealing key.
pub(crate) fn promote(path: &Path, id: KeyId) -> Result<()> {
    change(path, |lines| {
        let (mut others, line) = without(lines, id)?;
        let first = others.iter().position(|line| is_key(line)).unwrap_or(others.len());
        others.insert(first, line);
        Ok(joined(&others))
    })
}

/// Removes this key.
pub(crate) fn remove(path: &Path, id: KeyId) -> Result<()> {
    change(path, |lines| without(lines, id).map(|(others, _)| joined(&others)))
}

/// The lines without the one of this key, and the line of this key.
fn without<'a>(lines: &[&'a str], id: KeyId) -> Result<(Vec<&'a str>, &'a str)> {
    let line = lines.iter().find(|line| Keyring::key_in(line) == Some(id)).copied();
    let line = line.with_context(|| format!("there is no key {id} in the key file"))?;
    Ok((lines.iter().filter(|line| Keyring::key_in(line) != Some(id)).copied().collect(), line))
}

fn is_key(line: &str) -> bool {
    Keyring::key_in(line).is_some()
}

fn joined(lines: &[&str]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(lines.iter().map(|line| line.len().saturating_add(1)).sum()));
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Replaces the file by the result of `edit`, for the same owner, if the result is a valid keyring.
fn change(path: &Path, edit: impl FnOnce(&[&str]) -> Result<Zeroizing<String>>) -> Result<()> {
    // Replace the file itself, not a symbolic link to it.
    let path = fs::canonicalize(path).with_context(|| format!("could not find the key file {}", path.display()))?;
    let doing = || format!("could not change the key file {}", path.display());
    let before = File::open(&path).with_context(doing)?;
    before
        .try_lock()
        .map_err(io::Error::from)
        .with_context(|| format!("{}: another command is changing it, run this command again", doing()))?;
    ensure!(same(&before, &path).with_context(doing)?, "{}: it was changed meanwhile, run this command again", doing());
    let text = text_of(&path)?;
    let lines: Vec<&str> = text.lines().collect();
    let text = edit(&lines)?;
    parse(&path, &text)?;
    let beside = beside(&path);
    // This file was left behind by an interrupted change; no process uses it.
    let _ = fs::remove_file(&beside);
    let replaced = private()
        .open(&beside)
        .and_then(|file| write(file, &text))
        .and_then(|file| give_to_owner(&file, &before))
        .and_then(|()| fs::rename(&beside, &path))
        .and_then(|()| sync_folder(&path));
    if replaced.is_err() {
        let _ = fs::remove_file(&beside);
    }
    replaced.with_context(doing)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// Creates a new file that only its owner can read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn write(mut file: File, text: &str) -> io::Result<File> {
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(file)
}

/// Makes the file's name as durable as its content.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Whether this is still the file at `path`.
#[cfg(unix)]
fn same(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (open, there) = (file.metadata()?, fs::metadata(path)?);
    Ok((open.dev(), open.ino()) == (there.dev(), there.ino()))
}

#[cfg(not(unix))]
fn same(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Gives the new file the owner of the old one: root may change the keys of a server that does not run as root.
#[cfg(unix)]
fn give_to_owner(file: &File, before: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let (old, new) = (before.metadata()?, file.metadata()?);
    if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
        fchown(file, Some(old.uid()), Some(old.gid()))?;
    }
    if old.mode() != new.mode() {
        file.set_permissions(old.permissions())?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn give_to_owner(_: &File, _: &File) -> io::Result<()> {
    Ok(())
}
