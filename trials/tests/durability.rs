//! Durability: SIGKILL keeps the page cache, so it is verified by the system calls.
//!
//! The write-ahead log is synced after the last byte of an accepted login was written to it and before the first byte
//! of the accepting response is sent. The same check of the same program with a lower `synchronous` finds no such sync.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a trial fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use trials::{PASSWORD, Server, Walk, code_of, program, wait_for_a_fresh_code};

/// Signs in under `strace` and returns whether the response waited for the disk.
async fn the_answer_waits_for_the_disk(program: &Path) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-y",
        "-s",
        "100",
        "-e",
        "trace=read,recvfrom,pwrite64,fsync,fdatasync,write,writev,sendto",
        "-o",
    ]);
    strace.arg(&trace).arg(program);
    let server = Server::run(&strace, &folder.path().join("demo"));
    let mut browser = server.browser();
    browser.gives_password("demo", PASSWORD).await;
    let key = browser.sets_up().await;
    wait_for_a_fresh_code();
    let mut browser = server.browser();
    browser.gives_password("demo", PASSWORD).await;
    assert!(browser.answers(&code_of(&key)).await.status.is_redirection());
    drop(server);
    waited(&fs::read_to_string(&trace).unwrap())
}

/// Reads the trace of the last login: the request, the log, the sync, the response.
fn waited(trace: &str) -> bool {
    let calls: Vec<&str> = trace.lines().collect();
    let request = calls.iter().rposition(|call| call.contains("POST /account/login/second-factor "));
    let calls = &calls[request.expect("the trace shows the request")..];
    let writes = |call: &str| ["write(", "writev(", "sendto("].iter().any(|name| call.contains(name));
    let answer = calls.iter().position(|call| writes(call) && call.contains("HTTP/1.1 303"));
    let calls = &calls[..answer.expect("the trace shows the answer")];
    let logged = calls.iter().rposition(|call| call.contains("pwrite64(") && call.contains("countersign.db-wal"));
    let calls = &calls[logged.expect("a login writes to the log before it is answered")..];
    calls.iter().any(|call| is_sync_of_the_log(call))
}

/// `fsync` or `fdatasync`, completed without an error. A call that was interrupted in the trace by another thread's
/// call has two lines, of which the second does not name the file; only the writer syncs anything.
fn is_sync_of_the_log(call: &str) -> bool {
    let begun_and_done = call.contains("sync(") && call.contains("countersign.db-wal");
    (begun_and_done || call.contains("sync resumed>")) && call.trim_end().ends_with("= 0")
}

#[tokio::test]
async fn an_accepting_answer_waits_for_the_disk() {
    assert!(the_answer_waits_for_the_disk(&program()).await);
}

#[tokio::test]
async fn the_look_would_notice_if_it_did_not() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!the_answer_waits_for_the_disk(&with_less_durability(folder.path())).await);
}

/// The same program with one value changed: 1 is NORMAL.
fn with_less_durability(folder: &Path) -> PathBuf {
    let (full, normal) = (b"PRAGMA synchronous = FULL;", b"PRAGMA synchronous = 1   ;");
    let mut bytes = fs::read(program()).unwrap();
    let places: Vec<_> = (0..bytes.len() - full.len()).filter(|place| bytes[*place..].starts_with(full)).collect();
    assert_eq!(places.len(), 1, "the setting stands in the program once");
    bytes[places[0]..places[0] + normal.len()].copy_from_slice(normal);
    let [written, changed] = ["written", "countersign"].map(|name| folder.join(name));
    fs::write(&written, bytes).unwrap();
    // Another process writes the program: children of other tests could still have a file of ours open for writing.
    let install = Command::new("install").args(["-m", "755"]).args([&written, &changed]).status();
    assert!(install.unwrap().success());
    changed
}
