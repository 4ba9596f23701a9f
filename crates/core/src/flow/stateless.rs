//! Attempts of clients that keep nothing between two requests.
//!
//! Such a client sends its whole input again with every request, so its attempt may safely be found by the code that
//! was sent in it: every request has proved what the first one had. These attempts have ids of their own kind, so a
//! code from another attempt is never valid in them, nor the reverse; the exception are codes sent for a sign-in, which
//! are valid in every sign-in (`countersign_core::method::delivered`).

use super::Purpose;
use crate::{AttemptId, Device, SessionKey, Timestamp, method::State};

/// The id of a new attempt for this purpose, in this session if given, made from a random id.
pub fn name(purpose: Purpose, session: Option<&SessionKey>, fresh: &AttemptId) -> AttemptId {
    AttemptId::new(format!("{}{fresh}", beginning(purpose, session)))
}

/// The attempts for this purpose that have an unexpired code at this device, the last one first.
pub fn running(device: &Device, purpose: Purpose, session: Option<&SessionKey>, now: Timestamp) -> Vec<AttemptId> {
    let State::Delivered(state) = &device.state.state else { return vec![] };
    let beginning = beginning(purpose, session);
    state.attempts(now).filter(|attempt| attempt.as_str().starts_with(&beginning)).cloned().collect()
}

fn beginning(purpose: Purpose, session: Option<&SessionKey>) -> String {
    let session = session.map_or("", SessionKey::as_str);
    format!("at-once:{}:{session}:", purpose.as_str())
}
