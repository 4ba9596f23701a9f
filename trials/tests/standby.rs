//! The primary lost under load and replaced by the standby: if commits wait for the standby, it refuses every code that
//! was answered "accepted". If they do not, the same check finds codes that are accepted again.
#![allow(clippy::unwrap_used, reason = "a trial fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "real programs run in real time")]

use std::{
    thread,
    time::{Duration, Instant},
};

use trials::{Clock, Cluster, Crowd, Front, Installation, PROXY, Record, Server, Someone, Stop, people, try_request};

const PEOPLE: usize = 6;
const SETTINGS: [(&str, &str); 2] = [("trusted_proxies", PROXY), ("throttle_factor", "0")];
const STANDBY: &str = "second";

/// Whether commits wait for the standby.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Replication {
    Synchronous,
    /// They do not, and the standby is off while users sign in.
    Lagging,
}

/// The backup codes that were accepted before the primary was lost, and those of them that are accepted after it; the
/// same for codes from apps that had not expired.
async fn failover(replication: Replication) -> [(usize, Vec<String>); 2] {
    let folder = tempfile::tempdir().unwrap();
    let mut primary = Cluster::start().unwrap();
    primary.sql("postgres", "CREATE DATABASE countersign").unwrap();
    let installation = Installation::on(&primary.url("countersign"), folder.path());
    let mut front = Front::start(folder.path());
    let node = installation.node(&front.url(), &SETTINGS, Clock::Right);
    front.leads_to(&[&node]);
    let people = people(PEOPLE, &installation, &front).await;

    let mut standby = Cluster::standby_of(&primary, STANDBY).unwrap();
    match replication {
        Replication::Synchronous => primary.waits_for(STANDBY).unwrap(),
        Replication::Lagging => standby.stop(Stop::Fast).unwrap(),
    }
    // A node that knows both hosts, as in production.
    let both = format!("{},127.0.0.1:{}/countersign", primary.url("").trim_end_matches('/'), standby.port());
    let node = installation.moved_to(&both).node(&front.url(), &SETTINGS, Clock::Right);
    front.leads_to(&[&node]);
    let crowd = Crowd::signs_in(&people, &front);
    crowd.wait_for(2 * PEOPLE);
    crowd.wait_for_an_app();
    primary.stop(Stop::Kill).unwrap();
    let record = crowd.stop();

    if replication == Replication::Lagging {
        standby.start_again().unwrap();
    }
    standby.promote().unwrap();
    becomes_ready(&node);
    assert_eq!(record.let_in_by_fault(), Vec::<String>::new());
    let from_apps = record.apps_accepted_again(&people, &front).await;
    let again = record.accepted_again(&people, &front).await;
    still_serves(&record, &people, &front);
    [(record.accepted().len(), again), from_apps]
}

/// The node finds the new primary by itself.
fn becomes_ready(node: &Server) {
    let probe = || try_request(&node.address, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    let give_up = Instant::now() + Duration::from_secs(30);
    while !probe().starts_with(b"HTTP/1.1 204") {
        assert!(Instant::now() < give_up, "the node does not find the standby:\n{}", node.output());
        thread::sleep(Duration::from_millis(20));
    }
}

/// The unused codes sign their owners in, and no other code does.
fn still_serves(record: &Record, people: &[Someone], front: &Front) {
    let crowd = Crowd::signs_in(people, front);
    crowd.wait_for(1);
    let after = crowd.stop().accepted();
    assert!(after.keys().all(|code| !record.accepted().contains_key(code)), "{after:?}");
}

#[tokio::test]
async fn a_promoted_standby_refuses_every_code_that_was_accepted() {
    let [(accepted, again), (tried, from_apps)] = failover(Replication::Synchronous).await;
    assert!(accepted >= 2 * PEOPLE && tried > 0, "{accepted}, {tried}");
    assert_eq!([again, from_apps], [Vec::<String>::new(), Vec::new()]);
}

#[tokio::test]
async fn the_look_would_notice_if_commits_did_not_wait_for_it() {
    let [(accepted, again), (tried, from_apps)] = failover(Replication::Lagging).await;
    assert_eq!(again.len(), accepted);
    assert!(!from_apps.is_empty(), "none of {tried}");
}
