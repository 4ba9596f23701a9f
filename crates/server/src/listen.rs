//! Connections: accepted, bounded in number and in time, and ended in order.
//!
//! Neither many nor slow clients can hold the server for long: there is a most of connections, a deadline for the headers
//! of each request, which also ends idle connections, a bound on their size, and a deadline for whoever does not read what
//! they asked for. Who is who among the clients of a proxy is for the proxy to tell apart. A request that has come in when the server is
//! told to stop is answered.

mod patient;

use std::{io, net::SocketAddr, num::NonZeroUsize, pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use countersign_engine::FailureStreak;
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

/// How long a client may take from one request, or the beginning, to the last header of the next one.
const HEADERS_WITHIN: Duration = Duration::from_secs(15);
/// The most that is kept of a request before its headers are whole, in bytes.
const MAX_HEAD_SIZE: usize = 32 * 1024;
/// How long requests, and what follows from them, may go on after the server was told to stop. A second less than the ten
/// that supervisors give, for the process to end in.
pub(crate) const LAST_ANSWERS: Duration = Duration::from_secs(9);
/// How long to wait when the machine has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(100);

/// Serves everybody the router that is theirs, until `stop` comes. Then the last requests are answered, and after them comes
/// `last`; both together take no longer than the last answers may take.
pub(crate) async fn serve(
    listener: TcpListener,
    app: impl Fn(SocketAddr) -> Router,
    most: NonZeroUsize,
    stop: impl Future<Output = ()>,
    last: impl Future<Output = ()>,
) {
    let room = Arc::new(Semaphore::new(most.get().min(Semaphore::MAX_PERMITS)));
    let connections = GracefulShutdown::new();
    let http = http();
    let mut stop = pin!(stop);
    let refused = FailureStreak::default();
    loop {
        let (stream, peer, place) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &room, &refused) => accepted,
        };
        let app = app(peer);
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
    let finished = async {
        connections.shutdown().await;
        last.await;
    };
    if time::timeout(LAST_ANSWERS, finished).await.is_err() {
        tracing::warn!("some requests or messages were still under way and were dropped");
    }
}

fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN).max_buf_size(MAX_HEAD_SIZE);
    http
}

/// The next connection, as soon as there is room for it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    refused: &FailureStreak,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    let place = Arc::clone(room).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                refused.succeeded();
                // Pages are small: waiting for more to send only makes them late.
                let _ = stream.set_nodelay(true);
                return (stream, peer, place);
            }
            Err(cause) if is_the_clients(&cause) => {}
            Err(cause) => {
                if let Some(failures) = refused.failed() {
                    tracing::error!(%cause, failures, "could not accept a connection");
                }
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
