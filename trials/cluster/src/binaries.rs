//! The location of PostgreSQL's programs: on the path, or where Debian installs them.

use std::{env, fs, io, path::PathBuf};

/// Debian has a folder for each version below this one, which is not on the path.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The program of this name, of the newest installed version.
pub(crate) fn program(name: &str) -> io::Result<PathBuf> {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let numbers = versions.filter_map(|version| version.file_name().to_str()?.parse::<u32>().ok());
    let newest = numbers.max().map(|version| format!("{DEBIAN}/{version}/bin").into());
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = newest.into_iter().chain(env::split_paths(&path));
    let found = folders.map(|folder: PathBuf| folder.join(name)).find(|program| program.is_file());
    found.ok_or_else(|| {
        let text = format!("there is no PostgreSQL here ({name} is missing): install Debian's package postgresql");
        io::Error::new(io::ErrorKind::NotFound, text)
    })
}
