//! A private PostgreSQL for tests and trials, from the installed programs.
//!
//! A [`Cluster`] has its own folder, below the one for temporary files, listens on this machine only, has a random
//! password and keeps what it commits (`fsync` is on): results are those of a production server. It can be stopped,
//! killed and started again, can be given a standby, and is removed when it is dropped. Most tests need only a
//! [`Fresh`] database on the cluster that `cargo xtask test` has started. This crate depends on no other crate, so that
//! every crate can use it.
#![allow(clippy::disallowed_methods, reason = "real programs run in real time")]

mod binaries;
mod fresh;
mod owner;
mod standby;

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

pub use crate::fresh::{Fresh, VARIABLE};
use crate::{binaries::program, owner::Owner};

/// The superuser of a cluster.
const USER: &str = "countersign";
/// The time limit for starting and stopping a cluster.
const TIMEOUT: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);

/// How to stop a cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// An orderly shutdown: sessions are ended, and all data are written.
    Fast,
    /// Like a power failure: SIGKILL to every process.
    Kill,
}

/// A private PostgreSQL server.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    owner: Owner,
    password: String,
    port: u16,
    settings: Vec<(String, String)>,
    server: Option<Child>,
}

impl Cluster {
    /// Creates a cluster and starts it.
    pub fn start() -> io::Result<Self> {
        Self::start_with(&[])
    }

    /// Creates a cluster with these settings, which override the default ones, and starts it.
    pub fn start_with(settings: &[(&str, &str)]) -> io::Result<Self> {
        let owner = Owner::find()?;
        let folder = new_folder(&owner)?;
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let cluster = Self { folder, owner, password: random_word()?, port: 0, settings, server: None };
        cluster.init()?;
        cluster.on_a_free_port()
    }

    fn on_a_free_port(mut self) -> io::Result<Self> {
        for _ in 0..5 {
            self.port = free_port()?;
            if self.run()? {
                return Ok(self);
            }
        }
        Err(io::Error::other(format!("PostgreSQL does not start:\n{}", self.log())))
    }

    /// The URL of this database. `postgres` always exists.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The URL of this database by the Unix socket.
    pub fn socket_url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{USER}:{}@{folder}:{}/{database}", self.password, self.port)
    }

    /// The port, which stays the same.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the cluster; the data are below `data`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stops the server; the data stay.
    pub fn stop(&mut self, how: Stop) -> io::Result<()> {
        let processes = self.processes();
        let Some(mut server) = self.server.take() else { return Ok(()) };
        match how {
            Stop::Kill => signal("-KILL", &processes)?,
            // A stopped process (SIGSTOP) does not end.
            Stop::Fast => signal("-CONT", &processes).and_then(|()| signal("-INT", &[server.id()]))?,
        }
        if wait(&mut server)?.is_some() {
            return Ok(());
        }
        server.kill()?;
        server.wait().map(drop)
    }

    /// Pauses it (SIGSTOP), like an overloaded machine: connections stay open, and no request is answered.
    pub fn freeze(&self) -> io::Result<()> {
        signal("-STOP", &self.processes())
    }

    /// Resumes it.
    pub fn thaw(&self) -> io::Result<()> {
        signal("-CONT", &self.processes())
    }

    /// The processes of the server: the first one and its children.
    pub fn processes(&self) -> Vec<u32> {
        let first = self.server.as_ref().map(Child::id);
        first.into_iter().flat_map(|first| [first].into_iter().chain(children_of(first))).collect()
    }

    /// Starts it again, on the same port.
    pub fn start_again(&mut self) -> io::Result<()> {
        self.stop(Stop::Fast)?;
        if self.run()? {
            return Ok(());
        }
        Err(io::Error::other(format!("PostgreSQL does not start again:\n{}", self.log())))
    }

    /// Changes a setting, which takes effect at the next reload or start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Writes a file into its folder that only the server can read, and returns its path.
    pub fn keep(&self, name: &str, text: &[u8]) -> io::Result<PathBuf> {
        let path = self.folder.join(name);
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(text)?;
        self.owner.owns(&path)?;
        Ok(path)
    }

    /// Runs SQL as the superuser.
    pub fn sql(&self, database: &str, text: &str) -> io::Result<String> {
        fresh::sql(&self.url(database), text)
    }

    /// The server's log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn init(&self) -> io::Result<()> {
        let password_file = self.keep("password", self.password.as_bytes())?;
        let mut init = self.owner.command(&program("initdb")?);
        init.args(["--username", USER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        init.arg("--pwfile").arg(&password_file).arg("--pgdata").arg(self.folder.join("data"));
        let output = init.current_dir(&self.folder).output()?;
        fs::remove_file(password_file)?;
        if output.status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!("initdb failed: {}", String::from_utf8_lossy(&output.stderr))))
    }

    /// Starts the server and waits until it answers; returns whether it does.
    fn run(&mut self) -> io::Result<bool> {
        let log = File::options().create(true).append(true).open(self.folder.join("log"))?;
        let mut command = self.owner.command(&program("postgres")?);
        command.arg("-D").arg(self.folder.join("data"));
        let ours = [
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", self.port.to_string()),
            ("unix_socket_directories", self.folder.display().to_string()),
            ("fsync", "on".to_owned()),
            ("max_connections", "200".to_owned()),
        ];
        let given = self.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        for (name, value) in ours.into_iter().chain(given) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).current_dir(&self.folder);
        let mut server = command.spawn()?;
        let give_up = Instant::now() + TIMEOUT;
        while Instant::now() < give_up && server.try_wait()?.is_none() {
            if self.answers()? {
                self.server = Some(server);
                return Ok(true);
            }
            thread::sleep(PAUSE);
        }
        server.kill()?;
        server.wait()?;
        Ok(false)
    }

    fn answers(&self) -> io::Result<bool> {
        let mut ready = Command::new(program("pg_isready")?);
        ready.args(["--quiet", "--host=127.0.0.1", "--timeout=1", "--port"]).arg(self.port.to_string());
        Ok(ready.status()?.success())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.stop(Stop::Fast);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Kills processes; those that have ended already are ignored.
fn signal(name: &str, processes: &[u32]) -> io::Result<()> {
    let processes = processes.iter().map(ToString::to_string);
    Command::new("kill").arg(name).args(processes).stderr(Stdio::null()).status().map(drop)
}

/// Waits for the end of a process, up to the time limit.
fn wait(process: &mut Child) -> io::Result<Option<ExitStatus>> {
    let give_up = Instant::now() + TIMEOUT;
    while Instant::now() < give_up {
        if let Some(status) = process.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(PAUSE);
    }
    Ok(None)
}

/// The children of this process.
pub fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |process: &u32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // The name of a program is in brackets and may contain anything; the state and the parent follow.
        let after = stat.rsplit_once(") ").map(|(_, after)| after);
        after.and_then(|after| after.split(' ').nth(1)).is_some_and(|number| number == parent.to_string())
    };
    numbers.filter(is_child).collect()
}

fn new_folder(owner: &Owner) -> io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("cluster-{}-{number}-{}", std::process::id(), random_word()?));
    fs::create_dir(&folder)?;
    owner.owns(&folder)?;
    Ok(folder)
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A random word of letters that need no escaping.
fn random_word() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
