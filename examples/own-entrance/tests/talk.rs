//! A conversation from its first line to its last; a code that is used in it is rejected everywhere.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, http::StatusCode};
use countersign::{Countersign, Origins, Settings, engine::memory::MemoryStore};
use countersign_testkit::{Browser, Failing, Fails, Program, World};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

const HOST: &str = "localhost:8000";
const LOGIN: &str = "/account/login";
const SECOND_FACTOR: &str = "/account/login/second-factor";

/// The front end of a world.
async fn entrance(world: &World) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(own_entrance::serve(world.engine.clone(), listener));
    address
}

/// The pages and the API of the same world.
fn site(world: &World) -> Router {
    Countersign::new(world.engine.clone(), Settings::new(Origins::Loopback { port: 8000 })).unwrap().routes()
}

/// A client that sends and reads lines.
struct Caller(BufReader<TcpStream>);

impl Caller {
    async fn at(entrance: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(entrance).await.unwrap()))
    }

    /// Sends a line, whether or not the server still reads.
    async fn says(&mut self, line: &str) {
        let _ = self.0.write_all(format!("{line}\r\n").as_bytes()).await;
    }

    /// The next line; empty if the connection is closed.
    async fn hears(&mut self) -> String {
        let mut line = String::new();
        let _ = self.0.read_line(&mut line).await;
        line.trim_end().to_owned()
    }

    async fn gives(&mut self, name: &str, password: &str) -> String {
        self.says(name).await;
        self.says(password).await;
        self.hears().await
    }

    async fn answers(&mut self, code: &str) -> String {
        self.says(code).await;
        self.hears().await
    }
}

#[tokio::test]
async fn a_password_is_enough_for_a_user_without_a_second_factor() {
    let world = World::new();
    let (ada, entrance) = (world.user("ada"), entrance(&world).await);
    assert_eq!(Caller::at(entrance).await.gives("ada", "a guess").await, "NO invalid-credentials");
    assert_eq!(Caller::at(entrance).await.gives("nobody", "a guess").await, "NO invalid-credentials");
    let answer = Caller::at(entrance).await.gives(" Ada", &ada.password).await;
    let mut program = Program::at(site(&world), HOST);
    program.token = answer.strip_prefix("OK aal1 ").map(str::to_owned);
    assert_eq!(program.get("/api/v1/session").await.body["user"]["name"], "ada");
    assert_eq!(program.post("/api/v1/logout", &json!({})).await.status, StatusCode::NO_CONTENT);
    assert_eq!(program.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_code_is_asked_for_and_judged_as_at_every_other_entrance() {
    let world = World::new();
    let (ada, entrance) = (world.user("ada"), entrance(&world).await);
    ada.sets_up().await;
    let mut caller = Caller::at(entrance).await;
    assert_eq!(caller.gives("ada", &ada.password).await, "ASK totp");
    assert_eq!(caller.answers("a code").await, "NO code-malformed");
    assert_eq!(caller.answers(&ada.wrong_code()).await, "NO code-wrong");
    assert_eq!(caller.answers(&ada.code()).await, "NO device-locked 1");
    world.pass(1);
    let code = ada.code();
    let answer = caller.answers(&code).await;
    assert!(answer.starts_with("OK aal2 "), "{answer}");
    assert_eq!(caller.hears().await, "", "all is said");

    let mut replay = Caller::at(entrance).await;
    assert_eq!(replay.gives("ada", &ada.password).await, "ASK totp");
    assert_eq!(replay.answers(&code).await, "NO code-used");
    world.pass(600);
    assert_eq!(replay.answers(&ada.code()).await, "NO attempt-expired");
}

/// T14: a code that was used at one front end is refused at the others.
#[tokio::test]
async fn t14_a_code_used_here_is_refused_at_the_api_and_the_pages_and_the_other_way_round() {
    let world = World::new();
    let (ada, entrance, site) = (world.user("ada"), entrance(&world).await, site(&world));
    ada.sets_up().await;
    let (mut caller, mut program) = (Caller::at(entrance).await, Program::at(site.clone(), HOST));
    assert_eq!(caller.gives("ada", &ada.password).await, "ASK totp");
    let pending = program.signs_in("ada", &ada.password).await.body["pending"].clone();
    let mut browser = Browser::at(site, HOST);
    let form = browser.get(LOGIN).await.form_with("password");
    browser.submit(&form, LOGIN, &[("name", "ada"), ("password", &ada.password)]).await;
    let form = browser.get(SECOND_FACTOR).await.form_with("code");

    let code = ada.code();
    assert!(caller.answers(&code).await.starts_with("OK aal2 "));
    assert_eq!(program.answers(&pending, &code).await.code(), "code-used");
    let page = browser.submit(&form, SECOND_FACTOR, &[("code", &code)]).await;
    assert!(page.says("That code has been used already."), "{}", page.body);

    world.pass(30);
    let code = ada.code();
    assert_eq!(program.answers(&pending, &code).await.status, StatusCode::OK);
    let mut caller = Caller::at(entrance).await;
    assert_eq!(caller.gives("ada", &ada.password).await, "ASK totp");
    assert_eq!(caller.answers(&code).await, "NO code-used");
}

#[tokio::test]
async fn what_cannot_be_decided_is_neither_yes_nor_no() {
    let store = Failing::before(Arc::new(MemoryStore::default()));
    let world = World::on(store.clone());
    let (ada, entrance) = (world.user("ada"), entrance(&world).await);
    store.hook().arm(Some((0, Fails::Before)));
    let answer = Caller::at(entrance).await.gives("ada", &ada.password).await;
    assert!(answer.starts_with("FAULT ") && !answer.contains("on purpose"), "{answer}");
}

#[tokio::test]
async fn a_client_that_sends_too_much_or_hangs_up_is_told_nothing() {
    let world = World::new();
    let (ada, entrance) = (world.user("ada"), entrance(&world).await);
    let mut caller = Caller::at(entrance).await;
    caller.says(&"a".repeat(4096)).await;
    assert_eq!(caller.gives("ada", &ada.password).await, "");
    let mut caller = Caller::at(entrance).await;
    caller.says("ada").await;
    caller.0.shutdown().await.unwrap();
    assert_eq!(caller.hears().await, "");
}
