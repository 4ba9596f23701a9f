//! Making a connection, and what ends it.
//!
//! The task that carries a connection also receives the server's notices. If a commit that waits for its standby is
//! cancelled, the server only warns that it "might not have been replicated" and then reports it as committed. This
//! task ends the connection instead: the outcome is unknown, and so the answer is a fault.

use std::future::poll_fn;

use deadpool_postgres::Connect;
use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinHandle,
};
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, Error, NoTls, Socket,
    error::DbError,
    tls::{MakeTlsConnect, TlsConnect},
};

use super::{PostgresPlace, error::failed, place::Encryption};
use crate::StoreError;

/// The server's own name for where a commit waits for its standby; messages are translated, and this is not.
const WAIT_FOR_STANDBY: &str = "SyncRepWaitForLSN";

/// Makes connections with this kind of TLS.
pub(super) struct Connecting<T>(pub(super) T);

impl<T> Connect for Connecting<T>
where
    T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
    T::Stream: Sync + Send,
    T::TlsConnect: Sync + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let (config, tls) = (config.clone(), self.0.clone());
        Box::pin(async move {
            let (client, connection) = config.connect(tls).await?;
            Ok((client, tokio::spawn(carry(connection))))
        })
    }
}

/// A connection outside of the pool, and the task that carries it.
pub(super) async fn connect(place: &PostgresPlace) -> Result<(Client, JoinHandle<()>), StoreError> {
    let config = place.config();
    let connected = match place.encryption()? {
        Encryption::None => Connecting(NoTls).connect(&config).await,
        Encryption::Tls(tls) => Connecting(tls).connect(&config).await,
    };
    connected.map_err(|error| failed("connect to the database", error.into()))
}

async fn carry<S, T>(mut connection: Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) if leaves_in_doubt(&notice) => {
                tracing::error!("a commit was cancelled while it waited for a standby: its outcome is unknown");
                return;
            }
            Ok(AsyncMessage::Notice(notice)) => {
                tracing::debug!(
                    severity = notice.severity(),
                    code = notice.code().code(),
                    "the database says something"
                );
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(cause = %super::PostgresError::from(error), "a connection to the database ended");
                return;
            }
        }
    }
}

fn leaves_in_doubt(notice: &DbError) -> bool {
    notice.routine() == Some(WAIT_FOR_STANDBY)
}
