//! Users with an app and with backup codes who sign in repeatedly, and a record of every response.
//!
//! Responses are recorded at the socket, before they are interpreted: status, time, `Retry-After`. A code is recorded
//! as accepted if the response to it was a redirect, which is the only sign of acceptance.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use countersign_testkit::{Browser, Page};
use http::{HeaderValue, Request, Response, StatusCode};
use tower::Service;

use crate::{Front, Installation, NODE, Socket, Walk, code_of};

/// The session's cookie.
const SESSION: &str = "countersign";
/// A code that was accepted within this time does not expire soon.
const LATELY: Duration = Duration::from_secs(3);
/// An older code from an app may be refused because it has expired.
const RUNS_OUT: Duration = Duration::from_secs(25);
/// How often users try an accepted code again, so that their codes last.
const REPLAYS: usize = 8;
/// A code in the right format that no user has.
const NOBODYS: &str = "000000";

/// A user with unused codes.
#[derive(Clone, Debug)]
pub struct Someone {
    name: String,
    password: String,
    /// The key in the user's app.
    key: String,
    codes: Vec<String>,
}

/// A code, and what kind of code it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Code<'a> {
    FromApp(&'a str),
    Backup(&'a str),
    /// A code that is wrong for the app.
    Nobodys,
}

/// The response to one request, with its time.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// When the request was sent.
    pub sent: Instant,
    /// How long it took.
    pub took: Duration,
    /// The status; 599 if no answer came.
    pub status: StatusCode,
    /// Whether it has a `Retry-After`.
    pub says_when: bool,
}

/// The record of a crowd.
#[derive(Clone, Debug, Default)]
pub struct Record(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    answers: Vec<Answer>,
    /// How often each backup code was accepted, by its owner's number and the code.
    accepted: BTreeMap<(usize, String), u32>,
    /// The same for codes from apps, and when each was first accepted.
    from_apps: BTreeMap<(usize, String), (Instant, u32)>,
    let_in_by_fault: Vec<String>,
}

/// Users who sign in, each on a thread of their own, until they are stopped.
#[derive(Debug)]
pub struct Crowd {
    people: Vec<JoinHandle<()>>,
    over: Arc<AtomicBool>,
    /// The responses they got.
    pub record: Record,
}

/// Adds users to an installation and gives each ten backup codes.
pub async fn people(count: usize, installation: &Installation, front: &Front) -> Vec<Someone> {
    let mut people = vec![];
    for number in 0..count {
        let (name, password) = (format!("person{number}"), format!("umbrella marmalade {number} kiosk"));
        installation.adds(&name, &password);
        let mut browser = front.browser();
        browser.gives_password(&name, &password).await;
        let key = browser.sets_up().await;
        let codes = browser.makes_backup_codes().await;
        assert_eq!(codes.len(), 10);
        people.push(Someone { name, password, key, codes });
    }
    people
}

impl Crowd {
    /// Starts the threads of these users.
    pub fn signs_in(people: &[Someone], front: &Front) -> Self {
        let (over, record) = (Arc::new(AtomicBool::new(false)), Record::default());
        let threads = people.iter().enumerate().map(|(number, someone)| {
            let site = Watched { socket: Socket::to(&front.address()), record: record.clone() };
            let browser = Browser::at(site, &front.address());
            let (someone, over, record) = (someone.clone(), over.clone(), record.clone());
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(someone.signs_in_over_and_over(number, browser, &over, &record));
            })
        });
        Self { people: threads.collect(), over, record }
    }

    /// Waits until a code from an app was accepted within the last seconds.
    pub fn wait_for_an_app(&self) {
        let give_up = Instant::now() + Duration::from_mins(2);
        while !self.record.from_apps().values().any(|(at, _)| at.elapsed() < LATELY) {
            assert!(Instant::now() < give_up, "no user can sign in with an app any more: {:?}", self.record.statuses());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until this many more backup codes were accepted.
    pub fn wait_for(&self, more: usize) {
        let enough = self.record.accepted().len() + more;
        let give_up = Instant::now() + Duration::from_mins(2);
        while self.record.accepted().len() < enough {
            assert!(Instant::now() < give_up, "no user can sign in any more: {:?}", self.record.statuses());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Stops the users, and waits until their threads have ended.
    pub fn stop(self) -> Record {
        self.over.store(true, Ordering::SeqCst);
        for person in self.people {
            person.join().unwrap();
        }
        self.record
    }
}

impl Record {
    /// The codes from apps that were accepted, when, and how often.
    pub fn from_apps(&self) -> BTreeMap<(usize, String), (Instant, u32)> {
        self.0.lock().unwrap().from_apps.clone()
    }

    /// The backup codes that were accepted, and how often.
    pub fn accepted(&self) -> BTreeMap<(usize, String), u32> {
        self.0.lock().unwrap().accepted.clone()
    }

    /// Every response.
    pub fn answers(&self) -> Vec<Answer> {
        self.0.lock().unwrap().answers.clone()
    }

    /// How often each status was returned.
    pub fn statuses(&self) -> BTreeMap<u16, usize> {
        let mut statuses = BTreeMap::new();
        for answer in self.answers() {
            *statuses.entry(answer.status.as_u16()).or_default() += 1;
        }
        statuses
    }

    /// Users who got a session without a right code, or with a response that did not accept it.
    pub fn let_in_by_fault(&self) -> Vec<String> {
        self.0.lock().unwrap().let_in_by_fault.clone()
    }

    fn accepts(&self, number: usize, code: Code<'_>) {
        let mut entries = self.0.lock().unwrap();
        match code {
            Code::Backup(code) => *entries.accepted.entry((number, code.to_owned())).or_default() += 1,
            Code::FromApp(code) => {
                entries.from_apps.entry((number, code.to_owned())).or_insert((Instant::now(), 0)).1 += 1;
            }
            Code::Nobodys => panic!("a code of nobody's is accepted"),
        }
    }

    fn lets_in_by_fault(&self, name: &str) {
        self.0.lock().unwrap().let_in_by_fault.push(name.to_owned());
    }

    /// The codes from apps that `front` accepts again, and how many could be tried: those that have not expired.
    pub async fn apps_accepted_again(&self, people: &[Someone], front: &Front) -> (usize, Vec<String>) {
        let (mut tried, mut again) = (0, vec![]);
        for ((owner, code), (at, _)) in self.from_apps() {
            let mut browser = front.browser();
            browser.gives_password(&people[owner].name, &people[owner].password).await;
            let answer = browser.answers(&code).await;
            let in_its_time = at.elapsed() < RUNS_OUT;
            tried += usize::from(in_its_time);
            if browser.cookies.contains_key(SESSION) {
                again.push(code);
            } else {
                assert!(!in_its_time || answer.says("has been used already"), "{}\n{}", answer.status, answer.body);
            }
        }
        (tried, again)
    }

    /// The backup codes that `front` accepts again. A code that cannot be judged fails the trial.
    pub async fn accepted_again(&self, people: &[Someone], front: &Front) -> Vec<String> {
        let mut again = vec![];
        for (number, someone) in people.iter().enumerate() {
            let mut browser = front.browser();
            let accepted = self.accepted().into_keys().filter(|(owner, _)| *owner == number);
            for (_, code) in accepted {
                if browser.cookies.is_empty() || browser.cookies.contains_key(SESSION) {
                    browser.cookies.clear();
                    let page = browser.gives_password(&someone.name, &someone.password).await;
                    assert!(page.status.is_success(), "{}\n{}", page.status, page.body);
                }
                let answer = browser.answers_with_backup_code(&code).await;
                if browser.cookies.contains_key(SESSION) {
                    again.push(code);
                } else {
                    assert!(answer.says("has been used already"), "{}\n{}", answer.status, answer.body);
                }
            }
        }
        again
    }
}

impl Someone {
    async fn signs_in_over_and_over(
        self,
        number: usize,
        mut browser: Browser<Watched>,
        over: &AtomicBool,
        record: &Record,
    ) {
        let mut left = self.codes.iter();
        let mut backup = left.next();
        let mut shown = String::new();
        while !over.load(Ordering::SeqCst) {
            let now = code_of(&self.key);
            let code = match backup {
                _ if now != shown => Code::FromApp(&now),
                Some(code) => Code::Backup(code),
                None => Code::Nobodys,
            };
            browser.cookies.clear();
            let answer = self.signs_in(&mut browser, code).await;
            let inside = browser.cookies.contains_key(SESSION);
            let accepted = inside && answer.as_ref().is_some_and(|answer| answer.status.is_redirection());
            // Used by an answer whose response was lost.
            let spent = !inside && answer.is_some_and(|answer| answer.says("has been used already"));
            match code {
                Code::Nobodys if inside => record.lets_in_by_fault(&self.name),
                _ if accepted => {
                    record.accepts(number, code);
                    for _ in 0..REPLAYS {
                        if !over.load(Ordering::SeqCst) {
                            self.replays(number, &mut browser, code, record).await;
                            thread::sleep(Duration::from_millis(500));
                        }
                    }
                }
                _ if inside => record.lets_in_by_fault(&self.name),
                _ => {}
            }
            match code {
                Code::Backup(_) if accepted || spent => backup = left.next(),
                // A code that has just expired is not tried for ever.
                Code::FromApp(_) => shown.clone_from(&now),
                Code::Backup(_) | Code::Nobodys => {}
            }
            // Wrong codes must not disable a device.
            thread::sleep(Duration::from_millis(if code == Code::Nobodys { 500 } else { 30 }));
        }
    }

    /// The same code again, perhaps at another node.
    async fn replays(&self, number: usize, browser: &mut Browser<Watched>, code: Code<'_>, record: &Record) {
        browser.cookies.clear();
        let again = self.signs_in(browser, code).await;
        match again {
            _ if !browser.cookies.contains_key(SESSION) => {}
            Some(again) if again.status.is_redirection() => record.accepts(number, code),
            _ => record.lets_in_by_fault(&self.name),
        }
    }

    /// The response to the code, if the login got as far as the second factor.
    async fn signs_in(&self, browser: &mut Browser<Watched>, code: Code<'_>) -> Option<Page> {
        let login = "/account/login";
        let page = browser.get(login).await;
        let form = page.forms().into_iter().find(|form| form.fields.iter().any(|(name, _)| name == "password"))?;
        let fields = [("name", self.name.as_str()), ("password", self.password.as_str())];
        let page = browser.submit(&form, login, &fields).await;
        if !page.status.is_redirection() {
            return None;
        }
        let code = match code {
            Code::Backup(code) => return browser.answers_with_backup_code_if_asked(code).await,
            Code::FromApp(code) => code,
            Code::Nobodys => NOBODYS,
        };
        let second = "/account/login/second-factor";
        let page = browser.get(second).await;
        let form = page.forms().into_iter().find(|form| form.fields.iter().any(|(name, _)| name == "device"))?;
        Some(browser.submit(&form, second, &[("code", code)]).await)
    }
}

/// A site behind a socket, with a record of all responses.
#[derive(Clone, Debug)]
struct Watched {
    socket: Socket,
    record: Record,
}

impl Service<Request<String>> for Watched {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.socket.poll_ready(context)
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let sent = Instant::now();
        let answer = self.socket.call(request);
        let response = answer.into_inner().unwrap_or_else(|never| match never {});
        let says_when = response.headers().contains_key(http::header::RETRY_AFTER);
        let answer = Answer { sent, took: sent.elapsed(), status: response.status(), says_when };
        self.record.0.lock().unwrap().answers.push(answer);
        ready(Ok(response))
    }
}

/// Runs all prepared actions in parallel, as close together as threads allow.
pub fn at_once<P: Send, T: Send>(prepared: Vec<P>, action: impl Fn(P) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(prepared.len());
    thread::scope(|scope| {
        let threads: Vec<_> = prepared
            .into_iter()
            .map(|one| {
                let (barrier, action) = (&barrier, &action);
                scope.spawn(move || {
                    barrier.wait();
                    action(one)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// The same browser, whose requests all go to the node of this number.
#[must_use]
pub fn at_node<S: Clone>(browser: &Browser<S>, number: usize) -> Browser<S> {
    let mut browser = browser.clone();
    browser.headers.insert(NODE, HeaderValue::from(number));
    browser
}
