//! A server under load, and its use of processor and memory.

use std::{
    env, fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use trials::{free_port, program, try_request};

/// A running server.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: String,
}

impl Process {
    pub(crate) fn start(command: &mut Command, address: &str, ready: &str) -> (Self, Duration) {
        let begun = Instant::now();
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let process = Self { child, address: address.into() };
        while try_request(address, &format!("GET {ready} HTTP/1.1\r\nHost: {address}\r\n")).is_none() {
            assert!(begun.elapsed() < Duration::from_secs(20), "no answer at {address}");
            std::thread::sleep(Duration::from_millis(2));
        }
        (process, begun.elapsed())
    }

    /// Processor time so far, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        cpu_of(&self.child.id().to_string())
    }

    /// Resident memory in MiB: now, and the maximum.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
        };
        (field("VmRSS:"), field("VmHWM:"))
    }
}

/// The memory of these processes in MiB, with shared memory counted once. Processes that have ended or cannot be read
/// are ignored.
pub(crate) fn memory_of(processes: &[u32]) -> f64 {
    let told = processes.iter().filter_map(|process| fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok());
    let shares = told.filter_map(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    });
    shares.sum::<f64>() / 1024.0
}

/// Processor time of a process so far, in seconds.
pub(crate) fn cpu_of(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the real server on the database at this URL.
pub(crate) fn serve(url: &str, key: &Path) -> Process {
    let address = format!("127.0.0.1:{}", free_port());
    serve_as(url, key, &address, &address)
}

/// Starts one of several nodes that browsers reach by one address.
pub(crate) fn serve_as(url: &str, key: &Path, address: &str, public: &str) -> Process {
    // All users sign in from one IP address here.
    start(url, key, address, public, &[("COUNTERSIGN_PASSWORD_RATE_PER_IP", "0")])
}

/// Starts the real server with these settings, by the names of their variables.
pub(crate) fn serve_with(url: &str, key: &Path, settings: &[(&str, &str)]) -> Process {
    let address = format!("127.0.0.1:{}", free_port());
    start(url, key, &address, &address, settings)
}

fn start(url: &str, key: &Path, address: &str, public: &str, settings: &[(&str, &str)]) -> Process {
    let mut command = Command::new(program());
    command.args(["serve", "--bind", address, "--public-url", &format!("http://{public}"), "--key-file"]).arg(key);
    // A URL may contain a password, and all users of the machine can read command lines.
    command.env("COUNTERSIGN_DATABASE_URL", url).env("COUNTERSIGN_LOG", "warn");
    command.envs(settings.iter().copied());
    Process::start(&mut command, address, "/healthz").0
}

/// Starts this program as the bare server.
pub(crate) fn serve_bare(database: &Path) -> Process {
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new(env::current_exe().unwrap());
    Process::start(command.arg("yardstick").arg(database).arg(&address), &address, "/ready").0
}
