//! A folder with an installation in it, the commands that are run there, and its server.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read, Write as _},
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use cluster::Fresh;
use countersign_testkit::shift_clock;
use serde_json::Value;
use tempfile::TempDir;

/// A password that follows all rules.
pub(crate) const PASSWORD: &str = "marmalade umbrella kiosk";
/// Another one.
pub(crate) const OTHER_PASSWORD: &str = "velvet tractor almanac";

/// A folder with an installation in it.
pub(crate) struct House {
    folder: TempDir,
    /// The database, if it is not a file in the folder.
    pub(crate) elsewhere: Option<Fresh>,
}

/// The kind of a database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// The result of a command.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A running server; it is killed when the value is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
    log: Arc<Mutex<String>>,
    /// Whether the log is no longer read.
    hung_up: Arc<AtomicBool>,
}

impl House {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self::empty_on(Engine::Sqlite)
    }

    /// An empty folder, and on PostgreSQL an empty database.
    pub(crate) fn empty_on(engine: Engine) -> Self {
        let elsewhere = (engine == Engine::Postgres).then(Fresh::database);
        Self { folder: tempfile::tempdir().unwrap(), elsewhere }
    }

    /// A folder with keys and a migrated database.
    pub(crate) fn founded() -> Self {
        Self::founded_on(Engine::Sqlite)
    }

    /// Keys and a migrated database.
    pub(crate) fn founded_on(engine: Engine) -> Self {
        let house = Self::empty_on(engine);
        house.run("keys new").succeeds();
        house.run("migrate").succeeds();
        house
    }

    /// An installation with these users, all with the same password.
    pub(crate) fn of(names: &[&str]) -> Self {
        Self::of_on(Engine::Sqlite, names)
    }

    /// The same on this engine.
    pub(crate) fn of_on(engine: Engine, names: &[&str]) -> Self {
        let house = Self::founded_on(engine);
        for name in names {
            house.run_with(&format!("user add {name} --password-stdin"), PASSWORD).succeeds();
        }
        house
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A file that only its owner can read.
    pub(crate) fn write_secret(&self, name: &str, text: &str) {
        self.write(name, text);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A copy of this file that every user can run. Another process writes it: a child of another test could still have
    /// a file of ours open, and a file that is open for writing cannot be executed.
    pub(crate) fn program(&self, name: &str, from: &Path) {
        let install = Command::new("install").args(["-m", "755"]).arg(from).arg(self.path(name)).status();
        assert!(install.unwrap().success(), "{name}");
    }

    /// Runs a command line.
    pub(crate) fn run(&self, line: &str) -> Told {
        self.run_with(line, "")
    }

    /// Runs a command line with this line on standard input.
    pub(crate) fn run_with(&self, line: &str, input: &str) -> Told {
        self.finish(self.command(line), input)
    }

    /// Runs a command line as this user, who is only in the group of the same number. This needs root.
    pub(crate) fn run_as(&self, user: u32, line: &str) -> Told {
        use std::os::unix::process::CommandExt as _;
        let mut command = self.command(line);
        // With a user set, the standard library drops all other groups.
        command.uid(user).gid(user);
        self.finish(command, "")
    }

    /// Runs a command line with only these environment variables.
    pub(crate) fn run_in(&self, environment: &[(&str, &str)], line: &str) -> Told {
        let mut command = bare(self.folder.path(), line);
        command.envs(environment.iter().copied());
        self.finish(command, "")
    }

    /// Runs a command line with these settings in addition to those of the installation.
    pub(crate) fn run_in_place(&self, line: &str, environment: &[(&str, &str)]) -> Told {
        let mut command = self.command(line);
        command.envs(environment.iter().copied());
        self.finish(command, "")
    }

    /// Runs a command line with these additional settings, and this line on standard input.
    pub(crate) fn run_with_settings(&self, settings: &[(&str, &str)], line: &str, input: &str) -> Told {
        let mut command = self.command(line);
        command.envs(settings.iter().copied());
        self.finish(command, input)
    }

    fn finish(&self, mut command: Command, input: &str) -> Told {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.current_dir(self.folder.path()).spawn().unwrap();
        // A command that does not read its input may end before it is written.
        let _ = writeln!(child.stdin.take().unwrap(), "{input}");
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let [out, err] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        Told { status: status.code().unwrap(), out, err }
    }

    /// Runs a command line at another time, such as `+40s`.
    pub(crate) fn run_at(&self, time: &str, line: &str) -> Told {
        let mut command = self.command(line);
        shift_clock(&mut command, time);
        self.finish(command, "")
    }

    /// Starts `serve`, on a port of its own.
    pub(crate) fn serves(&self) -> Server {
        self.serves_with("serve --bind 127.0.0.1:0", &[])
    }

    /// Starts `serve` by this command line, with these additional settings.
    pub(crate) fn serves_with(&self, line: &str, environment: &[(&str, &str)]) -> Server {
        self.starts(line, environment, "listening")
    }

    /// The same, but waits only for the line with `sign`, which has the port.
    pub(crate) fn starts(&self, line: &str, environment: &[(&str, &str)], sign: &str) -> Server {
        let mut command = self.command(line);
        command.envs(environment.iter().copied());
        Server::start(command, sign)
    }

    /// Starts `demo`, on a port of its own.
    pub(crate) fn demo(&self, flags: &str) -> Server {
        Server::start(bare(self.folder.path(), &format!("demo --bind 127.0.0.1:0 {flags}")), "http://")
    }

    fn command(&self, line: &str) -> Command {
        let mut command = bare(self.folder.path(), line);
        let file = || format!("sqlite://{}", self.path("countersign.db").display());
        command.env("COUNTERSIGN_DATABASE_URL", self.elsewhere.as_ref().map_or_else(file, Fresh::url));
        command.env("COUNTERSIGN_KEY_FILE", self.path("countersign.key"));
        command
    }
}

/// The binary in this folder, with these arguments and no environment.
fn bare(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments(line)).current_dir(folder).env_clear();
    command
}

/// Words, or the text between single quotes.
fn arguments(line: &str) -> Vec<&str> {
    let (quoted, plain): (Vec<_>, Vec<_>) = line.split('\'').enumerate().partition(|(place, _)| place % 2 == 1);
    let mut all: Vec<(usize, &str)> = quoted;
    all.extend(plain.into_iter().flat_map(|(place, text)| text.split_whitespace().map(move |word| (place, word))));
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, word)| word).collect()
}

impl Told {
    /// Its standard output, if it succeeded.
    #[track_caller]
    pub(crate) fn succeeds(&self) -> &str {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{self:?}");
        self.out.trim_end()
    }

    /// The JSON that it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.succeeds()).unwrap()
    }

    /// The only line of its error, without the name of the program; it must have printed nothing else.
    #[track_caller]
    pub(crate) fn fails(&self) -> &str {
        assert_eq!((self.status, self.out.as_str()), (1, ""), "{self:?}");
        let line = self.err.strip_prefix("countersign: ").and_then(|error| error.strip_suffix('\n'));
        let line = line.unwrap_or_else(|| panic!("no error of ours: {self:?}"));
        assert!(!line.contains('\n'), "an error is one line: {line}");
        line
    }
}

impl Server {
    /// Starts a server and waits for the line with `sign`, in which it says where it listens.
    fn start(mut command: Command, sign: &str) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let hung_up = Arc::new(AtomicBool::new(false));
        collect(child.stdout.take().unwrap(), Arc::clone(&log), Arc::clone(&hung_up));
        collect(child.stderr.take().unwrap(), Arc::clone(&log), Arc::clone(&hung_up));
        let mut server = Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), child, log, hung_up };
        let line = server.wait_for(sign);
        let port = line.split("127.0.0.1:").nth(1).unwrap().split(|letter: char| !letter.is_ascii_digit()).next();
        server.address.set_port(port.unwrap().parse().unwrap());
        server
    }

    /// Its whole log.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The first line that contains this text.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let line = || self.log().lines().find(|line| line.contains(text)).map(str::to_owned);
        patiently(line).unwrap_or_else(|| panic!("no {text:?} in the log:\n{}", self.log()))
    }

    /// Closes its standard output and error after the next line in each.
    pub(crate) fn hang_up(&self) {
        self.hung_up.store(true, Ordering::SeqCst);
    }

    /// Its process id.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Its exit status.
    pub(crate) fn ends(&mut self) -> Option<i32> {
        let status = patiently(|| self.child.try_wait().unwrap());
        status.unwrap_or_else(|| panic!("it does not end:\n{}", self.log())).code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first result within twenty seconds.
pub(crate) fn patiently<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    (0..4000).find_map(|_| {
        let found = look();
        if found.is_none() {
            thread::sleep(Duration::from_millis(5));
        }
        found
    })
}

fn collect(from: impl Read + Send + 'static, log: Arc<Mutex<String>>, hung_up: Arc<AtomicBool>) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if hung_up.load(Ordering::SeqCst) {
                break;
            }
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
}
