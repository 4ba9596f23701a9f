//! The load: a number of kept connections, each sending its next request when the last one is answered.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One kept connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response: its status and its head.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Connection {
    pub(crate) async fn to(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::with_capacity(16 * 1024) }
    }

    /// Sends a whole request and reads the whole response.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Answer {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
            assert!(read > 0, "the server hung up after: {}", String::from_utf8_lossy(&self.buffer));
            let Some(end) = find(&self.buffer, b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
            let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
            while self.buffer.len() < end + 4 + length {
                let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
                assert!(read > 0, "the server hung up inside a body");
            }
            let body = String::from_utf8_lossy(&self.buffer[end + 4..end + 4 + length]).into_owned();
            return Answer { status: head[9..12].parse().unwrap(), head, body };
        }
    }
}

/// The value of a header.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The value of the cookie that the response sets and for which this returns true.
pub(crate) fn cookies(head: &str) -> Vec<(String, String)> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let set = lines.filter(|(field, _)| field.eq_ignore_ascii_case("set-cookie"));
    set.filter_map(|(_, value)| value.trim().split(';').next()?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// When a turn ends: after this many requests or after this time, whichever comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) count: usize,
    /// Responses in the first moments, while connections to the database are opened, do not count.
    lead_in: Duration,
    /// The duration after that.
    span: Duration,
}

impl Limit {
    /// This many requests, all of which count.
    pub(crate) fn count(count: usize) -> Self {
        Self { count, lead_in: Duration::ZERO, span: Duration::MAX }
    }

    /// This many seconds, with a maximum number of requests in each.
    pub(crate) fn seconds(seconds: usize, at_most: usize) -> Self {
        let span = Duration::from_secs(u64::try_from(seconds).unwrap());
        Self { count: seconds * at_most, lead_in: Duration::from_millis(300), span }
    }
}

/// The result of one turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// The number of requests, including those of the first moments.
    pub(crate) done: usize,
    pub(crate) rate: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) refused: usize,
}

/// Sends requests over this many connections, to these addresses in turn; `request` builds the n-th, `good` checks its
/// response.
pub(crate) async fn run(
    addresses: &[String],
    connections: usize,
    Limit { count, lead_in, span }: Limit,
    request: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
    good: fn(&Answer) -> bool,
) -> Report {
    let next = Arc::new(AtomicUsize::new(0));
    let refused = Arc::new(AtomicUsize::new(0));
    let times = Arc::new(Mutex::new(Vec::with_capacity(count)));
    let request = Arc::new(request);
    let mut open = vec![];
    for address in addresses.iter().cycle().take(connections) {
        open.push(Connection::to(address).await);
    }
    let begun = Instant::now();
    let over = move || begun.elapsed().checked_sub(lead_in).is_some_and(|counted| counted >= span);
    let tasks: Vec<_> = open
        .into_iter()
        .map(|mut connection| {
            let (next, refused, times, request) = (next.clone(), refused.clone(), times.clone(), request.clone());
            tokio::spawn(async move {
                let mut own = vec![];
                while !over() {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    let bytes = request(number);
                    let sent = Instant::now();
                    let answer = connection.exchange(&bytes).await;
                    own.push((begun.elapsed(), sent.elapsed()));
                    if !good(&answer) && refused.fetch_add(1, Ordering::Relaxed) == 0 {
                        eprintln!("first refusal: {} {}", answer.head, answer.body);
                    }
                }
                times.lock().unwrap().extend(own);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let elapsed = begun.elapsed().saturating_sub(lead_in);
    let all = Arc::try_unwrap(times).unwrap().into_inner().unwrap();
    let counted = all.iter().filter(|(ended, _)| *ended >= lead_in);
    let mut times: Vec<_> = counted.map(|(_, took)| *took).collect();
    assert!(!times.is_empty(), "the run was over before it began to count");
    times.sort_unstable();
    Report {
        done: all.len(),
        rate: times.len() as f64 / elapsed.as_secs_f64(),
        p50: times[times.len() / 2],
        p99: times[times.len() * 99 / 100],
        refused: refused.load(Ordering::Relaxed),
    }
}
