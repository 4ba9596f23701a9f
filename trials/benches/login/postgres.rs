//! On PostgreSQL: second factors compared with `pgbench`, which reads one row and writes the same rows per transaction,
//! for the same users on the same tables of the same server; with few users and with many, with one node and with two;
//! and full logins compared with the bare hash.
//!
//! `pgbench` makes seven round trips per transaction where Countersign makes two to commit, so the ratio favours
//! Countersign if the network to the database takes most of the time.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use countersign_engine::core::Secret;
use trials::{Cluster, PASSWORD, free_port, program};

use crate::{
    Options,
    entrance::Entrance,
    full_login::{self, Site},
    load::Limit,
    process::{Process, memory_of, serve_as},
    second_factor::{self, Door, Round, median, millis},
    seed::{self, Crowd, Place},
};

/// A transaction of `pgbench`: finds the device of a user, then writes what an accepted answer writes. Rows are as
/// large as ours and their keys as scattered.
const SCRIPT: &str = "
\\set person random(0, :people - 1)
\\set number (:person * :factor) % :modulus
\\set attempt random(1, 9000000000000000)
BEGIN;
SELECT id, user_id, kind, name, status, version, failures, last_failure, recognized_failures, last_recognized_failure,
        created, last_used, state
    FROM device WHERE user_id = 'id' || lpad(:number::text, 24, '0') \\gset
UPDATE device SET name = name, status = status, version = version + 1, failures = 0, last_used = last_used, state = state
    WHERE id = :id AND version = :version;
INSERT INTO session (key, user_id, level, stamp, device_id, created, last_seen, signed_in, verified)
    VALUES (lpad(:attempt::text, 64, '0'), :user_id, 'aal2', '0123456789abcdefghijklmnop', :id, 1, 1, 1, 1);
INSERT INTO spent_attempt (id, until) VALUES (lpad(:attempt::text, 26, '0'), 1);
INSERT INTO event (at, user_id, kind, device_id, method, attempt_id, address)
    VALUES (1, :user_id, 'signed-in', :id, 'totp', lpad(:attempt::text, 26, '0'), '127.0.0.1');
COMMIT;
";

/// The maximum number of users who can sign in here; the others only fill the tables.
const MAX_PEOPLE: usize = 20_000;
/// The number of turns in which both kinds of users are added, so that their rows are mixed.
const SLICES: usize = 20;
/// An upper limit of operations per second, with one connection and with several.
const MAX_PER_SECOND: [usize; 2] = [2_000, 6_000];

/// A database with this many users.
struct Town {
    name: String,
    users: usize,
    /// The number of users who can sign in.
    people: usize,
    place: Place,
    crowd: Crowd,
}

/// One turn: `pgbench`, one node and, with the most connections, two.
struct Turn {
    bare: f64,
    one: Measured,
    two: Option<Measured>,
}

/// The result of nodes, their maximum memory, and the memory of the database, in MiB.
struct Measured {
    round: Round,
    peak: f64,
    database: f64,
}

/// The whole bench.
pub(crate) async fn bench(options: &Options) {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("countersign.key");
    countersign(&["keys", "new", &key.display().to_string()], "", "");
    let script = folder.path().join("accepted.sql");
    fs::write(&script, SCRIPT).unwrap();
    let cluster = Cluster::start_with(&[("shared_buffers", "1GB"), ("max_wal_size", "8GB")]).unwrap();
    let mut towns = vec![];
    for &users in &options.users {
        towns.push(Town::founded(&cluster, users, &key).await);
    }
    at_rest(&cluster, &towns[0].place);
    let most = options.connections.iter().copied().max().unwrap();
    for &connections in &options.connections {
        let mut turns: Vec<Vec<Turn>> = towns.iter().map(|_| vec![]).collect();
        for _ in 0..options.rounds {
            for (town, turns) in towns.iter_mut().zip(&mut turns) {
                turns.push(town.turn(options, &cluster, &script, connections, connections == most).await);
            }
        }
        for (town, turns) in towns.iter().zip(&turns) {
            tell(town, connections, turns);
        }
        if connections == most {
            compare(&towns, &turns);
        }
    }
    let Town { place, crowd, people, .. } = &mut towns[0];
    let people = crowd.take(*people).await;
    let sites = [("one node", 1), ("two nodes", 2)].map(|(what, count)| {
        let nodes = nodes(place, count);
        Site { what, nodes, entrance: Entrance::Pages }
    });
    full_login::against_argon2(options, &sites, people).await;
    println!("PostgreSQL beside them: {:.0} MiB", memory_of(&cluster.processes()));
}

impl Town {
    async fn founded(cluster: &Cluster, users: usize, key: &Path) -> Self {
        let begun = Instant::now();
        let name = format!("users_{users}");
        cluster.sql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
        let url = cluster.url(&name);
        countersign(&["migrate"], &url, "");
        countersign(&["user", "add", "demo", "--password-stdin"], &url, PASSWORD);
        let place = Place::open(url, PathBuf::from(key)).await;
        let hash = place.users.by_canonical_name("demo").await.unwrap().unwrap().password_hash;
        // The hash's own thread is not counted.
        cluster.sql(&name, "DELETE FROM app_user").unwrap();
        let people = users.min(MAX_PEOPLE);
        let mut crowd = Crowd::default();
        for slice in 0..SLICES {
            let part = |all: usize| all * slice / SLICES..all * (slice + 1) / SLICES;
            fill(cluster, &name, &hash, part(users - people).start + people..part(users - people).end + people);
            crowd.grows(seed::people(&place, part(people).start, part(people).len(), &hash).await);
        }
        cluster.sql(&name, "VACUUM ANALYZE").unwrap();
        cluster.sql("postgres", "CHECKPOINT").unwrap();
        let counted = cluster.sql(&name, "SELECT count(*) FROM app_user").unwrap();
        println!("{counted} users, {people} of them sign in; there after {} s", begun.elapsed().as_secs());
        Self { name, users, people, place, crowd }
    }

    async fn turn(
        &mut self,
        options: &Options,
        cluster: &Cluster,
        script: &Path,
        connections: usize,
        both: bool,
    ) -> Turn {
        let bare = self.pgbench(options, cluster, script, connections);
        let one = self.measure(options, cluster, connections, 1).await;
        let two = if both { Some(self.measure(options, cluster, connections, 2).await) } else { None };
        Turn { bare, one, two }
    }

    async fn measure(&mut self, options: &Options, cluster: &Cluster, connections: usize, count: usize) -> Measured {
        let a_second = MAX_PER_SECOND[usize::from(connections > 1)];
        let limit = Limit::seconds(options.seconds, a_second.min(self.people / options.seconds.max(1)));
        let people = self.crowd.take(limit.count).await;
        let nodes = nodes(&self.place, count);
        let door = Door { place: &self.place, nodes: &nodes, entrance: Entrance::Pages };
        let round = second_factor::run(door, connections, &people, limit).await;
        self.crowd.takes_back(people, round.report.done);
        let peak = nodes.iter().map(|node| node.memory().1).sum();
        Measured { round, peak, database: memory_of(&cluster.processes()) }
    }

    /// Transactions per second.
    fn pgbench(&self, options: &Options, cluster: &Cluster, script: &Path, clients: usize) -> f64 {
        let threads = clients.min(2).to_string();
        let variables = [("people", self.people), ("factor", seed::FACTOR), ("modulus", seed::MODULUS)];
        let mut pgbench = Command::new("pgbench");
        pgbench.args(["--no-vacuum", "--protocol=prepared", "--client", &clients.to_string(), "--jobs", &threads]);
        pgbench.args(["--time", &options.seconds.to_string(), "--file"]).arg(script);
        for (name, value) in variables {
            pgbench.args(["--define", &format!("{name}={value}")]);
        }
        let text = told(&pgbench.arg(cluster.url(&self.name)).output().unwrap());
        assert!(text.contains("number of failed transactions: 0 "), "{text}");
        let line = text.lines().find(|line| line.starts_with("tps = ")).unwrap_or_else(|| panic!("no rate in {text}"));
        line.split_whitespace().nth(2).unwrap().parse().unwrap()
    }
}

/// Nodes that browsers reach by the address of the first one.
fn nodes(place: &Place, count: usize) -> Vec<Process> {
    let addresses: Vec<_> = (0..count).map(|_| format!("127.0.0.1:{}", free_port())).collect();
    addresses.iter().map(|address| serve_as(&place.url, &place.key, address, &addresses[0])).collect()
}

/// The memory of a node before the first request.
fn at_rest(cluster: &Cluster, place: &Place) {
    let alone = memory_of(&cluster.processes());
    let node = nodes(place, 1);
    std::thread::sleep(Duration::from_secs(4));
    let beside = memory_of(&cluster.processes());
    println!("at rest: a node {:.0} MiB; PostgreSQL {alone:.0} MiB, {beside:.0} MiB beside it", node[0].memory().0);
}

fn tell(town: &Town, connections: usize, turns: &[Turn]) {
    println!("second factor, {} users, {connections} connections:", town.users);
    for Turn { bare, one, two } in turns {
        let Round { report, cpu } = &one.round;
        println!(
            "  pgbench {bare:>6.0}/s | countersign {:>6.0}/s p50 {:>5.2} ms p99 {:>5.2} ms {:>3.0} us CPU, peak {:.0} MiB, \
             PostgreSQL {:.0} MiB | ratio {:.2}",
            report.rate,
            millis(report.p50),
            millis(report.p99),
            cpu * 1e6,
            one.peak,
            one.database,
            report.rate / bare,
        );
        if let Some(Measured { round: Round { report, cpu }, peak, database }) = two {
            println!(
                "  two nodes      | countersign {:>6.0}/s p50 {:>5.2} ms p99 {:>5.2} ms {:>3.0} us CPU, peak {peak:.0} MiB \
                 together, PostgreSQL {database:.0} MiB",
                report.rate,
                millis(report.p50),
                millis(report.p99),
                cpu * 1e6,
            );
        }
    }
    println!("  median ratio {:.2}", median(turns.iter().map(|turn| turn.one.round.report.rate / turn.bare).collect()));
}

/// The loss by two nodes and the cost of many users, each as the median of measurements in the same turn.
fn compare(towns: &[Town], turns: &[Vec<Turn>]) {
    for (town, turns) in towns.iter().zip(turns) {
        let kept =
            turns.iter().filter_map(|turn| Some(turn.two.as_ref()?.round.report.rate / turn.one.round.report.rate));
        println!("two nodes, {} users: {:.2} of what one does on the same cores", town.users, median(kept.collect()));
    }
    let both = towns.iter().zip(turns);
    for ((few, fast), (many, slow)) in both.clone().zip(both.skip(1)) {
        let slower = |rate: fn(&Turn) -> f64| median(fast.iter().zip(slow).map(|(a, b)| rate(a) / rate(b)).collect());
        println!(
            "{} users against {}: countersign {:.2} times slower, pgbench {:.2} times",
            many.users,
            few.users,
            slower(|turn| turn.one.round.report.rate),
            slower(|turn| turn.bare),
        );
    }
}

/// Users with one device each, who never sign in. Their ids are as scattered as those of the others.
fn fill(cluster: &Cluster, name: &str, hash: &Secret, numbers: std::ops::Range<usize>) {
    if numbers.is_empty() {
        return;
    }
    let (first, last) = (numbers.start, numbers.end - 1);
    let (hash, factor, modulus) = (hash.expose(), seed::FACTOR, seed::MODULUS);
    let filler = format!(
        "SELECT n, 'id' || lpad((n * {factor} % {modulus})::text, 24, '0') AS person, substr(md5(n::text), 1, 26) AS device
            FROM generate_series({first}::bigint, {last}) AS n"
    );
    let text = format!(
        "INSERT INTO app_user (id, name, canonical_name, password_hash, active, staff, stamp, created, password_changed)
            SELECT person, 'filler' || n, 'filler' || n, '{hash}', 1, 0, device, 1, 1 FROM ({filler}) AS filler;
         INSERT INTO account (user_id, factors, preferred) SELECT person, 1, device FROM ({filler}) AS filler;
         INSERT INTO device (id, user_id, kind, name, status, version, failures, created, last_used, state)
            SELECT device, person, 'totp', 'Authenticator app', 'active', 2, 0, 1, 1, repeat('x', 300)::bytea
            FROM ({filler}) AS filler"
    );
    cluster.sql(name, &text).unwrap();
}

fn countersign(arguments: &[&str], url: &str, input: &str) {
    let mut command = Command::new(program());
    if !url.is_empty() {
        command.env("COUNTERSIGN_DATABASE_URL", url);
    }
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that does not read its input may end before it is written.
    let _ = writeln!(child.stdin.take().unwrap(), "{input}");
    told(&child.wait_with_output().unwrap());
}

fn told(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
