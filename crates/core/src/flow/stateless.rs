//! Runs whose client keeps nothing between two requests.
//!
//! Such a client gives everything again with every request, so nothing is lost by finding its run by the code that was sent
//! in it: whoever finds one has just proved all that whoever began it had. These runs have names of their own kind, so a
//! code that was sent in another run is never good in one of these, and none of theirs in another; but for codes that were sent for
//! a sign-in, which are good in every sign-in (`countersign_core::method::delivered`).

use super::Purpose;
use crate::{AttemptId, Device, SessionKey, Timestamp, method::State};

/// The name of a new run for this purpose, in this session if in one, made of a fresh name.
pub fn name(purpose: Purpose, session: Option<&SessionKey>, fresh: &AttemptId) -> AttemptId {
    AttemptId::new(format!("{}{fresh}", beginning(purpose, session)))
}

/// The runs for this purpose that have a code at this device which is not over, the last one first.
pub fn running(device: &Device, purpose: Purpose, session: Option<&SessionKey>, now: Timestamp) -> Vec<AttemptId> {
    let State::Delivered(state) = &device.state.state else { return vec![] };
    let beginning = beginning(purpose, session);
    state.attempts(now).filter(|attempt| attempt.as_str().starts_with(&beginning)).cloned().collect()
}

fn beginning(purpose: Purpose, session: Option<&SessionKey>) -> String {
    let session = session.map_or("", SessionKey::as_str);
    format!("at-once:{}:{session}:", purpose.as_str())
}
