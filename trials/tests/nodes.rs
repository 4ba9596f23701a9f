//! Two nodes on one PostgreSQL behind a real nginx: what may happen once happens once in all, and a limit at one node
//! holds at the other. Every trial is run twice, the second time with the clock of one node 20 seconds ahead.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a trial fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "real programs run in real time")]

use std::thread;

use countersign_testkit::{Browser, Page};
use http::{HeaderValue, StatusCode};
use tempfile::TempDir;
use trials::{
    Clock, Fresh, Front, Installation, PASSWORD, PROXY, Server, Socket, Walk, at_node, at_once, code_at, try_request,
    wrong_code,
};

const RACERS: usize = 64;
const GUESSES: usize = 1000;
const GUESSERS: usize = 16;
const CLOCKS: [Clock; 2] = [Clock::Right, Clock::Ahead(20)];
const SECOND_FACTOR: &str = "/account/login/second-factor";

/// Two nodes, the proxy in front, and ada.
struct Pair {
    front: Front,
    nodes: [Server; 2],
    database: Fresh,
    _folder: TempDir,
}

impl Pair {
    /// Two nodes with these settings; the second one has this clock.
    fn with(settings: &[(&str, &str)], clock: Clock) -> Self {
        // Later settings take precedence.
        let settings = [&[("trusted_proxies", PROXY)], settings].concat();
        Self::of(clock, |installation, url, clock| installation.node(url, &settings, clock))
    }

    /// Two nodes without a throttle.
    fn lenient(clock: Clock) -> Self {
        let program = env!("CARGO_BIN_EXE_lenient-node");
        Self::of(clock, |installation, url, clock| installation.lenient_node(program, url, ("ada", PASSWORD), clock))
    }

    fn of(clock: Clock, node: impl Fn(&Installation, &str, Clock) -> Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Fresh::database();
        let installation = Installation::on(&database.url(), folder.path());
        installation.adds("ada", PASSWORD);
        let mut front = Front::start(folder.path());
        let nodes = [Clock::Right, clock].map(|clock| node(&installation, &front.url(), clock));
        front.leads_to(&[&nodes[0], &nodes[1]]);
        let apart = (seconds_at(&nodes[1]) + 86_400 - seconds_at(&nodes[0])) % 86_400;
        let expected = if let Clock::Ahead(seconds) = clock { seconds } else { 0 };
        assert!((expected..=expected + 5).contains(&apart), "the clocks are {apart} s apart");
        Self { front, nodes, database, _folder: folder }
    }

    /// A browser whose requests go to one node.
    fn browser_at(&self, node: usize) -> Browser<Socket> {
        at_node(&self.front.browser(), node)
    }

    /// Sets up an app and backup codes at the first node.
    async fn ada_sets_up(&self) -> (String, Vec<String>) {
        let mut browser = self.browser_at(0);
        browser.gives_password("ada", PASSWORD).await;
        let key = browser.sets_up().await;
        (key, browser.makes_backup_codes().await)
    }

    /// This many browsers with a pending login each, half of them at each node.
    async fn logins(&self, count: usize) -> Vec<Browser<Socket>> {
        let mut browsers = vec![];
        for number in 0..count {
            let mut browser = self.browser_at(number % 2);
            let page = browser.gives_password("ada", PASSWORD).await;
            assert!(page.says("name=\"code\""), "{}\n{}", page.status, page.body);
            browsers.push(browser);
        }
        browsers
    }

    /// Submits a thousand wrong codes, each browser in turn at both nodes. An answer that is told to retry later was
    /// not judged, and is submitted again.
    async fn guesses(&self, code: &str) -> Vec<Page> {
        let browsers = self.logins(GUESSERS).await;
        let each = GUESSES.div_ceil(GUESSERS);
        let guessers = browsers.into_iter().enumerate().map(|(number, browser)| (number, browser, code.to_owned()));
        let pages = at_once(guessers.collect(), |(number, mut browser, code)| {
            block_on(async {
                let form = browser.get(SECOND_FACTOR).await.form_with("device");
                let mut pages = vec![];
                let mine = each.min(GUESSES - number * each);
                while pages.len() < mine {
                    browser = at_node(&browser, (number + pages.len()) % 2);
                    let page = browser.submit(&form, SECOND_FACTOR, &[("code", &code)]).await;
                    if page.status == StatusCode::SERVICE_UNAVAILABLE && page.headers.contains_key("retry-after") {
                        thread::sleep(std::time::Duration::from_millis(50));
                        continue;
                    }
                    pages.push(page);
                }
                pages
            })
        });
        pages.into_iter().flatten().collect()
    }

    /// One number from the database.
    fn number(&self, question: &str) -> usize {
        self.database.sql(question).unwrap().parse().unwrap()
    }

    /// The failures of ada's app, and how many answers were judged and refused.
    fn counted(&self) -> [usize; 2] {
        ["SELECT failures FROM device WHERE kind = 'totp'", "SELECT count(*) FROM event WHERE kind = 'answer-refused'"]
            .map(|question| self.number(question))
    }
}

/// The time of day at a node, in seconds.
fn seconds_at(node: &Server) -> u32 {
    let answer = try_request(&node.address, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    let answer = String::from_utf8(answer).unwrap().to_lowercase();
    let date = answer.lines().find_map(|line| line.strip_prefix("date: ")).unwrap();
    let time = date.split(' ').nth(4).unwrap();
    time.split(':').fold(0, |sum, part| sum * 60 + part.parse::<u32>().unwrap())
}

fn block_on<T>(task: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(task)
}

fn say(pages: &[Page], text: &str) -> usize {
    pages.iter().filter(|page| page.says(text)).count()
}

#[tokio::test]
async fn one_of_64_simultaneous_submissions_across_both_nodes_is_accepted() {
    for clock in CLOCKS {
        let pair = Pair::with(&[], clock);
        let (key, codes) = pair.ada_sets_up().await;
        let before = pair.number("SELECT count(*) FROM session");
        // A refused browser may try again; one more is in reserve for the accepted one.
        let mut browsers = pair.logins(RACERS + 1).await;
        for (round, backup) in [(1, false), (2, true)] {
            let mut prepared = vec![];
            for mut browser in browsers.drain(..RACERS) {
                let mut page = browser.get(SECOND_FACTOR).await;
                if backup {
                    let (_, others) = page.body.split_once("id=\"others\"").unwrap();
                    let other = others.split_once("name=\"device\" value=\"").unwrap().1.split('"').next().unwrap();
                    page = browser.get(&format!("{SECOND_FACTOR}?device={other}")).await;
                }
                prepared.push((browser, page.form_with("device")));
            }
            // The setup has used the present code.
            let code = if backup { codes[0].clone() } else { code_at(&key, "now + 30 seconds") };
            let answers = at_once(prepared, |(mut browser, form)| {
                let page = block_on(browser.submit(&form, SECOND_FACTOR, &[("code", &code)]));
                (page, browser)
            });
            let is_inside = |browser: &Browser<Socket>| browser.cookies.contains_key("countersign");
            let inside = answers.iter().filter(|(_, browser)| is_inside(browser)).count();
            let accepted = answers.iter().filter(|(page, _)| page.status.is_redirection()).count();
            let refused = answers.iter().filter(|(page, _)| page.says("That code has been used already.")).count();
            let statuses: Vec<_> = answers.iter().map(|(page, _)| page.status.as_u16()).collect();
            assert_eq!((accepted, inside, refused), (1, 1, RACERS - 1), "{clock:?} {statuses:?}");
            assert_eq!(pair.number("SELECT count(*) FROM session"), before + round);
            browsers.extend(answers.into_iter().map(|(_, browser)| browser).filter(|browser| !is_inside(browser)));
        }
    }
}

#[tokio::test]
async fn of_a_thousand_wrong_codes_none_is_lost_where_nothing_stops_them() {
    for clock in CLOCKS {
        let pair = Pair::lenient(clock);
        let (key, _) = pair.ada_sets_up().await;
        let pages = pair.guesses(&wrong_code(&key)).await;
        let other = pages.iter().find(|page| !page.says("Incorrect code."));
        assert!(other.is_none(), "{clock:?} {other:?}");
        assert_eq!(pair.counted(), [GUESSES; 2], "{clock:?}");
    }
}

#[tokio::test]
async fn of_a_thousand_wrong_codes_those_that_were_judged_are_counted() {
    for clock in CLOCKS {
        let pair = Pair::with(&[], clock);
        let (key, _) = pair.ada_sets_up().await;
        let pages = pair.guesses(&wrong_code(&key)).await;
        let wrong = say(&pages, "Incorrect code.");
        let unseen = pages.iter().filter(|page| page.status == StatusCode::TOO_MANY_REQUESTS).count();
        assert_eq!(wrong + unseen, GUESSES, "{clock:?}");
        assert!((1..100).contains(&wrong), "{wrong} were judged: {clock:?}");
        assert_eq!(pair.counted(), [wrong; 2], "{clock:?}");
    }
}

#[tokio::test]
async fn no_code_is_judged_past_the_cap() {
    for clock in CLOCKS {
        // Without the delay all attempts come before it; with it this would take days.
        let pair = Pair::with(&[("throttle_factor", "0")], clock);
        let (key, codes) = pair.ada_sets_up().await;
        let mut last = pair.browser_at(0);
        last.gives_password("ada", PASSWORD).await;
        let form = last.get(SECOND_FACTOR).await.form_with("device");
        let pages = pair.guesses(&wrong_code(&key)).await;
        // The hundredth response reports that it was one too many.
        assert_eq!(say(&pages, "Incorrect code."), 99, "{clock:?}");
        assert_eq!(pair.counted(), [100; 2], "{clock:?}");
        assert_eq!(pair.database.sql("SELECT status FROM device WHERE kind = 'totp'").unwrap(), "disabled");
        let right = code_at(&key, "now + 30 seconds");
        for node in [0, 1] {
            let mut last = at_node(&last, node);
            let page = last.submit(&form, SECOND_FACTOR, &[("code", &right)]).await;
            assert!(
                !page.status.is_redirection() && page.says("Your device was disabled after too many incorrect codes"),
                "{}",
                page.body
            );
            assert!(!last.cookies.contains_key("countersign"));
        }
        assert_eq!(pair.counted(), [100; 2], "{clock:?}");
        // The other factor is another device.
        let mut browser = pair.browser_at(1);
        let page = browser.gives_password("ada", PASSWORD).await;
        let page = browser.submit(&page.form_with("device"), SECOND_FACTOR, &[("code", &codes[0])]).await;
        assert!(page.status.is_redirection(), "{}", page.body);
    }
}

#[tokio::test]
async fn a_session_made_at_one_node_is_valid_at_the_other_and_ends_at_both() {
    for clock in CLOCKS {
        let pair = Pair::with(&[], clock);
        let (_, codes) = pair.ada_sets_up().await;
        for (here, code) in codes.iter().take(4).enumerate() {
            let (here, there) = (here % 2, (here + 1) % 2);
            let mut browser = pair.browser_at(here);
            browser.gives_password("ada", PASSWORD).await;
            assert!(browser.answers_with_backup_code(code).await.status.is_redirection());
            let opens = async |node| at_node(&browser, node).get("/secret").await.status;
            assert_eq!([opens(here).await, opens(there).await], [StatusCode::OK; 2], "{clock:?}");
            let mut other = at_node(&browser, there);
            let page = other.get("/account/logout").await;
            let form = page.forms().into_iter().find(|form| form.action == "/account/logout").unwrap();
            assert!(other.submit(&form, "/", &[]).await.status.is_redirection());
            assert_eq!([opens(there).await, opens(here).await], [StatusCode::SEE_OTHER; 2], "{clock:?}");
        }
    }
}

#[tokio::test]
async fn a_login_begun_at_one_node_is_finished_at_the_other() {
    for clock in CLOCKS {
        let pair = Pair::with(&[], clock);
        let (key, codes) = pair.ada_sets_up().await;
        for (here, there) in [(0, 1), (1, 0)] {
            let mut browser = pair.browser_at(here);
            browser.gives_password("ada", PASSWORD).await;
            let mut browser = at_node(&browser, there);
            let page = if here == 0 {
                browser.answers(&code_at(&key, "now + 30 seconds")).await
            } else {
                browser.answers_with_backup_code(&codes[0]).await
            };
            assert!(page.status.is_redirection(), "{clock:?} {}", page.body);
            assert!(at_node(&browser, here).get("/secret").await.status.is_success(), "{clock:?}");
        }
    }
}

/// T30: the client's IP address from the proxy is accepted; a client that bypasses the proxy cannot set it.
#[tokio::test]
async fn t30_only_the_listed_proxy_says_who_is_asking() {
    let pair = Pair::with(&[("password_attempts_per_ip", "3")], Clock::Right);
    let guesses = async |browser: &Browser<Socket>| {
        let mut statuses = vec![];
        for number in 0..5 {
            let mut browser = browser.clone();
            let forged = format!("2001:db8:{number}::1");
            browser.headers.insert("x-forwarded-for", HeaderValue::from_str(&forged).unwrap());
            let form = browser.get("/account/login").await.form_with("password");
            let fields = [("name", &*format!("nobody{number}")), ("password", "wrong")];
            statuses.push(browser.submit(&form, "/account/login", &fields).await.status.as_u16());
        }
        statuses
    };
    let past_the_proxy = Browser::at(Socket::to(&pair.nodes[0].address), &pair.front.address());
    assert_eq!(guesses(&past_the_proxy).await, [422, 422, 422, 429, 429]);
    // Behind the proxy the same IP address has no attempts left at this node, whatever headers it sends.
    assert_eq!(guesses(&pair.browser_at(0)).await, [429; 5]);
    // Limits by IP address are counted by each node.
    assert_eq!(guesses(&pair.browser_at(1)).await, [422, 422, 422, 429, 429]);
}

/// T29: behind two listed proxies, the second of which is this machine, the client is the one that the first proxy
/// names.
#[tokio::test]
async fn t29_two_addresses_of_one_network_share_a_budget() {
    let proxies = format!("{PROXY},127.0.0.1");
    let pair = Pair::with(&[("trusted_proxies", &proxies), ("password_attempts_per_ip", "2")], Clock::Right);
    for (number, (client, status)) in [
        ("2001:db8::1", 422),
        ("2001:0db8:0:0:ffff::1", 422),
        ("2001:db8::2", 429),
        ("2001:db8:0:1::1", 422),
        ("198.51.100.7", 422),
        ("::ffff:198.51.100.7", 422),
        ("198.51.100.7", 429),
    ]
    .into_iter()
    .enumerate()
    {
        let mut browser = pair.browser_at(0);
        browser.headers.insert("x-forwarded-for", HeaderValue::from_static(client));
        let form = browser.get("/account/login").await.form_with("password");
        let fields = [("name", &*format!("nobody{number}")), ("password", "wrong")];
        let page = browser.submit(&form, "/account/login", &fields).await;
        assert_eq!(page.status.as_u16(), status, "{number}: {client}");
    }
}
