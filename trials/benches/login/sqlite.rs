//! On SQLite: second factors compared with a bare handler that writes the same rows, and full logins compared with the
//! bare hash.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use countersign_engine::core::Secret;
use tempfile::TempDir;
use trials::{PASSWORD, free_port, program};

use crate::{
    Options,
    entrance::Entrance,
    full_login::{self, Site},
    load::{self, Limit, Report},
    process::{Process, serve, serve_bare},
    second_factor::{self, Door, Round, median, millis},
    seed::{self, Place},
};

/// A demo's database, with the hash of its user's password.
pub(crate) struct Demo {
    pub(crate) place: Place,
    pub(crate) database: PathBuf,
    pub(crate) hash: Secret,
    folder: TempDir,
}

impl Demo {
    /// Starts a server twice, and reports how long that took.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let demo = folder.path().join("demo");
        start_up(&demo);
        let database = demo.join("countersign.db");
        let place = Place::open(format!("sqlite://{}", database.display()), demo.join("countersign.key")).await;
        let hash = place.users.by_canonical_name("demo").await.unwrap().unwrap().password_hash;
        Self { place, database, hash, folder }
    }
}

/// The whole bench.
pub(crate) async fn bench(options: &Options) {
    let Demo { place, database, hash, folder } = Demo::start().await;
    let bare = folder.path().join("bare.db");
    let needed = options.count * options.connections.len() * options.rounds;
    println!("seeding {needed} people with authenticator apps");
    let people = seed::people(&place, 0, needed, &hash).await;
    copy_database(&database, &bare);
    let mut first = 0;
    for &connections in &options.connections {
        let mut rounds = vec![];
        for _ in 0..options.rounds {
            let yardstick = serve_bare(&bare);
            let before = yardstick.cpu();
            let report = bare_run(&yardstick, connections, first, options.count).await;
            let floor = Round { report, cpu: (yardstick.cpu() - before) / options.count as f64 };
            drop(yardstick);
            let nodes = [serve(&place.url, &place.key)];
            let people = &people[first..first + options.count];
            let door = Door { place: &place, nodes: &nodes, entrance: Entrance::Pages };
            let ours = second_factor::run(door, connections, people, Limit::count(options.count)).await;
            rounds.push((floor, ours, nodes[0].memory().1));
            first += options.count;
        }
        tell(connections, &rounds);
    }
    let people = seed::people(&place, needed, 10_000, &hash).await;
    let bare = folder.path().join("bare-logins.db");
    copy_database(&database, &bare);
    let sites = [
        Site { what: "bare server", nodes: vec![serve_bare(&bare)], entrance: Entrance::Bare },
        Site { what: "one node", nodes: vec![serve(&place.url, &place.key)], entrance: Entrance::Pages },
    ];
    full_login::against_argon2(options, &sites, people).await;
}

/// The time from the start of the process to its first response, with an existing folder and with a new one.
fn start_up(folder: &Path) {
    for what in ["new folder", "existing folder"] {
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(program());
        command.args(["demo", "--password", PASSWORD, "--bind", &address, "--dir"]).arg(folder);
        let (process, elapsed) = Process::start(&mut command, &address, "/healthz");
        std::thread::sleep(Duration::from_secs(4));
        let (idle, _) = process.memory();
        println!("demo, {what}: first answer after {} ms; {idle:.1} MiB when idle", elapsed.as_millis());
    }
}

fn copy_database(from: &Path, to: &Path) {
    rusqlite::Connection::open(from).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    fs::copy(from, to).unwrap();
}

async fn bare_run(yardstick: &Process, connections: usize, first: usize, count: usize) -> Report {
    let address = yardstick.address.clone();
    let body = "x".repeat(120);
    let request = move |number: usize| {
        let number = first + number;
        let user = seed::user_id(number);
        format!(
            "POST /{user}/{number} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Cookie: countersign-pending={}\r\nContent-Length: {}\r\n\r\n{body}",
            "y".repeat(400),
            body.len()
        )
        .into_bytes()
    };
    load::run(std::slice::from_ref(&yardstick.address), connections, Limit::count(count), request, |answer| {
        answer.status == 303
    })
    .await
}

fn tell(connections: usize, rounds: &[(Round, Round, f64)]) {
    println!("second factor, {connections} connections:");
    for (bare, ours, peak) in rounds {
        let (floor, report) = (&bare.report, &ours.report);
        println!(
            "  bare {:>7.0}/s p50 {:>5.2} ms p99 {:>5.2} ms {:>3.0} us CPU | countersign {:>7.0}/s p50 {:>5.2} ms \
             p99 {:>5.2} ms {:>3.0} us CPU, peak {peak:.0} MiB | ratio {:.2}",
            floor.rate,
            millis(floor.p50),
            millis(floor.p99),
            bare.cpu * 1e6,
            report.rate,
            millis(report.p50),
            millis(report.p99),
            ours.cpu * 1e6,
            report.rate / floor.rate,
        );
    }
    let ratios = rounds.iter().map(|(bare, ours, _)| ours.report.rate / bare.report.rate);
    println!("  median ratio {:.2}", median(ratios.collect()));
}
