//! A program that talks JSON to a router: it holds what it is given, and nothing in cookies.

use std::convert::Infallible;

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::{Service, ServiceExt};

/// A program that calls one site.
#[derive(Clone, Debug)]
pub struct Program<S> {
    site: S,
    host: String,
    /// The token it shows, if any.
    pub token: Option<String>,
    /// What it was given to be known by at the next login.
    pub browser: Option<String>,
    /// Headers it sends with every request.
    pub headers: HeaderMap,
}

/// What it was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The document; null if there is none.
    pub body: Value,
}

impl<S, B> Program<S>
where
    S: Service<Request<String>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    /// A program without a token, for the site at `host`.
    pub fn at(site: S, host: &str) -> Self {
        Self { site, host: host.into(), token: None, browser: None, headers: HeaderMap::new() }
    }

    /// Asks for something.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, String::new()).await
    }

    /// Sends a document.
    pub async fn post(&self, path: &str, document: &Value) -> Answer {
        self.send(Method::POST, path, document.to_string()).await
    }

    /// Has something ended.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, String::new()).await
    }

    /// Sends a document that opens a session, and holds what it is given.
    pub async fn opens(&mut self, path: &str, document: &Value) -> Answer {
        let answer = self.post(path, document).await;
        self.hold(&answer);
        answer
    }

    /// Gives a name and a password.
    pub async fn signs_in(&mut self, name: &str, password: &str) -> Answer {
        let browser = self.browser.clone();
        let answer =
            self.post("/api/v1/login", &json!({ "name": name, "password": password, "browser": browser })).await;
        self.hold(&answer);
        answer
    }

    /// Answers the device that is asked in `pending`.
    pub async fn answers(&mut self, pending: &Value, code: &str) -> Answer {
        let document = json!({ "login": pending.get("login"), "device": pending.pointer("/asked/id"), "code": code });
        self.opens("/api/v1/login/answer", &document).await
    }

    /// Sends one request with a body of JSON, or of nothing.
    pub async fn send(&self, method: Method, path: &str, body: String) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, &self.host);
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(browser) = &self.browser {
            request = request.header("countersign-device", browser);
        }
        let mut request = request.body(body).expect("a well-formed request");
        request.headers_mut().extend(self.headers.clone());
        let Ok(response) = self.site.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the whole body comes").to_bytes();
        let body = if body.is_empty() { Value::Null } else { read(&body) };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    fn hold(&mut self, answer: &Answer) {
        let opened = answer.body.get("opened").unwrap_or(&answer.body);
        if let Some(token) = opened.get("token").and_then(Value::as_str) {
            self.token = Some(token.into());
        }
        if let Some(browser) = opened.get("browser").and_then(Value::as_str) {
            self.browser = Some(browser.into());
        }
    }
}

fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

impl Answer {
    /// The code of the problem that it tells; empty if it tells none.
    pub fn code(&self) -> &str {
        self.body.get("code").and_then(Value::as_str).unwrap_or_default()
    }

    /// What it challenges with.
    pub fn challenge(&self) -> &str {
        let challenge = self.headers.get(header::WWW_AUTHENTICATE);
        challenge.map_or("", |challenge| challenge.to_str().expect("a challenge is ASCII"))
    }
}
