//! Whoever wants to know.

use std::fmt::Debug;

use async_trait::async_trait;
use countersign_core::{Event, Kind, Refusal, Session};

use crate::{Fault, User};

/// Is told of grants and events. Runs inside the request, so it should be quick.
#[async_trait]
pub trait Observer: Debug + Send + Sync {
    /// Somebody is about to be let in, or to become stronger: by a sign-in, a step-up or a setup. A fault here, or a panic,
    /// stops that, and no session comes to be. May be asked more than once for one grant, and a grant that was asked
    /// about may still lose a race and not come true.
    async fn before_session(&self, _user: &User, _session: &Session) -> Result<(), Fault> {
        Ok(())
    }

    /// These events were written. Not told if the client has gone away in that very moment: what must not be missed is in
    /// the store.
    async fn after_commit(&self, _events: &[&Event]) {}

    /// A device's answer was decided on. For figures: nothing hangs on it, so it is not told durably.
    fn answered(&self, _answered: &Answered<'_>) {}
}

/// What became of one answer for a device.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The device's method; nothing if the answer was for no device that could answer.
    pub method: Option<&'a Kind>,
    /// Why not, if it was refused.
    pub refusal: Option<&'a Refusal>,
    /// How often it was judged: once, and once more for each time that something had moved meanwhile.
    pub rounds: u32,
}

/// Nobody wants to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoopObserver;

impl Observer for NoopObserver {}
