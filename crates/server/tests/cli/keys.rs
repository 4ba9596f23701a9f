//! Changing keys while a server runs.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use countersign_engine::{Clock as _, SystemClock};
use countersign_testkit::SoftApp;

use crate::{
    crowd::People,
    database::stands_in,
    house::{Engine, House, PASSWORD, Server, Told, patiently},
    person::Person,
};

/// The id of the key that a command has created.
fn new_key(house: &House) -> String {
    house.run("keys new --json").json()["key"].as_str().unwrap().to_owned()
}

/// The line of `keys list` about this key.
fn listed(house: &House, key: &str) -> serde_json::Value {
    let all = house.run("keys list --json").json();
    let found = all["keys"].as_array().unwrap().iter().find(|listed| listed["id"] == key).cloned();
    found.unwrap_or_else(|| panic!("no key {key} in {all}"))
}

/// Runs a command until it succeeds.
#[track_caller]
fn in_the_end(house: &House, line: &str) -> Told {
    patiently(|| Some(house.run(line)).filter(|told| told.status == 0))
        .unwrap_or_else(|| panic!("{line}: {:?}", house.run(line)))
}

fn first_key(house: &House) -> String {
    let text = fs::read_to_string(house.path("countersign.key")).unwrap();
    text.lines().find(|line| !line.starts_with('#')).unwrap().split(':').next().unwrap().to_owned()
}

#[tokio::test]
async fn keys_are_changed_under_load_and_the_old_one_leaves_no_trace() {
    let house = changed_under_load(Engine::Sqlite).await;
    let [old, new] = ["gone", "here"].map(|name| fs::read_to_string(house.path(name)).unwrap());
    house.run("backup later.db").succeeds();
    assert!(!stands_in(&house.path("later.db"), &old) && stands_in(&house.path("later.db"), &new));
}

#[tokio::test]
async fn keys_are_changed_under_load_on_postgres_and_the_old_one_leaves_no_trace() {
    changed_under_load(Engine::Postgres).await;
}

async fn changed_under_load(engine: Engine) -> House {
    const NAMES: [&str; 6] = ["ada", "bob", "eve", "joe", "kim", "zoe"];
    let house = House::of_on(engine, &[&NAMES[..], &["max", "new"]].concat());
    let old = first_key(&house);
    let mut server = house.serves_with("serve --bind 127.0.0.1:0", &[("COUNTERSIGN_LOGIN_TIMEOUT", "8s")]);
    let people = People::at(&server, &NAMES).await;
    let mut max = Person::at(&server, "max");
    let app = max.sets_up().await;
    let codes = max.makes_backup_codes().await;
    if engine == Engine::Postgres {
        // From now on, only this test makes statistics.
        house.sql("ALTER TABLE device SET (autovacuum_enabled = off); ALTER TABLE node SET (autovacuum_enabled = off)");
        house.sql("ANALYZE");
    }
    assert!(house.traces(&old).into_iter().all(|found| found), "the search would find it");
    assert_eq!(listed(&house, &old)["devices"], 14);

    let new = new_key(&house);
    assert_eq!(first_key(&house), old, "a new key does not seal yet");
    in_the_end(&house, &format!("keys promote {new}"));
    assert_eq!(first_key(&house), new);
    assert_eq!(fs::metadata(house.path("countersign.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let before = people.signed_in();
    let resealed = house.run("keys rotate --json").json();
    assert_eq!(resealed["key"], new.as_str());
    let text = house.run("keys list").succeeds().to_owned();
    assert!(text.contains(&format!("{new}  seals, 14 devices, at 1 of 1 running nodes")), "{text}");
    assert!(text.contains(&format!(" with {new}, {old}")), "{text}");
    assert!(resealed["resealed"].as_u64().unwrap() <= 14);
    assert_eq!(
        (listed(&house, &old)["devices"].clone(), listed(&house, &new)["devices"].clone()),
        (0.into(), 14.into())
    );
    assert_eq!(house.run("keys rotate --json").json()["resealed"], 0, "what is done is done once");

    let early = house.run_in_place(&format!("keys remove {old}"), &[("COUNTERSIGN_LOGIN_TIMEOUT", "8s")]);
    assert!(early.fails().contains("may continue for another"), "{early:?}");
    let told = patiently(|| {
        let told = house.run_in_place(&format!("keys remove {old}"), &[("COUNTERSIGN_LOGIN_TIMEOUT", "8s")]);
        Some(told).filter(|told| told.status == 0)
    });
    told.unwrap().succeeds();
    server.wait_for(&format!("keys=[{new}]"));
    let removed = people.signed_in();
    assert!(
        removed > before && removed < 60,
        "no user has signed in meanwhile, or all codes are used: {before}, {removed}"
    );
    assert_eq!(people.finish(), 60, "every sign-in succeeded, also with only the new key");
    everything_works_with_the_new_key(&server, max, &app, &codes).await;
    // A node's report names its keys; it is updated at once.
    patiently(|| (house.sql("SELECT keys FROM node") == new).then_some(())).unwrap();
    server.signal("TERM");
    server.ends();
    house.vacuum();
    assert!(!house.traces(&old).contains(&true), "{:?}", house.traces(&old));
    assert!(!house.traces(&new).contains(&false), "{:?}", house.traces(&new));
    assert!(!server.log().contains("request failed"), "{}", server.log());
    house.write("gone", &old);
    house.write("here", &new);
    house
}

/// An old session, both kinds of answers, and a setup, by a user who has used only the first code.
async fn everything_works_with_the_new_key(server: &Server, mut before: Person, app: &SoftApp, codes: &[String]) {
    assert!(before.is_verified().await, "a session from before is still one");
    let mut max = Person::at(server, "max");
    let page = max.signs_in(PASSWORD).await;
    let next = SystemClock.now().after(Duration::from_secs(30));
    let page = max.answers(&page, &app.code_at(next)).await;
    assert!(page.says("You are signed in") && max.is_verified().await, "{page:?}");
    let mut max = Person::at(server, "max");
    let page = max.signs_in(PASSWORD).await;
    let page = max.answers_with_backup_code(&page, &codes[0]).await;
    assert!(page.says("You are signed in") && max.is_verified().await, "{page:?}");
    let mut new = Person::at(server, "new");
    new.sets_up().await;
    assert!(new.is_verified().await);
}

#[tokio::test]
async fn no_key_is_promoted_that_a_running_node_does_not_have() {
    let house = House::of(&["ada"]);
    let server = house.serves();
    fs::copy(house.path("countersign.key"), house.path("other.key")).unwrap();
    let key = house.run("keys new other.key --json").json()["key"].as_str().unwrap().to_owned();
    // A server reports itself a moment after it listens.
    patiently(|| house.run("keys list").out.contains("of 1 running").then_some(())).unwrap();
    let refused = house.run(&format!("keys promote {key} --key-file other.key"));
    assert!(refused.fails().starts_with(&format!("1 running nodes do not have key {key}, ")), "{refused:?}");
    assert!(refused.err.contains("--force"));
    house.run(&format!("keys promote {key} --key-file other.key --force")).succeeds();
    let behind = house.run(&format!("keys remove {} --key-file other.key", first_key(&house)));
    assert!(behind.fails().contains("seals with it"), "{behind:?}");
    assert_eq!(
        house.run("keys promote abcdefgh").fails(),
        "there is no key abcdefgh in the key file: `countersign keys list` lists the keys"
    );
    let only = first_key(&house);
    assert!(house.run(&format!("keys remove {only}")).fails().contains("it is the sealing key"));
    drop(server);
}

#[tokio::test]
async fn a_broken_key_file_is_told_and_the_keys_in_use_stay() {
    let house = House::of(&["ada"]);
    let server = house.serves();
    let mut ada = Person::at(&server, "ada");
    ada.sets_up().await;
    let good = fs::read_to_string(house.path("countersign.key")).unwrap();
    fs::write(house.path("countersign.key"), "this is no key\n").unwrap();
    server.wait_for("the keys that were in use stay in use");
    assert!(Person::at(&server, "ada").signs_in(PASSWORD).await.says("code"), "the device can be opened");
    fs::write(house.path("countersign.key"), &good).unwrap();
    let key = new_key(&house);
    server.wait_for(&key);
}

#[tokio::test]
async fn a_key_that_is_lost_is_told_and_is_no_way_in() {
    let house = House::of(&["ada"]);
    let lost = first_key(&house);
    let server = house.serves();
    Person::at(&server, "ada").sets_up().await;
    drop(server);
    fs::remove_file(house.path("countersign.key")).unwrap();
    house.run("keys new").succeeds();
    let missing = listed(&house, &lost);
    assert_eq!((missing["here"].clone(), missing["devices"].clone()), (false.into(), 1.into()));
    assert!(house.run("keys list").succeeds().contains("MISSING"));
    let server = house.serves();
    let page = Person::at(&server, "ada").signs_in(PASSWORD).await;
    assert_eq!(page.status, http::StatusCode::SERVICE_UNAVAILABLE, "{page:?}");
    server.wait_for("could not open the sealed state of a device");
}
