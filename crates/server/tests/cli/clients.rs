//! `countersign client`: API clients that get access tokens.

use serde_json::{Value, json};

use crate::house::{Engine, House};

/// The path at which clients request tokens; without it, adding a client warns.
const PATH: [(&str, &str); 1] = [("COUNTERSIGN_DEUX_PATH", "/mfa")];

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

fn field(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}

/// A token of ada's that was issued to this client.
fn give(house: &House, token: &str, client: &str) {
    house.sql(&format!(
        "INSERT INTO token (id, key, user_id, kind, name, scopes, level, stamp, signed_in, created, expires, client_id)
         VALUES ('{token}', '{token}', 'ada', 'access', 'Wiki', 'read', 'aal1', 's', 1, 1, 99999999999999, '{client}')"
    ));
}

#[test]
fn a_client_is_added_listed_and_removed_with_its_tokens() {
    for engine in ENGINES {
        let house = House::founded_on(engine);
        assert_eq!(house.run("client list").succeeds(), "no clients are registered");
        let wiki = house
            .run_in_place("client add 'The wiki' --scope read --scope write:all --scope read --json", &PATH)
            .json();
        let app = house.run_in_place("client add App --public --json", &PATH).json();
        assert_eq!(wiki["scopes"], json!(["read", "write:all"]));
        assert_eq!((&wiki["type"], &app["type"]), (&json!("confidential"), &json!("public")));
        assert!(app.get("secret").is_none() && wiki["created"].as_i64().unwrap() > 0, "{app} {wiki}");

        let (wiki, app) = (field(&wiki, "id"), field(&app, "id"));
        let listed = format!("App: {app}, public, no scopes\nThe wiki: {wiki}, confidential, read write:all");
        assert_eq!(house.run("client list").succeeds(), listed);
        let data = house.run("client list --json").json();
        assert_eq!((&data[0]["id"], &data[1]["id"], &data[1]["name"]), (&json!(app), &json!(wiki), &json!("The wiki")));

        give(&house, "first", &wiki);
        give(&house, "second", &app);
        let removed = house.run(&format!("client remove {wiki}"));
        assert_eq!(removed.succeeds(), "The wiki: removed, and its tokens are revoked", "{engine:?}");
        assert_eq!(house.run("client list").succeeds(), format!("App: {app}, public, no scopes"));
        assert_eq!(house.count("SELECT count(*) FROM token WHERE id = 'second'"), 1);
        assert_eq!(house.count("SELECT count(*) FROM token"), 1);
    }
}

#[test]
fn a_client_that_cannot_ask_for_a_token_is_added_with_a_warning() {
    let house = House::founded();
    let added = house.run("client add Wiki --json");
    let told = "countersign: warning: clients are registered, but deux_path is not set: no client can get a token";
    assert!(added.status == 0 && added.err.starts_with(told) && added.err.lines().count() == 1, "{added:?}");
    assert_eq!(serde_json::from_str::<Value>(&added.out).unwrap()["name"], "Wiki");
    assert_eq!(house.run_in_place("client add Board", &PATH).err, "");
}

#[test]
fn a_secret_is_printed_once_and_is_nowhere_else() {
    let house = House::founded();
    let added = house.run_in_place("client add Wiki", &PATH);
    let line = added.succeeds();
    let (begin, rest) = line.split_once(", secret ").unwrap();
    let first = rest.strip_suffix(" (shown only once)").unwrap();
    assert!(begin.starts_with("Wiki: ") && begin.ends_with(", confidential, no scopes"), "{line}");
    let id = field(&house.run("client list --json").json()[0], "id");
    let rotated = house.run(&format!("client rotate-secret {id} --json")).json();
    let (second, same) = (field(&rotated, "secret"), field(&rotated, "id"));
    assert!(first.starts_with("csc_") && second.starts_with("csc_") && first != second && same == id);

    let third = house.run(&format!("client rotate-secret {id}"));
    assert!(third.succeeds().starts_with(&format!("{id}: secret set, secret csc_")), "{third:?}");
    assert!(third.succeeds().ends_with(" (shown only once)"), "{third:?}");
    house.run("backup copy.db").succeeds();
    let listed = house.run("client list --json");
    assert!(listed.json()[0].get("secret").is_none() && !listed.out.contains("csc_"), "{listed:?}");
    for name in ["copy.db", "countersign.db", "countersign.key"] {
        let bytes = std::fs::read(house.path(name)).unwrap();
        assert!(!bytes.windows(4).any(|window| window == b"csc_"), "{name}");
    }
    assert_eq!(house.run(&format!("client remove {id} --json")).json()["name"], "Wiki");
}

#[test]
fn what_is_no_name_and_no_scope_is_refused_and_registers_nothing() {
    let house = House::founded();
    let scope = "a scope is a word of 1 to 64 visible ASCII characters without quotes and backslashes, and there are at most 32";
    let many = (0..=32).fold("client add Wiki".to_owned(), |line, word| format!("{line} --scope {word}"));
    for (line, reason) in [
        ("client add ' '", "a name has 1 to 64 characters and no control characters"),
        ("client add 'a\tb'", "a name has 1 to 64 characters and no control characters"),
        ("client add Wiki --scope 'read write'", scope),
        ("client add Wiki --scope caf\u{e9}", scope),
        (&many, scope),
    ] {
        assert_eq!(house.run(line).fails(), reason, "{line}");
    }
    for line in ["client", "client add", "client remove", "client rotate-secret", "client add Wiki --scope"] {
        assert_eq!(house.run(line).status, 2, "{line}");
    }
    assert_eq!(house.run("client list --json").json(), json!([]));
}

#[test]
fn an_unknown_client_is_an_error_and_a_public_one_has_no_secret() {
    let house = House::founded();
    let app = field(&house.run_in_place("client add App --public --json", &PATH).json(), "id");
    for action in ["remove", "rotate-secret"] {
        // The name of a client is not its id.
        let told = house.run(&format!("client {action} App"));
        let reason = "there is no client \"App\": `countersign client list` lists the clients with their ids";
        assert_eq!(told.fails(), reason, "{action}");
    }
    let told = house.run(&format!("client rotate-secret {app}"));
    assert_eq!(told.fails(), format!("client \"{app}\" is a public client and has no secret"));
    assert_eq!(house.count("SELECT count(*) FROM client WHERE secret IS NULL"), 1);
}
