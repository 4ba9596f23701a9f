//! The number of a request, which connects the log with the incident that a user reports.
//!
//! A server draws it when a request arrives, writes it in every log line of the request, and calls the handler within
//! [`RequestNumber::during`]. The page for a fault shows the same number, so that it leads to all log lines of the
//! request. It is random and says nothing about the request.

use std::fmt;

use countersign_engine::Engine;

tokio::task_local! {
    static CURRENT: RequestNumber;
}

/// Identifies a request, in eight letters and digits that are easy to read out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestNumber(Box<str>);

impl RequestNumber {
    /// A new random number.
    pub fn draw(engine: &Engine) -> Self {
        let id = engine.new_id::<()>().as_str().to_ascii_uppercase();
        let [first, second] = [0..4, 4..8].map(|part| id.get(part).unwrap_or_default());
        Self(format!("{first}-{second}").into())
    }

    /// Runs the future under this number.
    pub async fn during<F: Future>(self, answer: F) -> F::Output {
        CURRENT.scope(self, answer).await
    }

    /// The number of the current request, or a new one if the server assigns none.
    pub(crate) fn current(engine: &Engine) -> Self {
        CURRENT.try_with(Self::clone).unwrap_or_else(|_| Self::draw(engine))
    }

    /// The number as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
