//! `cargo xtask bench login`: full logins over HTTP against the real binary and, in the same run, the bare limits.
//!
//! What is compared runs in turn on the same machine in the same minutes: quote the ratios, not the figures. The load and
//! the servers share the cores. Options: `--connections 1,8,32`, `--rounds 3`, `--count 12000`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench fails by panicking"
)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints")]
#![allow(clippy::disallowed_methods, reason = "real programs run in real time")]
#![allow(clippy::cast_precision_loss, reason = "figures are rounded anyway")]

mod load;
mod seed;
mod yardstick;

use std::{
    collections::VecDeque,
    env, fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use countersign_engine::{Clock, SystemClock};
use countersign_store::SqliteStore;
use countersign_testkit::SoftApp;
use load::{Answer, Connection, Report};
use seed::Someone;
use trials::{PASSWORD, free_port, program, try_request};

fn main() {
    if env::args().nth(1).as_deref() == Some("yardstick") {
        return yardstick::serve();
    }
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(bench(&options));
}

struct Options {
    connections: Vec<usize>,
    rounds: usize,
    count: usize,
}

impl Options {
    fn parse() -> Self {
        let mut options = Self { connections: vec![1, 8, 32], rounds: 3, count: 12_000 };
        let mut words: VecDeque<_> = env::args().skip(1).filter(|word| word != "--bench").collect();
        while let Some(word) = words.pop_front() {
            let value = words.pop_front().unwrap_or_else(|| panic!("{word} needs a value"));
            match word.as_str() {
                "--connections" => options.connections = value.split(',').map(|n| n.parse().unwrap()).collect(),
                "--rounds" => options.rounds = value.parse().unwrap(),
                "--count" => options.count = value.parse().unwrap(),
                other => panic!("{other} is no option: there are --connections, --rounds and --count"),
            }
        }
        options
    }
}

/// A server under load, and what it has used.
struct Process {
    child: Child,
    address: String,
}

impl Process {
    fn start(command: &mut Command, address: &str, ready: &str) -> (Self, Duration) {
        let begun = Instant::now();
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let process = Self { child, address: address.into() };
        while try_request(address, &format!("GET {ready} HTTP/1.1\r\nHost: {address}\r\n")).is_none() {
            assert!(begun.elapsed() < Duration::from_secs(20), "no answer at {address}");
            std::thread::sleep(Duration::from_millis(2));
        }
        (process, begun.elapsed())
    }

    /// Seconds of processor time so far.
    fn cpu(&self) -> f64 {
        cpu_of(&self.child.id().to_string())
    }

    /// Resident memory in MiB: now, and at most.
    fn memory(&self) -> (f64, f64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
        };
        (field("VmRSS:"), field("VmHWM:"))
    }
}

/// Seconds of processor time of a process so far.
fn cpu_of(process: &str) -> f64 {
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

async fn bench(options: &Options) {
    let folder = tempfile::tempdir().unwrap();
    let demo = folder.path().join("demo");
    start_up(&demo);
    let (database, key) = (demo.join("countersign.db"), demo.join("countersign.key"));

    let runs = options.connections.len() * options.rounds;
    let people_needed = options.count * runs;
    println!("seeding {people_needed} people with authenticator apps");
    let store = SqliteStore::open(&database).unwrap();
    let hash = store.users().by_canonical_name("demo").await.unwrap().unwrap().password_hash;
    let people = Arc::new(seed::people(&store, &key, 0, people_needed, &hash).await);
    let bare = folder.path().join("bare.db");
    drop(store);
    copy_database(&database, &bare);

    second_factors(options, &database, &key, &bare, &people).await;
    full_logins(&database, &key, people_needed).await;
}

/// From the start of the process to its first answer, on a folder that is there and on one that is not.
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

fn serve(database: &Path, key: &Path) -> Process {
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new(program());
    command.args(["serve", "--bind", &address, "--public-url", &format!("http://{address}")]);
    command.args(["--database-url", &format!("sqlite://{}", database.display()), "--key-file"]).arg(key);
    Process::start(command.env("COUNTERSIGN_LOG", "warn"), &address, "/healthz").0
}

fn serve_bare(database: &Path) -> Process {
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new(env::current_exe().unwrap());
    Process::start(command.arg("yardstick").arg(database).arg(&address), &address, "/ready").0
}

/// Second-factor submissions, ours and the yardstick's in turn.
async fn second_factors(options: &Options, database: &Path, key: &Path, bare: &Path, people: &Arc<Vec<Someone>>) {
    let count = options.count;
    let mut first = 0;
    for &connections in &options.connections {
        let mut rounds = vec![];
        for _ in 0..options.rounds {
            let yardstick = serve_bare(bare);
            let (before, report) = (yardstick.cpu(), bare_run(&yardstick, connections, first, count).await);
            let floor = (report, (yardstick.cpu() - before) / count as f64);
            drop(yardstick);
            let server = serve(database, key);
            let requests = second_factor_requests(database, key, &server, &people[first..first + count]).await;
            let before = server.cpu();
            let report = run_second_factors(&server, connections, requests).await;
            let ours = (report, (server.cpu() - before) / count as f64);
            let (_, peak) = server.memory();
            assert_eq!(report.refused, 0, "every submission is accepted");
            rounds.push((floor, ours, peak));
            first += count;
        }
        tell(connections, &rounds);
    }
}

type Round = ((Report, f64), (Report, f64), f64);

fn tell(connections: usize, rounds: &[Round]) {
    println!("second factor, {connections} connections:");
    for ((bare, bare_cpu), (ours, our_cpu), peak) in rounds {
        println!(
            "  bare {:>7.0}/s p50 {:>5.2} ms p99 {:>5.2} ms {:>3.0} us CPU | countersign {:>7.0}/s p50 {:>5.2} ms \
             p99 {:>5.2} ms {:>3.0} us CPU, peak {peak:.0} MiB | ratio {:.2}",
            bare.rate,
            millis(bare.p50),
            millis(bare.p99),
            bare_cpu * 1e6,
            ours.rate,
            millis(ours.p50),
            millis(ours.p99),
            our_cpu * 1e6,
            ours.rate / bare.rate,
        );
    }
    let mut ratios: Vec<f64> = rounds.iter().map(|((bare, _), (ours, _), _)| ours.rate / bare.rate).collect();
    ratios.sort_by(f64::total_cmp);
    println!("  median ratio {:.2}", ratios[ratios.len() / 2]);
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

async fn bare_run(yardstick: &Process, connections: usize, first: usize, count: usize) -> Report {
    let address = yardstick.address.clone();
    let body = "x".repeat(120);
    let request = move |number: usize| {
        let number = first + number;
        format!(
            "POST /id{number:024}/{number} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Cookie: countersign-pending={}\r\nContent-Length: {}\r\n\r\n{body}",
            "y".repeat(400),
            body.len()
        )
        .into_bytes()
    };
    load::run(&yardstick.address, connections, count, request, |answer| answer.status == 303).await
}

/// A login that waits for its second factor: everything of the request but the code.
struct Waiting {
    address: String,
    pending: String,
    form: String,
    device: String,
    app: SoftApp,
}

async fn second_factor_requests(database: &Path, key: &Path, server: &Process, people: &[Someone]) -> Vec<Waiting> {
    let store = SqliteStore::open(database).unwrap();
    let engine = seed::engine(&store, key, Arc::new(SystemClock));
    let names = people.iter().map(|someone| someone.name.clone()).collect();
    let tokens = seed::pending(&engine, names).await;
    let waiting = tokens.iter().zip(people).map(|(token, someone)| Waiting {
        address: server.address.clone(),
        pending: token.expose().to_owned(),
        form: engine.tag(&["form", "pending", token.expose()]),
        device: someone.device.to_string(),
        app: someone.app.clone(),
    });
    waiting.collect()
}

async fn run_second_factors(server: &Process, connections: usize, waiting: Vec<Waiting>) -> Report {
    let count = waiting.len();
    let request = move |number: usize| {
        let Waiting { address, pending, form, device, app } = &waiting[number];
        second_factor(address, pending, form, device, &app.code_at(SystemClock.now()))
    };
    load::run(&server.address, connections, count, request, |answer| answer.status == 303).await
}

fn second_factor(address: &str, pending: &str, form: &str, device: &str, code: &str) -> Vec<u8> {
    let body = format!("form={form}&device={device}&code={code}");
    format!(
        "POST /account/login/second-factor HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Cookie: countersign-pending={pending}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Full logins, page by page, against what Argon2id alone allows on the same cores. They take turns every second or two,
/// because what a shared machine gives changes from minute to minute, and the ratio is that of the sums.
async fn full_logins(database: &Path, key: &Path, seeded: usize) {
    const TURNS: usize = 12;
    const TURN: Duration = Duration::from_secs(2);
    let store = SqliteStore::open(database).unwrap();
    let hash = store.users().by_canonical_name("demo").await.unwrap().unwrap().password_hash;
    let people = Arc::new(seed::people(&store, key, seeded, 10_000, &hash).await);
    let server = serve(database, key);
    let next = Arc::new(AtomicUsize::new(0));
    logins(&server.address, &people, &next, TURN).await;
    let (mut ratios, mut times, mut own) = (vec![], vec![], 0.0);
    let (mut hashes, mut done) = (0.0, 0.0);
    for _ in 0..TURNS {
        let alone = argon2_alone(TURN);
        let before = cpu_of("self");
        let turn = logins(&server.address, &people, &next, TURN).await;
        own += cpu_of("self") - before;
        ratios.push(turn.rate / alone);
        hashes += alone;
        done += turn.rate;
        times.extend(turn.times);
    }
    times.sort_unstable();
    ratios.sort_by(f64::total_cmp);
    let count = times.len() as f64;
    println!(
        "full logins: {:.1}/s (p50 {:.0} ms, the load takes {:.2} ms CPU each, peak {:.0} MiB) | argon2id alone \
         {:.1}/s | ratio of the sums {:.3}, of single turns {:.2} to {:.2}, median {:.3}",
        done / TURNS as f64,
        millis(times[times.len() / 2]),
        own / count * 1000.0,
        server.memory().1,
        hashes / TURNS as f64,
        done / hashes,
        ratios[0],
        ratios[TURNS - 1],
        ratios[TURNS / 2],
    );
}

/// What one turn came to.
struct Turn {
    rate: f64,
    times: Vec<Duration>,
}

/// Eight people at a time sign in, one after the other. What they do in the first moments, and after the turn while the
/// last of them end, does not count: not all of them are at it then.
async fn logins(address: &str, people: &Arc<Vec<Someone>>, next: &Arc<AtomicUsize>, span: Duration) -> Turn {
    const ALL_AT_IT: Duration = Duration::from_millis(300);
    let begun = Instant::now();
    let counted = begun + ALL_AT_IT..begun + ALL_AT_IT + span;
    let end = counted.end;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (people, next, address) = (people.clone(), next.clone(), address.to_owned());
            tokio::spawn(async move {
                let mut connection = Connection::to(&address).await;
                let mut logins = vec![];
                while Instant::now() < end {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let started = Instant::now();
                    login(&mut connection, &address, &people[number]).await;
                    logins.push((Instant::now(), started.elapsed()));
                }
                logins
            })
        })
        .collect();
    let mut times = vec![];
    for task in tasks {
        let logins = task.await.unwrap().into_iter().filter(|(ended, _)| counted.contains(ended));
        times.extend(logins.map(|(_, took)| took));
    }
    Turn { rate: times.len() as f64 / span.as_secs_f64(), times }
}

/// One login, page by page, on a kept connection.
async fn login(connection: &mut Connection, address: &str, someone: &Someone) {
    let page = connection.exchange(&get(address, "/account/login", "")).await;
    let nonce = cookie(&page, "countersign-form");
    let body = format!("form={}&name={}&password={}", token(&page), someone.name, PASSWORD.replace(' ', "+"));
    let answer = connection.exchange(&post(address, "/account/login", &nonce, &body)).await;
    assert_eq!(answer.status, 303, "{} {}", answer.head, answer.body);
    let pending = cookie(&answer, "countersign-pending");
    let page = connection.exchange(&get(address, "/account/login/second-factor", &pending)).await;
    let body =
        format!("form={}&device={}&code={}", token(&page), someone.device, someone.app.code_at(SystemClock.now()));
    let answer = connection.exchange(&post(address, "/account/login/second-factor", &pending, &body)).await;
    assert_eq!(answer.status, 303, "{} {}", answer.head, answer.body);
}

fn get(address: &str, path: &str, cookie: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n").into_bytes()
}

fn post(address: &str, path: &str, cookie: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\nCookie: {cookie}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn cookie(answer: &Answer, name: &str) -> String {
    let cookies = load::cookies(&answer.head);
    let (name, value) = cookies.iter().find(|(given, _)| given == name).expect("the cookie is given");
    format!("{name}={value}")
}

fn token(page: &Answer) -> &str {
    let (_, rest) = page.body.split_once("name=\"form\" value=\"").expect("the page has a form");
    rest.split('"').next().unwrap()
}

/// Hashes a second on both cores with nothing else going on, memory reused.
fn argon2_alone(span: Duration) -> f64 {
    let begun = Instant::now();
    let threads: Vec<_> = (0..std::thread::available_parallelism().unwrap().get())
        .map(|_| {
            std::thread::spawn(move || {
                let params = Params::new(19_456, 2, 1, None).unwrap();
                let mut memory = vec![Block::default(); params.block_count()];
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                let (mut out, mut done) = ([0; 32], 0_usize);
                while begun.elapsed() < span {
                    argon2
                        .hash_password_into_with_memory(PASSWORD.as_bytes(), b"sixteen bytes of", &mut out, &mut memory)
                        .unwrap();
                    done += 1;
                }
                done
            })
        })
        .collect();
    let done: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    done as f64 / begun.elapsed().as_secs_f64()
}
