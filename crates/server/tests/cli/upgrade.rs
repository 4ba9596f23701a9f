//! From the database of one version to that of the next, on both engines, by the documented commands.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    thread,
};

use countersign_engine::{Clock as _, SystemClock};
use countersign_testkit::SoftApp;

use crate::{
    house::{Engine, House, PASSWORD},
    person::Person,
};

/// The app's key, which ada set up in the first version.
const KEY: &str = "J6PX ARV7 T5LW GGZS YQ5U QDAA QU32 R6G6";
const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

/// The data of the first version, written by its own program: the key, and ada with her password and her app.
fn first_landing(engine: Engine) -> House {
    let house = House::empty_on(engine);
    let rows = include_str!("../../../store/tests/landed/first.rows.sql");
    let (schema, rows) = match engine {
        Engine::Sqlite => (include_str!("../../../store/tests/landed/first.sqlite.sql"), rows.replace("'\\x", "x'")),
        Engine::Postgres => (include_str!("../../../store/tests/landed/first.postgres.sql"), rows.to_owned()),
    };
    house.sql(schema);
    house.sql(&rows);
    house.sql("INSERT INTO event (at, user_id, kind) SELECT 11, id, 'signed-in' FROM app_user");
    house.write("countersign.key", include_str!("../../../store/tests/landed/first.key"));
    fs::set_permissions(house.path("countersign.key"), Permissions::from_mode(0o600)).unwrap();
    house
}

#[tokio::test]
async fn a_database_of_the_first_landing_is_refused_upgraded_once_and_used() {
    for engine in ENGINES {
        let house = first_landing(engine);
        let refused = house.run("serve --bind 127.0.0.1:0");
        assert!(refused.fails().contains("is at migration 1 and this program needs"), "{engine:?}: {refused:?}");
        assert!(refused.fails().ends_with("run `countersign migrate`"), "{engine:?}: {refused:?}");
        let dry = house.run("migrate --dry-run --json").json();
        let pending: Vec<_> = dry["pending"].as_array().unwrap().iter().map(|one| &one["version"]).cloned().collect();
        assert!(pending.iter().zip(2..).all(|(found, version)| *found == version) && pending.len() >= 2, "{dry}");
        assert_eq!(house.count("SELECT count(*) FROM countersign_migration"), 1, "a dry run changes nothing");

        let newest = pending.len() + 1;
        let two = thread::scope(|scope| {
            let both = [(); 2].map(|()| scope.spawn(|| house.run("migrate --json").json()));
            both.map(|one| one.join().unwrap())
        });
        assert!(two.iter().all(|told| told["to"] == newest), "{engine:?}: {two:?}");
        assert_eq!(house.count("SELECT count(*) FROM countersign_migration"), newest);
        assert_eq!(house.run("migrate --json").json()["from"], newest, "what is done is done once");

        let server = house.serves();
        let mut ada = Person::at(&server, "ada");
        let page = ada.signs_in(PASSWORD).await;
        let page = ada.answers(&page, &SoftApp::with_key(KEY).code_at(SystemClock.now())).await;
        assert!(page.says("You are signed in") && ada.is_verified().await, "{engine:?}: {}", page.body);
        assert_eq!(house.count("SELECT count(*) FROM event WHERE at = 11"), 1, "what was there is there");
    }
}

#[test]
fn an_empty_database_is_refused_and_made_once_by_many_at_once() {
    for engine in ENGINES {
        let house = House::empty_on(engine);
        house.run("keys new").succeeds();
        assert!(house.run("serve --bind 127.0.0.1:0").fails().contains("run `countersign migrate`"), "{engine:?}");
        let four = thread::scope(|scope| {
            let all = [(); 4].map(|()| scope.spawn(|| house.run("migrate --json").json()));
            all.map(|one| one.join().unwrap())
        });
        assert!(four.iter().any(|told| told["from"] == 0), "{engine:?}: {four:?}");
        let newest = house.count("SELECT count(*) FROM countersign_migration");
        assert!(four.iter().all(|told| told["to"] == newest), "{engine:?}: {four:?}");
        house.run("config check").succeeds();
    }
}

#[test]
fn a_newer_database_is_refused_and_stays_as_it_is() {
    for engine in ENGINES {
        let house = House::founded_on(engine);
        house.sql("INSERT INTO countersign_migration VALUES (99, 'from the future')");
        for line in ["serve --bind 127.0.0.1:0", "migrate", "migrate --dry-run", "user list", "purge"] {
            let told = house.run(line);
            let why = told.fails();
            assert!(why.contains("is at migration 99 and this program knows only"), "{engine:?} {line}: {why}");
            assert!(why.ends_with("run the version of Countersign that migrated it, or a newer one"), "{line}: {why}");
        }
        assert_eq!(house.count("SELECT max(version) FROM countersign_migration"), 99);
    }
}
