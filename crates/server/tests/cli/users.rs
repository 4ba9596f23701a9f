//! `countersign user`, and its effect on users who are signed in.

use std::time::Duration;

use countersign_engine::{Clock as _, SystemClock};
use http::StatusCode;
use serde_json::json;

use crate::{
    house::{Engine, House, OTHER_PASSWORD, PASSWORD},
    person::Person,
};

#[test]
fn a_user_is_added_listed_and_shown() {
    let house = House::founded();
    let added = house.run("user add 'Ada Lovelace' --email ada@example.org --staff --json").json();
    assert_eq!(added["name"], "Ada Lovelace");
    assert_eq!(added["password"].as_str().unwrap().len(), 29);
    let id = added["id"].as_str().unwrap().to_owned();

    house.run_with("user add grace --password-stdin", PASSWORD).succeeds();
    assert_eq!(house.run("user list").succeeds(), "Ada Lovelace, <ada@example.org>, staff\ngrace");
    let all = house.run("user list --json").json();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert!(all[0].get("password").is_none() && !all.to_string().contains("argon2"), "{all}");

    let shown = house.run("user show 'ada LOVELACE' --json").json();
    assert!(shown["created"].as_i64().unwrap() > 0 && shown["created"] == shown["password_changed"]);
    for (field, value) in [
        ("id", json!(id)),
        ("email", json!("ada@example.org")),
        ("active", json!(true)),
        ("staff", json!(true)),
        ("two_factor", json!("disabled")),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    assert_eq!(house.run("user show grace").succeeds(), "grace, two-factor authentication disabled");
}

#[test]
fn a_password_that_was_made_is_printed_once_and_one_that_was_given_never() {
    let house = House::founded();
    let made = house.run("user add ada");
    assert!(made.succeeds().starts_with("ada: added, password ") && made.out.contains("(shown only once)"), "{made:?}");
    let given = house.run_with("user add grace --password-stdin", PASSWORD);
    assert_eq!(given.succeeds(), "grace: added");
    let again = house.run_with("user set-password grace --password-stdin --json", OTHER_PASSWORD).json();
    assert!(again.get("password").is_none());
}

#[test]
fn every_way_to_set_a_password_keeps_the_rules() {
    let house = House::of(&["grace", "lovelace"]);
    for command in ["user add ada", "user set-password grace"] {
        for (password, reason) in [
            ("fourteen chars", "the password is too short: it needs at least 15 characters"),
            (&"vqxnztkbwhrfjmpd".repeat(65), "the password is too long: it may have at most 1024 characters"),
            ("passwordpassword", "the password is too common: choose one that is harder to guess"),
            (
                "Countersign.2024!",
                "the password contains the user's name or e-mail address, or the name of the site: choose another",
            ),
            ("", "standard input is empty: it must be a line with the secret"),
        ] {
            assert_eq!(house.run_with(&format!("{command} --password-stdin"), password).fails(), reason);
        }
    }
    let same = house.run_with("user set-password grace --password-stdin", PASSWORD);
    assert_eq!(same.fails(), "this is already the user's password: choose another");
    let name = house.run_with("user set-password lovelace --password-stdin", "Lovelace-lovelace-1");
    assert!(name.fails().starts_with("the password contains the user's name"));
    assert_eq!(house.run("user list").succeeds(), "grace\nlovelace", "nobody was added");
}

#[test]
fn a_name_is_one_name_in_every_spelling() {
    let house = House::of(&["Ådmin"]);
    let taken = house.run("user add A\u{30a}DMIN");
    assert_eq!(taken.fails(), "there is already a user \"A\\u{30a}DMIN\", in this spelling or another");
    assert_eq!(house.run("user show a\u{30a}dmin").succeeds(), "Ådmin, two-factor authentication disabled");
}

#[tokio::test]
async fn letters_with_several_small_forms_are_one_name_too() {
    let house = House::of(&["straße", "ΣΊΣΥΦΟΣ", "fiona"]);
    for (spelling, name) in [("STRASSE", "straße"), ("σίσυφος", "ΣΊΣΥΦΟΣ"), ("σίσυφοσ", "ΣΊΣΥΦΟΣ"), ("ﬁona", "fiona")]
    {
        assert_eq!(
            house.run(&format!("user show {spelling}")).succeeds(),
            format!("{name}, two-factor authentication disabled")
        );
        assert!(house.run(&format!("user add {spelling}")).fails().ends_with(", in this spelling or another"));
    }
    let server = house.serves();
    for name in ["straße", "STRASSE", "ſtraſſe", "σίσυφος", "FIONA"] {
        assert!(Person::at(&server, name).signs_in(PASSWORD).await.says("You are signed in"), "{name}");
    }
}

/// Names as an earlier version stored them: in lower case.
#[tokio::test]
async fn names_that_were_stored_by_the_earlier_rule_are_found_before_and_after_the_upgrade() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let house = House::of_on(engine, &["straße", "grace"]);
        house.sql("UPDATE app_user SET canonical_name = 'straße' WHERE name = 'straße'");
        let server = house.serves();
        let is_in = async |name: &str| Person::at(&server, name).signs_in(PASSWORD).await.says("You are signed in");
        assert!(is_in("Straße").await && !is_in("STRASSE").await && is_in("grace").await, "{engine:?}");
        let told = house.run("migrate");
        assert!(told.succeeds().ends_with("user names that are now found in more spellings: 1"), "{told:?}");
        assert!(is_in("Straße").await && is_in("STRASSE").await && is_in("grace").await, "{engine:?}");
        assert!(house.run("migrate").succeeds().contains(" is already at migration "), "what is done is done once");
    }
}

#[tokio::test]
async fn t153_two_users_whose_names_would_be_one_by_now_stay_two() {
    let house = House::of(&["grace"]);
    house.run_with("user add STRASSE --password-stdin", OTHER_PASSWORD).succeeds();
    house.sql("UPDATE app_user SET name = 'straße', canonical_name = 'straße' WHERE name = 'grace'");
    let server = house.serves();
    for _ in 0..2 {
        let told = house.run("migrate --json").json();
        assert_eq!(told["names"], json!({ "updated": 0, "kept": ["straße"] }));
        let said = house.run("migrate");
        assert!(said.succeeds().contains("\"straße\" and \"STRASSE\" are two users"), "{said:?}");
        for (name, password, other) in [
            ("straße", PASSWORD, OTHER_PASSWORD),
            ("STRASSE", OTHER_PASSWORD, PASSWORD),
            ("strasse", OTHER_PASSWORD, PASSWORD),
        ] {
            assert!(Person::at(&server, name).signs_in(password).await.says("You are signed in"), "{name}");
            assert!(Person::at(&server, name).signs_in(other).await.says("Incorrect user name or password"), "{name}");
        }
    }
    assert!(house.run("user add ſtraße").fails().ends_with(", in this spelling or another"));
}

/// Both names are `strasse` now, and the younger user comes first in the alphabet.
#[test]
fn t153_of_two_users_whose_names_would_be_one_the_older_is_found_in_every_spelling() {
    let house = House::of(&["grace", "bob"]);
    let stored = |user: &str, name: &str, created: u32| {
        house.sql(&format!(
            "UPDATE app_user SET name = '{name}', canonical_name = '{name}', created = {created} WHERE name = '{user}'"
        ))
    };
    stored("grace", "ſtraße", 1);
    stored("bob", "straße", 2);
    let told = house.run("migrate --json").json();
    assert_eq!(told["names"], json!({ "updated": 1, "kept": ["straße"] }));
    for (spelling, name) in [("STRASSE", "ſtraße"), ("ſtraße", "ſtraße"), ("straße", "straße")] {
        assert!(house.run(&format!("user show {spelling}")).succeeds().starts_with(&format!("{name}, ")), "{spelling}");
    }
}

/// `--password-stdin` under PowerShell writes a byte order mark, which no user could type at a sign-in.
#[tokio::test]
async fn a_byte_order_mark_is_no_part_of_a_secret() {
    let house = House::founded();
    house.run_with("user add ada --password-stdin", &format!("\u{feff}{PASSWORD}\r")).succeeds();
    let server = house.serves();
    assert!(Person::at(&server, "ada").signs_in(PASSWORD).await.says("You are signed in"));
    let nothing = house.run_with("user add grace --password-stdin", "\u{feff}");
    assert!(nothing.fails().starts_with("standard input is empty"));

    let keys = std::fs::read_to_string(house.path("countersign.key")).unwrap();
    let keys: String = keys.lines().filter(|line| !line.starts_with('#')).collect();
    house.write("countersign.key", &format!("\u{feff}{keys}\n"));
    assert_eq!(house.run("device list ada").succeeds(), "ada: none");
    house.run("keys new").succeeds();
    house.run("keys list").succeeds();
}

/// T28, at the pages: for every spelling of a name, whether or not a user has it.
#[tokio::test]
async fn t28_wrong_passwords_count_for_a_name_in_every_spelling() {
    let house = House::of(&["Ådmin"]);
    let server = house.serves();
    for spellings in [
        ["ådmin", "Ådmin", "A\u{30a}DMIN", "a\u{30a}dmin", "  ådmin "],
        ["ångström", "Ångström", "A\u{30a}NGSTRÖM", "a\u{30a}ngstro\u{308}m", "\u{212b}ngström"],
    ] {
        let guess = async |spelling: &str| Person::at(&server, spelling).signs_in(OTHER_PASSWORD).await.status;
        for (_, spelling) in (0..20).zip(spellings.iter().cycle()) {
            assert_eq!(guess(spelling).await, StatusCode::UNPROCESSABLE_ENTITY, "{spelling}");
        }
        for spelling in spellings {
            assert_eq!(guess(spelling).await, StatusCode::TOO_MANY_REQUESTS, "{spelling}");
        }
    }
    assert_eq!(Person::at(&server, "admin").signs_in(OTHER_PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[test]
fn what_is_no_name_and_no_address_is_refused() {
    let house = House::founded();
    for (line, reason) in [
        ("user add ' '", "a name has 1 to 150 characters, in at most 320 bytes"),
        ("user add 'a\tb'", "a name must not contain invisible or direction-changing characters such as U+0009"),
        ("user add 'a\u{ad}b'", "a name must not contain invisible or direction-changing characters such as U+00AD"),
        ("user add ada --email ada", "\"ada\" is not an e-mail address"),
    ] {
        assert_eq!(house.run(line).fails(), reason, "{line}");
    }
}

#[test]
fn an_unknown_user_is_an_error() {
    let house = House::founded();
    for action in
        ["user show", "user set-password", "user deactivate", "user activate", "two-factor status", "backup-codes add"]
    {
        let told = house.run(&format!("{action} nobody"));
        assert_eq!(told.fails(), "there is no user \"nobody\": `countersign user list` lists the users", "{action}");
    }
}

#[test]
fn a_wrong_command_line_is_status_2() {
    let house = House::empty();
    for line in ["", "users", "user", "user add", "two-factor disable", "serve --port 1", "demo --bind here"] {
        assert_eq!(house.run(line).status, 2, "{line}");
    }
}

#[tokio::test]
async fn shutting_a_user_out_ends_everything_at_once_and_for_good() {
    let house = House::of(&["ada", "grace"]);
    let server = house.serves();
    let (mut ada, mut grace) = (Person::at(&server, "ada"), Person::at(&server, "grace"));
    ada.signs_in(PASSWORD).await;
    grace.signs_in(PASSWORD).await;
    assert!(ada.is_signed_in().await);

    assert_eq!(house.run("user deactivate ada").succeeds(), "ada: deactivated");
    assert!(!ada.is_signed_in().await, "the session ends at once");
    assert!(Person::at(&server, "ada").signs_in(PASSWORD).await.says("Incorrect user name or password"));
    assert!(grace.is_signed_in().await, "nobody else's does");
    assert_eq!(house.run("user list").succeeds(), "ada, deactivated\ngrace");

    assert_eq!(house.run("user activate ada --json").json()["active"], true);
    assert!(!ada.is_signed_in().await, "what ended does not come back");
    assert!(ada.signs_in(PASSWORD).await.says("You are signed in"));
}

#[tokio::test]
async fn a_login_under_way_does_not_survive_being_shut_out() {
    let house = House::of(&["ada"]);
    let server = house.serves();
    let app = Person::at(&server, "ada").sets_up().await;
    let mut ada = Person::at(&server, "ada");
    let page = ada.signs_in(PASSWORD).await;
    house.run("user deactivate ada").succeeds();
    house.run("user activate ada").succeeds();
    let next = SystemClock.now().after(Duration::from_secs(30));
    let page = ada.answers(&page, &app.code_at(next)).await;
    assert!(!page.says("You are signed in") && !ada.is_signed_in().await, "{}", page.body);
}

#[tokio::test]
async fn a_new_password_ends_sessions_at_once() {
    let house = House::of(&["ada"]);
    let server = house.serves();
    let mut ada = Person::at(&server, "ada");
    ada.signs_in(PASSWORD).await;
    house.run_with("user set-password ada --password-stdin", OTHER_PASSWORD).succeeds();
    assert!(!ada.is_signed_in().await);
    assert!(ada.signs_in(PASSWORD).await.says("Incorrect user name or password"));
    assert!(ada.signs_in(OTHER_PASSWORD).await.says("You are signed in"));
}

#[tokio::test]
async fn a_password_change_on_the_page_meets_the_same_rules() {
    let house = House::of(&["ada"]);
    let server = house.serves();
    let mut ada = Person::at(&server, "ada");
    ada.signs_in(PASSWORD).await;
    let page = ada.browser.get("/account/password").await;
    let form = page.form_with("current");
    for (new, reason) in [
        ("fourteen chars", "too short"),
        ("qwertyuiop123456", "a common one"),
        ("Ada-ada-ada-2024", "based on your name"),
        (PASSWORD, "the same as your current one"),
    ] {
        let fields = [("current", PASSWORD), ("new", new), ("again", new)];
        let page = ada.browser.submit(&form, "", &fields).await;
        assert!(page.says(reason), "{new}: {}", page.body);
    }
}

#[tokio::test]
async fn nobody_and_a_wrong_password_get_one_answer() {
    let house = House::of(&["ada"]);
    let server = house.serves();
    let wrong = Person::at(&server, "ada").signs_in(OTHER_PASSWORD).await;
    let nobody = Person::at(&server, "adb").signs_in(OTHER_PASSWORD).await;
    let plain = |body: &str, name: &str| {
        let form = |part: &str| part.split('"').skip(1).collect::<Vec<_>>().join("\"");
        let whole: Vec<String> = body.split("name=\"form\" value=\"").map(str::to_owned).collect();
        let (first, rest) = whole.split_first().unwrap();
        (first.clone() + &rest.iter().map(|part| form(part)).collect::<String>()).replace(name, "NAME")
    };
    assert_eq!((wrong.status, plain(&wrong.body, "ada")), (nobody.status, plain(&nobody.body, "adb")));
}
