//! The shipped sites for proxies: each proxy accepts its site unchanged, and users can sign in through it.
//!
//! Only what the files mark is changed: the name, the ports and the port in `public_url`, the nodes, and the paths of
//! certificates. The name is `localhost`, so that `doctor` reaches it like any public URL.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a trial fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "real programs run in real time")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use countersign_testkit::Browser;
use http::{HeaderName, HeaderValue, StatusCode};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;
use trials::{Clock, Installation, PASSWORD, Server, Socket, Walk, free_port, program, try_request};

/// The host name in the shipped files, and its replacement.
const SHIPPED: &str = "id.example.org";
const NAME: &str = "localhost";
/// The browser's IP address, which is not the proxy's.
const CLIENT: &str = "127.0.0.9";
/// A forged client IP address.
const FORGED: &str = "203.0.113.7";
/// The folder of Apache's modules on Debian, and the modules that the site and its surroundings need.
const MODULES: &str = "/usr/lib/apache2/modules";
const OF_APACHE: [&str; 11] = [
    "mpm_event",
    "authz_core",
    "alias",
    "socache_shmcb",
    "ssl",
    "headers",
    "slotmem_shm",
    "proxy",
    "proxy_http",
    "proxy_balancer",
    "lbmethod_byrequests",
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Nginx,
    Caddy,
    Haproxy,
    Apache,
}

/// An installation of two nodes, and the proxy in front of them.
struct Site {
    folder: TempDir,
    installation: Installation,
    nodes: Vec<Server>,
    plain: u16,
    tls: u16,
    acme: TcpListener,
    proxy: Option<Child>,
}

fn shipped(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/proxies").join(file)).unwrap()
}

/// A text with each of these replaced; all of them must occur.
fn changed(text: &str, changes: &[(&str, String)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (shipped, ours)| {
        assert!(text.contains(shipped), "{shipped}");
        text.replace(shipped, ours)
    })
}

impl Site {
    /// The nodes, without a proxy.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Workers of proxies are other users, and read files that ACME clients have written.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let [plain, tls] = [free_port(), free_port()];
        let database = format!("sqlite://{}", folder.path().join("countersign.db").display());
        let installation = Installation::on(&database, folder.path());
        installation.adds("ada", PASSWORD);
        let acme = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut site = Self { folder, installation, nodes: vec![], plain, tls, acme, proxy: None };
        site.nodes = (0..2).map(|_| site.node("127.0.0.1")).collect();
        site.make_certificate();
        let challenges = site.path("acme/.well-known/acme-challenge");
        fs::create_dir_all(&challenges).unwrap();
        fs::write(challenges.join("token"), "challenge of ACME").unwrap();
        site
    }

    fn node(&self, proxies: &str) -> Server {
        self.installation.node(&self.url(), &[("trusted_proxies", proxies)], Clock::Right)
    }

    fn url(&self) -> String {
        format!("https://{}", self.host())
    }

    fn host(&self) -> String {
        format!("{NAME}:{}", self.tls)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn make_certificate(&self) {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]);
        openssl.args(["-subj", &format!("/CN={NAME}"), "-addext", &format!("subjectAltName=DNS:{NAME}")]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        openssl.arg("-keyout").arg(self.path("localhost.key")).arg("-out").arg(self.path("localhost.crt"));
        let made = openssl.output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let parts = ["localhost.crt", "localhost.key"].map(|part| fs::read_to_string(self.path(part)).unwrap());
        fs::write(self.path("localhost.pem"), parts.concat()).unwrap();
    }

    /// The replacements in every file: the nodes and the name.
    fn common(&self) -> Vec<(&'static str, String)> {
        let [first, second] = [0, 1].map(|number| self.nodes[number].address.clone());
        vec![("10.0.0.11:8000", first), ("10.0.0.12:8000", second), (SHIPPED, NAME.to_owned())]
    }

    /// The site for this proxy, with all replacements.
    fn site_for(&self, kind: Kind) -> String {
        let (plain, tls) = (self.plain, self.tls);
        let (file, own) = match kind {
            Kind::Nginx => (
                "nginx.conf",
                vec![
                    ("listen 80;", format!("listen {plain};")),
                    ("listen [::]:80;", format!("listen [::]:{plain};")),
                    ("listen 443 ", format!("listen {tls} ")),
                    ("listen [::]:443 ", format!("listen [::]:{tls} ")),
                    ("/etc/nginx/tls", self.text("")),
                    ("/var/www/acme", self.text("acme")),
                    ("301 https://$server_name$request_uri", format!("301 https://$server_name:{tls}$request_uri")),
                ],
            ),
            Kind::Caddy => ("Caddyfile", vec![("\nid.example.org {", format!("\nid.example.org:{tls} {{"))]),
            Kind::Haproxy => (
                "haproxy.cfg",
                vec![
                    ("bind :80\n", format!("bind :{plain}\n")),
                    ("bind :::80 ", format!("bind :::{plain} ")),
                    ("bind :443 ", format!("bind :{tls} ")),
                    ("bind :::443 ", format!("bind :::{tls} ")),
                    ("/etc/haproxy/tls", self.text("")),
                    ("https://id.example.org code", format!("https://id.example.org:{tls} code")),
                    ("127.0.0.1:8402", self.acme.local_addr().unwrap().to_string()),
                ],
            ),
            Kind::Apache => (
                "apache.conf",
                vec![
                    ("<VirtualHost *:80>", format!("<VirtualHost *:{plain}>")),
                    ("<VirtualHost *:443>", format!("<VirtualHost *:{tls}>")),
                    ("/etc/apache2/tls", self.text("")),
                    ("/var/www/acme", self.text("acme")),
                    ("https://id.example.org$1", format!("https://id.example.org:{tls}$1")),
                ],
            ),
        };
        changed(&changed(&shipped(file), &own), &self.common())
    }

    /// The rest of the proxy's own configuration around a site.
    fn surroundings(&self, kind: Kind) -> String {
        let (folder, plain, tls) = (self.text(""), self.plain, self.tls);
        match kind {
            Kind::Nginx => format!(
                "daemon off;\npid {folder}/nginx.pid;\nevents {{ worker_connections 512; }}\nhttp {{ include {folder}/site; }}\n"
            ),
            Kind::Caddy => format!(
                "{{\n\tadmin off\n\thttp_port {plain}\n\tlocal_certs\n\tskip_install_trust\n\tstorage file_system {folder}/caddy\n}}\n\
                 import {folder}/site\n"
            ),
            Kind::Haproxy => "global\n  maxconn 512\n".into(),
            Kind::Apache => {
                let modules =
                    OF_APACHE.map(|module| format!("LoadModule {module}_module {MODULES}/mod_{module}.so\n")).concat();
                format!(
                    "ServerRoot {folder}\nDefaultRuntimeDir {folder}\nPidFile {folder}/apache.pid\nErrorLog {folder}/log\n\
                     ServerName elsewhere\nUser www-data\nGroup www-data\n{modules}Listen {plain}\nListen {tls}\n\
                     Include {folder}/site\n"
                )
            }
        }
    }

    /// Starts this proxy with this site and waits until it answers.
    fn starts(&mut self, kind: Kind, site: &str) {
        self.stops();
        fs::write(self.path("site"), site).unwrap();
        fs::write(self.path("main"), self.surroundings(kind)).unwrap();
        let [main, site, log] = ["main", "site", "log"].map(|name| self.path(name));
        let mut command = Command::new(match kind {
            Kind::Nginx => "/usr/sbin/nginx",
            Kind::Caddy => "/usr/bin/caddy",
            Kind::Haproxy => "/usr/sbin/haproxy",
            Kind::Apache => "/usr/sbin/apache2",
        });
        match kind {
            Kind::Nginx => command.arg("-e").arg(&log).arg("-c").arg(main),
            Kind::Caddy => command.args(["run", "--adapter", "caddyfile", "--config"]).arg(main),
            Kind::Haproxy => command.arg("-db").arg("-f").arg(main).arg("-f").arg(site),
            Kind::Apache => command.arg("-DFOREGROUND").arg("-f").arg(main),
        };
        for name in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env(name, self.folder.path());
        }
        let written = fs::File::create(self.path("written")).unwrap();
        command.stdout(Stdio::null()).stderr(written);
        self.proxy = Some(command.spawn().unwrap_or_else(|error| panic!("{command:?} does not run: {error}")));
        let ports = [self.plain, self.tls].map(|port| format!("127.0.0.1:{port}"));
        let give_up = Instant::now() + Duration::from_secs(30);
        let answers = || {
            try_request(&ports[0], "GET / HTTP/1.1\r\nHost: localhost\r\n").is_some()
                && self.authority(kind).is_file()
                && self.status_of(kind, "/healthz") == StatusCode::NOT_FOUND
        };
        while !answers() {
            let said = ["log", "written"].map(|name| fs::read_to_string(self.path(name)).unwrap_or_default());
            assert!(Instant::now() < give_up, "{kind:?} does not answer:\n{said:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn stops(&mut self) {
        let Some(mut proxy) = self.proxy.take() else { return };
        // Workers end when it is stopped, but would survive if it were killed.
        let _ = Command::new("kill").args(["-TERM", &proxy.id().to_string()]).status();
        let _ = proxy.wait();
    }

    /// The CA certificates of the proxy.
    fn authority(&self, kind: Kind) -> PathBuf {
        match kind {
            Kind::Caddy => self.path("caddy/pki/authorities/local/root.crt"),
            Kind::Nginx | Kind::Haproxy | Kind::Apache => self.path("localhost.crt"),
        }
    }

    /// The status of a page that a browser requests from the proxy.
    fn status_of(&self, kind: Kind, path: &str) -> StatusCode {
        let mut socket = self.socket(kind);
        let request = http::Request::get(path).header("host", self.host()).body(String::new()).unwrap();
        let answer = tower::Service::call(&mut socket, request);
        answer.into_inner().unwrap().status()
    }

    fn socket(&self, kind: Kind) -> Socket {
        Socket::to(&format!("127.0.0.1:{}", self.tls)).by_tls(NAME, &self.authority(kind)).coming_from(CLIENT)
    }

    /// A browser that claims another IP address.
    fn browser(&self, kind: Kind) -> Browser<Socket> {
        let mut browser = Browser::at(self.socket(kind), &self.host());
        browser.headers.insert("x-forwarded-for", HeaderValue::from_static(FORGED));
        browser
    }

    /// The response to a request by plain http.
    fn by_plain_http(&self, path: &str) -> String {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {NAME}\r\n");
        String::from_utf8_lossy(&try_request(&format!("127.0.0.1:{}", self.plain), &head).unwrap()).into_owned()
    }

    /// The IP addresses of events.
    fn addresses(&self) -> Vec<String> {
        let database = Connection::open(self.path("countersign.db")).unwrap();
        let mut addresses = database.prepare("SELECT DISTINCT address FROM event").unwrap();
        addresses.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// The findings of `doctor` about the public URL, as `state: found`, with these CA certificates.
    fn doctor(&self, authority: &Path) -> Vec<String> {
        let mut doctor = Command::new(program());
        doctor.args(["doctor", "--json"]).envs(self.installation.settings()).env("SSL_CERT_FILE", authority);
        doctor.env("COUNTERSIGN_PUBLIC_URL", self.url()).env("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1");
        let output = doctor.output().unwrap();
        let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
        let of_address = findings.as_array().unwrap().iter().filter(|finding| finding["check"] == "address");
        let found: Vec<String> = of_address
            .map(|finding| format!("{}: {}", finding["state"].as_str().unwrap(), finding["found"].as_str().unwrap()))
            .collect();
        let fails = found.iter().any(|finding| finding.starts_with("fail: "));
        assert_eq!(output.status.code(), Some(i32::from(fails)), "{output:?}");
        found
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stops();
    }
}

#[track_caller]
fn finds(findings: &[String], text: &str) {
    assert!(findings.iter().any(|finding| finding.contains(text)), "no {text:?}: {findings:?}");
}

/// Signs in through the proxy, and checks everything that a proxy can get wrong.
async fn people_sign_in_through(kind: Kind) {
    let mut site = Site::new();
    site.starts(kind, &site.site_for(kind));
    let mut ada = site.browser(kind);
    ada.gives_password("ada", PASSWORD).await;
    ada.sets_up().await;
    let codes = ada.makes_backup_codes().await;
    let mut ada = site.browser(kind);
    ada.gives_password("ada", PASSWORD).await;
    let answer = ada.answers_with_backup_code(&codes[0]).await;
    assert!(answer.status.is_redirection() && ada.cookies.contains_key("__Host-countersign"), "{answer:?}");
    assert_eq!(ada.get("/secret").await.status, StatusCode::OK);
    assert_eq!(site.addresses(), [CLIENT], "the client's address arrives, and what it claims does not");

    for probe in ["/healthz", "/readyz"] {
        assert_eq!(ada.get(probe).await.status, StatusCode::NOT_FOUND, "probes are for others");
    }
    let plain = site.by_plain_http("/secret?x=y").to_ascii_lowercase();
    assert!(
        plain.starts_with("http/1.1 30") && plain.contains(&format!("location: {}/secret?x=y\r\n", site.url())),
        "{plain}"
    );
    let found = site.doctor(&site.authority(kind));
    finds(&found, &format!("ok: {} reaches this installation", site.url()));
    finds(&found, "ok: the proxy at 127.0.0.1 passes on the client's IP address, not a forged one");
    assert!(found.iter().all(|finding| finding.starts_with("ok: ")), "{found:?}");

    site.nodes.remove(0).kill();
    for _ in 0..4 {
        assert_eq!(ada.get("/secret").await.status, StatusCode::OK, "the other node is asked");
    }
}

/// Answers one request like a standalone ACME client.
fn answers_challenge(acme: &TcpListener) {
    let acme = acme.try_clone().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = acme.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\nconnection: close\r\n\r\nchallenge of ACME");
    });
}

#[tokio::test]
async fn people_sign_in_through_nginx() {
    people_sign_in_through(Kind::Nginx).await;
}

#[tokio::test]
async fn people_sign_in_through_caddy() {
    people_sign_in_through(Kind::Caddy).await;
}

#[tokio::test]
async fn people_sign_in_through_haproxy() {
    people_sign_in_through(Kind::Haproxy).await;
}

#[tokio::test]
async fn people_sign_in_through_apache() {
    people_sign_in_through(Kind::Apache).await;
}

/// Caddy answers challenges itself.
#[test]
fn challenges_of_acme_are_answered_by_plain_http() {
    for kind in [Kind::Nginx, Kind::Haproxy, Kind::Apache] {
        let mut site = Site::new();
        answers_challenge(&site.acme);
        site.starts(kind, &site.site_for(kind));
        let answer = site.by_plain_http("/.well-known/acme-challenge/token");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("challenge of ACME"), "{kind:?}: {answer}");
    }
}

/// The headers that Traefik documents: `Host` unchanged, and these, replacing those that a client has sent.
#[tokio::test]
async fn people_sign_in_through_what_traefik_sends() {
    let site = Site::new();
    let text = shipped("traefik.toml");
    for line in ["passHostHeader = true", "rule = \"Host(`id.example.org`) && !Path(`/healthz`) && !Path(`/readyz`)\""]
    {
        assert!(text.lines().any(|shipped| shipped == line), "{line}");
    }
    let mut ada = Browser::at(Socket::to(&site.nodes[0].address), &site.host());
    for (name, value) in [
        ("x-forwarded-for", "198.51.100.4"),
        ("x-forwarded-host", "localhost"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-server", "traefik"),
        ("x-real-ip", "198.51.100.4"),
    ] {
        ada.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    ada.gives_password("ada", PASSWORD).await;
    ada.sets_up().await;
    assert_eq!(ada.get("/secret").await.status, StatusCode::OK);
    assert_eq!(site.addresses(), ["198.51.100.4"]);
}

/// Each mistake in a proxy's configuration that makes the site unusable, or lets a client forge its IP address, is
/// found.
#[test]
fn t149_slips_of_a_proxy_are_found_by_doctor() {
    let mut site = Site::new();
    let good = site.site_for(Kind::Nginx);
    let authority = site.authority(Kind::Nginx);
    site.starts(Kind::Nginx, &good);
    let other = Site::new();
    finds(&site.doctor(&other.authority(Kind::Nginx)), "is not trusted (invalid peer certificate: ");

    site.starts(Kind::Nginx, &changed(&good, &[("Host $http_host;", "Host $host;".into())]));
    let text = format!("responds with 421: the proxy sends another Host than {}", site.host());
    finds(&site.doctor(&authority), &text);
    let expected = format!("host=\"localhost\" expected=\"{}\"", site.url());
    assert!(site.nodes.iter().any(|node| node.output().contains(&expected)), "the log names both");

    let passing_on = changed(&good, &[("proxy_set_header X-Forwarded-For $remote_addr;", String::new())]);
    site.starts(Kind::Nginx, &passing_on);
    finds(&site.doctor(&authority), "fail: the proxy at 127.0.0.1 passes on X-Forwarded-For as clients send it");
    let removing = changed(&good, &[("X-Forwarded-For $remote_addr;", "X-Forwarded-For \"\";".into())]);
    site.starts(Kind::Nginx, &removing);
    finds(&site.doctor(&authority), "warn: the proxy at 127.0.0.1 sends no X-Forwarded-For");

    // A proxy that is not in the nodes' `trusted_proxies`.
    site.nodes = (0..2).map(|_| site.node("10.0.0.5")).collect();
    site.starts(Kind::Nginx, &site.site_for(Kind::Nginx));
    finds(&site.doctor(&authority), "warn: requests come from 127.0.0.1, which is not in the server's trusted_proxies");
    let line = |node: &Server| {
        let output = node.output();
        output.lines().any(|line| line.contains("X-Forwarded-For ignored") && line.contains("peer=127.0.0.1"))
    };
    assert!(site.nodes.iter().any(line), "the log names the peer");

    site.nodes.clear();
    finds(&site.doctor(&authority), "responds with 502: the proxy does not reach the server: start the server");
    site.stops();
    finds(&site.doctor(&authority), "cannot be reached from here");
}
