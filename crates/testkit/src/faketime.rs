//! Another time for a real program.

use std::{fs, path::PathBuf, process::Command};

/// Gives a program a clock that is off by `offset`, as in `+40s` or `-2d`. What measures waiting goes on as ever.
///
/// The library of Debian's package `faketime` is preloaded. Its program of the same name is not used: it stands between the
/// caller and the program that is started, and leaves a semaphore behind where it is killed.
pub fn shift_clock(command: &mut Command, offset: &str) {
    command.env("LD_PRELOAD", library()).env("FAKETIME", offset);
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
}

/// The variant for programs with threads.
fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").expect("there is a folder of libraries").flatten().map(|entry| entry.path());
    let mut libraries = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    libraries.find(|library| library.is_file()).expect("there is no libfaketime (Debian: faketime)")
}
