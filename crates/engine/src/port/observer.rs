//! Observers: notified of new sessions, events and judged answers.

use std::fmt::Debug;

use async_trait::async_trait;
use countersign_core::{Event, Kind, Refusal, Session};

use crate::{Fault, User};

/// Is notified of new sessions and events. Runs inside the request, so it should be quick.
#[async_trait]
pub trait Observer: Debug + Send + Sync {
    /// A new session is about to be issued: by a sign-in, a step-up or an enrolment. A fault or a panic here prevents
    /// it. May be called more than once for one new session, and the commit may still fail after the call.
    async fn before_session(&self, _user: &User, _session: &Session) -> Result<(), Fault> {
        Ok(())
    }

    /// These events were written. Not called if the client disconnects at that moment; the store has every event.
    async fn after_commit(&self, _events: &[&Event]) {}

    /// An answer for a device was judged. For metrics only: it is not delivered reliably.
    fn answered(&self, _answered: &Answered<'_>) {}
}

/// The result of one answer for a device.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The device's method; `None` if the answer was for no device that could answer.
    pub method: Option<&'a Kind>,
    /// The refusal, if the answer was refused.
    pub refusal: Option<&'a Refusal>,
    /// How often the answer was judged: once, and once more after each conflict.
    pub rounds: u32,
}

/// An observer that does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoopObserver;

impl Observer for NoopObserver {}
