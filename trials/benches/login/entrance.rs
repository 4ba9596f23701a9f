//! The front ends: the pages, as a browser requests them, and the JSON API, as a client does; and for each the same
//! number of requests to the yardstick. All use kept connections.

use std::sync::atomic::{AtomicUsize, Ordering};

use countersign_engine::{Clock, SystemClock};
use serde_json::{Value, json};
use trials::PASSWORD;

use crate::{
    load::{self, Answer, Connection},
    second_factor::Waiting,
    seed::Someone,
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entrance {
    Pages,
    Api,
    /// The yardstick: a page, the hash, a page, the rows.
    Bare,
}

impl Entrance {
    pub(crate) fn parse(name: &str) -> Self {
        match name {
            "pages" => Self::Pages,
            "api" => Self::Api,
            other => panic!("{other} is not a front end: use pages or api"),
        }
    }

    /// The request that answers a pending login.
    pub(crate) fn second_factor(self, waiting: &Waiting) -> Vec<u8> {
        let Waiting { address, pending, form, device, app } = waiting;
        let code = app.code_at(SystemClock.now());
        match self {
            Self::Pages => {
                let body = format!("form={form}&device={device}&code={code}");
                post(address, "/account/login/second-factor", &format!("countersign-pending={pending}"), &body)
            }
            Self::Api => ask(address, "/login/answer", &json!({ "login": pending, "device": device, "code": code })),
            Self::Bare => panic!("the yardstick requires no code"),
        }
    }

    /// Whether the response accepts the answer.
    pub(crate) fn accepts(self) -> fn(&Answer) -> bool {
        match self {
            Self::Pages => |answer| answer.status == 303,
            Self::Api => |answer| answer.status == 200,
            Self::Bare => |answer| answer.status < 400,
        }
    }

    /// One login from start to end.
    pub(crate) async fn login(self, connection: &mut Connection, address: &str, someone: &Someone) {
        match self {
            Self::Pages => page_by_page(connection, address, someone, "").await.unwrap(),
            Self::Api => step_by_step(connection, address, someone).await,
            Self::Bare => for_nothing(connection, address, someone).await,
        }
    }
}

async fn for_nothing(connection: &mut Connection, address: &str, someone: &Someone) {
    /// A number that is higher than in any earlier turn.
    static RUNS: AtomicUsize = AtomicUsize::new(1_000_000_000);
    let (run, cookie) = (RUNS.fetch_add(1, Ordering::Relaxed), "x".repeat(400));
    let rows = format!("/{}/{run}", someone.id);
    for request in [
        get(address, "/page", ""),
        post(address, "/password", "", &"x".repeat(120)),
        get(address, "/page", &cookie),
        post(address, &rows, &cookie, &"x".repeat(120)),
    ] {
        let answer = connection.exchange(&request).await;
        assert!(Entrance::Bare.accepts()(&answer), "{} {}", answer.head, answer.body);
    }
}

/// A login in a browser with this device cookie, or with none. If it fails, the response at which it failed.
pub(crate) async fn page_by_page(
    connection: &mut Connection,
    address: &str,
    someone: &Someone,
    device_cookie: &str,
) -> Result<(), Answer> {
    let redirected = |answer: Answer| if answer.status == 303 { Ok(answer) } else { Err(answer) };
    let page = connection.exchange(&get(address, "/account/login", device_cookie)).await;
    let nonce = format!("{}; {device_cookie}", cookie(&page, "countersign-form"));
    let body = format!("form={}&name={}&password={}", token(&page), someone.name, PASSWORD.replace(' ', "+"));
    let answer = redirected(connection.exchange(&post(address, "/account/login", &nonce, &body)).await)?;
    let pending = format!("{}; {device_cookie}", cookie(&answer, "countersign-pending"));
    let page = connection.exchange(&get(address, "/account/login/second-factor", &pending)).await;
    let body =
        format!("form={}&device={}&code={}", token(&page), someone.device, someone.app.code_at(SystemClock.now()));
    redirected(connection.exchange(&post(address, "/account/login/second-factor", &pending, &body)).await).map(drop)
}

async fn step_by_step(connection: &mut Connection, address: &str, someone: &Someone) {
    let credentials = json!({ "name": someone.name, "password": PASSWORD });
    let answer = connection.exchange(&ask(address, "/login", &credentials)).await;
    assert_eq!(answer.status, 200, "{} {}", answer.head, answer.body);
    let step: Value = serde_json::from_str(&answer.body).unwrap();
    let (login, device) = (&step["pending"]["login"], &step["pending"]["asked"]["id"]);
    let code = someone.app.code_at(SystemClock.now());
    let answered = ask(address, "/login/answer", &json!({ "login": login, "device": device, "code": code }));
    let answer = connection.exchange(&answered).await;
    assert_eq!(answer.status, 200, "{} {}", answer.head, answer.body);
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

fn ask(address: &str, path: &str, body: &Value) -> Vec<u8> {
    ask_from(address, path, body, "")
}

/// A request to the API with additional headers.
pub(crate) fn ask_from(address: &str, path: &str, body: &Value, lines: &str) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST /api/v1{path} HTTP/1.1\r\nHost: {address}\r\n{lines}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
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
