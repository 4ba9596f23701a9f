//! How long owners take to sign in, in browsers with a device cookie, under different loads: none; attackers who try
//! passwords on many connections, each from changing networks in its own /48; and one user who signs in repeatedly in
//! twelve browsers.
//!
//! Settings are the defaults, except that the user with twelve browsers has no limit of attempts: by default that user
//! would be stopped after 240 sign-ins that are not completed.

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use countersign_engine::{
    Clock, SystemClock,
    core::Secret,
    flow::{RequestContext, SignIn},
};
use countersign_testkit::StillClock;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{
    Options,
    entrance::{ask_from, page_by_page},
    load::Connection,
    process::{Process, serve_with},
    second_factor::millis,
    seed::{self, Place, Someone},
    sqlite::Demo,
};

/// The number of sign-ins in each turn, one after the other, each by another owner.
const OWNERS: usize = 60;
const BROWSERS: usize = 12;
/// The limit that the project promises.
const PROMISE: Duration = Duration::from_secs(2);

/// The number of responses of each status that the load got.
type Answers = Arc<Mutex<BTreeMap<u16, usize>>>;

/// A browser with a device cookie.
struct Browser {
    someone: Arc<Someone>,
    device_cookie: String,
}

/// The whole bench.
pub(crate) async fn bench(options: &Options, strangers: usize) {
    let Demo { place, hash, .. } = &Demo::start().await;
    let people = seed::people(place, 0, 3 * OWNERS + 1, hash).await;
    let mut browsers = vec![];
    for someone in people.into_iter().map(Arc::new) {
        let count = if browsers.len() == 3 * OWNERS { BROWSERS } else { 1 };
        browsers.extend(browsers_of(place, &someone, count).await);
    }
    let rival = browsers.split_off(3 * OWNERS);
    let settings =
        [("COUNTERSIGN_PASSWORD_ATTEMPTS_PER_ACCOUNT", "1000000"), ("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.1")];
    let node = Arc::new(serve_with(&place.url, &place.key, &settings));
    let mut owners = browsers.chunks(OWNERS);
    tell("nobody else", sign_in(&node, owners.next().unwrap()).await);
    for (what, load) in [("strangers", Load::Strangers(strangers)), ("one user in 12 browsers", Load::Rival(rival))] {
        let (over, answers) = (Arc::new(AtomicBool::new(false)), Answers::default());
        let tasks = load.start(&node, &over, &answers);
        tokio::time::sleep(Duration::from_secs(u64::try_from(options.seconds).unwrap())).await;
        mem::take(&mut *answers.lock().unwrap());
        let begun = Instant::now();
        tell(what, sign_in(&node, owners.next().unwrap()).await);
        for (status, count) in mem::take(&mut *answers.lock().unwrap()) {
            println!("  {status}: {:.0}/s", count as f64 / begun.elapsed().as_secs_f64());
        }
        over.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await.unwrap();
        }
    }
}

/// This many browsers in which a user signed in with a code between one and two hours ago.
async fn browsers_of(place: &Place, someone: &Arc<Someone>, count: usize) -> Vec<Browser> {
    let mut browsers = vec![];
    for number in 0..count {
        let ago = Duration::from_secs(3_500 - 60 * u64::try_from(number).unwrap());
        let now = SystemClock.now().before(ago);
        let engine = seed::engine(place, Arc::new(StillClock::at(now)));
        let context = RequestContext::default();
        let Ok(SignIn::Pending(challenge)) = engine.sign_in(&someone.name, &"any".into(), &context).await else {
            panic!("{} is not asked for a device", someone.name)
        };
        let code = Secret::new(someone.app.code_at(now));
        let (new_session, _) = engine.answer(&challenge.token, &someone.device, &code, &context).await.unwrap();
        let device_cookie =
            format!("countersign-device={}", new_session.browser().expect("the browser is known").expose());
        browsers.push(Browser { someone: someone.clone(), device_cookie });
    }
    browsers
}

/// Signs in with each of them, page by page, one after the other. Returns how long each took; `None` if a sign-in
/// failed.
async fn sign_in(node: &Process, owners: &[Browser]) -> Vec<Option<Duration>> {
    let mut times = vec![];
    for Browser { someone, device_cookie } in owners {
        let begun = Instant::now();
        let mut connection = Connection::to(&node.address).await;
        let entered = page_by_page(&mut connection, &node.address, someone, device_cookie).await;
        times.push(entered.ok().map(|()| begun.elapsed()));
    }
    times
}

/// The n-th request of a connection.
type Requests = Box<dyn Fn(usize) -> Vec<u8> + Send>;

/// The load beside the owners.
enum Load {
    Strangers(usize),
    Rival(Vec<Browser>),
}

impl Load {
    fn start(self, node: &Arc<Process>, over: &Arc<AtomicBool>, answers: &Answers) -> Vec<JoinHandle<()>> {
        let requests: Vec<Requests> = match self {
            Self::Strangers(count) => (0..count).map(|number| guesses(node.address.clone(), number)).collect(),
            Self::Rival(browsers) => {
                browsers.into_iter().map(|browser| right_passwords(node.address.clone(), browser)).collect()
            }
        };
        let start = |request: Requests| {
            let (node, over, answers) = (node.clone(), over.clone(), answers.clone());
            tokio::spawn(async move {
                let mut connection = Connection::to(&node.address).await;
                for number in 0.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let status = connection.exchange(&request(number)).await.status;
                    *answers.lock().unwrap().entry(status).or_default() += 1;
                }
            })
        };
        requests.into_iter().map(start).collect()
    }
}

/// Wrong passwords for changing names, each from another /64 of the attacker's.
fn guesses(address: String, stranger: usize) -> Requests {
    Box::new(move |number| {
        let body = json!({ "name": format!("name-{stranger}-{number}"), "password": "a guess" });
        let network = number % 0x1_0000;
        ask_from(&address, "/login", &body, &format!("X-Forwarded-For: 2001:db8:{stranger:x}:{network:x}::1\r\n"))
    })
}

/// The right password, repeatedly.
fn right_passwords(address: String, Browser { someone, device_cookie }: Browser) -> Requests {
    Box::new(move |_| {
        let body = json!({ "name": someone.name, "password": trials::PASSWORD });
        let (_, token) = device_cookie.split_once('=').expect("a cookie has a value");
        ask_from(&address, "/login", &body, &format!("Countersign-Device: {token}\r\n"))
    })
}

fn tell(what: &str, times: Vec<Option<Duration>>) {
    let all = times.len();
    let mut times: Vec<_> = times.into_iter().flatten().collect();
    times.sort_unstable();
    let in_time = times.iter().filter(|time| **time <= PROMISE).count();
    let at = |share: usize| {
        times.get((times.len() * share / 100).min(times.len().saturating_sub(1))).map_or(f64::NAN, |time| millis(*time))
    };
    println!(
        "owners beside {what}: {in_time} of {all} within {PROMISE:?}; p50 {:.0} ms, p95 {:.0} ms, longest {:.0} ms",
        at(50),
        at(95),
        at(100),
    );
}
