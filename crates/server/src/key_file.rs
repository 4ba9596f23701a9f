//! The key file: read whole, and made once.
//!
//! It holds the keys that seal device states and runs of flows; whoever has it and the database has every second factor.
//! It is made for its owner's eyes only, never written over, and refused when others could read it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use countersign_engine::{Keyring, Random};
use zeroize::Zeroizing;

/// The keys in the file at `path`.
pub(crate) fn read(path: &Path) -> Result<Keyring> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            bail!("there is no key file at {}: run `countersign keys new {0}` to make one", path.display())
        }
        Err(cause) => return Err(cause).with_context(|| format!("could not read the key file {}", path.display())),
    };
    refuse_open(path)?;
    Keyring::parse(&text).with_context(|| format!("could not use the key file {}", path.display()))
}

/// Makes a key file with one new key, durable before this returns. What is there already stays as it is.
pub(crate) fn create(path: &Path, random: &dyn Random) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|file| write(file, path, random));
    written.with_context(|| format!("could not make the key file {}", path.display()))
}

fn write(mut file: File, path: &Path, random: &dyn Random) -> io::Result<()> {
    file.write_all(
        b"# Countersign's keys. Without them no second factor can be read. Keep a copy apart from the database.\n",
    )?;
    file.write_all(Keyring::new_line(1, random).as_bytes())?;
    file.sync_all()?;
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// An error if anybody but the file's owner can read it.
fn refuse_open(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).with_context(|| format!("could not look at {}", path.display()))?.permissions();
        if mode.mode() & 0o077 != 0 {
            bail!("others can read the key file {}: run `chmod 600 {0}`", path.display());
        }
    }
    Ok(())
}
