//! Messages on a terminal, for development.
//!
//! It prints codes and addresses in clear text, so it takes a writer and never uses the log, which is kept.

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

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc, time::Duration};

    use countersign_engine::core::{Address, DeliveryId, EmailAddress, Kind, Timestamp};

    use super::*;

    fn message() -> Message {
        Message {
            delivery: DeliveryId::new("delivery"),
            channel: Kind::EMAIL,
            to: Address::Email(EmailAddress::parse("ada@example.org").unwrap()),
            code: "012345".into(),
            until: Timestamp::from_seconds(1_767_268_800),
            lifetime: Duration::from_mins(5),
            minutes: 5,
            site: "Example".into(),
            language: None,
            call: None,
        }
    }

    /// Keeps what is written, or accepts nothing.
    #[derive(Clone, Default)]
    struct Paper {
        written: Arc<Mutex<Vec<u8>>>,
        is_torn: bool,
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.is_torn { Err(io::ErrorKind::BrokenPipe.into()) } else { self.written.lock().unwrap().write(bytes) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_message_is_one_line_in_the_log() {
        let paper = Paper::default();
        let terminal = Terminal::new(paper.clone());
        terminal.deliver(&message()).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&paper.written.lock().unwrap()), "  email  ada@example.org  012345\n");
    }

    #[tokio::test]
    async fn a_terminal_that_is_gone_is_a_fault_that_tells_no_code() {
        let terminal = Terminal::new(Paper { is_torn: true, ..Paper::default() });
        let NotTaken::Failed(fault) = terminal.deliver(&message()).await.unwrap_err() else { panic!() };
        let told = format!("{fault} {fault:?} {terminal:?}");
        assert!(!told.contains("012345") && !told.contains("ada@"), "{told}");
    }
}
