//! A client generated from the API's description, without other knowledge of the API.
//!
//! The description is the one that the running server serves (OpenAPI 3.1). `openapi-python-client` generates a Python
//! package from it, and `client.py` uses only that package: it sends a token only where the generated code requires
//! one, and does what a 401 says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a trial fails by panicking")]

use std::{env, fs, path::Path, process::Command};

use trials::{Installation, Server, try_request};

const CLIENT: &str = include_str!("client.py");
const PASSWORD: &str = "marmalade umbrella kiosk";

#[test]
fn a_generated_client_signs_in_sets_up_steps_up_and_is_signed_out() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("countersign.db").display());
    let installation = Installation::on(&database, folder.path());
    installation.adds("ada", PASSWORD);
    // Verifications become stale within seconds here.
    let server = installation.lone_node(&[("reauthentication_window", "3s")]);
    generates(&server, folder.path());
    let mut python = python();
    python.args(["-c", CLIENT, &format!("http://{}/api/v1", server.address), "ada", PASSWORD]);
    let output = python.env("PYTHONPATH", folder.path()).output().unwrap();
    let (did, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "after\n{did}{error}\n{}", server.output());
    assert_eq!(did.lines().last(), Some("is signed out"), "{did}");
}

/// Generates the package `generated` in this folder, from the server's description of its API.
fn generates(server: &Server, folder: &Path) {
    let head = format!("GET /api/v1/openapi.json HTTP/1.1\r\nHost: {}\r\n", server.address);
    let answer = String::from_utf8(try_request(&server.address, &head).unwrap()).unwrap();
    let [description, config, package] = ["openapi.json", "config.yaml", "generated"].map(|name| folder.join(name));
    fs::write(&description, answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    // No formatter runs on the generated code.
    fs::write(&config, "post_hooks: []\n").unwrap();
    let mut generator = python();
    generator.args(["-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning", "--path"]);
    generator.arg(&description).arg("--config").arg(&config).arg("--output-path").arg(&package);
    let output = generator.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

fn python() -> Command {
    let Some(program) = env::var_os("TRIALS_PYTHON") else {
        panic!("this trial needs Python packages: run `cargo xtask test`, which sets TRIALS_PYTHON");
    };
    Command::new(program)
}
