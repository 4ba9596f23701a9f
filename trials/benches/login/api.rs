//! The JSON API on SQLite: second factors and full logins in turn with those by the pages, and requests with a bearer
//! token in turn with a bare handler that reads the same row.

use crate::{
    Options,
    entrance::Entrance,
    full_login::{self, Site},
    load::{self, Answer, Limit},
    process::{Process, serve, serve_bare},
    second_factor::{self, Door, Round, median, millis},
    seed::{self, Crowd, Held, Opens, Place},
    sqlite::Demo,
};

/// The number of clients that send their tokens repeatedly.
const BEARERS: usize = 2_000;

/// The whole bench.
pub(crate) async fn bench(options: &Options) {
    let demo = Demo::start().await;
    let needed = options.count * 4;
    println!("seeding {} people with authenticator apps", needed + BEARERS);
    let mut crowd = Crowd::default();
    crowd.grows(seed::people(&demo.place, 0, needed, &demo.hash).await);
    for &connections in &options.connections {
        second_factors(options, &demo.place, &mut crowd, connections).await;
    }
    let bearers = seed::people(&demo.place, needed, BEARERS, &demo.hash).await;
    let held = seed::held(&demo.place, bearers).await;
    for &connections in &options.connections {
        bearer_checks(options, &demo, &held, connections).await;
    }
    let people = seed::people(&demo.place, needed + BEARERS, 10_000, &demo.hash).await;
    let sites = [("pages", Entrance::Pages), ("api", Entrance::Api)].map(|(what, entrance)| {
        let nodes = vec![serve(&demo.place.url, &demo.place.key)];
        Site { what, nodes, entrance }
    });
    full_login::against_argon2(options, &sites, people).await;
}

/// Turns of the pages and of the API; the order alternates.
async fn second_factors(options: &Options, place: &Place, crowd: &mut Crowd, connections: usize) {
    println!("second factor, {connections} connections:");
    let mut ratios = vec![];
    for round in 0..options.rounds {
        let mut entrances = [Entrance::Pages, Entrance::Api];
        entrances.rotate_left(round % 2);
        let mut rounds = vec![];
        for entrance in entrances {
            let people = crowd.take(options.count).await;
            let nodes = [serve(&place.url, &place.key)];
            let door = Door { place, nodes: &nodes, entrance };
            let round = second_factor::run(door, connections, &people, Limit::count(options.count)).await;
            crowd.takes_back(people, round.report.done);
            rounds.push(round);
        }
        rounds.rotate_right(round % 2);
        let ratio = rounds[1].report.rate / rounds[0].report.rate;
        println!("  pages {} | api {} | ratio {ratio:.2}", told(&rounds[0]), told(&rounds[1]));
        ratios.push(ratio);
    }
    println!("  median ratio {:.2}", median(ratios));
}

/// The kinds of tokens, by the name of their table.
type Kind = (&'static str, fn(&Held) -> &Opens);

/// Turns of the bare handler and of ours, for session tokens and personal tokens.
async fn bearer_checks(options: &Options, demo: &Demo, held: &[Held], connections: usize) {
    let kinds: [Kind; 2] = [("session", |held| &held.session), ("token", |held| &held.personal)];
    for (kind, opens) in kinds {
        println!("who shows the token of a {kind}, {connections} connections:");
        let mut ratios = vec![];
        for _ in 0..options.rounds {
            let bare = serve_bare(&demo.database);
            let look_up = |held: &Held| look_up(&bare.address, kind, &opens(held).key);
            let floor = turn(options, &bare, connections, held.iter().map(look_up).collect()).await;
            drop(bare);
            let node = serve(&demo.place.url, &demo.place.key);
            let show = |held: &Held| show(&node.address, &opens(held).token);
            let ours = turn(options, &node, connections, held.iter().map(show).collect()).await;
            let ratio = ours.report.rate / floor.report.rate;
            println!("  bare {} | countersign {} | ratio {ratio:.2}", told(&floor), told(&ours));
            ratios.push(ratio);
        }
        println!("  median ratio {:.2}", median(ratios));
    }
}

fn look_up(address: &str, kind: &str, key: &str) -> Vec<u8> {
    format!("GET /{kind}/{key} HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes()
}

fn show(address: &str, token: &str) -> Vec<u8> {
    format!("GET /api/v1/session HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// Sends each of these requests repeatedly. The first ones, which record the first use, do not count.
async fn turn(options: &Options, node: &Process, connections: usize, requests: Vec<Vec<u8>>) -> Round {
    let (first, address) = (Limit::count(requests.len()), [node.address.clone()]);
    let request = move |number: usize| requests[number % requests.len()].clone();
    let is_good = |answer: &Answer| answer.status == 200;
    load::run(&address, connections, first, request.clone(), is_good).await;
    let before = node.cpu();
    let report = load::run(&address, connections, Limit::count(options.count * 4), request, is_good).await;
    assert_eq!(report.refused, 0, "everybody is known");
    Round { report, cpu: (node.cpu() - before) / report.done as f64 }
}

fn told(round: &Round) -> String {
    let report = &round.report;
    let [p50, p99] = [report.p50, report.p99].map(millis);
    format!("{:>7.0}/s p50 {p50:>5.2} ms p99 {p99:>5.2} ms {:>3.0} us CPU", report.rate, round.cpu * 1e6)
}
