//! The files that are shipped beside the program: the programs they are for accept them unchanged.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a trial fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "real programs run in real time")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use countersign_testkit::Browser;
use http::{HeaderValue, StatusCode};
use rusqlite::Connection;
use trials::{Clock, Installation, PASSWORD, Server, Socket, Walk, free_port, program, try_request};

/// The host name in the shipped configuration.
const SITE: &str = "id.example.org";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn packaging() -> PathBuf {
    root().join("packaging")
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?} does not run: {error}"))
}

/// The value of a setting in a unit; the last one counts.
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
        ("StartLimitIntervalSec", "0"),
        ("Restart", "on-failure"),
    ] {
        assert_eq!(setting(&unit, name), value, "{name}");
    }
    let verify = |unit: &str| {
        let path = folder.path().join("countersign.service");
        fs::write(&path, unit).unwrap();
        let Output { status, stderr, .. } = run(Command::new("systemd-analyze").arg("verify").arg(&path));
        let complaints = String::from_utf8(stderr).unwrap();
        // Other units of this machine are not checked.
        let ours: Vec<String> =
            complaints.lines().filter(|line| line.contains("countersign.service")).map(str::to_owned).collect();
        (status.success(), ours)
    };
    let image = fs::read_to_string(root().join("Dockerfile")).unwrap();
    for tuned in unit.lines().filter_map(|line| line.strip_prefix("Environment=")) {
        assert!(instructions(&image, "ENV").contains(&tuned), "the image does not have {tuned}");
    }
    let here = unit.replace("/usr/local/bin/countersign", program().canonicalize().unwrap().to_str().unwrap());
    assert_eq!(verify(&here), (true, vec![]));
    let (_, complaints) = verify(&here.replace("NoNewPrivileges=yes", "NoNewPrivileges=perhaps"));
    assert!(!complaints.is_empty(), "systemd would not notice a slip");
}

/// Creates a certificate for the site, and its key, where the shipped configuration expects them in this folder.
fn certificate(folder: &Path) -> PathBuf {
    let [certificate, key] = ["crt", "key"].map(|end| folder.join(format!("{SITE}.{end}")));
    let made = run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"])
        .args(["-subj", &format!("/CN={SITE}"), "-addext", &format!("subjectAltName=DNS:{SITE}"), "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate));
    assert!(made.status.success(), "{made:?}");
    certificate
}

#[test]
fn nginx_takes_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let _ = certificate(folder.path());
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
    assert!(shipped.contains("proxy_set_header Host $http_host;"), "the port is passed on");
    // As one site among others it is the same.
    let site = fs::read_to_string(packaging().join("proxies/nginx.conf")).unwrap();
    for line in site.lines().map(str::trim).filter(|line| line.ends_with([';', '}'])) {
        assert!(shipped.replace(" default_server", "").contains(line), "{line}");
    }
    assert!(!shipped.contains("non_idempotent;") && !shipped.contains("$proxy_add_x_forwarded_for"));
    // The part in the document is the same as in the shipped file.
    let paper = fs::read_to_string(packaging().join("../docs/operations.md")).unwrap();
    let (_, shown) = paper.split_once("```nginx\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    for line in shown.lines().map(str::trim).filter(|line| line.ends_with(';')) {
        assert!(shipped.contains(line), "{line}");
    }
}

/// The shipped proxy, on other ports and with these nodes behind it; stopped when the value is dropped.
struct Proxy {
    nginx: Child,
    plain: String,
    tls: String,
}

impl Proxy {
    fn before(nodes: &[&Server], folder: &Path) -> Self {
        let [plain, tls] = [free_port(), free_port()];
        let mut text = fs::read_to_string(packaging().join("nginx.conf")).unwrap();
        let addresses = ["10.0.0.11:8000", "10.0.0.12:8000"].into_iter().zip(nodes.iter().map(|node| &*node.address));
        let folders = [("/etc/nginx/tls", folder.to_str().unwrap())];
        let ports = [("80", plain), ("443", tls)].map(|(shipped, ours)| {
            ["", "[::]:"].map(|host| (format!("listen {host}{shipped} "), format!("listen {host}{ours} ")))
        });
        let ports = ports.as_flattened().iter().map(|(shipped, ours)| (&**shipped, &**ours));
        for (shipped, ours) in addresses.chain(folders).chain(ports) {
            assert!(text.contains(shipped), "{shipped}");
            text = text.replace(shipped, ours);
        }
        let path = folder.join("nginx.conf");
        fs::write(&path, text).unwrap();
        let here = format!("daemon off; pid {}/nginx.pid;", folder.display());
        let mut nginx = Command::new("nginx");
        nginx.arg("-e").arg(folder.join("nginx.log")).arg("-c").arg(path).args(["-g", &here]);
        let nginx = nginx.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let [plain, tls] = [plain, tls].map(|port| format!("127.0.0.1:{port}"));
        let give_up = Instant::now() + Duration::from_secs(30);
        while try_request(&plain, "GET / HTTP/1.1\r\nHost: front\r\n").is_none() {
            let log = || fs::read_to_string(folder.join("nginx.log")).unwrap_or_default();
            assert!(Instant::now() < give_up, "nginx does not answer:\n{}", log());
            thread::sleep(Duration::from_millis(10));
        }
        Self { nginx, plain, tls }
    }
}

impl Drop for Proxy {
    /// Its workers end when it is stopped, but would survive if it were killed.
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.nginx.id().to_string()]).status();
        let _ = self.nginx.wait();
    }
}

#[tokio::test]
async fn people_sign_in_through_the_shipped_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = certificate(folder.path());
    let database = folder.path().join("countersign.db");
    let installation = Installation::on(&format!("sqlite://{}", database.display()), folder.path());
    installation.adds("ada", PASSWORD);
    let node = || installation.node(&format!("https://{SITE}"), &[("trusted_proxies", "127.0.0.1")], Clock::Right);
    let (first, second) = (node(), node());
    let proxy = Proxy::before(&[&first, &second], folder.path());
    let new_browser = || {
        let mut browser = Browser::at(Socket::to(&proxy.tls).by_tls(SITE, &certificate), SITE);
        browser.headers.insert("x-forwarded-for", HeaderValue::from_static("203.0.113.7"));
        browser
    };

    let mut ada = new_browser();
    ada.gives_password("ada", PASSWORD).await;
    ada.sets_up().await;
    let codes = ada.makes_backup_codes().await;
    let mut ada = new_browser();
    ada.gives_password("ada", PASSWORD).await;
    let answer = ada.answers_with_backup_code(&codes[0]).await;
    assert!(answer.status.is_redirection() && ada.cookies.contains_key("__Host-countersign"), "{answer:?}");
    assert_eq!(ada.get("/secret").await.status, StatusCode::OK);

    let plain = try_request(&proxy.plain, &format!("GET /secret HTTP/1.1\r\nHost: {SITE}\r\n")).unwrap();
    let plain = String::from_utf8_lossy(&plain);
    assert!(
        plain.starts_with("HTTP/1.1 301") && plain.contains(&format!("Location: https://{SITE}/secret")),
        "{plain}"
    );
    for probe in ["/healthz", "/readyz"] {
        assert_eq!(ada.get(probe).await.status, StatusCode::NOT_FOUND, "probes are for others");
    }
    // Whatever IP address the browser claims.
    let database = Connection::open(database).unwrap();
    let mut addresses = database.prepare("SELECT DISTINCT address FROM event").unwrap();
    let addresses: Vec<String> = addresses.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(addresses, ["127.0.0.1"]);

    first.kill();
    for _ in 0..4 {
        assert_eq!(ada.get("/secret").await.status, StatusCode::OK, "the other node is asked");
    }
}

/// The text after a word at the beginning of a line, including continued lines.
fn instructions<'a>(image: &'a str, word: &str) -> Vec<&'a str> {
    image.lines().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).map(str::trim).collect()
}

/// The image cannot be built where the trials run, so its assumptions are checked.
#[test]
fn the_image_is_made_of_what_is_there() {
    let image = fs::read_to_string(root().join("Dockerfile")).unwrap().replace("\\\n", " ");
    let (build, shipped) = image.split_once("\nFROM debian:bookworm-slim\n").unwrap();
    let rust = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let version = rust.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert_eq!(instructions(build, "FROM"), [format!("rust:{version}-bookworm AS build")]);
    assert_eq!(instructions(build, "COPY"), [". ."], "everything but what .dockerignore keeps out");
    let made = instructions(build, "RUN").concat();
    for path in made.split_whitespace().filter(|word| word.starts_with("packaging/")) {
        assert!(root().join(path).is_file(), "{path}");
    }
    let copied = instructions(shipped, "COPY");
    for copy in &copied {
        let words: Vec<_> = copy.split_whitespace().collect();
        let [flags @ .., from, _] = &words[..] else { panic!("{copy}") };
        assert!(flags.contains(&"--from=build"), "{copy}");
        assert!(made.split_whitespace().any(|word| word == *from), "the first stage does not make {from}");
    }
    let place = |text: &str| shipped.find(text).unwrap_or_else(|| panic!("it does not say {text}"));
    assert_eq!(instructions(shipped, "USER"), ["10001:10001"]);
    assert!(place("USER ") > shipped.rfind("COPY ").unwrap() && place("USER ") < place("ENTRYPOINT "));
    let state = instructions(shipped, "VOLUME");
    assert!(copied.iter().any(|copy| copy.starts_with("--from=build --chown=10001:10001") && copy.ends_with(state[0])));

    let started: Vec<_> = ["ENTRYPOINT", "CMD"].iter().flat_map(|word| instructions(shipped, word)).collect();
    assert_eq!(started, ["[\"countersign\"]", "[\"serve\"]"]);
    let healthy = instructions(shipped, "HEALTHCHECK");
    assert!(healthy[0].ends_with("CMD [\"countersign\", \"health\"]"), "{healthy:?}");
    for command in ["serve", "health"] {
        assert!(run(Command::new(program()).args([command, "--help"])).status.success(), "{command}");
    }
}

#[test]
fn the_settings_of_the_image_are_in_effect_and_lack_only_what_nobody_else_knows() {
    let image = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let named = instructions(&image, "ENV");
    let ours: Vec<_> = named.into_iter().filter(|variable| variable.contains("COUNTERSIGN_")).collect();
    assert_eq!(ours, ["COUNTERSIGN_CONFIG=/etc/countersign/countersign.toml"], "the environment goes before the file");
    let here = |words: &[&str]| {
        let mut command = Command::new(program());
        command.args(words).env("COUNTERSIGN_CONFIG", packaging().join("container.toml"));
        command
    };
    let shown = run(&mut here(&["config", "show"]));
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for setting in ["bind = \"0.0.0.0:8000\"", "database_url = \"sqlite:///var/lib/countersign/countersign.db\""] {
        assert!(shown.contains(setting), "{shown}");
    }
    let complaint = |command: &mut Command| String::from_utf8_lossy(&run(command).stderr).into_owned();
    assert!(complaint(&mut here(&["config", "check"])).contains("set public_url to the https URL"));
    let mut told = here(&["config", "check"]);
    told.env("COUNTERSIGN_PUBLIC_URL", "https://id.example.org").env("COUNTERSIGN_TRUSTED_PROXIES", "172.16.0.0/12");
    // Only the mounted files are missing now.
    assert!(complaint(&mut told).contains("/countersign"), "{}", complaint(&mut told));
}
