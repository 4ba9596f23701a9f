//! Text messages by a gateway of your own: here a modem that sends one message at a time.
//!
//! A gateway gets a message after the code is stored, outside of the request that asked for it. Whether, to whom and
//! how often to send is already decided; the gateway only reports whether the message was accepted, and logs neither
//! code nor number.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use countersign::engine::{
    Fault, Parts,
    core::Kind,
    port::{Gateway, Message, NotTaken, Taken},
};

/// The connection to the telephone network.
#[async_trait]
pub trait Modem: Debug + Send + Sync {
    /// Sends a text to a number, and returns the id of the message, or the network's error.
    async fn send(&self, number: &str, text: &str) -> Result<u64, NetworkError>;
}

/// An error of the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NetworkError {
    /// The number does not exist.
    UnknownSubscriber,
    /// The network is not available at the moment.
    Congestion,
}

/// Sends text messages by a modem.
#[derive(Clone, Debug)]
pub struct ByModem {
    modem: Arc<dyn Modem>,
}

impl ByModem {
    /// Makes a new engine send its text messages by this modem.
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
