//! The database stopped, killed, restarted and paused under load, and a node killed under load.
//!
//! In every case no code that was answered "accepted" is accepted again, no fault gives access, every request gets a
//! response in time, and the nodes recover by themselves when the database does: users can sign in at each of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a trial fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "real programs run in real time")]

use std::{
    thread,
    time::{Duration, Instant},
};

use countersign_testkit::Browser;
use http::StatusCode;
use tempfile::TempDir;
use trials::{
    Clock, Cluster, Crowd, Front, Installation, PROXY, Server, Socket, Someone, Stop, Walk, at_node, at_once, people,
};

const PEOPLE: usize = 12;
const PASSWORD: &str = "umbrella marmalade kiosk";
const DEVICE_COOKIE: &str = "countersign-device";
/// The maximum time of a response.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The same while the database is paused: after this time a node gives up and says so.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(32);
/// The time within which all works again after the database does. By itself that takes a second or two; but the
/// processor and the disk are shared with other tests.
const BACK_WITHIN: Duration = Duration::from_secs(30);
const SETTINGS: [(&str, &str); 2] = [("trusted_proxies", PROXY), ("throttle_factor", "0")];

/// Two nodes behind a proxy, on a database of their own, and users with codes.
struct Town {
    nodes: Vec<Server>,
    front: Front,
    people: Vec<Someone>,
    installation: Installation,
    cluster: Cluster,
    /// A user who is signed in all the time.
    witness: Browser<Socket>,
    /// The witness's unused codes.
    codes: Vec<String>,
    _folder: TempDir,
}

impl Town {
    /// Creates it, and keeps a copy of its database under the name `before`.
    async fn founded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cluster = Cluster::start().unwrap();
        cluster.sql("postgres", "CREATE DATABASE countersign").unwrap();
        let installation = Installation::on(&cluster.url("countersign"), folder.path());
        let mut front = Front::start(folder.path());
        let first = installation.node(&front.url(), &SETTINGS, Clock::Right);
        front.leads_to(&[&first]);
        let people = people(PEOPLE, &installation, &front).await;
        installation.adds("witness", PASSWORD);
        let mut witness = front.browser();
        witness.gives_password("witness", PASSWORD).await;
        witness.sets_up().await;
        let codes = witness.makes_backup_codes().await;
        drop(first);
        while cluster.sql("postgres", "CREATE DATABASE before TEMPLATE countersign").is_err() {
            thread::sleep(Duration::from_millis(50));
        }
        let nodes: Vec<_> = (0..2).map(|_| installation.node(&front.url(), &SETTINGS, Clock::Right)).collect();
        front.leads_to(&[&nodes[0], &nodes[1]]);
        Self { nodes, front, people, installation, cluster, witness, codes, _folder: folder }
    }

    /// The responses to the witness at each node, all of them in time.
    async fn secret_at_both(&self) -> Vec<StatusCode> {
        let mut statuses = vec![];
        for node in 0..2 {
            let begun = Instant::now();
            let page = at_node(&self.witness, node).get("/secret").await;
            assert!(begun.elapsed() < TIMEOUT, "node {node} took {:?}", begun.elapsed());
            if page.status == StatusCode::SERVICE_UNAVAILABLE {
                assert!(page.headers.contains_key("retry-after"), "node {node} does not say when: {:?}", page.headers);
            }
            statuses.push(page.status);
        }
        statuses
    }

    /// Waits until both nodes serve again, and a user can sign in.
    async fn is_back(&mut self, since: Instant) {
        let in_time = || assert!(since.elapsed() < BACK_WITHIN, "not back after {:?}", since.elapsed());
        while self.secret_at_both().await != [StatusCode::OK; 2] {
            in_time();
            thread::sleep(Duration::from_millis(20));
        }
        for node in 0..2 {
            while !self.lets_in(node).await {
                in_time();
                thread::sleep(Duration::from_millis(200));
            }
        }
        in_time();
    }

    /// Whether the witness can sign in at this node, in a browser with a device cookie: while the crowd keeps the
    /// hashing threads busy, unrecognized clients are told to retry later.
    async fn lets_in(&mut self, node: usize) -> bool {
        let mut browser = at_node(&self.front.browser(), node);
        browser.cookies.extend(
            self.witness.cookies.get_key_value(DEVICE_COOKIE).map(|(name, value)| (name.clone(), value.clone())),
        );
        browser.gives_password("witness", PASSWORD).await;
        let code = self.codes.last().unwrap();
        let Some(answer) = browser.answers_with_backup_code_if_asked(code).await else { return false };
        let inside = browser.cookies.contains_key("countersign");
        if inside || answer.says("has been used already") {
            self.codes.pop();
        }
        inside
    }

    /// While the database is paused, each node gives up in time and sends `Retry-After`.
    fn stands_still(&self) {
        let answers = at_once(vec![0, 1], |node| {
            let begun = Instant::now();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let page = runtime.block_on(at_node(&self.witness, node).get("/secret"));
            (page.status, page.headers.contains_key("retry-after"), begun.elapsed())
        });
        for (status, says_when, took) in answers {
            assert_eq!((status, says_when), (StatusCode::SERVICE_UNAVAILABLE, true), "after {took:?}");
            assert!(took < SILENCE_TIMEOUT, "{took:?}");
        }
    }

    /// While the database is stopped, a user with the right password and code only gets "retry later".
    async fn is_away(&self) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(1) {
            assert_eq!(self.secret_at_both().await, [StatusCode::SERVICE_UNAVAILABLE; 2]);
            thread::sleep(Duration::from_millis(50));
        }
        for node in 0..2 {
            let mut browser = at_node(&self.front.browser(), node);
            // The form needs no database.
            let form = browser.get("/account/login").await.form_with("password");
            let page = browser.submit(&form, "/account/login", &[("name", "witness"), ("password", PASSWORD)]).await;
            assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.body);
            assert!(!browser.cookies.contains_key("countersign") && page.headers.contains_key("retry-after"));
            let output = try_ready(&self.nodes[node]);
            assert_eq!(output, [503, 204], "a node that has lost its database is alive and not ready");
        }
    }
}

/// The statuses of both probes.
fn try_ready(node: &Server) -> [u16; 2] {
    ["readyz", "healthz"].map(|probe| {
        let answer = trials::try_request(&node.address, &format!("GET /{probe} HTTP/1.1\r\nHost: localhost\r\n"));
        String::from_utf8_lossy(&answer.unwrap())[9..12].parse().unwrap()
    })
}

#[tokio::test]
async fn no_code_comes_back_whatever_happens_to_the_database_or_to_a_node() {
    let mut town = Town::founded().await;
    let crowd = Crowd::signs_in(&town.people, &town.front);
    assert_eq!(town.secret_at_both().await, [StatusCode::OK; 2]);

    for how in [Stop::Fast, Stop::Kill] {
        crowd.wait_for(4);
        town.cluster.stop(how).unwrap();
        town.is_away().await;
        town.cluster.start_again().unwrap();
        town.is_back(Instant::now()).await;
    }
    crowd.wait_for(4);
    town.cluster.start_again().unwrap();
    town.is_back(Instant::now()).await;

    crowd.wait_for(4);
    let still = Instant::now();
    town.cluster.freeze().unwrap();
    town.stands_still();
    town.cluster.thaw().unwrap();
    let goes_on = Instant::now();
    town.is_back(goes_on).await;

    crowd.wait_for(4);
    let node_killed = Instant::now();
    town.nodes.pop().unwrap().kill();
    crowd.wait_for(4);
    town.nodes.push(town.installation.node(&town.front.url(), &SETTINGS, Clock::Right));
    town.front.leads_to(&[&town.nodes[0], &town.nodes[1]]);
    let node_back = Instant::now();
    town.is_back(node_back).await;
    crowd.wait_for(4);
    crowd.wait_for_an_app();
    let record = crowd.stop();
    let (tried, again) = record.apps_accepted_again(&town.people, &town.front).await;
    assert!(tried > 0 && again.is_empty(), "{again:?} of {tried}");
    assert!(record.from_apps().values().all(|(_, times)| *times == 1), "{:?}", record.from_apps());

    let accepted = record.accepted();
    assert!(accepted.len() >= 20, "only {} codes were accepted", accepted.len());
    assert!(accepted.values().all(|times| *times == 1), "{accepted:?}");
    assert_eq!(record.let_in_by_fault(), Vec::<String>::new());
    assert_eq!(record.accepted_again(&town.people, &town.front).await, Vec::<String>::new());

    for answer in record.answers() {
        // The proxy's own response for a node that was killed during a request.
        let may_be_cut = answer.sent + answer.took > node_killed && answer.sent < node_back;
        let fits = match answer.status.as_u16() {
            200 | 303 | 422 | 503 => true,
            502 => may_be_cut,
            _ => false,
        };
        let silence = answer.sent + answer.took > still && answer.sent < goes_on;
        let patience = if silence { SILENCE_TIMEOUT } else { TIMEOUT };
        assert!(fits && answer.took < patience, "{answer:?}");
    }
    let faults = record.answers().iter().filter(|answer| answer.status.as_u16() == 503 && answer.says_when).count();
    assert!(faults > 0, "no request met an unavailable database: {:?}", record.statuses());

    // The check would notice: on the database as it was before, every one of them is accepted again.
    let before = town.installation.moved_to(&town.cluster.url("before"));
    let careless = before.node(&town.front.url(), &SETTINGS, Clock::Right);
    town.front.leads_to(&[&careless]);
    assert_eq!(record.accepted_again(&town.people, &town.front).await.len(), accepted.len());
}
