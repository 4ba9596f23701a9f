//! A running server, and a browser-like client that reaches it over a socket.

use std::{
    convert::Infallible,
    env,
    fmt::Write as _,
    future::{Ready, ready},
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use countersign_testkit::Browser;
use http::{Request, Response};

/// The password of the demo's user in these tests.
pub const PASSWORD: &str = "marmalade umbrella kiosk";

/// The program under test: the one named by `cargo xtask`, or else the last one that was built with the same profile.
pub fn program() -> PathBuf {
    let named = env::var_os("TRIALS_BIN").map(PathBuf::from);
    let program = named.unwrap_or_else(|| env::current_exe().unwrap().with_file_name("../countersign"));
    assert!(
        program.exists(),
        "there is no {}: `cargo xtask` builds it for tests and benches, and `cargo build -p countersign-server`, with \
         `--release` for a bench",
        program.display()
    );
    program
}

/// A running server, killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
    output: Arc<Mutex<String>>,
}

impl Server {
    /// Starts a demo in this folder and waits until it answers.
    pub fn demo(folder: &Path) -> Self {
        Self::run(&Command::new(program()), folder)
    }

    /// Starts `command` with the demo's arguments added and waits until it answers.
    pub fn run(command: &Command, folder: &Path) -> Self {
        Self::start(|address| {
            let mut demo = Command::new(command.get_program());
            demo.args(command.get_args())
                .args(["demo", "--password", PASSWORD, "--bind", address, "--dir"])
                .arg(folder);
            demo
        })
    }

    /// Starts a server on a free port and waits until it answers. If another process has taken the port in the
    /// meantime, the server ends at once; then another port is tried.
    pub fn start(listening_at: impl Fn(&str) -> Command) -> Self {
        for _ in 0..5 {
            let address = format!("127.0.0.1:{}", free_port());
            let mut command = listening_at(&address);
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let output = Arc::new(Mutex::new(String::new()));
            keep(child.stdout.take().unwrap(), &output);
            keep(child.stderr.take().unwrap(), &output);
            let mut server = Self { child, address, output };
            if server.answers() {
                return server;
            }
            assert!(server.output().contains("in use"), "the server does not answer:\n{}", server.output());
        }
        panic!("no port is free")
    }

    /// Waits until it answers; returns whether it does.
    fn answers(&mut self) -> bool {
        let give_up = Instant::now() + Duration::from_secs(30);
        while Instant::now() < give_up {
            if try_request(&self.address, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n").is_some() {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                // Its last lines may still be on their way.
                thread::sleep(Duration::from_millis(100));
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// A browser that reaches this server, without cookies.
    pub fn browser(&self) -> Browser<Socket> {
        Browser::at(Socket::to(&self.address), &self.address)
    }

    /// Its output so far.
    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it like a power failure: SIGKILL, without cleanup.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its maximum resident memory so far, in KiB.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keep(stream: impl Read + Send + 'static, output: &Arc<Mutex<String>>) {
    let output = output.clone();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut output = output.lock().unwrap();
            output.push_str(&line);
            output.push('\n');
        }
    });
}

/// A free port.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Sends a request head and returns the raw response; `None` if there is no connection or no response.
pub fn try_request(address: &str, head: &str) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).ok()?;
    let mut answer = vec![];
    stream.read_to_end(&mut answer).ok()?;
    (!answer.is_empty()).then_some(answer)
}

/// A site behind a socket, with one connection per request. A request without a response gets status 599 here.
#[derive(Clone, Debug)]
pub struct Socket {
    address: String,
    tls: Option<Tls>,
    /// The source IP address of TLS connections, if it is not the default one.
    source: Option<String>,
}

/// How the server's certificate is verified.
#[derive(Clone, Debug)]
struct Tls {
    name: String,
    authority: PathBuf,
}

impl tower::Service<Request<String>> for Socket {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        ready(Ok(self.exchange(&request).unwrap_or_else(no_answer)))
    }
}

impl Socket {
    /// A connection to this address, such as `127.0.0.1:8000`.
    pub fn to(address: &str) -> Self {
        Self { address: address.to_owned(), tls: None, source: None }
    }

    /// The same over TLS, from this IP address of the machine.
    #[must_use]
    pub fn coming_from(self, source: &str) -> Self {
        Self { source: Some(source.to_owned()), ..self }
    }

    /// The same over TLS, to a server with a certificate for this name by the authority in this file. OpenSSL makes the
    /// connection and verifies it.
    #[must_use]
    pub fn by_tls(self, name: &str, authority: &Path) -> Self {
        Self { tls: Some(Tls { name: name.to_owned(), authority: authority.to_owned() }), ..self }
    }

    fn exchange(&self, request: &Request<String>) -> Option<Response<String>> {
        let mut text = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri());
        for (name, value) in request.headers() {
            write!(text, "{name}: {}\r\n", value.to_str().unwrap()).ok()?;
        }
        let body = request.body();
        write!(text, "content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).ok()?;
        let answer = match &self.tls {
            None => plain(&self.address, &text)?,
            Some(tls) => tls.exchange(&self.address, self.source.as_deref(), &text)?,
        };
        parse(&answer)
    }
}

fn plain(address: &str, text: &str) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    stream.write_all(text.as_bytes()).ok()?;
    let mut answer = vec![];
    stream.read_to_end(&mut answer).ok()?;
    Some(answer)
}

impl Tls {
    fn exchange(&self, address: &str, source: Option<&str>, text: &str) -> Option<Vec<u8>> {
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-quiet", "-verify_return_error", "-connect", address]);
        openssl.args(["-servername", &self.name, "-verify_hostname", &self.name, "-CAfile"]).arg(&self.authority);
        if let Some(source) = source {
            openssl.args(["-bind", &format!("{source}:0")]);
        }
        let piped = openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = piped.spawn().unwrap_or_else(|error| panic!("openssl does not run: {error}"));
        // It disconnects when its input ends.
        let mut input = child.stdin.take().unwrap();
        // If it has ended early, there is no response.
        let _ = input.write_all(text.as_bytes());
        let answer = child.wait_with_output().unwrap();
        drop(input);
        (!answer.stdout.is_empty()).then_some(answer.stdout)
    }
}

fn parse(answer: &[u8]) -> Option<Response<String>> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut response = Response::builder().status(status);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        response = response.header(name, value);
    }
    response.body(body.to_owned()).ok()
}

fn no_answer() -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = http::StatusCode::from_u16(599).unwrap();
    response
}
