//! The number of a request: one for the log and for the person.
//!
//! A server draws it when a request comes in, writes it in every line that it logs meanwhile, and has the request
//! answered within [`RequestNumber::during`]. A page about a fault then shows this very number, so that what a person
//! reads out leads to everything that happened. It is random and says nothing about the request.

use std::fmt;

use countersign_engine::Engine;

tokio::task_local! {
    static CURRENT: RequestNumber;
}

/// Tells one request from another, in eight letters and digits that can be read out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestNumber(Box<str>);

impl RequestNumber {
    /// A new one.
    pub fn draw(engine: &Engine) -> Self {
        let id = engine.new_id::<()>().as_str().to_ascii_uppercase();
        let [first, second] = [0..4, 4..8].map(|part| id.get(part).unwrap_or_default());
        Self(format!("{first}-{second}").into())
    }

    /// What is answered within `answer` is answered under this number.
    pub async fn during<F: Future>(self, answer: F) -> F::Output {
        CURRENT.scope(self, answer).await
    }

    /// The number of the request that is being answered, or a new one if the server gives none.
    pub(crate) fn current(engine: &Engine) -> Self {
        CURRENT.try_with(Self::clone).unwrap_or_else(|_| Self::draw(engine))
    }

    /// As it is read out.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
