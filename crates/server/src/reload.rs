//! What makes a running server read its keys and templates again: SIGHUP, where there is such a signal.

use std::io;

/// The signals of this process, from the moment on at which they were listened for.
#[derive(Debug)]
pub(crate) struct Reloads(#[cfg(unix)] tokio::signal::unix::Signal);

#[cfg(unix)]
impl Reloads {
    /// Listens. From now on the signal no longer ends the process.
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::hangup()).map(Self)
    }

    /// Returns at the next signal. Several that come at once are one.
    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(not(unix))]
impl Reloads {
    /// Does nothing, since there is no such signal.
    #[expect(clippy::unnecessary_wraps, reason = "as where there are signals")]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self())
    }

    /// Never returns.
    pub(crate) async fn next(&mut self) {
        std::future::pending().await
    }
}
