//! Validation requests: answers that only an outside service can check.
//!
//! A method does no I/O: its check returns a [`ValidationRequest`], the engine sends it, and the [`ValidationResponse`]
//! is judged by the rules. The request is charged as a failure beforehand, in a commit of its own, and its nonce is
//! kept with the device; a correct answer, or no result, refunds the charge. So parallel guesses are always charged,
//! and a response counts once, for the request it was made for.
//!
//! The number of pending requests is limited, because abandoned ones would stay for ever. Requests from browsers with a
//! device cookie are kept apart from all others, so an attacker who has the password and sends requests in parallel
//! displaces only other requests of that kind.

use crate::{AttemptId, Envelope, Kind, Secret, throttle::Standing};

/// The maximum number of pending requests per device from browsers with a device cookie, and again from all others; the
/// oldest is dropped, and its response is not accepted any more.
const MAX_OPEN_REQUESTS: usize = 8;

/// Keeps the nonce of a request that is about to be sent.
pub(crate) fn keep(envelope: &mut Envelope, request: &ValidationRequest, standing: Standing) {
    let is_known = standing != Standing::Unrecognized;
    let asked = if is_known { &mut envelope.asked_by_owner } else { &mut envelope.asked };
    let surplus = (asked.len().saturating_add(1)).saturating_sub(MAX_OPEN_REQUESTS);
    asked.drain(..surplus);
    asked.push(request.nonce.clone());
}

/// Removes a request that was answered; `false` if it was not pending.
pub(crate) fn close(envelope: &mut Envelope, request: &ValidationRequest) -> bool {
    let open = |envelope: &Envelope| envelope.asked.len().saturating_add(envelope.asked_by_owner.len());
    let before = open(envelope);
    envelope.asked.retain(|nonce| *nonce != request.nonce);
    envelope.asked_by_owner.retain(|nonce| *nonce != request.nonce);
    open(envelope) < before
}

/// A request to a validation service.
#[derive(Clone, Debug)]
pub struct ValidationRequest {
    /// The method, which identifies the service.
    pub kind: Kind,
    /// The user's answer.
    pub answer: Secret,
    /// The permanent id of the request: 16 to 40 lower-case letters and digits.
    pub nonce: String,
}

/// The result of the service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ValidationResponse {
    /// The answer is correct.
    Right {
        /// The counter of the answer, if the service returns it.
        counter: Option<u64>,
    },
    /// The answer is wrong.
    Wrong,
    /// The answer was used before.
    Used,
    /// The service could not be asked.
    Unavailable,
}

/// The nonce of a request about a device at this version. The attempt's id is random and never shown, and only one
/// request is made per version.
pub(super) fn nonce(attempt: &AttemptId, version: u64) -> String {
    const MAX_LENGTH: usize = 40;
    const MIN_LENGTH: usize = 16;
    let text = format!("{attempt}{version:x}");
    let nonce: String = text.chars().filter(char::is_ascii_alphanumeric).take(MAX_LENGTH).collect();
    format!("{nonce:0<MIN_LENGTH$}").to_ascii_lowercase()
}
