//! `countersign device`: what users have, and tokens that come with a file.

use countersign_testkit::SoftToken;
use serde_json::json;

use crate::{
    house::{House, PASSWORD},
    person::Person,
};

/// The key of RFC 4226, in base32.
const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn with_tokens(text: &str) -> House {
    let house = House::of(&["ada", "grace"]);
    house.write("tokens.csv", text);
    house
}

#[tokio::test]
async fn a_token_from_a_file_signs_in_at_once_and_is_given_once() {
    let file = format!("serial,type,secret_base32,counter,user\nA1,hotp,{KEY},3,ada\nG1,hotp,{KEY},0,grace\n");
    let house = with_tokens(&file);
    let told = house.run("device import tokens.csv --dry-run");
    assert_eq!(told.succeeds(), "ada: A1 (hotp) would be given\ngrace: G1 (hotp) would be given");
    assert_eq!(house.run("device list ada").succeeds(), "ada: none");
    assert_eq!(house.run("device import tokens.csv").succeeds(), "ada: A1 (hotp) given\ngrace: G1 (hotp) given");
    let again = house.run("device import tokens.csv --json").json();
    assert_eq!(again[0], json!({ "user": "ada", "kind": "hotp", "name": "A1", "outcome": "there already" }));
    assert!(house.run("device list ada").succeeds().starts_with("A1: hotp, active, never used"));
    assert_eq!(house.run("two-factor status ada").succeeds(), "ada: enabled");

    let (server, token) = (house.serves(), SoftToken::with_key(KEY));
    for (press, works) in [(2, false), (3, true), (3, false), (4, true)] {
        let mut ada = Person::at(&server, "ada");
        let page = ada.signs_in(PASSWORD).await;
        assert_eq!(ada.answers(&page, &token.shows(press)).await.says("You are signed in"), works, "{press}");
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    }
}

#[test]
fn a_file_with_one_mistake_gives_nobody_anything_and_its_line_is_named() {
    let good = format!("A1,hotp,{KEY},0,ada");
    for (line, said) in [
        (format!("N1,hotp,{KEY},0,nobody"), "line 3: there is no user \"nobody\""),
        (format!("N1,hotp,{KEY},0,"), "line 3: it does not say whose token this is: name them with --user"),
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
fn nothing_was_sent_to_whoever_has_no_address() {
    let house = House::of(&["ada"]);
    assert_eq!(house.run("device deliveries ada").succeeds(), "ada: nothing was sent");
    assert_eq!(house.run("device deliveries ada --json").json(), json!([]));
    assert!(house.run("device deliveries nobody").fails().starts_with("there is no user \"nobody\""));
}

/// R25: a code is good for two minutes at most.
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
