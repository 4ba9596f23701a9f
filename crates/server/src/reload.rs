//! SIGHUP, at which a running server reads its keys and templates again, on systems that have this signal.

use std::io;

/// The SIGHUP signals of this process since `listen` was called.
#[derive(Debug)]
pub(crate) struct Reloads(#[cfg(unix)] tokio::signal::unix::Signal);

#[cfg(unix)]
impl Reloads {
    /// Starts listening. From now on the signal no longer ends the process.
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::hangup()).map(Self)
    }

    /// Returns at the next signal. Several signals at the same time count as one.
    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(not(unix))]
impl Reloads {
    /// Does nothing, because the system has no such signal.
    #[expect(clippy::unnecessary_wraps, reason = "as where there are signals")]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self())
    }

    /// Never returns.
    pub(crate) async fn next(&mut self) {
        std::future::pending().await
    }
}
