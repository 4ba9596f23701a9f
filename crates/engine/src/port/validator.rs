//! Validation of answers by an outside service.

use std::fmt::Debug;

use async_trait::async_trait;
use countersign_core::method::validation::{ValidationRequest, ValidationResponse};

/// A service that validates answers which the rules cannot check.
///
/// It returns [`ValidationResponse::Unavailable`] for everything but a clear answer of the intended service to this
/// very request: a time-out, a wrong signature, a response to another request. It logs the cause, without the answer.
#[async_trait]
pub trait Validator: Debug + Send + Sync {
    /// Sends the request. Must return within a few seconds.
    async fn ask(&self, request: &ValidationRequest) -> ValidationResponse;

    /// Checks whether the service can be reached; for diagnostics.
    async fn reachable(&self) -> Result<(), crate::Fault> {
        Ok(())
    }
}
