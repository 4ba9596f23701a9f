//! A function of the host as a gateway, for applications that have their own way to send messages.

use std::{fmt, pin::Pin, sync::Arc};

use async_trait::async_trait;
use countersign_engine::port::{Gateway, Message, NotTaken, Taken};

type Sending = Pin<Box<dyn Future<Output = Result<Taken, NotTaken>> + Send>>;

/// Passes every message to a function.
#[derive(Clone)]
pub struct Function {
    send: Arc<dyn Fn(Message) -> Sending + Send + Sync>,
}

impl Function {
    /// A gateway that calls this function.
    pub fn new<F, S>(send: F) -> Self
    where
        F: Fn(Message) -> S + Send + Sync + 'static,
        S: Future<Output = Result<Taken, NotTaken>> + Send + 'static,
    {
        Self { send: Arc::new(move |message| Box::pin(send(message))) }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Function")
    }
}

#[async_trait]
impl Gateway for Function {
    async fn deliver(&self, message: &Message) -> Result<Taken, NotTaken> {
        (self.send)(message.clone()).await
    }
}
