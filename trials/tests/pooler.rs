//! PgBouncer between the server and PostgreSQL: session pooling works, other modes are refused with the remedy.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a trial fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "real programs run in real time")]

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use cluster::Fresh;
use http::StatusCode;
use tempfile::TempDir;
use trials::{Installation, PASSWORD, Walk, free_port, program};

/// A PgBouncer in front of a database, stopped when the value is dropped.
struct Pooler {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl Pooler {
    fn before(database: &Fresh, mode: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let url = database.url();
        let (login, place) = url.strip_prefix("postgres://").unwrap().rsplit_once('@').unwrap();
        let ((user, password), (address, name)) = (login.split_once(':').unwrap(), place.split_once('/').unwrap());
        let ((host, port), name) = (address.rsplit_once(':').unwrap(), name.split('?').next().unwrap());
        let ours = free_port();
        let settings = format!(
            "[databases]\n{name} = host={host} port={port} dbname={name} user={user} password={password}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {ours}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {mode}\n"
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        let mut command = Command::new("pgbouncer");
        command.arg("-q").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        // PgBouncer does not run as root.
        if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
            command.args(["-u", "nobody"]);
        }
        let child = command.spawn().unwrap_or_else(|error| panic!("pgbouncer does not start: {error}"));
        let give_up = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", ours)).is_err() {
            assert!(Instant::now() < give_up, "pgbouncer does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        Self { child, url: format!("postgres://{user}@127.0.0.1:{ours}/{name}?sslmode=disable"), _folder: folder }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(words: &[&str], installation: &Installation) -> Output {
    Command::new(program()).args(words).envs(installation.settings()).output().unwrap()
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

#[test]
fn pooling_by_transaction_or_statement_is_refused_with_the_remedy() {
    let (database, folder) = (Fresh::database(), tempfile::tempdir().unwrap());
    let direct = Installation::on(&database.url(), folder.path());
    for mode in ["transaction", "statement"] {
        let pooler = Pooler::before(&database, mode);
        let behind = direct.moved_to(&pooler.url);
        for words in [&["migrate"][..], &["migrate", "--dry-run"], &["user", "list"], &["serve"], &["doctor"]] {
            let output = run(words, &behind);
            let told = text(&output);
            let remedy = "connect to PostgreSQL itself, or set pool_mode = session for this database (PgBouncer)";
            assert!(output.status.code() == Some(1) && told.contains(remedy), "{mode} {words:?}: {told}");
        }
    }
    assert!(run(&["user", "list"], &direct).status.success(), "the database itself is as good as before");
}

#[tokio::test]
async fn pooling_by_session_is_as_good_as_none() {
    let (database, folder) = (Fresh::database(), tempfile::tempdir().unwrap());
    let pooler = Pooler::before(&database, "session");
    let installation = Installation::on(&pooler.url, folder.path());
    installation.adds("ada", PASSWORD);
    let server = installation.lone_node(&[]);
    let mut ada = server.browser();
    ada.gives_password("ada", PASSWORD).await;
    ada.sets_up().await;
    assert_eq!(ada.get("/secret").await.status, StatusCode::OK);
    // Time-outs work all the same: no transaction waits longer than five seconds for another one.
    let holder = thread::spawn(move || {
        database.sql("BEGIN; LOCK TABLE session IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(9); COMMIT").unwrap();
    });
    thread::sleep(Duration::from_millis(500));
    let begun = Instant::now();
    assert_eq!(ada.get("/secret").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    holder.join().unwrap();
}
