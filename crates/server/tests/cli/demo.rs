//! `countersign demo`: the first command that new users run.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use countersign_engine::{Clock as _, SystemClock};

use crate::{
    house::{House, OTHER_PASSWORD, PASSWORD},
    person::Person,
};

#[tokio::test]
async fn it_makes_a_folder_and_a_user_and_goes_on_with_them() {
    let house = House::empty();
    let server = house.demo("");
    let password = server.wait_for("password").split_whitespace().nth(1).unwrap().to_owned();
    assert!(server.log().contains("shown only once"));
    assert!(Person::at(&server, "demo").signs_in(&password).await.says("You are signed in"));
    let mode = |name: &str| fs::metadata(house.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("countersign-demo"), 0o700);
    assert_eq!(mode("countersign-demo/countersign.key"), 0o600);
    assert_eq!(mode("countersign-demo/countersign.db"), 0o600);
    drop(server);

    let server = house.demo("");
    assert!(server.wait_for("password").contains("unchanged"));
    assert!(!server.log().contains(&password));
    assert!(Person::at(&server, "demo").signs_in(&password).await.says("You are signed in"));
}

#[tokio::test]
async fn a_password_that_is_given_is_the_password() {
    let house = House::empty();
    for (password, said) in [(PASSWORD, "as given"), (PASSWORD, "as given"), (OTHER_PASSWORD, "the previous one")] {
        let server = house.demo(&format!("--dir d --password '{password}'"));
        assert!(server.wait_for("password").contains(said), "{}", server.log());
        assert!(!server.log().contains(password));
        assert!(Person::at(&server, "demo").signs_in(password).await.says("You are signed in"));
    }
}

#[test]
fn its_user_runs_the_place() {
    let house = House::empty();
    drop(house.demo("--dir d"));
    let parts = "--database-url sqlite://d/countersign.db --key-file d/countersign.key";
    assert_eq!(house.run_in(&[], &format!("user list {parts}")).succeeds(), "demo, staff");
}

#[test]
fn a_weak_password_is_refused_with_the_reason() {
    let house = House::empty();
    for (password, reason) in
        [("X", "too short"), ("passwordpassword", "too common"), ("demo-demo-demo-demo", "too common")]
    {
        let told = house.run(&format!("demo --bind 127.0.0.1:0 --password {password}"));
        assert!(told.fails().contains(reason), "{password}: {told:?}");
    }
}

#[test]
fn it_speaks_with_this_machine_only() {
    let told = House::empty().run("demo --bind 0.0.0.0:0");
    assert!(told.fails().starts_with("the demo uses plain HTTP and accepts connections from this machine only"));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let house = House::empty();
    let server = house.demo("");
    let told = house.run(&format!("demo --bind {}", server.address));
    let start = format!("could not listen on {}: choose another address with --bind: ", server.address);
    assert!(told.fails().starts_with(&start), "{told:?}");
}

#[tokio::test]
async fn the_first_answer_comes_at_once() {
    let house = House::empty();
    let start = SystemClock.now();
    let server = house.demo(&format!("--password '{PASSWORD}'"));
    assert!(!Person::at(&server, "demo").is_signed_in().await);
    let fresh = SystemClock.now();
    drop(server);
    let restart = SystemClock.now();
    let server = house.demo("");
    assert!(!Person::at(&server, "demo").is_signed_in().await);
    let took = [fresh.since(start), SystemClock.now().since(restart)];
    assert!(took.iter().all(|took| *took < Duration::from_secs(3)), "{took:?}");
}
