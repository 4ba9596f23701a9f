//! Connections: accepted, bounded in number and in time, and ended in order.
//!
//! Neither many nor slow clients can hold the server for long: there is a most of connections, a deadline for the headers
//! of each request, which also ends idle connections, a bound on their size, and a deadline for whoever does not read what
//! they asked for. Who is who among the clients of a proxy is for the proxy to tell apart. A request that has come in when the server is
//! told to stop is answered. The server speaks plain http, so it answers only its own machine and listed proxies.

mod patient;

use std::{io, net::SocketAddr, num::NonZeroUsize, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use countersign_axum::Network;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};
use tower::Service as _;

use self::patient::Patient;
use crate::config::Config;

/// How long a client may take from one request, or the beginning, to the last header of the next one.
const HEADERS_WITHIN: Duration = Duration::from_secs(15);
/// The most that is kept of a request before its headers are whole, in bytes.
const LONGEST_HEAD: usize = 32 * 1024;
/// How long requests may go on after the server was told to stop.
const LAST_ANSWERS: Duration = Duration::from_secs(10);
/// How long to wait when the machine has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(100);

/// Who may speak plain http with this server.
#[derive(Clone, Debug)]
pub(crate) struct Neighbours {
    proxies: Arc<[Network]>,
}

impl Neighbours {
    pub(crate) fn of(config: &Config) -> Self {
        Self { proxies: config.trusted_proxies.clone().into() }
    }

    fn include(&self, peer: SocketAddr) -> bool {
        let address = peer.ip().to_canonical();
        address.is_loopback() || self.proxies.iter().any(|network| network.contains(address))
    }
}

/// Answers nobody else, whatever they ask: what they sent has travelled in clear.
pub(crate) async fn refuse_strangers(
    State(neighbours): State<Neighbours>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if neighbours.include(peer) { next.run(request).await } else { StatusCode::FORBIDDEN.into_response() }
}

/// Serves until `stop` comes, and then no longer than the last answers may take.
pub(crate) async fn serve(listener: TcpListener, app: Router, most: NonZeroUsize, stop: impl Future<Output = ()>) {
    let room = Arc::new(Semaphore::new(most.get().min(Semaphore::MAX_PERMITS)));
    let connections = GracefulShutdown::new();
    let http = http();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer, place) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let app = app.clone();
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            app.clone().call(request)
        });
        let connection = connections.watch(http.serve_connection(TokioIo::new(Patient::with(stream)), service));
        tokio::spawn(async move {
            // That a client is slow, gone or not speaking http is the client's affair.
            if let Err(cause) = connection.await {
                tracing::debug!(%cause, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    if time::timeout(LAST_ANSWERS, connections.shutdown()).await.is_err() {
        tracing::warn!("some requests were still running and were dropped");
    }
}

fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN).max_buf_size(LONGEST_HEAD);
    http
}

/// The next connection, as soon as there is room for it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    let place = Arc::clone(room).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Pages are small: waiting for more to send only makes them late.
                let _ = stream.set_nodelay(true);
                return (stream, peer, place);
            }
            Err(cause) if is_the_clients(&cause) => {}
            Err(cause) => {
                tracing::error!(%cause, "could not accept a connection");
                time::sleep(NO_ROOM).await;
            }
        }
    }
}

/// Whether a connection failed by itself, before it was accepted.
fn is_the_clients(cause: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(cause.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_told_from_neighbours() {
        let proxies = ["10.0.0.0/8", "2001:db8::5"].map(|text| text.parse().unwrap()).into();
        let neighbours = Neighbours::of(&Config { trusted_proxies: proxies, ..Config::default() });
        for peer in
            ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "10.1.2.3:1", "[::ffff:10.1.2.3]:1", "[2001:db8::5]:1"]
        {
            assert!(neighbours.include(peer.parse().unwrap()), "{peer}");
        }
        for peer in ["192.0.2.1:1", "11.0.0.1:1", "[2001:db8::6]:1", "[::ffff:192.0.2.1]:1"] {
            assert!(!neighbours.include(peer.parse().unwrap()), "{peer}");
        }
    }
}
