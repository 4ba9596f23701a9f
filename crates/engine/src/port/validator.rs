//! Whoever knows whether an answer is right when the rules cannot.

use std::fmt::Debug;

use async_trait::async_trait;
use countersign_core::method::validation::{ValidationRequest, ValidationResponse};

/// A service that is asked about answers.
///
/// It says [`ValidationResponse::Unavailable`] for whatever is not a clear word of the service that was meant, for this very request:
/// a time-out, a signature that does not fit, a reply to something else. It notes the cause, without the answer.
#[async_trait]
pub trait Validator: Debug + Send + Sync {
    /// Asks, within some seconds.
    async fn ask(&self, request: &ValidationRequest) -> ValidationResponse;

    /// Whether the service can be reached; for whoever looks for what may be wrong.
    async fn reachable(&self) -> Result<(), crate::Fault> {
        Ok(())
    }
}
