//! A user with a browser, at a server on a real socket.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    task::{Context, Poll},
    time::Duration,
};

use countersign_engine::{Clock as _, SystemClock};
use countersign_testkit::{Browser, Page, SoftApp};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use tower::Service;

use crate::house::{PASSWORD, Server};

/// A user with a browser.
pub(crate) struct Person {
    pub(crate) browser: Browser<Socket>,
    name: String,
}

/// One plain HTTP connection for each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Socket(pub(crate) SocketAddr);

impl Service<Request<String>> for Socket {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let header = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}\r\n", value.to_str().unwrap());
        let headers: String = parts.headers.iter().map(header).collect();
        let (method, path, length) = (parts.method, parts.uri, body.len());
        let text =
            format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}");
        ready(Ok(parsed(&self.send(&text))))
    }
}

impl Socket {
    /// Sends these bytes and reads until the server closes the connection.
    pub(crate) fn send(self, text: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(text.as_bytes()).unwrap();
        read_all(&mut stream)
    }

    pub(crate) fn connect(self) -> TcpStream {
        let stream = TcpStream::connect(self.0).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }
}

pub(crate) fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = vec![];
    stream.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn parsed(text: &str) -> Response<String> {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut response = Response::builder().status(status);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        response = response.header(name, value);
    }
    response.body(body.to_owned()).unwrap()
}

impl Person {
    pub(crate) fn at(server: &Server, name: &str) -> Self {
        Self::reaching(server.address, name)
    }

    /// The same user, at another server.
    pub(crate) fn reaching(address: SocketAddr, name: &str) -> Self {
        Self { browser: Browser::at(Socket(address), &address.to_string()), name: name.into() }
    }

    /// Submits name and password, and returns the page after them.
    pub(crate) async fn signs_in(&mut self, password: &str) -> Page {
        let page = self.browser.get("/account/login").await;
        let form = page.form_with("password");
        let page = self.browser.submit(&form, "", &[("name", &self.name), ("password", password)]).await;
        self.browser.follow(page).await
    }

    /// Signs in with the password and sets up an authenticator app; the page after it is in a verified session.
    pub(crate) async fn sets_up(&mut self) -> SoftApp {
        self.signs_in(PASSWORD).await;
        let page = self.browser.get("/account/two-factor/setup").await;
        let page = self.browser.submit(&page.form_with("method"), "", &[]).await;
        let page = self.browser.follow(page).await;
        let (_, rest) = page.body.split_once("<code class=\"key\"").unwrap_or_else(|| panic!("no key: {page:?}"));
        let key = rest.split(['>', '<']).nth(1).unwrap();
        let app = SoftApp::with_key(key);
        let page = self.browser.submit(&page.form_with("code"), "", &[("code", &app.code_at(SystemClock.now()))]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
        app
    }

    /// Submits a code.
    pub(crate) async fn answers(&mut self, page: &Page, code: &str) -> Page {
        let page = self.browser.submit(&page.form_with("code"), "", &[("code", code)]).await;
        self.browser.follow(page).await
    }

    /// Generates ten backup codes, in a verified session.
    pub(crate) async fn makes_backup_codes(&mut self) -> Vec<String> {
        let form = self.browser.get("/account/two-factor/backup-codes").await.form_with("attempt");
        let page = self.browser.submit(&form, "", &[]).await;
        let codes = page.body.split("<li><code>").skip(1).filter_map(|rest| rest.split_once("</code>"));
        codes.map(|(code, _)| code.to_owned()).collect()
    }

    /// Submits a backup code instead of the requested code.
    pub(crate) async fn answers_with_backup_code(&mut self, page: &Page, code: &str) -> Page {
        let others = page.body.split_once("id=\"others\"").unwrap_or_else(|| panic!("nothing else: {page:?}")).1;
        let device = others.split_once("name=\"device\" value=\"").unwrap().1.split('"').next().unwrap();
        let page = self.browser.get(&format!("/account/login/second-factor?device={device}")).await;
        self.answers(&page, code).await
    }

    /// Whether the browser is signed in, by the home page.
    pub(crate) async fn is_signed_in(&mut self) -> bool {
        self.browser.visit("/").await.says("You are signed in")
    }

    /// Whether the session is verified, by a page that requires it.
    pub(crate) async fn is_verified(&mut self) -> bool {
        self.browser.get("/secret").await.status == StatusCode::OK
    }
}
