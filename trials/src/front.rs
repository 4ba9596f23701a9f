//! A real nginx in front of the nodes, with a configuration and a folder of its own.
//!
//! It distributes requests over the nodes, unless a request names one in the header [`NODE`]: trials must know which
//! node answers. It connects to the nodes from an address that nothing else here uses, so that it can be listed as a
//! proxy while clients that bypass it cannot.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use cluster::children_of;
use countersign_testkit::Browser;

use crate::{Server, Socket, free_port, try_request};

/// The header with the number of the node that a request is for.
pub const NODE: &str = "x-trial-node";

/// The IP address from which the proxy connects to the nodes; it is in their `trusted_proxies`.
pub const PROXY: &str = "127.0.0.2";

/// The time limit for its start.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running nginx, stopped when dropped.
#[derive(Debug)]
pub struct Front {
    nginx: Child,
    folder: PathBuf,
    port: u16,
    /// Counts configurations, to detect when a new one is in effect.
    generation: u32,
}

impl Front {
    /// Starts it in this folder, without nodes.
    pub fn start(folder: &Path) -> Self {
        for _ in 0..5 {
            let port = free_port();
            fs::write(folder.join("nginx.conf"), configuration(folder, port, 0, &[])).unwrap();
            let mut nginx = Command::new(program());
            nginx.arg("-c").arg(folder.join("nginx.conf")).arg("-e").arg(folder.join("nginx.log"));
            let nginx = nginx.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let mut front = Self { nginx, folder: folder.to_owned(), port, generation: 0 };
            if front.is_in_effect() {
                return front;
            }
            let log = fs::read_to_string(folder.join("nginx.log")).unwrap_or_default();
            assert!(log.contains("in use"), "nginx does not start:\n{log}");
        }
        panic!("no port is free")
    }

    /// Sends requests to these nodes from now on.
    pub fn leads_to(&mut self, nodes: &[&Server]) {
        self.generation += 1;
        let text = configuration(&self.folder, self.port, self.generation, nodes);
        fs::write(self.folder.join("nginx.conf"), text).unwrap();
        let workers = children_of(self.nginx.id());
        let reload = Command::new("kill").args(["-HUP", &self.nginx.id().to_string()]).status().unwrap();
        assert!(reload.success() && self.is_in_effect(), "nginx does not take its configuration");
        // Workers with the old configuration finish their requests, but may accept a last one before that.
        let give_up = Instant::now() + TIMEOUT;
        while children_of(self.nginx.id()).iter().any(|worker| workers.contains(worker)) {
            assert!(Instant::now() < give_up, "nginx keeps its old configuration");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The URL for browsers.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A browser whose requests are distributed over the nodes.
    pub fn browser(&self) -> Browser<Socket> {
        Browser::at(Socket::to(&self.address()), &self.address())
    }

    /// Whether it answers with the configuration that was written last.
    fn is_in_effect(&mut self) -> bool {
        let expected = format!("generation {}.", self.generation);
        let give_up = Instant::now() + TIMEOUT;
        while Instant::now() < give_up && self.nginx.try_wait().unwrap().is_none() {
            let answer = try_request(&self.address(), "GET /front HTTP/1.1\r\nHost: front\r\n").unwrap_or_default();
            if String::from_utf8_lossy(&answer).contains(&expected) {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Front {
    /// Its workers end when it is stopped, but would survive if it were killed.
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.nginx.id().to_string()]).status();
        let _ = self.nginx.wait();
    }
}

fn program() -> PathBuf {
    let beside = PathBuf::from("/usr/sbin/nginx");
    if beside.is_file() { beside } else { "nginx".into() }
}

fn configuration(folder: &Path, port: u16, generation: u32, nodes: &[&Server]) -> String {
    let folder = folder.display();
    let mut upstreams = String::new();
    let group = |name: &str, nodes: &[&Server]| {
        let servers = nodes.iter().map(|node| format!("server {} max_fails=0; ", node.address));
        format!("upstream {name} {{ {}}}\n", servers.collect::<String>())
    };
    let mut names = String::new();
    if !nodes.is_empty() {
        upstreams.push_str(&group("all", nodes));
    }
    for (number, node) in nodes.iter().enumerate() {
        upstreams.push_str(&group(&format!("node{number}"), &[*node]));
        writeln!(names, "{number} node{number};").unwrap();
    }
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|kind| format!("{kind}_temp_path {folder}/{kind};\n")).concat();
    let header = NODE.replace('-', "_");
    let to_nodes = if nodes.is_empty() { "return 502;" } else { "proxy_pass http://$node;" };
    format!(
        "daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 512; }}
http {{
access_log off;
{temporary}{upstreams}map $http_{header} $node {{
default all;
{names}}}
server {{
listen 127.0.0.1:{port};
location = /front {{ return 200 \"generation {generation}.\"; }}
location / {{
{to_nodes}
proxy_bind {PROXY};
proxy_set_header Host $http_host;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
}}
}}
}}
"
    )
}
