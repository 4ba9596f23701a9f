//! A user at the page, in a real browser that runs its script; the test controls the clock.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use countersign::engine::memory::MemoryStore;
use countersign_testkit::World;
use serde_json::json;
use trials::{Person, Scripts, code_at};

const DESK: (u32, u32) = (1100, 900);
const PHONE: (u32, u32) = (320, 640);

/// The page, served for a world with Ada in it, and a user at a browser.
async fn person(world: &World, size: (u32, u32)) -> Person {
    world.user("ada");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = spa::app(world.engine.clone(), address.port()).unwrap();
    tokio::spawn(async { axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await });
    let person = Person::at(&address.to_string(), Scripts::On, size).await;
    person.opens("/").await;
    person.waits_for("Sign in").await;
    person
}

async fn gives_password(person: &Person, password: &str) {
    person.types("name", "ada").await;
    person.types("password", password).await;
    person.enters("password").await;
}

async fn answers(person: &Person, code: &str) {
    person.types("code", code).await;
    person.enters("code").await;
}

async fn signs_out(person: &Person) {
    person.presses("Sign out").await;
    person.waits_for("User name").await;
}

/// The app's code for this key at the world's present time, by an independent authenticator.
fn code(world: &World, key: &str) -> String {
    code_at(key, &format!("@{}", world.now().as_seconds()))
}

/// The name of the field that has the focus.
async fn cursor(person: &Person) -> String {
    person.runs("return document.activeElement.name ?? ''").await.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_signs_in_sets_up_and_steps_up() {
    let world = World::new();
    let person = person(&world, DESK).await;
    person.takes_a_picture("spa-sign-in").await;
    assert_eq!(cursor(&person).await, "name");
    gives_password(&person, "not the password").await;
    person.waits_for("Incorrect user name or password").await;
    assert!(person.sees("[role=alert]").await && person.sees("[name=name][aria-invalid=true]").await);
    person.takes_a_picture("spa-sign-in-refused").await;

    gives_password(&person, "ada's long password").await;
    person.waits_for("It is off.").await;
    person.takes_a_picture("spa-home-off").await;
    person.presses("Open the vault").await;
    person.waits_for("Set it up first.").await;
    person.takes_a_picture("spa-new-device").await;
    person.presses("Go on").await;
    person.waits_for("Scan this").await;
    assert!(person.sees("[role=img] svg").await, "there is a QR image");
    person.takes_a_picture("spa-app").await;
    let key = person.text("code.key").await;
    answers(&person, "000000").await;
    person.waits_for("Incorrect code.").await;
    assert_eq!(cursor(&person).await, "code");
    person.takes_a_picture("spa-app-wrong-code").await;
    world.pass(2);
    answers(&person, &code(&world, &key)).await;
    person.waits_for("shown now and never again").await;
    let backup_codes = person.texts(".codes code").await;
    assert_eq!(backup_codes.len(), 10);
    person.takes_a_picture("spa-codes").await;
    person.presses("I have kept them").await;
    person.waits_for("The vault of ada is open.").await;
    person.takes_a_picture("spa-home-open").await;
    let readable = "return [document.cookie, localStorage.length, sessionStorage.length]";
    assert_eq!(person.runs(readable).await, json!(["", 0, 0]), "no script can read what opens the session");
    signs_out(&person).await;

    world.pass(30);
    let fresh = code(&world, &key);
    gives_password(&person, "ada's long password").await;
    person.waits_for("Enter your code").await;
    assert_eq!(cursor(&person).await, "code");
    person.takes_a_picture("spa-device").await;
    answers(&person, &fresh).await;
    person.waits_for("It is on.").await;
    person.reloads().await;
    person.waits_for("It is on.").await;
    signs_out(&person).await;

    gives_password(&person, "ada's long password").await;
    person.waits_for("Enter your code").await;
    answers(&person, &fresh).await;
    person.waits_for("That code has been used already.").await;
    person.takes_a_picture("spa-device-replay").await;
    person.presses("Use a backup code").await;
    person.waits_for("10 left").await;
    person.takes_a_picture("spa-device-backup-code").await;
    answers(&person, &backup_codes[3]).await;
    person.waits_for("It is on.").await;

    world.pass(61);
    person.presses("Open the vault").await;
    person.waits_for("Confirm it's you").await;
    person.takes_a_picture("spa-step-up").await;
    person.presses("Cancel").await;
    person.waits_for("Open the vault").await;
    person.presses("Open the vault").await;
    person.waits_for("Confirm it's you").await;
    answers(&person, &code(&world, &key)).await;
    person.waits_for("The vault of ada is open.").await;
    world.pass(59);
    person.presses("Make backup codes").await;
    person.waits_for("shown now and never again").await;
    assert_ne!(person.texts(".codes code").await, backup_codes);
    person.presses("I have kept them").await;
    person.waits_for("You have new backup codes.").await;
    person.presses("Open the vault").await;
    person.waits_for("The vault of ada is open.").await;
    assert_eq!(person.complaints().await, [""; 0]);
    person.leaves().await;
}

/// The code in the last message, after this many were sent.
async fn sent(world: &World, count: usize) -> String {
    for _ in 0..1000 {
        if world.outbox.count() == count {
            return world.outbox.code();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} messages were sent instead of {count}", world.outbox.count());
}

/// A phone number, set up and verified, on a screen 320 pixels wide on which nothing may overflow.
#[tokio::test]
async fn a_person_with_a_telephone_is_sent_codes() {
    let world = World::with_every_method(Arc::new(MemoryStore::default()));
    let person = person(&world, PHONE).await;
    let mut wide = vec![person.sticks_out().await];
    person.takes_a_picture("spa-small-sign-in").await;
    gives_password(&person, "ada's long password").await;
    person.waits_for("It is off.").await;
    wide.push(person.sticks_out().await);
    person.presses("Add a telephone").await;
    person.waits_for("Telephone number").await;
    person.types("to", "06 12345678").await;
    person.enters("to").await;
    person.waits_for("Codes cannot be sent to that number or address").await;
    assert_eq!(cursor(&person).await, "to");
    wide.push(person.sticks_out().await);
    person.takes_a_picture("spa-small-telephone-refused").await;
    person.types("to", "+31 6 12345678").await;
    person.enters("to").await;
    person.waits_for("Type the code you were sent").await;
    wide.push(person.sticks_out().await);
    person.takes_a_picture("spa-small-telephone").await;
    let code = sent(&world, 1).await;
    answers(&person, &code).await;
    person.waits_for("shown now and never again").await;
    wide.push(person.sticks_out().await);
    person.takes_a_picture("spa-small-codes").await;
    person.presses("I have kept them").await;
    person.waits_for("It is set up.").await;
    wide.push(person.sticks_out().await);
    person.takes_a_picture("spa-small-home").await;
    signs_out(&person).await;

    world.pass(60);
    gives_password(&person, "ada's long password").await;
    person.waits_for("A code was sent to").await;
    assert!(!person.text("main").await.contains("12345678"), "the number is masked");
    wide.push(person.sticks_out().await);
    person.takes_a_picture("spa-small-device-sent").await;
    let old = sent(&world, 2).await;
    person.presses("Send another code").await;
    person.waits_for("Try again in").await;
    person.takes_a_picture("spa-small-device-too-soon").await;
    person.presses("Use a backup code").await;
    person.waits_for("Each of them works once").await;
    person.presses("Type the code that was sent").await;
    person.waits_for("A code was sent to").await;
    world.pass(60);
    person.presses("Send another code").await;
    let newest = sent(&world, 3).await;
    assert_ne!(old, newest);
    person.waits_for("A code was sent to").await;
    answers(&person, &newest).await;
    person.waits_for("It is on.").await;
    assert_eq!(wide.into_iter().flatten().collect::<Vec<_>>(), [""; 0], "wider than the screen");
    assert_eq!(person.complaints().await, [""; 0]);
    person.leaves().await;
}

/// The password is confirmed in the middle of a setup, and the setup goes on.
#[tokio::test]
async fn a_setup_goes_on_after_the_password_is_confirmed() {
    let world = World::new();
    let person = person(&world, DESK).await;
    gives_password(&person, "ada's long password").await;
    person.waits_for("It is off.").await;
    world.pass(500);
    person.presses("Add an authenticator app").await;
    person.waits_for("Go on").await;
    person.presses("Go on").await;
    person.waits_for("Scan this").await;
    let key = person.text("code.key").await;
    world.pass(101);
    answers(&person, &code(&world, &key)).await;
    person.waits_for("Confirm your password").await;
    person.takes_a_picture("spa-password").await;
    person.types("current", "not the password").await;
    person.enters("current").await;
    person.waits_for("Incorrect current password.").await;
    person.types("current", "ada's long password").await;
    person.enters("current").await;
    person.waits_for("shown now and never again").await;
    assert_eq!(person.complaints().await, [""; 0]);
    person.leaves().await;
}
