//! The file: how it comes to be, who may read it, who may open it, and what is left in it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path, sync::Arc, thread};

use countersign_engine::{
    Store,
    core::{
        Change, Device, DeviceChange, DeviceId, DeviceName, Kind, Sealed, Status, Timestamp, UserId, throttle::Throttle,
    },
};
use countersign_store::{Migrated, SqliteStore, StoreError};
use countersign_testkit::contract::store::batch;
use rusqlite::Connection;
use tempfile::TempDir;

/// The last migration there is.
const NEWEST: u32 = 11;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn says(error: &StoreError, what: &str) {
    assert!(error.to_string().contains(what), "{error}");
}

#[test]
fn a_migration_is_done_once() {
    let folder = folder();
    let path = folder.path().join("store.db");
    assert_eq!(SqliteStore::migrate(&path).unwrap(), Migrated { from: 0, to: NEWEST });
    assert_eq!(SqliteStore::migrate(&path).unwrap(), Migrated { from: NEWEST, to: NEWEST });
    let _open = SqliteStore::open(&path).unwrap();
    assert_eq!(SqliteStore::migrate(&path).unwrap(), Migrated { from: NEWEST, to: NEWEST }, "while it is in use");
}

#[test]
fn many_who_migrate_at_once_migrate_once() {
    for _ in 0..20 {
        let folder = folder();
        let path = Arc::new(folder.path().join("store.db"));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let path = Arc::clone(&path);
                thread::spawn(move || {
                    let migrated = SqliteStore::migrate(&path).unwrap();
                    SqliteStore::open(&path).unwrap();
                    migrated
                })
            })
            .collect();
        let migrated: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(migrated.iter().filter(|migrated| migrated.from == 0).count(), 1);
    }
}

#[test]
fn a_database_that_is_not_there_or_not_ready_says_what_to_run() {
    let folder = folder();
    let path = folder.path().join("store.db");
    let missing = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(missing, StoreError::Missing { .. }));
    says(&missing, "run `countersign migrate` to create it");
    assert!(!path.exists(), "looking has created it");

    Connection::open(&path).unwrap().execute_batch("CREATE TABLE recipe (name TEXT)").unwrap();
    let empty = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(empty, StoreError::Empty { .. }));
    says(&empty, "run `countersign migrate`");
}

#[test]
fn a_database_from_the_future_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("store.db");
    SqliteStore::migrate(&path).unwrap();
    let newer = "INSERT INTO countersign_migration (version, name) VALUES (99, 'from the future')";
    Connection::open(&path).unwrap().execute_batch(newer).unwrap();
    for error in [SqliteStore::open(&path).unwrap_err(), SqliteStore::migrate(&path).unwrap_err()] {
        assert!(matches!(error, StoreError::Ahead { found: 99, known: NEWEST, .. }));
        says(&error, "run the version of Countersign that migrated it, or a newer one");
    }
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("letter.txt");
    let letter = "Dear Ada, this is no database, however long it may be. ".repeat(100);
    fs::write(&path, &letter).unwrap();
    assert!(SqliteStore::open(&path).is_err());
    assert!(SqliteStore::migrate(&path).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), letter);
}

#[test]
fn a_migration_that_fails_leaves_nothing_behind() {
    let folder = folder();
    let path = folder.path().join("store.db");
    let host = Connection::open(&path).unwrap();
    host.execute_batch("CREATE TABLE session (mine TEXT)").unwrap();
    let error = SqliteStore::migrate(&path).unwrap_err();
    assert_eq!(error.to_string(), "could not apply a migration");
    let tables: i64 =
        host.query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_path_is_a_path_whatever_it_looks_like() {
    let folder = folder();
    for name in [":memory:", "file:store.db?mode=memory", "a store's.db", "zoë.db"] {
        let path = folder.path().join(name);
        SqliteStore::migrate(&path).unwrap();
        SqliteStore::open(&path).unwrap().ping().await.unwrap();
        assert!(fs::metadata(&path).unwrap().len() > 0, "{name}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_but_the_owner_can_read_a_new_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let path = folder.path().join("store.db");
    SqliteStore::migrate(&path).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    store.commit(batch(vec![Change::Device(DeviceChange::Add(device()))])).await.unwrap();
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 3, "the database, its log and the index of the log");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.path().display());
    }
    // What an operator has chosen stays.
    let path = folder.path().join("shared.db");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    SqliteStore::migrate(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[tokio::test]
async fn with_the_last_handle_the_file_is_closed_and_the_log_tidied_away() {
    let folder = folder();
    let path = folder.path().join("store.db");
    SqliteStore::migrate(&path).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let clone = store.clone();
    store.commit(batch(vec![Change::Device(DeviceChange::Add(device()))])).await.unwrap();
    drop(store);
    clone.ping().await.unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    drop(clone);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn nothing_of_a_removed_device_is_left_in_the_file() {
    let folder = folder();
    let path = folder.path().join("store.db");
    SqliteStore::migrate(&path).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let state = device().state.0;
    store.commit(batch(vec![Change::Device(DeviceChange::Add(device()))])).await.unwrap();
    drop(store);
    assert!(holds(&path, &state), "the device was never there");
    let store = SqliteStore::open(&path).unwrap();
    let removal = Change::Device(DeviceChange::Remove { device: DeviceId::new("phone"), expected_version: 1 });
    store.commit(batch(vec![removal])).await.unwrap();
    drop(store);
    assert!(!holds(&path, &state), "the state of a removed device");
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes)
}

fn device() -> Device<Sealed> {
    Device {
        id: DeviceId::new("phone"),
        user: UserId::new("ada"),
        kind: Kind::TOTP,
        name: DeviceName::parse("Phone").unwrap(),
        status: Status::Active,
        version: 1,
        throttle: Throttle::default(),
        created: Timestamp::from_seconds(1),
        last_used: None,
        state: Sealed(b"a state that is found again".to_vec()),
    }
}

/// SQLite before 3.42 says of a CHECK that asks `json_valid` of an empty column that the row breaks it.
#[test]
fn t126_no_check_asks_json_valid_of_a_column_that_may_be_empty() {
    let folder = folder();
    let path = folder.path().join("store.db");
    SqliteStore::migrate(&path).unwrap();
    let schema =
        "SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%json_valid%' AND sql NOT LIKE '%IS NULL OR json_valid%'";
    let asking: i64 = Connection::open(&path).unwrap().query_row(schema, [], |row| row.get(0)).unwrap();
    assert_eq!(asking, 0);
}
