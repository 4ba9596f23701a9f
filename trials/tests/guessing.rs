//! Attackers who know a name and nothing else, at two nodes and from a thousand addresses in parallel: the owner can
//! sign in, in a browser with a device cookie, at the first attempt, and the state of the second factor does not
//! change.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a trial fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "real programs run in real time")]

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use countersign_testkit::{Browser, Form, Page};
use http::HeaderValue;
use trials::{Clock, Fresh, Front, Installation, PASSWORD, PROXY, Server, Socket, Walk, at_node};

const GUESSERS: usize = 8;
/// The number of wrong passwords and codes of each attacker.
const GUESSES: usize = 1250;
/// Of this many guesses in a row the first two are codes.
const KINDS: usize = 5;
const ADDRESSES: usize = 1000;
/// How often the owner signs in meanwhile.
const SIGN_INS: usize = 8;
/// The maximum time of the owner's sign-in, on a machine that is busy with all of this.
const WORST: Duration = Duration::from_secs(10);

const LOGIN: &str = "/account/login";
const LOGOUT: &str = "/account/logout";
const SECOND_FACTOR: &str = "/account/login/second-factor";
const SESSION: &str = "countersign=";
const PENDING: &str = "countersign-pending";
const KNOWN: &str = "countersign-device";

/// Two nodes behind a proxy, with this machine listed as another one: so a browser can choose its IP address.
struct Place {
    front: Front,
    database: Fresh,
    _nodes: [Server; 2],
    _folder: tempfile::TempDir,
}

impl Place {
    fn of(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Fresh::database();
        let installation = Installation::on(&database.url(), folder.path());
        for name in names {
            installation.adds(name, PASSWORD);
        }
        let mut front = Front::start(folder.path());
        let proxies = format!("{PROXY},127.0.0.1");
        let node = || {
            installation.node(
                &front.url(),
                &[("trusted_proxies", &proxies), ("password_attempts_per_account", "20")],
                Clock::Right,
            )
        };
        let nodes = [node(), node()];
        front.leads_to(&[&nodes[0], &nodes[1]]);
        Self { front, database, _nodes: nodes, _folder: folder }
    }

    fn sql(&self, question: &str) -> String {
        self.database.sql(question).unwrap()
    }

    /// The whole state of ada's app, and the failures of her other devices.
    fn second_factors(&self) -> String {
        self.sql(
            "SELECT string_agg(d::text, ' ') FROM device d JOIN app_user u ON u.id = user_id
                 WHERE u.name = 'ada' AND kind = 'totp'
             UNION ALL SELECT string_agg(concat(failures, last_failure, recognized_failures, status), ' ') FROM device",
        )
    }
}

/// An attacker, with what is available: a login of their own, and the id of a device of ada's.
struct Guesser {
    number: usize,
    browser: Browser<Socket>,
    own_code: Form,
    device: String,
}

impl Guesser {
    /// The next guess: a password, or a code with a login that is invented, forged, or another user's than the
    /// device's.
    async fn guesses(&mut self, round: usize) -> Page {
        let address = (self.number * GUESSES + round * 7) % ADDRESSES;
        let address = format!("198.51.{}.{}", address / 250, address % 250);
        self.browser.headers.insert("x-forwarded-for", HeaderValue::from_str(&address).unwrap());
        self.browser = at_node(&self.browser, (self.number + round) % 2);
        let code = format!("{:06}", (round * 7919) % 1_000_000);
        match round % KINDS {
            0 => {
                let mut browser = self.browser.clone();
                let own = browser.cookies.get(PENDING).unwrap();
                let forged: String =
                    if round.is_multiple_of(2) { own.chars().rev().collect() } else { format!("{own}A") };
                browser.cookies.insert(PENDING.into(), forged);
                // A form token that fits the forged login, from a page that requires no session.
                let form = browser.get(LOGOUT).await.form_with("form");
                let fields = [("form", &*form.fields[0].1), ("device", &self.device), ("code", &code)];
                browser.post(SECOND_FACTOR, &fields).await
            }
            1 => {
                let fields = [("device", &*self.device), ("code", &code)];
                self.browser.clone().submit(&self.own_code, SECOND_FACTOR, &fields).await
            }
            _ => {
                let mut stranger = self.browser.clone();
                stranger.cookies.remove(PENDING);
                let form = stranger.get(LOGIN).await.form_with("password");
                let password = format!("guess {round} of {}", self.number);
                stranger.submit(&form, LOGIN, &[("name", "ada"), ("password", &password)]).await
            }
        }
    }
}

fn is_password(round: usize) -> bool {
    round % KINDS > 1
}

/// Signs in where ada has signed in before, with a backup code, from an IP address that guesses come from.
async fn ada_signs_in(place: &Place, known: &str, round: usize, code: &str) {
    let start = Instant::now();
    let mut browser = at_node(&place.front.browser(), round % 2);
    browser.cookies.insert(KNOWN.into(), known.into());
    browser.headers.insert("x-forwarded-for", HeaderValue::from_static("198.51.0.7"));
    let page = browser.gives_password("ada", PASSWORD).await;
    assert!(page.says("name=\"code\""), "ada is kept out: {} {}", page.status, page.body);
    let page = browser.answers_with_backup_code(code).await;
    assert!(page.status.is_redirection(), "ada is kept out: {} {}", page.status, page.body);
    assert!(start.elapsed() < WORST, "ada has waited for {:?}", start.elapsed());
}

/// Ada and mallory have set up their factors: returns ada's backup codes and her browser's device cookie.
async fn factors_are_set_up(place: &Place) -> (Vec<String>, String) {
    let mut mallory = place.front.browser();
    mallory.gives_password("mallory", PASSWORD).await;
    mallory.sets_up().await;
    let mut ada = place.front.browser();
    ada.gives_password("ada", PASSWORD).await;
    ada.sets_up().await;
    (ada.makes_backup_codes().await, ada.cookies[KNOWN].clone())
}

/// This many attackers, each with a pending login of mallory's.
async fn guessers(place: &Place) -> Vec<Guesser> {
    let device = place.sql("SELECT d.id FROM device d JOIN app_user u ON u.id = user_id WHERE u.name = 'ada' LIMIT 1");
    let mut guessers = vec![];
    for number in 0..GUESSERS {
        let mut browser = place.front.browser();
        browser.gives_password("mallory", PASSWORD).await;
        let own_code = browser.get(SECOND_FACTOR).await.form_with("device");
        guessers.push(Guesser { number, browser, own_code, device: device.clone() });
    }
    guessers
}

fn block_on<T>(task: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(task)
}

#[test]
fn t22_ten_thousand_guesses_from_a_thousand_addresses_keep_the_owner_out_of_nothing() {
    let place = Place::of(&["ada", "mallory"]);
    let (codes, known) = block_on(factors_are_set_up(&place));
    let before = place.second_factors();
    let (guessers, done) = (block_on(guessers(&place)), AtomicUsize::new(0));
    let answers: Vec<_> = thread::scope(|scope| {
        let threads = guessers.into_iter().map(|mut guesser| {
            let done = &done;
            scope.spawn(move || {
                let pages = (0..GUESSES).map(|round| {
                    let page = block_on(guesser.guesses(round));
                    done.fetch_add(1, Ordering::SeqCst);
                    (round, page)
                });
                pages.collect::<Vec<_>>()
            })
        });
        let threads: Vec<_> = threads.collect();
        for (round, code) in codes.iter().take(SIGN_INS).enumerate() {
            while done.load(Ordering::SeqCst) < (round + 1) * GUESSERS * GUESSES / (SIGN_INS + 1) {
                assert!(!threads.iter().any(ScopedJoinHandle::is_finished), "an attacker has stopped guessing");
                thread::sleep(Duration::from_millis(5));
            }
            block_on(ada_signs_in(&place, &known, round, code));
        }
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });

    assert_eq!(answers.len(), 10_000);
    let mut statuses = BTreeMap::new();
    for (round, page) in &answers {
        let what = if is_password(*round) { "password" } else { "code" };
        *statuses.entry((what, page.status.as_u16())).or_insert(0_usize) += 1;
        let given = page.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
        assert!(given.into_iter().all(|cookie| !cookie.starts_with(SESSION)), "{page:?}");
    }
    let looked_at = answers.iter().filter(|(_, page)| page.says("Incorrect user name or password")).count();
    assert_eq!(looked_at, 20, "strangers share one budget, at both nodes: {statuses:?}");
    let spent = "SELECT max(spent) FROM budget WHERE key LIKE 'password/name/%'";
    assert_eq!(place.sql(spent), "20", "{statuses:?}");
    assert!(!statuses.keys().any(|(_, status)| [200, 500, 599].contains(status)), "{statuses:?}");
    assert_eq!(place.second_factors(), before);
    assert_eq!(place.sql("SELECT count(*) FROM event WHERE kind = 'answer-refused'"), "0");
}
