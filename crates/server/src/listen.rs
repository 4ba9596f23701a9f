//! Connections: accepted, limited in number and time, and closed in order.
//!
//! Neither many nor slow clients can block the server for long: there is a maximum number of connections, a deadline
//! for the headers of each request, which also closes idle connections, a limit on their size, and a deadline for
//! clients that do not read the response. Distinguishing the clients behind a proxy is the proxy's task. When the
//! server is told to stop, requests that have already arrived are still answered.

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

/// The deadline from the end of a request, or the start of the connection, to the last header of the next request.
const HEADERS_WITHIN: Duration = Duration::from_secs(15);
/// The maximum size of a request's headers, in bytes.
const MAX_HEAD_SIZE: usize = 32 * 1024;
/// How long requests, and work that follows from them, may continue after the server was told to stop. Supervisors
/// allow ten seconds; one second of it is for the process to end.
pub(crate) const LAST_ANSWERS: Duration = Duration::from_secs(9);
/// How long to wait if the machine cannot accept another connection.
const NO_ROOM: Duration = Duration::from_millis(100);

/// Serves each client the router for it, until `stop` completes. Then pending requests are answered and `last` runs;
/// both together take no longer than `LAST_ANSWERS`.
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
            // A client that is slow, disconnects or does not speak HTTP is not a server error.
            if let Err(cause) = connection.await {
                tracing::debug!(%cause, "a connection was closed early");
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
        tracing::warn!("some pending requests or messages were dropped at shutdown");
    }
}

fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN).max_buf_size(MAX_HEAD_SIZE);
    http
}

/// The next connection, as soon as fewer than the maximum are open.
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
                // Responses are small: waiting for more data to send would only delay them.
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

/// Whether the connection itself failed before it was accepted.
fn is_the_clients(cause: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(cause.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
