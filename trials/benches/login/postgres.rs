//! On PostgreSQL: second factors beside `pgbench`, which reads one row and writes the same rows per transaction, on the same
//! tables of the same server; with few users and with many, and with two nodes.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::Instant,
};

use countersign_engine::core::Secret;
use trials::{Cluster, free_port, program};

use crate::{
    Options,
    process::{Process, serve, serve_as},
    second_factor::{self, Round, median, millis},
    seed::{self, Place, Someone},
};

/// What a transaction of `pgbench` does: reads a device, then writes what an accepted answer writes. Its devices are those
/// of users who never sign in, as many and as large as the others'.
const SCRIPT: &str = "
\\set device random(1, :users)
\\set number random(1, 9000000000000000)
BEGIN;
SELECT id, user_id, kind, name, status, version, failures, last_failure, created, last_used, state
    FROM device WHERE id = 'device ' || :device;
UPDATE device SET version = version + 1, failures = 0, last_used = :number, state = repeat('x', 300)::bytea
    WHERE id = 'device ' || :device;
INSERT INTO session (key, user_id, level, stamp, device_id, created, last_seen, signed_in, verified)
    VALUES ('key ' || :number || ' ' || :client_id, 'user ' || :device, 'aal2', 'a credential stamp',
            'device ' || :device, 1, 1, 1, 1);
INSERT INTO spent_attempt (id, until) VALUES ('attempt ' || :number || ' ' || :client_id, 1);
INSERT INTO event (at, user_id, kind, device_id, method, attempt_id)
    VALUES (1, 'user ' || :device, 'signed-in', 'device ' || :device, 'totp', 'attempt ' || :number);
COMMIT;
";

/// The whole bench.
pub(crate) async fn bench(options: &Options) {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("countersign.key");
    countersign(&["keys", "new", &key.display().to_string()], "");
    let script = folder.path().join("accepted.sql");
    fs::write(&script, SCRIPT).unwrap();
    let cluster = Cluster::start_with(&[("shared_buffers", "1GB"), ("max_wal_size", "8GB")]).unwrap();
    let mut rates = vec![];
    for &users in &options.users {
        let name = format!("users_{users}");
        cluster.sql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
        countersign(&["migrate"], &cluster.url(&name));
        fill(&cluster, &name, users);
        let place = Place::open(cluster.url(&name), key.clone()).await;
        rates.push((users, compare(options, &cluster, &name, &script, &place, users).await));
    }
    for pair in rates.windows(2) {
        let ((few, fast), (many, slow)) = (&pair[0], &pair[1]);
        println!("{many} users against {few}: {:.2} times slower at the most connections", fast / slow);
    }
}

/// Rounds of `pgbench`, one node and two nodes in turn. Returns the median rate of one node at the most connections.
async fn compare(options: &Options, cluster: &Cluster, name: &str, script: &Path, place: &Place, users: usize) -> f64 {
    let Options { connections, rounds, count, .. } = options;
    let needed = count * rounds * (connections.len() + 1);
    println!("{users} users; seeding {needed} people with authenticator apps");
    let people = seed::people(place, 0, needed, &Secret::new("never hashed")).await;
    cluster.sql(name, "VACUUM ANALYZE").unwrap();
    let mut people = people.chunks(*count);
    let mut last = 0.0;
    for &connections in connections {
        let mut done = vec![];
        for _ in 0..*rounds {
            let bare = pgbench(&cluster.url(name), script, connections, users, count / connections);
            let nodes = [serve(&place.url, &place.key)];
            done.push((bare, measure(place, &nodes, connections, people.next().unwrap()).await, nodes[0].memory().1));
        }
        last = tell(connections, &done);
    }
    let most = connections.iter().copied().max().unwrap();
    let mut two = vec![];
    for _ in 0..*rounds {
        let public = format!("127.0.0.1:{}", free_port());
        let other = format!("127.0.0.1:{}", free_port());
        let nodes = [&public, &other].map(|address| serve_as(&place.url, &place.key, address, &public));
        two.push(measure(place, &nodes, most, people.next().unwrap()).await.report.rate);
    }
    let two = median(two);
    println!("two nodes, {most} connections: {two:.0}/s, {:.2} of what one does on the same cores", two / last);
    last
}

async fn measure(place: &Place, nodes: &[Process], connections: usize, people: &[Someone]) -> Round {
    second_factor::run(place, nodes, connections, people).await
}

fn tell(connections: usize, rounds: &[(f64, Round, f64)]) -> f64 {
    println!("second factor, {connections} connections:");
    for (bare, Round { report, cpu }, peak) in rounds {
        println!(
            "  pgbench {bare:>6.0}/s | countersign {:>6.0}/s p50 {:>5.2} ms p99 {:>5.2} ms {:>3.0} us CPU, peak {peak:.0} MiB \
             | ratio {:.2}",
            report.rate,
            millis(report.p50),
            millis(report.p99),
            cpu * 1e6,
            report.rate / bare,
        );
    }
    println!("  median ratio {:.2}", median(rounds.iter().map(|(bare, round, _)| round.report.rate / bare).collect()));
    median(rounds.iter().map(|(_, round, _)| round.report.rate).collect())
}

/// Users with a device each, who never sign in.
fn fill(cluster: &Cluster, name: &str, users: usize) {
    let begun = Instant::now();
    let text = format!(
        "INSERT INTO app_user (id, name, canonical_name, password_hash, active, staff, stamp, created, password_changed)
            SELECT 'user ' || n, 'user' || n, 'user' || n, repeat('h', 97), 1, 0, 'a credential stamp', 1, 1
            FROM generate_series(1, {users}) AS n;
         INSERT INTO account (user_id, factors, preferred)
            SELECT 'user ' || n, 1, 'device ' || n FROM generate_series(1, {users}) AS n;
         INSERT INTO device (id, user_id, kind, name, status, version, failures, created, state)
            SELECT 'device ' || n, 'user ' || n, 'totp', 'Authenticator app', 'active', 1, 0, 1, repeat('x', 300)::bytea
            FROM generate_series(1, {users}) AS n;"
    );
    cluster.sql(name, &text).unwrap();
    println!("filled {name} in {} s", begun.elapsed().as_secs());
}

/// Transactions a second.
fn pgbench(url: &str, script: &Path, clients: usize, users: usize, transactions: usize) -> f64 {
    let threads = clients.min(2).to_string();
    let output = Command::new("pgbench")
        .args(["--no-vacuum", "--protocol=prepared", "--client", &clients.to_string(), "--jobs", &threads])
        .args(["--transactions", &transactions.to_string(), "--define", &format!("users={users}"), "--file"])
        .arg(script)
        .arg(url)
        .output()
        .unwrap();
    let text = told(&output);
    let line = text.lines().find(|line| line.starts_with("tps = ")).unwrap_or_else(|| panic!("no rate in {text}"));
    line.split_whitespace().nth(2).unwrap().parse().unwrap()
}

fn countersign(arguments: &[&str], url: &str) {
    let mut command = Command::new(program());
    if !url.is_empty() {
        command.env("COUNTERSIGN_DATABASE_URL", url);
    }
    told(&command.args(arguments).output().unwrap());
}

fn told(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
