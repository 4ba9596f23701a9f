//! Questions about an answer that only a service can decide on.
//!
//! A method that needs the outside world does no I/O: its check returns a [`ValidationRequest`], the engine carries it out, and the
//! [`ValidationResponse`] comes back into the rules. Asking is charged as a failure beforehand, in a commit of its own, and the
//! request's nonce is kept with the device; a right answer, or nobody's answer, takes the charge back. So guesses in
//! parallel are never free, and a reply counts once, for the request it was made for.
//!
//! Only so many questions are kept, because those whose answer nobody waits for any more would stay for ever. Questions from
//! browsers with a device cookie are kept apart from all others, so an attacker who has the password and asks in parallel
//! displaces questions of their own kind only.

use crate::{AttemptId, Envelope, Kind, Secret, throttle::Standing};

/// So many questions of one device may be open in browsers with a device cookie, and as many in all others; the oldest gives
/// way, and its reply is not taken any more.
const MAX_OPEN_REQUESTS: usize = 8;

/// Keeps the nonce of a request that is about to be asked.
pub(crate) fn keep(envelope: &mut Envelope, request: &ValidationRequest, standing: Standing) {
    let is_known = standing != Standing::Unrecognized;
    let asked = if is_known { &mut envelope.asked_by_owner } else { &mut envelope.asked };
    let surplus = (asked.len().saturating_add(1)).saturating_sub(MAX_OPEN_REQUESTS);
    asked.drain(..surplus);
    asked.push(request.nonce.clone());
}

/// Forgets a request that was answered; `false` if it was not open.
pub(crate) fn close(envelope: &mut Envelope, request: &ValidationRequest) -> bool {
    let open = |envelope: &Envelope| envelope.asked.len().saturating_add(envelope.asked_by_owner.len());
    let before = open(envelope);
    envelope.asked.retain(|nonce| *nonce != request.nonce);
    envelope.asked_by_owner.retain(|nonce| *nonce != request.nonce);
    open(envelope) < before
}

/// A request to a service.
#[derive(Clone, Debug)]
pub struct ValidationRequest {
    /// The method, which says which service is meant.
    pub kind: Kind,
    /// What the person answered.
    pub answer: Secret,
    /// Names the request, once and for ever: 16 to 40 lower-case letters and digits.
    pub nonce: String,
}

/// What came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ValidationResponse {
    /// The answer is right.
    Right {
        /// What the service counts up with every answer, if it tells.
        counter: Option<u64>,
    },
    /// The answer is wrong.
    Wrong,
    /// The service has seen the answer before.
    Used,
    /// Nobody could say.
    Unavailable,
}

/// The nonce of a request about a device that is at this version. The attempt's id is random and never shown, and a
/// version is asked about once.
pub(super) fn nonce(attempt: &AttemptId, version: u64) -> String {
    const MAX_LENGTH: usize = 40;
    const MIN_LENGTH: usize = 16;
    let text = format!("{attempt}{version:x}");
    let nonce: String = text.chars().filter(char::is_ascii_alphanumeric).take(MAX_LENGTH).collect();
    format!("{nonce:0<MIN_LENGTH$}").to_ascii_lowercase()
}
