//! Text messages by a way of one's own: here a modem that takes one message at a time.
//!
//! A gateway is handed a message after the code is written, away from whoever asked for it. Whether to send, to whom, and
//! how often has been decided by then; it says only whether the message was taken, and writes neither code nor number down.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use countersign::engine::{
    Fault, Parts,
    core::Kind,
    port::{Gateway, Message, NotTaken, Taken},
};

/// Whatever is between us and the telephone network.
#[async_trait]
pub trait Modem: Debug + Send + Sync {
    /// Sends a text to a number, and returns the number of the message, or what the network said.
    async fn send(&self, number: &str, text: &str) -> Result<u64, NetworkError>;
}

/// What a network says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NetworkError {
    /// There is no such number.
    UnknownSubscriber,
    /// It does not work at the moment.
    Congestion,
}

/// Sends text messages by a modem.
#[derive(Clone, Debug)]
pub struct ByModem {
    modem: Arc<dyn Modem>,
}

impl ByModem {
    /// Has an engine that is being made send its text messages by this modem.
    pub fn for_texts(parts: &mut Parts, modem: Arc<dyn Modem>) {
        parts.gateways.insert(Kind::SMS, Arc::new(Self { modem }));
    }
}

#[async_trait]
impl Gateway for ByModem {
    async fn deliver(&self, message: &Message) -> Result<Taken, NotTaken> {
        let text = format!("{}: {}", message.site, message.code.expose());
        match self.modem.send(message.to.expose(), &text).await {
            Ok(number) => Ok(Taken { reference: Some(number.to_string()) }),
            Err(NetworkError::UnknownSubscriber) => Err(NotTaken::Unreachable { reason: "unknown-subscriber".into() }),
            Err(NetworkError::Congestion) => {
                Err(NotTaken::Failed(Fault::because("send a text by the modem", "the network is congested")))
            }
        }
    }
}
