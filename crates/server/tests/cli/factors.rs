//! `countersign two-factor` and `countersign backup-codes`.

use countersign_engine::{Clock as _, SystemClock};
use serde_json::json;

use crate::{
    house::{House, PASSWORD},
    person::Person,
};

#[tokio::test]
async fn status_and_disable_take_several_names_and_do_nothing_if_one_is_unknown() {
    let house = House::of(&["ada", "grace", "edith"]);
    let server = house.serves();
    let (mut ada, mut grace) = (Person::at(&server, "ada"), Person::at(&server, "grace"));
    ada.sets_up().await;
    grace.sets_up().await;
    let status = "two-factor status ada grace edith";
    assert_eq!(house.run(status).succeeds(), "ada: enabled\ngrace: enabled\nedith: disabled");

    let told = house.run("two-factor disable ada nobody grace nothing");
    assert_eq!(told.fails(), "there are no users \"nobody\", \"nothing\": `countersign user list` lists the users");
    assert_eq!(house.run(status).succeeds(), "ada: enabled\ngrace: enabled\nedith: disabled");
    assert!(ada.is_verified().await);

    let done = house.run("two-factor disable ada edith --json").json();
    let disabled = |name| json!({ "name": name, "two_factor": "disabled" });
    assert_eq!(done, json!([disabled("ada"), disabled("edith")]));
    assert!(!ada.is_signed_in().await, "the session ended");
    assert!(grace.is_verified().await, "nobody else's did");
    assert!(ada.signs_in(PASSWORD).await.says("You are signed in"), "the password is enough again");
}

#[tokio::test]
async fn a_code_from_the_command_line_signs_in_once() {
    let house = House::of(&["ada"]);
    let refused = house.run("backup-codes add ada");
    assert_eq!(refused.fails(), "two-factor authentication is not set up: the user signs in with the password alone");

    let server = house.serves();
    let mut ada = Person::at(&server, "ada");
    ada.sets_up().await;
    let added = house.run("backup-codes add ada --json").json();
    assert_eq!(added["name"], "ada");
    let code = added["code"].as_str().unwrap();

    for works in [true, false] {
        let mut ada = Person::at(&server, "ada");
        ada.signs_in(PASSWORD).await;
        let page = other_way(&mut ada).await;
        assert_eq!(ada.answers(&page, code).await.says("You are signed in"), works);
    }
}

/// A code that an administrator chose, with the right check character.
const GIVEN: &str = "0000-0000-0000-0000-0";

#[tokio::test]
async fn a_code_may_be_given_but_not_just_any_text() {
    let house = House::of(&["ada"]);
    let server = house.serves();
    Person::at(&server, "ada").sets_up().await;
    let code = house.run("backup-codes add ada --json").json()["code"].as_str().unwrap().to_owned();
    let malformed = house.run_with("backup-codes add ada --code-stdin", "1234");
    assert_eq!(malformed.fails(), "the code is not in the format of a backup code: leave it out to generate one");
    let last = if code.ends_with('0') { "1" } else { "0" };
    let slip = house.run_with("backup-codes add ada --code-stdin", &format!("{}{last}", &code[..code.len() - 1]));
    assert_eq!(slip.fails(), "the code contains a typo: its last character is a check character and does not match");
    let same = house.run_with("backup-codes add ada --code-stdin", &code.to_lowercase());
    assert_eq!(same.fails(), "the user has this code already, used or not: leave it out to generate one");
    assert_eq!(
        house.run_with("backup-codes add ada --code-stdin", GIVEN).succeeds(),
        format!("ada: {GIVEN} (shown only once)")
    );
}

#[tokio::test]
async fn a_code_of_an_app_works_after_a_restart_and_only_once() {
    let house = House::of(&["ada"]);
    let server = house.serves();
    let app = Person::at(&server, "ada").sets_up().await;
    drop(server);

    let server = house.serves();
    let mut ada = Person::at(&server, "ada");
    let page = ada.signs_in(PASSWORD).await;
    let next = SystemClock.now().after(std::time::Duration::from_secs(30));
    let page = ada.answers(&page, &app.code_at(next)).await;
    assert!(page.says("with your password and a device"), "{}", page.body);
    assert!(ada.is_verified().await);
    let mut again = Person::at(&server, "ada");
    let page = again.signs_in(PASSWORD).await;
    assert!(again.answers(&page, &app.code_at(next)).await.says("has been used already"));
}

/// The page that asks for a backup code.
async fn other_way(person: &mut Person) -> countersign_testkit::Page {
    let page = person.browser.get("/account/login/second-factor").await;
    let form = page.body.split("<form method=\"get\"").nth(1).unwrap_or_else(|| panic!("no other way: {}", page.body));
    let device = form.split("name=\"device\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    person.browser.get(&format!("/account/login/second-factor?device={device}")).await
}
