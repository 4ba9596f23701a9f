//! Full logins, page by page, against what Argon2id alone allows.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use countersign_engine::{Clock, SystemClock, core::Secret};
use trials::PASSWORD;

use crate::{
    load::{self, Answer, Connection},
    process::{cpu_of, serve},
    second_factor::millis,
    seed::{self, Place, Someone},
};

/// Full logins, page by page, against what Argon2id alone allows on the same cores. They take turns every second or two,
/// because what a shared machine gives changes from minute to minute, and the ratio is that of the sums.
pub(crate) async fn against_argon2(place: &Place, seeded: usize, hash: &Secret) {
    const TURNS: usize = 12;
    const TURN: Duration = Duration::from_secs(2);
    let people = Arc::new(seed::people(place, seeded, 10_000, hash).await);
    let server = serve(&place.url, &place.key);
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
