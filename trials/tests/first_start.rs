//! The commands in docs/server.md, run as documented: from the source to the first sign-in, and the same in a
//! container.
//!
//! These are replaced: folders of the machine by folders below a temporary one, port 8000 by a free one, the release
//! build by the program under test, and the container engine by `docker.sh`, which runs that program as the image
//! would, since no image can be built without a network. A command that fails ends the script (`sh -eu`), and with it
//! the trial.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a trial fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "real programs run in real time")]

use std::{
    fs,
    os::unix::{fs::MetadataExt as _, fs::PermissionsExt as _, fs::symlink, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use countersign_testkit::Browser;
use http::StatusCode;
use tempfile::TempDir;
use trials::{Socket, Walk, free_port, program, try_request};

const DOCUMENT: &str = include_str!("../../docs/server.md");
/// The time limit for all commands.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The commands in the first shell block under this heading.
fn commands(heading: &str) -> &'static str {
    let (_, section) = DOCUMENT.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let section = section.split("\n## ").next().unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap_or_else(|| panic!("{heading} has no commands"));
    block.split("```").next().unwrap()
}

/// A machine for the commands: folders, programs, and a copy of the repository. Its processes end with it.
struct Machine {
    folder: TempDir,
    port: u16,
    running: Option<Child>,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["bin", "engine", "etc", "var/lib", "srv", "source/target/release"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().canonicalize().unwrap();
        for name in ["packaging", "Dockerfile"] {
            symlink(root.join(name), folder.path().join("source").join(name)).unwrap();
        }
        let machine = Self { folder, port: free_port(), running: None };
        let build = "[ \"$*\" = 'build --release --locked --package countersign-server' ]\n\
                     ln -s \"$PROGRAM\" target/release/countersign";
        machine.has_program("cargo", &format!("#!/bin/sh\nset -eu\n{build}\n"));
        machine.has_program("docker", include_str!("docker.sh"));
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn has_program(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The commands with the folders of this machine.
    fn here(&self, commands: &str) -> String {
        let folder = self.folder.path().display();
        let mut text = commands.replace("/usr/local/bin", &format!("{folder}/bin"));
        for place in ["/etc/countersign", "/var/lib/countersign", "/srv/countersign"] {
            // Paths in the container are resolved by the engine.
            text = text.replace(&format!(":{place}"), ":CONTAINER");
            text = text.replace(place, &format!("{folder}{place}"));
            text = text.replace(":CONTAINER", &format!(":{place}"));
        }
        text
    }

    /// The commands for a container, which this machine calls in place of a proxy in another network.
    fn container_steps(&self) -> String {
        let backup = self.path("backup").display().to_string();
        let steps = commands("In a container").replace("172.16.0.0/12", "127.0.0.0/8");
        // Paths after a colon, and the file of the copy, are in the container.
        let steps = steps.replace("/state /backup", &format!("/state {backup}"));
        let steps = steps.replace("--volume /backup:", &format!("--volume {backup}:"));
        if is_root() { steps } else { steps.replace(" -o 10001 -g 10001", "") }
    }

    /// Runs the commands until the site answers at `host`, and returns their output.
    fn runs(&mut self, commands: &str, host: &str) -> String {
        let printed = self.path("printed");
        let output = fs::File::create(&printed).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-eu", "-c", &self.here(commands)]).current_dir(self.path("source")).process_group(0);
        shell.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.path("bin").display()));
        shell.env("PROGRAM", program().canonicalize().unwrap()).env("ENGINE", self.path("engine"));
        shell.env("PORT", self.port.to_string()).env("COUNTERSIGN_BIND", self.address());
        shell.stdin(Stdio::null()).stderr(output.try_clone().unwrap()).stdout(output);
        self.running = Some(shell.spawn().unwrap());
        let said = || fs::read_to_string(&printed).unwrap();
        let give_up = Instant::now() + TIMEOUT;
        while try_request(&self.address(), &format!("GET /readyz HTTP/1.1\r\nHost: {host}\r\n")).is_none() {
            let ended = self.running.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none_or(|status| status.success()), "a step does not work:\n{}", said());
            assert!(Instant::now() < give_up, "nothing answers:\n{}", said());
            thread::sleep(Duration::from_millis(50));
        }
        said()
    }

    /// Waits until the commands have ended, all with success.
    fn finishes(&mut self) -> String {
        let status = self.running.as_mut().unwrap().wait().unwrap();
        let said = fs::read_to_string(self.path("printed")).unwrap();
        assert!(status.success(), "a step does not work:\n{said}");
        said
    }

    /// Signs in as the first user with the printed password.
    async fn signs_in(&self, printed: &str, host: &str) {
        let line = printed.lines().find_map(|line| line.strip_prefix("ada: added, password "));
        let password = line.unwrap_or_else(|| panic!("no password:\n{printed}")).split(' ').next().unwrap();
        let mut ada = Browser::at(Socket::to(&self.address()), host);
        ada.gives_password("ada", password).await;
        ada.sets_up().await;
        assert_eq!(ada.get("/secret").await.status, StatusCode::OK);
    }
}

impl Drop for Machine {
    /// The started processes are a process group.
    fn drop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let group = format!("-{}", running.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = running.wait();
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[tokio::test]
async fn the_first_start_works_as_it_is_written() {
    let mut machine = Machine::new();
    let steps = [commands("Building the program"), commands("First start")].concat();
    let address = machine.address();
    let printed = machine.runs(&steps, &address);
    assert!(printed.contains("the server would start with these settings"), "{printed}");
    machine.signs_in(&printed, &address).await;
    for secret in ["etc/countersign/countersign.key", "etc/countersign", "var/lib/countersign"] {
        let mode = fs::metadata(machine.path(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{secret} is for its owner alone");
    }
}

#[tokio::test]
async fn the_steps_for_a_container_work_as_they_are_written() {
    let mut machine = Machine::new();
    let steps = machine.container_steps();
    machine.runs(&steps, "id.example.org");
    let printed = machine.finishes();
    machine.signs_in(&printed, "id.example.org").await;
    let copies: Vec<_> = fs::read_dir(machine.path("backup")).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(copies.len(), 1, "the backup is in its folder: {printed}");
    let owner = copies[0].metadata().unwrap().uid();
    assert!(!is_root() || owner == 10_001, "made by {owner}");
}

/// The trial fails if a command of the document fails.
#[test]
fn a_step_that_does_not_work_is_noticed() {
    for (good, bad) in [
        ("countersign keys new\n", ""),
        ("countersign migrate\n", ""),
        (":/keys", ":/elsewhere"),
        ("COUNTERSIGN_KEY_FILE=/keys/countersign.key\n", ""),
        ("COUNTERSIGN_PUBLIC_URL=https://id.example.org\n", ""),
        ("countersign backup /backup/", "countersign backup /nowhere/"),
    ] {
        let mut machine = Machine::new();
        let steps = machine.container_steps();
        assert!(steps.contains(good), "{good}");
        let runs = || {
            machine.runs(&steps.replace(good, bad), "id.example.org");
            machine.finishes();
        };
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(runs));
        assert!(failed.is_err(), "it works without {good:?}");
    }
}
