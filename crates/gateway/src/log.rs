//! Messages on a terminal, for whoever develops.
//!
//! It prints codes and addresses in clear, so it takes a writer and never a log: what is logged is kept.

use std::{
    fmt,
    io::Write,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use countersign_engine::{
    Fault,
    port::{Gateway, Message, NotTaken, Taken},
};

/// Prints every message.
pub struct Terminal {
    to: Mutex<Box<dyn Write + Send>>,
}

impl Terminal {
    /// Prints to this writer.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self { to: Mutex::new(Box::new(to)) }
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Terminal")
    }
}

#[async_trait]
impl Gateway for Terminal {
    async fn deliver(&self, message: &Message) -> Result<Taken, NotTaken> {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        let Message { channel, to: address, code, .. } = message;
        let printed = writeln!(to, "  {channel}  {}  {}", address.expose(), code.expose()).and_then(|()| to.flush());
        printed.map_err(|error| NotTaken::Failed(Fault::because("print a message", error)))?;
        Ok(Taken::default())
    }
}
