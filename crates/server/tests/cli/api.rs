//! The JSON API of a running server: its path, and the limits of its settings.

use countersign_engine::{Clock as _, SystemClock};
use countersign_testkit::{Program, SoftApp};
use http::StatusCode;
use serde_json::json;

use crate::{
    house::{House, PASSWORD, Server},
    person::Socket,
};

fn program(server: &Server) -> Program<Socket> {
    Program::at(Socket(server.address), &server.address.to_string())
}

#[tokio::test]
async fn the_api_is_where_it_is_set_and_makes_as_many_tokens_as_are_set() {
    let house = House::of(&["ada"]);
    let settings = [
        ("COUNTERSIGN_API_PATH", "/v2/api"),
        ("COUNTERSIGN_PERSONAL_TOKEN_MAX_LIFETIME", "1d"),
        ("COUNTERSIGN_PERSONAL_TOKENS_PER_USER", "1"),
    ];
    let server = house.serves_with("serve --bind 127.0.0.1:0", &settings);
    let mut ada = program(&server);
    ada.opens("/v2/api/login", &json!({ "name": "ada", "password": PASSWORD })).await;
    let setup = ada.post("/v2/api/devices", &json!({ "method": "totp", "name": "Phone" })).await.body;
    let code = SoftApp::with_key(setup["key"].as_str().unwrap()).code_at(SystemClock.now());
    ada.opens("/v2/api/devices/setup/confirm", &json!({ "setup": setup["setup"], "code": code })).await;

    let longer = ada.post("/v2/api/tokens", &json!({ "name": "robot", "expires_in": 86_401 })).await;
    assert_eq!(longer.code(), "lifetime-invalid");
    let made = ada.post("/v2/api/tokens", &json!({ "name": "robot" })).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let moment = |name: &str| made.body["made"][name].as_i64().unwrap();
    assert_eq!(moment("expires_at") - moment("created_at"), 86_400);
    assert_eq!(ada.post("/v2/api/tokens", &json!({ "name": "another" })).await.code(), "too-many-tokens");
    assert_eq!(ada.get("/api/v1/session").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_empty_path_offers_no_api_and_one_that_is_taken_is_refused() {
    let house = House::of(&["ada"]);
    let server = house.serves_with("serve --bind 127.0.0.1:0", &[("COUNTERSIGN_API_PATH", "")]);
    let refused = program(&server).post("/api/v1/login", &json!({ "name": "ada", "password": PASSWORD })).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    assert_eq!(
        house.run_in(&[("COUNTERSIGN_API_PATH", "/account/api")], "serve").fails(),
        "could not use api_path = \"/account/api\" from the environment: the server uses paths below /account itself"
    );
}
