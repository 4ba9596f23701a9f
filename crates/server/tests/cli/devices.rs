//! `countersign device`: users' devices, and tokens from a file.

use std::time::Duration;

use countersign_testkit::SoftToken;
use serde_json::json;

use crate::{
    house::{Engine, House, PASSWORD},
    person::Person,
};

/// The key of RFC 4226, in base32.
const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn with_tokens(text: &str) -> House {
    with_tokens_on(Engine::Sqlite, text)
}

fn with_tokens_on(engine: Engine, text: &str) -> House {
    let house = House::of_on(engine, &["ada", "grace"]);
    house.write("tokens.csv", text);
    house
}

#[tokio::test]
async fn a_token_from_a_file_signs_in_at_once_and_is_given_once() {
    let file = format!("serial,type,secret_base32,counter,user\nA1,hotp,{KEY},3,ada\nG1,hotp,{KEY},0,grace\n");
    let house = with_tokens(&file);
    let told = house.run("device import tokens.csv --dry-run");
    assert_eq!(told.succeeds(), "ada: A1 (hotp) would be imported\ngrace: G1 (hotp) would be imported");
    assert_eq!(house.run("device list ada").succeeds(), "ada: none");
    assert_eq!(house.run("device import tokens.csv").succeeds(), "ada: A1 (hotp) given\ngrace: G1 (hotp) given");
    let again = house.run("device import tokens.csv --json").json();
    assert_eq!(again[0], json!({ "user": "ada", "kind": "hotp", "name": "A1", "outcome": "already imported" }));
    assert!(house.run("device list ada").succeeds().starts_with("A1: hotp, active, never used"));
    assert_eq!(house.run("two-factor status ada").succeeds(), "ada: enabled");

    let (server, token) = (house.serves(), SoftToken::with_key(KEY));
    for (press, works) in [(2, false), (3, true), (3, false), (4, true)] {
        let mut ada = Person::at(&server, "ada");
        let page = ada.signs_in(PASSWORD).await;
        assert_eq!(ada.answers(&page, &token.shows(press)).await.says("You are signed in"), works, "{press}");
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
}

#[test]
fn a_file_with_one_mistake_gives_nobody_anything_and_its_line_is_named() {
    let good = format!("A1,hotp,{KEY},0,ada");
    for (line, said) in [
        (format!("N1,hotp,{KEY},0,nobody"), "line 3: there is no user \"nobody\""),
        (format!("N1,hotp,{KEY},0,"), "line 3: the file does not say whose token this is: name the user with --user"),
        (format!("N1,hotp,{KEY}8,0,ada"), "line 3"),
    ] {
        let house = with_tokens(&format!("serial,type,secret_base32,counter,user\n{good}\n{line}\n"));
        let told = house.run("device import tokens.csv");
        let told = told.fails();
        assert!(told.contains(said) && !told.contains(KEY), "{told}");
        assert_eq!(house.run("device list ada").succeeds(), "ada: none");
    }
}

#[test]
fn nothing_was_sent_to_a_user_without_an_address() {
    let house = House::of(&["ada"]);
    assert_eq!(house.run("device deliveries ada").succeeds(), "ada: nothing was sent");
    assert_eq!(house.run("device deliveries ada --json").json(), json!([]));
    assert!(house.run("device deliveries nobody").fails().starts_with("there is no user \"nobody\""));
}

/// R25: a code is valid for two minutes at most.
#[test]
fn t124_a_token_whose_codes_are_shown_for_more_than_two_minutes_is_not_taken() {
    for (period, outcome) in
        [("60", Ok("ada: A1 (totp) given")), ("120", Ok("ada: A1 (totp) given")), ("121", Err(())), ("3600", Err(()))]
    {
        let house = with_tokens(&format!("serial,type,secret_base32,period,user\nA1,totp,{KEY},{period},ada\n"));
        let told = house.run("device import tokens.csv");
        match outcome {
            Ok(said) => assert_eq!(told.succeeds(), said),
            Err(()) => assert!(told.fails().ends_with("line 2: the period is not 1 to 120 seconds"), "{told:?}"),
        }
        assert_eq!(house.run("device list ada").succeeds() == "ada: none", outcome.is_err());
    }
}

/// One file for each kind of token, with the output for it, and the same token with another secret.
fn kinds() -> [(&'static str, String, String); 3] {
    let yubikey = "serial,type,public_id,private_id,secret_hex\nA1,yubikey,cccccccb,010203040506,";
    [
        (
            "A1 (hotp)",
            format!("serial,type,secret_base32\nA1,hotp,{KEY}\n"),
            format!("serial,type,secret_base32\nA1,hotp,{KEY}GEZDGNBV\n"),
        ),
        (
            "A1 (totp)",
            format!("serial,type,secret_base32\nA1,totp,{KEY}\n"),
            format!("serial,type,secret_base32\nA1,totp,{KEY}GEZDGNBV\n"),
        ),
        ("A1 (yubikey)", format!("{yubikey}{}\n", "01".repeat(16)), format!("{yubikey}{}\n", "02".repeat(16))),
    ]
}

#[test]
fn t150_a_token_that_another_user_has_is_an_error_until_it_is_taken_over() {
    for (token, file, _) in kinds() {
        let house = with_tokens(&file);
        assert_eq!(house.run("device import tokens.csv --user ada").succeeds(), format!("ada: {token} given"));
        for flags in ["", " --dry-run", " --json"] {
            let told = house.run(&format!("device import tokens.csv --user grace{flags}"));
            assert!(
                told.fails().ends_with("line 2: this token belongs to ada: use --take-over to move it"),
                "{told:?}"
            );
        }
        house.run("user deactivate ada").succeeds();
        assert!(
            house.run("device import tokens.csv --user grace").fails().contains("belongs to ada"),
            "also if ada is deactivated"
        );
        assert_eq!(house.run("two-factor status ada").succeeds(), "ada: enabled");

        let dry = house.run("device import tokens.csv --user grace --take-over --dry-run");
        assert_eq!(dry.succeeds(), format!("grace: {token} would be moved from ada"));
        assert_eq!(house.run("device list grace").succeeds(), "grace: none");
        let moved = house.run("device import tokens.csv --user grace --take-over --json").json();
        assert_eq!((&moved[0]["from"], &moved[0]["outcome"]), (&json!("ada"), &json!("moved from ada")));
        assert_eq!(house.run("device list ada").succeeds(), "ada: none");
        assert_eq!(house.run("two-factor status grace").succeeds(), "grace: enabled");
        let again = house.run("device import tokens.csv --user grace --take-over");
        assert_eq!(again.succeeds(), format!("grace: {token} already imported"));
    }
}

#[test]
fn t150_a_serial_number_with_another_secret_is_an_error_until_it_is_taken_over() {
    for (token, file, other) in kinds() {
        let house = with_tokens(&file);
        house.run("device import tokens.csv --user ada").succeeds();
        house.write("others.csv", &other);
        let told = house.run("device import others.csv --user ada");
        assert!(
            told.fails().contains("line 2: the user has a token with this serial number and another secret"),
            "{told:?}"
        );
        assert!(!told.fails().contains("GEZDGNBV"));
        assert!(house.run("device import others.csv --user grace").fails().contains("this token belongs to ada"));
        let replaced = house.run("device import others.csv --user ada --take-over");
        assert_eq!(replaced.succeeds(), format!("ada: {token} replaced"));
        assert_eq!(
            house.run("device import others.csv --user ada").succeeds(),
            format!("ada: {token} already imported")
        );
        assert!(house.run("device import tokens.csv --user ada").status == 1, "the first secret is another one now");
    }
}

/// T151: a code of the first owner is not valid for the second, and the first keeps no session that the token verified.
#[tokio::test]
async fn t151_a_token_that_changes_hands_keeps_what_it_has_accepted() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let house = with_tokens_on(engine, &format!("serial,type,secret_base32\nA1,hotp,{KEY}\n"));
        house.run("device import tokens.csv --user ada").succeeds();
        let (server, token) = (house.serves(), SoftToken::with_key(KEY));
        let mut ada = Person::at(&server, "ada");
        let page = ada.signs_in(PASSWORD).await;
        assert!(ada.answers(&page, &token.shows(3)).await.says("You are signed in"));

        let told = house.run("device import tokens.csv --user grace --take-over");
        let off = "ada: two-factor authentication is now off, because no other device is left";
        assert_eq!(told.succeeds(), format!("grace: A1 (hotp) moved from ada\n{off}"));
        assert!(!ada.is_signed_in().await, "what the token has verified ends");
        for (press, works) in [(3, false), (0, false), (4, true)] {
            let mut grace = Person::at(&server, "grace");
            let page = grace.signs_in(PASSWORD).await;
            let answered = grace.answers(&page, &token.shows(press)).await;
            assert_eq!(answered.says("You are signed in"), works, "{engine:?} {press}");
            tokio::time::sleep(Duration::from_millis(1100)).await;
        }
    }
}

#[test]
fn t151_a_user_who_has_another_device_keeps_two_factor_authentication() {
    let house = with_tokens(&format!("serial,type,secret_base32,user\nA1,hotp,{KEY},ada\nA2,hotp,{KEY},ada\n"));
    house.run("device import tokens.csv").succeeds();
    house.write("moved.csv", &format!("serial,type,secret_base32,user\nA1,hotp,{KEY},grace\n"));
    let told = house.run("device import moved.csv --take-over");
    assert_eq!(told.succeeds(), "grace: A1 (hotp) moved from ada");
    assert!(house.run("device list ada").succeeds().starts_with("A2: hotp, active"));
    assert_eq!(house.run("two-factor status ada").succeeds(), "ada: enabled");
}

/// The administrator must learn how many tokens were imported.
#[test]
fn an_import_that_stops_on_the_way_says_where() {
    let house = with_tokens(&format!("serial,type,secret_base32\nA1,hotp,{KEY}\nA2,hotp,{KEY}\nA3,hotp,{KEY}\n"));
    let settings = [("COUNTERSIGN_DEVICES_PER_USER", "2")];
    let told = house.run_in_place("device import tokens.csv --user ada", &settings);
    let stopped = "could not import A3 for ada: 2 of 3 tokens were imported before it; run the import again: ";
    assert!(told.fails().starts_with(stopped), "{told:?}");
    assert_eq!(house.run("device list ada").succeeds().lines().count(), 2);
    let again = house.run("device import tokens.csv --user ada");
    assert!(again.succeeds().ends_with("ada: A2 (hotp) already imported\nada: A3 (hotp) given"), "{again:?}");
}

#[test]
fn both_slots_of_a_yubikey_are_given() {
    let slot = |id: &str| format!("7,yubikey,{id},010203040506,{}\n", "01".repeat(16));
    let file = format!("serial,type,public_id,private_id,secret_hex\n{}{}", slot("cccb"), slot("cccd"));
    let house = with_tokens(&file);
    for outcome in ["given", "already imported"] {
        let told = house.run("device import tokens.csv --user ada");
        assert_eq!(told.succeeds(), format!("ada: 7 (yubikey) {outcome}\nada: 7 (yubikey) {outcome}"));
    }
    assert_eq!(house.run("device list ada").succeeds().lines().count(), 2);
}

/// A token whose key expires at this time.
fn ending(until: &str) -> String {
    let figure = include_str!("../seeds/rfc6030-figure-3.xml");
    figure
        .replace("Length=\"8\"", "Length=\"6\"")
        .replace("</Data>", &format!("</Data><Policy><ExpiryDate>{until}</ExpiryDate></Policy>"))
}

/// B51, RFC 6030 §5: the end date is checked at every answer, and not only at the import.
#[tokio::test]
async fn t152_a_key_whose_end_is_over_verifies_nobody() {
    let house = House::of(&["jsmith"]);
    let import = "device import tokens.xml --user-attribute uid";
    house.write("tokens.xml", &ending("9999-12-31T23:59:59Z"));
    let told = house.run(import);
    assert!(told.succeeds().starts_with("jsmith: 987654321 (hotp) given, valid until 9999-12-30"), "{told:?}");

    let (server, token) = (house.serves(), SoftToken::with_key(KEY));
    let mut jsmith = Person::at(&server, "jsmith");
    let page = jsmith.signs_in(PASSWORD).await;
    assert!(jsmith.answers(&page, &token.shows(1)).await.says("You are signed in"));

    let ended = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24);
    house.write("tokens.xml", &ending(&ended.to_string()));
    assert!(house.run(import).fails().ends_with("the token has expired"));
    let told = house.run_at("-30d", import);
    assert!(told.succeeds().contains("already imported, expiry date updated"), "{told:?}");
    let mut jsmith = Person::at(&server, "jsmith");
    let page = jsmith.signs_in(PASSWORD).await;
    let page = jsmith.answers(&page, &token.shows(2)).await;
    assert!(page.says("Your device has expired") && !jsmith.is_signed_in().await, "{}", page.body);
    assert!(house.run("device list jsmith").succeeds().contains(", expired "));
    assert_eq!(house.run("two-factor status jsmith").succeeds(), "jsmith: enabled", "the password alone is not enough");
}

#[test]
fn t154_a_weak_key_is_taken_with_a_mark_and_a_weaker_one_is_not() {
    let house = with_tokens("serial,type,secret_base32\nA1,totp,GEZDGNBVGY3TQOJQ\n");
    let told = house.run("device import tokens.csv --user ada");
    let report = "tokens with a weak key (under 128 bits): 1. Replace them as soon as you can.";
    assert_eq!(told.succeeds(), format!("ada: A1 (totp) given, weak key\n{report}"));
    assert!(house.run("device list ada").succeeds().ends_with(", weak key"));
    assert_eq!(house.run("device list ada --json").json()[0]["weak_key"], true);
    assert_eq!(house.run("device import tokens.csv --user ada --json").json()[0]["weak_key"], true);

    let house = with_tokens("serial,type,secret_base32\nA1,totp,GEZDGNBVGY3TQ\n");
    let told = house.run("device import tokens.csv --user ada");
    assert!(told.fails().ends_with("the secret has 64 bits; it must have 80 to 1024"), "{told:?}");
}

#[test]
fn owners_may_be_distinguished_names() {
    let house = House::of(&["ada", "bob"]);
    house.write("tokens.xml", include_str!("../seeds/distinguished-names.xml"));
    let told = house.run("device import tokens.xml");
    assert!(told.fails().contains("name the attribute with the user's name by --user-attribute"), "{told:?}");
    let told = house.run("device import tokens.xml --user-attribute uid");
    assert!(told.fails().ends_with("the owner is not a distinguished name with the attribute uid"), "{told:?}");
    let told = house.run("device import tokens.xml --user-attribute CN");
    assert_eq!(told.succeeds(), "ada: T1 (totp) given\nbob: H1 (hotp) given");
}

#[test]
fn what_tokens_are_is_said_where_the_file_does_not_say_it() {
    let house = with_tokens("1000133508267;3132333435363738393031323334353637383930\n");
    assert!(house.run("device import tokens.csv --user ada").fails().ends_with("there is no type: set it with --type"));
    let told = house.run("device import tokens.csv --user ada --type hotp");
    assert_eq!(told.succeeds(), "ada: 1000133508267 (hotp) given");
    let house = House::of(&["helga@contoso.com"]);
    house.write("tokens.csv", "upn,serial number,secret key,time interval,manufacturer,model\nHelga@contoso.com,1234567,2234567abcdef2234567abcdef,60,Contoso,HardwareKey\n");
    assert_eq!(house.run("device import tokens.csv").succeeds(), "helga@contoso.com: 1234567 (totp) given");
}
