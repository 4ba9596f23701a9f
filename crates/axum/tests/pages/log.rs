//! What all tests of this binary log.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock},
};

/// The log, from the first call on.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The one log of all threads: a line that another test's thread came to first would not be written for a subscriber of
    /// one thread.
    pub(crate) fn start() -> Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        let start = || {
            let log = Self::default();
            let writer = log.clone();
            tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).init();
            log
        };
        LOG.get_or_init(start).clone()
    }

    /// The lines that contain this.
    pub(crate) fn lines(&self, part: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(part)).map(ToOwned::to_owned).collect()
    }
}
