//! R82: an attacker who tries names at a front end learns nothing about them. A name that does not exist, a wrong
//! password and a deactivated user get the same response at every front end of the real server: in status, headers,
//! body, and time.
//!
//! The hash takes most of the time. A response without one differs by an order of magnitude, so the bound is wide and
//! not reached by the machine's noise; a request that is refused before hashing shows that the difference would be
//! detected.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a trial fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "real programs run in real time")]

use std::{
    process::Command,
    time::{Duration, Instant},
};

use countersign_testkit::{Browser, Form, Program};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use trials::{Installation, PASSWORD, Server, Socket, program};

/// The number of attempts for each case; the cases take turns.
const ROUNDS: usize = 40;
/// The maximum ratio of the slowest case to the fastest, by the fastest quarter of their attempts, which other load on
/// the machine affects least.
const APART: u32 = 2;

/// Names of the same length, since a page repeats the typed name.
const TRIED: [(&str, &str); 3] = [("nobody", "wrong"), ("member", "wrong"), ("leaver", PASSWORD)];

/// All of a response except its time.
type Seen = (StatusCode, String, String);

/// A front end that takes a name and a password.
enum Door {
    Pages {
        browser: Browser<Socket>,
        form: Form,
    },
    /// The members of the JSON document for the name, and its other members.
    Program {
        program: Program<Socket>,
        path: &'static str,
        name: &'static str,
        more: Value,
    },
}

impl Door {
    async fn all(server: &Server, client: &str) -> Vec<Self> {
        let mut browser = server.browser();
        let form = browser.get("/account/login").await.form_with("password");
        let program = Program::at(Socket::to(&server.address), &server.address);
        let of_client = json!({ "grant_type": "password", "client_id": client });
        let doors = [
            ("/api/v1/login", "name", json!({})),
            ("/mfa/authtoken/login/", "username", json!({})),
            ("/mfa/oauth2/token/", "username", of_client),
        ];
        let doors = doors.map(|(path, name, more)| Self::Program { program: program.clone(), path, name, more });
        [Self::Pages { browser, form }].into_iter().chain(doors).collect()
    }

    fn name(&self) -> &str {
        match self {
            Self::Pages { .. } => "/account/login",
            Self::Program { path, .. } => path,
        }
    }

    /// Tries a name and a password: the response, and its time.
    async fn tried(&mut self, name: &str, password: &str) -> (Seen, Duration) {
        match self {
            Self::Pages { browser, form } => {
                let mut browser = browser.clone();
                let start = Instant::now();
                let page = browser.submit(form, "", &[("name", name), ("password", password)]).await;
                let took = start.elapsed();
                ((page.status, seen(&page.headers), page.body.replace(name, "…")), took)
            }
            Self::Program { program, path, name: member, more } => {
                let mut document = more.clone();
                document[*member] = json!(name);
                document["password"] = json!(password);
                let start = Instant::now();
                let answer = program.post(path, &document).await;
                let took = start.elapsed();
                ((answer.status, seen(&answer.headers), answer.body.to_string()), took)
            }
        }
    }

    /// The time of a response for which nothing is hashed: without the form's token, or without a password.
    async fn unread(&self) -> Duration {
        let start = Instant::now();
        match self {
            Self::Pages { browser, .. } => {
                browser.clone().post("/account/login", &[("name", "member"), ("password", "wrong")]).await;
            }
            Self::Program { program, path, name, more } => {
                let mut document = more.clone();
                document[*name] = json!("member");
                program.post(path, &document).await;
            }
        }
        start.elapsed()
    }
}

/// The headers without the date.
fn seen(headers: &HeaderMap<HeaderValue>) -> String {
    let mut headers = headers.clone();
    headers.remove(header::DATE);
    format!("{headers:?}")
}

fn quick(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 4]
}

#[tokio::test]
async fn r82_nobody_is_told_apart_at_any_entrance_by_what_is_said_or_by_how_long_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let installation = Installation::on(&format!("sqlite://{}/countersign.db", folder.path().display()), folder.path());
    installation.adds("member", PASSWORD);
    installation.adds("leaver", PASSWORD);
    let client = told(&installation, &["client", "add", "App", "--public", "--json"]);
    told(&installation, &["user", "deactivate", "leaver", "--json"]);
    // The limit of attempts must not be reached.
    let wide = [
        ("password_attempts_per_account", "1000000"),
        ("password_attempts_per_ip", "1000000"),
        ("password_rate_per_ip", "0"),
        ("deux_path", "/mfa"),
    ];
    let server = installation.lone_node(&wide);
    for mut door in Door::all(&server, client["id"].as_str().unwrap()).await {
        let mut times = [const { Vec::new() }; TRIED.len()];
        let mut unread = vec![];
        let mut first: Option<Seen> = None;
        for _ in 0..ROUNDS {
            for (times, (name, password)) in times.iter_mut().zip(TRIED) {
                let (seen, took) = door.tried(name, password).await;
                assert!(seen.0.is_client_error(), "{}: {seen:?}", door.name());
                assert_eq!(&seen, first.get_or_insert_with(|| seen.clone()), "{} {name}", door.name());
                times.push(took);
            }
            unread.push(door.unread().await);
        }
        let [nobody, member, leaver] = times.map(quick);
        let fastest = nobody.min(member).min(leaver);
        let slowest = nobody.max(member).max(leaver);
        let all = format!("{}: {nobody:?}, {member:?}, {leaver:?}", door.name());
        assert!(slowest < fastest * APART, "{all}");
        let unread = quick(unread);
        assert!(fastest > unread * APART, "{all}, and without a hash {unread:?}: nothing would be found out by this");
    }
}

/// The output of a command.
fn told(installation: &Installation, words: &[&str]) -> Value {
    let mut command = Command::new(program());
    let output = command.args(words).envs(installation.settings()).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
