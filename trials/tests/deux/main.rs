//! A client written from deux's documentation, against the real server.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a trial fails by panicking")]

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use serde_json::Value;
use trials::{Installation, program};

const CLIENT: &str = include_str!("client.py");

#[test]
fn a_client_written_from_deux_s_documents_goes_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let [database, inbox, gateway] = ["countersign.db", "inbox", "gateway"].map(|name| folder.path().join(name));
    fs::write(&gateway, format!("#!/bin/sh\n(cat; echo) >> {}\n", inbox.display())).unwrap();
    fs::set_permissions(&gateway, fs::Permissions::from_mode(0o700)).unwrap();
    let installation = Installation::on(&format!("sqlite://{}", database.display()), folder.path());
    installation.adds("ada", "marmalade umbrella kiosk");
    let client = registered(&installation);
    let server = installation.lone_node(&[
        ("deux_path", "/mfa"),
        ("deux_lenient", "true"),
        ("sms_gateway", "command"),
        ("gateway_command", gateway.to_str().unwrap()),
        // The client signs in more often than users do.
        ("code_cooldown", "0s"),
        ("codes_per_user", "40"),
        ("codes_per_address", "20"),
    ]);
    let mut python = Command::new(std::env::var_os("TRIALS_PYTHON").unwrap_or_else(|| {
        panic!("this test needs Python packages: run `cargo xtask test`, which sets TRIALS_PYTHON")
    }));
    let site = format!("http://{}", server.address);
    python.args(["-c", CLIENT, &site, "ada", "marmalade umbrella kiosk"]).args(&client).arg(&inbox);
    let output = python.output().unwrap();
    let (did, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "after\n{did}{error}\n{}", server.output());
    assert_eq!(did.lines().last(), Some("went on with a refresh token"));
}

/// The id and the secret of a client that is registered for it.
fn registered(installation: &Installation) -> [String; 2] {
    let mut add = Command::new(program());
    add.args(["client", "add", "Old app", "--scope", "read", "--scope", "write", "--json"]);
    let output = add.envs(installation.settings()).output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    ["id", "secret"].map(|member| told[member].as_str().unwrap().to_owned())
}
