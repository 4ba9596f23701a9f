//! What is shipped beside the program: the programs it is meant for take it as it stands.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a trial fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use trials::program;

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging")
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?} does not run: {error}"))
}

/// What a unit says of a setting; the last one counts.
fn setting<'a>(unit: &'a str, name: &str) -> &'a str {
    let mut lines = unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    lines.next_back().unwrap_or_else(|| panic!("the unit does not say {name}"))
}

#[test]
fn systemd_takes_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let unit = fs::read_to_string(packaging().join("countersign.service")).unwrap();
    for (name, value) in [
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("MemoryDenyWriteExecute", "yes"),
        ("CapabilityBoundingSet", ""),
        ("StateDirectoryMode", "0700"),
        ("LimitCORE", "0"),
    ] {
        assert_eq!(setting(&unit, name), value, "{name}");
    }
    let verify = |unit: &str| {
        let path = folder.path().join("countersign.service");
        fs::write(&path, unit).unwrap();
        let Output { status, stderr, .. } = run(Command::new("systemd-analyze").arg("verify").arg(&path));
        let complaints = String::from_utf8(stderr).unwrap();
        // Units of this machine are not ours to judge.
        let ours: Vec<String> =
            complaints.lines().filter(|line| line.contains("countersign.service")).map(str::to_owned).collect();
        (status.success(), ours)
    };
    let here = unit.replace("/usr/local/bin/countersign", program().canonicalize().unwrap().to_str().unwrap());
    assert_eq!(verify(&here), (true, vec![]));
    let (_, complaints) = verify(&here.replace("NoNewPrivileges=yes", "NoNewPrivileges=perhaps"));
    assert!(!complaints.is_empty(), "systemd would not notice a slip");
}

#[test]
fn nginx_takes_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["crt", "key"].map(|end| folder.path().join(format!("id.example.org.{end}")));
    let made = run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"])
        .args(["-subj", "/CN=id.example.org", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate));
    assert!(made.status.success(), "{made:?}");
    let shipped = fs::read_to_string(packaging().join("nginx.conf")).unwrap();
    let check = |configuration: &str| {
        let path = folder.path().join("nginx.conf");
        fs::write(&path, configuration.replace("/etc/nginx/tls", folder.path().to_str().unwrap())).unwrap();
        let pid = format!("pid {}/nginx.pid;", folder.path().display());
        run(Command::new("nginx").args(["-t", "-c"]).arg(&path).args(["-g", &pid]))
    };
    let taken = check(&shipped);
    assert!(taken.status.success(), "{taken:?}");
    assert!(!check(&shipped.replace("least_conn;", "at_will;")).status.success(), "nginx would not notice a slip");
    assert!(shipped.contains("proxy_set_header X-Forwarded-For $remote_addr;"));
    assert!(!shipped.contains("non_idempotent;") && !shipped.contains("$proxy_add_x_forwarded_for"));
    // What the paper shows of it is what is shipped.
    let paper = fs::read_to_string(packaging().join("../docs/operations.md")).unwrap();
    let (_, shown) = paper.split_once("```nginx\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    for line in shown.lines().map(str::trim).filter(|line| line.ends_with(';')) {
        assert!(shipped.contains(line), "{line}");
    }
}
