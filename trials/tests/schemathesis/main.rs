//! The JSON API tested against its own description by schemathesis, which knows nothing else about it.
//!
//! Thousands of requests are generated from the description, singly and in chains along its links, and sent to the real
//! server; every response must be described. `people.py` signs users in, with a second factor, and completes every
//! other request with values that a user would know, so that most responses are more than a refusal.
//!
//! One check of schemathesis is left out: a request with a valid form may be refused for its values, such as a password
//! that no user has. Limits that the number of requests alone would reach are raised by settings. Cookies are not part
//! of this; browsers test those. A chain ends when the server does not give the same response in the same state, which
//! is allowed; so chains are a separate process, which is repeated until its time is up.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a trial fails by panicking")]
#![allow(clippy::print_stdout, reason = "how many requests there were is for the reader")]

mod report;

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use countersign_testkit::rounds;
use serde_json::{Value, json};
use tempfile::TempDir;
use trials::{Installation, Server, try_request};

use crate::report::{Described, Report, operations};

const HOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis/people.py");
const PASSWORD: &str = "umbrella marmalade kiosk";
/// A user who never sets anything up.
const NEWCOMER: &str = "newcomer";
/// Users who take turns: each when the one before cannot sign in any more.
const PEOPLE: usize = 12;

const SINGLY: [&str; 4] = ["--phases", "coverage,fuzzing", "--max-examples", "60"];
const IN_CHAINS: [&str; 4] = ["--phases", "stateful", "--max-time", "40"];

/// Limits of wrong passwords, codes and messages that the trial does not reach.
const SETTINGS: [(&str, &str); 13] = [
    ("password_attempts_per_account", "1000000"),
    ("password_attempts_per_ip", "1000000"),
    ("password_rate_per_ip", "0"),
    ("throttle_factor", "0"),
    ("code_cooldown", "0"),
    ("code_lifetime", "5s"),
    ("codes_per_user", "1000000"),
    ("codes_per_user_ceiling", "1000000"),
    ("codes_per_address", "1000000"),
    ("codes_per_address_ceiling", "1000000"),
    ("codes_per_region", "1000000"),
    ("code_breaker", "1000000"),
    ("sms_gateway", "command"),
];

/// A server with users, and a folder for the messages to them.
struct Site {
    folder: TempDir,
    server: Server,
}

impl Site {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let database = format!("sqlite://{}/countersign.db", folder.path().display());
        let installation = Installation::on(&database, folder.path());
        for number in 0..PEOPLE {
            installation.adds(&format!("person{number}"), PASSWORD);
        }
        installation.adds(NEWCOMER, PASSWORD);
        let gateway = gateway(folder.path());
        let settings: Vec<_> = SETTINGS.into_iter().chain([("gateway_command", gateway.as_str())]).collect();
        let server = installation.lone_node(&settings);
        Self { folder, server }
    }

    /// The server's description of its API.
    fn description(&self) -> Value {
        let head = format!("GET /api/v1/openapi.json HTTP/1.1\r\nHost: {}\r\n", self.server.address);
        let answer = String::from_utf8(try_request(&self.server.address, &head).unwrap()).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// Runs schemathesis on the description at this URL.
    fn tried(&self, description: &str, seed: u32, words: &[&str]) -> (Report, Output) {
        let api = format!("http://{}/api/v1", self.server.address);
        let people = (0..PEOPLE).map(|number| format!("person{number} +316123456{number:02}\n"));
        let [summary, events] = ["summary.json", "events.ndjson"].map(|name| self.folder.path().join(name));
        let mut schemathesis = python();
        schemathesis
            .current_dir(self.folder.path())
            .args(["-m", "schemathesis.cli", "run", description, "--url", &api])
            .args(["--checks", "all", "--exclude-checks", "positive_data_acceptance", "--continue-on-failure"])
            .args([
                "--seed",
                &seed.to_string(),
                "--generation-database",
                "none",
                "--no-color",
                "--report",
                "json,ndjson",
            ])
            .arg("--report-json-path")
            .arg(&summary)
            .arg("--report-ndjson-path")
            .arg(&events)
            .args(words)
            .env("SCHEMATHESIS_HOOKS", HOOKS)
            .env("TRIAL_API", &api)
            .env("TRIAL_PASSWORD", PASSWORD)
            .env("TRIAL_NEWCOMER", NEWCOMER)
            .env("TRIAL_PEOPLE", people.collect::<String>())
            .env("TRIAL_OUTBOX", outbox(self.folder.path()));
        let output = schemathesis.output().unwrap();
        (Report::read(&summary, &events), output)
    }
}

/// A program that stores the messages that it gets.
fn gateway(folder: &Path) -> String {
    let (program, outbox) = (folder.join("gateway"), outbox(folder));
    fs::write(&outbox, "").unwrap();
    fs::write(&program, format!("#!/bin/sh\ncat >> {0}\necho >> {0}\n", outbox.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    program.display().to_string()
}

fn outbox(folder: &Path) -> PathBuf {
    folder.join("outbox")
}

fn python() -> Command {
    let Some(program) = env::var_os("TRIALS_PYTHON") else {
        panic!("this trial needs Python packages: run `cargo xtask test`, which sets TRIALS_PYTHON");
    };
    Command::new(program)
}

#[test]
fn whatever_is_answered_is_described() {
    let described = operations(&Site::new().description());
    for seed in 1..=rounds(1) {
        tries_all(&described, seed);
    }
}

/// Generates requests for every described operation, with this seed, and checks the responses.
fn tries_all(described: &[Described], seed: u32) {
    let runs = [SINGLY, IN_CHAINS].map(|words| {
        // The users are new, with no devices from an earlier process.
        let site = Site::new();
        let (report, output) = site.tried(&format!("http://{}/api/v1/openapi.json", site.server.address), seed, &words);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && report.is_clean(), "{said}");
        println!("{words:?}: {report}");
        report
    });
    let chained = runs[1].chained();
    let all = Report::of_all(runs);
    assert!(all.cases() >= 2500, "{} requests were made", all.cases());
    assert!(chained >= 100, "{chained} requests went on with what another had given");
    for operation in described {
        let statuses = all.statuses(&operation.name);
        assert!(statuses.keys().all(|status| *status < 500), "{}: {statuses:?}", operation.name);
        assert!(statuses.keys().any(|status| *status < 300), "{} never succeeds: {statuses:?}", operation.name);
    }
    let of_the_signed_in = described.iter().filter(|operation| operation.asks_for_session);
    let (asked, unsigned) = of_the_signed_in.fold((0, 0), |(asked, unsigned), operation| {
        let statuses = all.statuses(&operation.name);
        (asked + statuses.values().sum::<usize>(), unsigned + statuses.get(&401).copied().unwrap_or_default())
    });
    assert!(unsigned * 3 < asked, "{unsigned} of {asked} requests had no session");
    let throttled = all.share(429);
    assert!(throttled < 0.05, "{throttled} of all requests were too many");
}

/// The check that finds it, where the description has it, and how it comes about.
type Untruth = (&'static str, &'static str, fn(&mut Value));

/// A trial without findings might check nothing: each kind of error in a description is found.
#[test]
fn a_description_that_is_not_true_is_found_out() {
    let site = Site::new();
    let untruths: [Untruth; 5] = [
        ("Undocumented status code", "/paths/~1sessions/get/responses", |answers| {
            *answers = json!({ "201": answers["200"].take() });
        }),
        ("Undocumented Content-Type", "/paths/~1sessions/get/responses/200/content", |content| {
            *content = json!({ "application/xml": content["application/json"].take() });
        }),
        ("Missing required response headers", "/paths/~1sessions/get/responses/200", |answer| {
            answer["headers"] = json!({ "Colour": { "required": true, "schema": { "type": "string" } } });
        }),
        ("Response violates schema", "/components/schemas/SessionEntry/required", |required| {
            required.as_array_mut().unwrap().push("colour".into());
        }),
        ("Response violates schema", "/components/schemas/SessionEntry", |entry| {
            entry["required"].as_array_mut().unwrap().retain(|member| member != "acr");
            entry["properties"].as_object_mut().unwrap().remove("acr");
        }),
    ];
    for (told, place, untruth) in untruths {
        let mut description = site.description();
        untruth(description.pointer_mut(place).unwrap());
        let file = site.folder.path().join("untrue.json");
        fs::write(&file, description.to_string()).unwrap();
        let words = ["--phases", "coverage", "--include-operation-id", "sessions"];
        let (report, output) = site.tried(&file.display().to_string(), 1, &words);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() && !report.is_clean() && said.contains(told), "{told}:\n{said}");
    }
}
